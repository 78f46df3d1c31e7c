#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/io/tls.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_server.h"
#include "simulator/groupwise/gw_server.h"
#include "tests/support/pipeline_private.h"

/* The IM server: of GroupWise Messenger, or Communicator Web Access with its users in it. */

static const char world_xml[] =
	"<world>"
	"<user id='alice' password='alice-secret' name='Alice Archer'><contact user='bob'/></user>"
	"<user id='bob' password='bob-secret' name='Bob Baker'><contact user='alice'/></user>"
	"<user id='carol' password='carol-secret' name='Carol Carter'/>"
	"<user id='dave' password='dave-secret' name='Dave Draper'/>"
	"<user id='erin' password='erin-secret' name='Erin Eden'><contact user='alice'/><contact user='bob'/></user>"
	"<user id='frank' password='frank-secret' name='Frank Fuller'><contact user='erin'/></user>"
	"<user id='grace' password='grace-secret' name='Grace Green'/>"
	"<user id='heidi' password='heidi-secret' name='Heidi Hall'/>"
	"</world>";

/* For 127.0.0.1. Signatures of Ed25519 are all of one length: what is changed on its way by the byte is the same for one seed. */
static const char certificate_pem[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBPjCB8aADAgECAhQsBC90FHaRnMJzmXERWlD44D3j2zAFBgMrZXAwDTELMAkG\n"
	"A1UEAwwCaW0wIBcNMjAwMTAxMDAwMDAwWhgPMjExOTEyMDgwMDAwMDBaMA0xCzAJ\n"
	"BgNVBAMMAmltMCowBQYDK2VwAyEAXCd16WvpMxH7xgAv52bgVba9fpis0uuVB1wV\n"
	"uwOMx8mjYTBfMB0GA1UdDgQWBBTUgXYZO6wR3QyEhwDmoy8L40XOzTAfBgNVHSME\n"
	"GDAWgBTUgXYZO6wR3QyEhwDmoy8L40XOzTAPBgNVHREECDAGhwR/AAABMAwGA1Ud\n"
	"EwEB/wQCMAAwBQYDK2VwA0EAlIe3Y5blEE2ip0R6Li6DWe4GoMl6grOcu613Yftw\n"
	"5EmuFxG42HwOPHGxw05u6DT9CyNfV+m2oKKz1PnOkfQECg==\n"
	"-----END CERTIFICATE-----\n";
static const char key_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIHlKw+ROpbXnUiV0VrmkWL887L5ni7nPhF4q2wfGap49\n"
	"-----END PRIVATE KEY-----\n";

const char *pipeline_system(const struct pipeline *p)
{
	return db_environment_type_name(p->options.system);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

void pipeline_make_im(struct pipeline *p)
{
	struct error err = { "" };
	char *certificate = memory_printf("%s/im.crt", p->database->folder), *key = memory_printf("%s/im.key", p->database->folder);

	p->world = world_parse(bytes_str(world_xml), "world", &err);
	pipeline_good(&err);
	write_text(certificate, certificate_pem);
	write_text(key, key_pem);
	p->tls = tls_new(&(struct tls_settings){ .server = true, .certificate_file = certificate, .key_file = key }, &err);
	pipeline_good(&err);
	p->im_address = memory_printf("%s:0", p->options.host);
	free(certificate);
	free(key);
}

static void start_groupwise(struct pipeline *p)
{
	struct error err = { "" };

	p->groupwise = gw_server_new(p->loops[PART_IM], p->world, &(struct gw_server_settings){
		.listen = p->im_address, .tls = p->tls, .keepalive_minutes = 10, .records = p->trails[PART_IM],
	}, &err);
	pipeline_good(&err);
	pipeline_keep_address(&p->im_address, gw_server_address(p->groupwise));
	if (p->histories[PART_IM])
		history_count(p->histories[PART_IM], gw_server_count, p->groupwise);
}

/* Everything as the program has it, but that there are only forms: Windows' authentication has a clock of its own. */
static void start_cwa(struct pipeline *p)
{
	struct error err = { "" };

	p->cwa = cwa_server_new(p->loops[PART_IM], p->world, &(struct cwa_server_settings){
		.listen = p->im_address, .tls = p->tls, .forms = true, .throttle = 100, .hold_ms = 20000, .poll_ms = 3000, .busy_poll_ms = 1000,
		.idle_ms = 600000, .ticket_ms = 28800000, .renew_ms = 900000, .accept_ms = 7000, .works_inline = true, .records = p->trails[PART_IM],
	}, &err);
	pipeline_good(&err);
	pipeline_keep_address(&p->im_address, cwa_server_address(p->cwa));
	if (p->histories[PART_IM])
		history_count(p->histories[PART_IM], cwa_server_count, p->cwa);
}

void pipeline_start_im(struct pipeline *p)
{
	if (p->options.system == DB_CWA)
		start_cwa(p);
	else
		start_groupwise(p);
}

void pipeline_stop_im(struct pipeline *p)
{
	gw_server_free(&p->groupwise);
	cwa_server_free(&p->cwa);
}

struct faults *pipeline_im_faults(const struct pipeline *p)
{
	return p->groupwise ? gw_server_faults(p->groupwise) : p->cwa ? cwa_server_faults(p->cwa) : NULL;
}
