#include "protocol/cwa/codec.h"

#include "protocol/cwa/json.h"
#include "protocol/cwa/xml.h"

int cwa_sniff(struct bytes body, enum cwa_format *out)
{
	if (body.len >= 3 && body.data[0] == 0xEF && body.data[1] == 0xBB && body.data[2] == 0xBF)
		body = bytes_slice(body, 3, body.len);
	body = cwa_trim(body);
	if (!body.len || (body.data[0] != '<' && body.data[0] != '{'))
		return -1;
	*out = body.data[0] == '<' ? CWA_XML : CWA_JSON;
	return 0;
}

const char *cwa_content_type(enum cwa_format format)
{
	return format == CWA_JSON ? "application/json; charset=utf-8" : "text/xml; charset=utf-8";
}

int cwa_decode(enum cwa_format format, struct bytes body, struct cwa_tree *tree, struct error *err)
{
	if (body.len > CWA_ANSWER_MAX)
		return error_set(err, "%zu bytes; at most %d are read", body.len, CWA_ANSWER_MAX);
	return format == CWA_JSON ? cwa_json_decode(body, tree, err) : cwa_xml_decode(body, tree, err);
}

void cwa_encode(enum cwa_format format, const struct cwa_node *root, struct buf *out)
{
	if (format == CWA_JSON)
		cwa_json_encode(root, out);
	else
		cwa_xml_encode(root, out);
}
