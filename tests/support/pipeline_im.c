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
#include "simulator/ocs/ocs_server.h"
#include "tests/support/pipeline_private.h"

/* The IM server: of GroupWise Messenger, or Communicator Web Access with its users in it or on a Communications Server behind it. */

#define CWA_NAME "cwa.corp.test"

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

/* For 127.0.0.1 and CWA_NAME, on either side. Signatures of Ed25519 are all of one length: what is changed on its way by the byte is the same for one seed. */
static const char certificate_pem[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBTjCCAQCgAwIBAgIUQ5i4o/PQBzbNozRAOY53nqEQ1eYwBQYDK2VwMA0xCzAJ\n"
	"BgNVBAMMAmltMCAXDTIwMDEwMTAwMDAwMFoYDzIxMTkxMjA4MDAwMDAwWjANMQsw\n"
	"CQYDVQQDDAJpbTAqMAUGAytlcAMhAIMp1Xr+Xr2dwfzmSP3fQNA5Cd9ZMIo2Pbrj\n"
	"Bf/YsilWo3AwbjAdBgNVHQ4EFgQUjlcHe/gLZvH0i0B1LpYyNDxIQJgwHwYDVR0j\n"
	"BBgwFoAUjlcHe/gLZvH0i0B1LpYyNDxIQJgwHgYDVR0RBBcwFYcEfwAAAYINY3dh\n"
	"LmNvcnAudGVzdDAMBgNVHRMBAf8EAjAAMAUGAytlcANBACZ1hEYstYsQFidcfhTa\n"
	"6kXUWqj/XyCxw2P8VC4UpuGj8uFl/uEVDhh8hmfJ63oyfEmzv2Q1QTMCQuulcHxM\n"
	"Ngk=\n"
	"-----END CERTIFICATE-----\n";
static const char key_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VwBCIEIFlxTJkz4gNEsw5/0mx2CUFsCOqlkHX7oe6/5naw52Oo\n"
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
	if (p->options.ocs) {
		p->mutual_tls = tls_new(&(struct tls_settings){ .server = true, .certificate_file = certificate, .key_file = key, .ca_file = certificate },
			&err);
		pipeline_good(&err);
		p->uplink_tls = tls_new(&(struct tls_settings){ .certificate_file = certificate, .key_file = key, .ca_file = certificate }, &err);
		pipeline_good(&err);
	}
	p->im_address = memory_printf("%s:0", p->options.host);
	p->ocs_address = memory_printf("%s:0", p->options.host);
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
		.uplink = { p->ocs_way, p->uplink_tls, CWA_NAME, p->trails[PART_IM] },
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

/* What its users change there it does not keep over its death. */
void pipeline_start_ocs(struct pipeline *p)
{
	struct error err = { "" };

	p->ocs = ocs_server_new(p->loops[PART_OCS], p->world, &(struct ocs_server_settings){ .listen = p->ocs_address, .tls = p->mutual_tls,
		.name = "ocs.corp.test", .trusted = { CWA_NAME }, .trusted_count = 1, .records = p->trails[PART_OCS] }, &err);
	pipeline_good(&err);
	pipeline_keep_address(&p->ocs_address, ocs_server_address(p->ocs));
	if (!p->ocs_way)
		p->ocs_way = memory_str(pipeline_way_to(p, PART_OCS, p->ocs_address));
	if (p->histories[PART_OCS])
		history_count(p->histories[PART_OCS], ocs_server_count, p->ocs);
}

void pipeline_stop_ocs(struct pipeline *p)
{
	ocs_server_free(&p->ocs);
}

struct faults *pipeline_im_faults(const struct pipeline *p)
{
	return p->groupwise ? gw_server_faults(p->groupwise) : p->cwa ? cwa_server_faults(p->cwa) : NULL;
}
