#include "admin/lab_files.h"

#include <stdlib.h>

#include "admin/device_key.h"
#include "base/io/tls.h"
#include "base/memory.h"

static void collab_text(const struct lab_fresh *fresh, struct buf *out)
{
	buf_printf(out,
		"[collab]\n"
		"dispatcher = 127.0.0.1:%u\n"
		"environment = %s\n"
		"instance = collab-1\n"
		"trust = ca\n"
		"trust_ca = %s.crt\n",
		lab_roles[LAB_DISPATCHER].port + fresh->port_offset, lab_backend_name(fresh->backend), lab_roles[lab_backend_server(fresh->backend)].name);
	if (fresh->backend == LAB_BACKEND_CWA)
		buf_printf(out, "cwa_profile = %s\ncwa_domain = CORP\n", fresh->profile);
	buf_text(out, "\n");
}

static void simulators_text(const struct lab_fresh *fresh, struct buf *out)
{
	buf_printf(out, "# What follows is read by `bramble lab up`, which gives it to the simulated servers as options of `bramble-sim`.\n"
		"[lab]\n"
		"backend = %s\n", lab_backend_name(fresh->backend));
	for (enum lab_role role = 0; role < LAB_ROLES; role++) {
		if (!lab_roles[role].is_simulator || !lab_backend_has(fresh->backend, role))
			continue;
		buf_printf(out, "\n[%s]\n"
			"listen = 127.0.0.1:%u\n"
			"world = world.xml\n", lab_roles[role].name, lab_roles[role].port + fresh->port_offset);
		if (role == LAB_OCS)
			buf_printf(out, "profile = %s\n", fresh->profile);
	}
}

static void settings_text(const struct lab_fresh *fresh, struct buf *out)
{
	unsigned router = lab_roles[LAB_ROUTER].port + fresh->port_offset, dispatcher = lab_roles[LAB_DISPATCHER].port + fresh->port_offset;

	buf_printf(out,
		"# A lab, made by `bramble lab up`; yours to change. `bramble-router -T`, `bramble-dispatcher -T` and `bramble-collab -T`\n"
		"# print every setting with its meaning. Relative paths are meant from this folder.\n\n"
		"[common]\n"
		"run_dir = run\n"
		"log_level = info\n"
		"database = %s\n"
		"install_key = install.key\n\n"
		"[router]\n"
		"listen = 127.0.0.1:%u\n"
		"identities = srp.keys\n"
		"state = router.state\n\n"
		"[dispatcher]\n"
		"routers = 127.0.0.1:%u\n"
		"listen = 127.0.0.1:%u\n"
		"server = " LAB_SERVER "\n\n",
		fresh->database ? fresh->database : "bramble.db", router, router, dispatcher);
	collab_text(fresh, out);
	simulators_text(fresh, out);
}

static void more_people(unsigned users, struct buf *out)
{
	for (unsigned i = 1; i <= users; i++) {
		buf_printf(out, "\t<user id=\"user%04u\" password=\"user%04u-secret\" name=\"User %04u\">\n\t\t<folder name=\"Friends\">\n",
			i, i, i);
		/* The two beside one, and alice: lists that stay short however many there are. */
		buf_text(out, "\t\t\t<contact user=\"alice\"/>\n");
		if (i > 1)
			buf_printf(out, "\t\t\t<contact user=\"user%04u\"/>\n", i - 1);
		if (i < users)
			buf_printf(out, "\t\t\t<contact user=\"user%04u\"/>\n", i + 1);
		buf_text(out, "\t\t</folder>\n\t</user>\n");
	}
}

static void world_text(unsigned users, struct buf *out)
{
	buf_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<!-- The people of the simulated IM servers. A seed: what changes at run time is not written back. -->\n"
		"<world domain=\"corp.test\" netbios=\"CORP\">\n");
	for (const struct lab_user *user = lab_users; user->name; user++) {
		buf_printf(out, "\t<user id=\"%s\" password=\"%s\" name=\"%s\">\n\t\t<folder name=\"Friends\">\n", user->name,
			user->password, user->full_name);
		for (const struct lab_user *other = lab_users; other->name; other++) {
			if (other != user)
				buf_printf(out, "\t\t\t<contact user=\"%s\"/>\n", other->name);
		}
		buf_text(out, "\t\t</folder>\n\t</user>\n");
	}
	more_people(users, out);
	buf_text(out, "</world>\n");
}

static int write_if_missing(const char *dir, const char *name, const struct buf *content, unsigned mode, struct error *err)
{
	char *path = memory_printf("%s/%s", dir, name);
	int rc = file_is_there(path) ? 0 : file_write(path, buf_bytes(content), mode, err);

	free(path);
	return rc;
}

/* NAME.crt and NAME.key, self-signed for these host names. */
static int make_certificate(const char *dir, const char *name, const char *hosts, struct error *err)
{
	char *certificate = memory_printf("%s/%s.crt", dir, name);
	char *key = memory_printf("%s/%s.key", dir, name);
	int rc = 0;

	if (!file_is_there(certificate) || !file_is_there(key))
		rc = tls_make_self_signed(certificate, key, hosts, false, err);
	free(certificate);
	free(key);
	return rc;
}

static int make_certificates(const char *dir, enum lab_backend backend, struct error *err)
{
	for (enum lab_role role = 0; role < LAB_ROLES; role++) {
		if (lab_roles[role].is_simulator && lab_backend_has(backend, role) &&
		    make_certificate(dir, lab_roles[role].name, "localhost 127.0.0.1 ::1", err) != 0)
			return -1;
	}
	/* By which the CWA server shows the OCS who it is. */
	return backend == LAB_BACKEND_CWA ? make_certificate(dir, "cwa-server", LAB_CWA_FQDN, err) : 0;
}

int lab_files_make(const char *dir, const struct lab_fresh *fresh, struct bytes srp_key, struct error *err)
{
	struct buf settings = { 0 }, world = { 0 }, identities = { 0 };
	int rc = 0;

	settings_text(fresh, &settings);
	world_text(fresh->users, &world);
	buf_text(&identities, "# The Router's: SRP identifier and authentication key.\n" LAB_SRP_ID " ");
	buf_hex(&identities, srp_key);
	buf_text(&identities, "\n");
	if (write_if_missing(dir, "world.xml", &world, 0600, err) != 0 || write_if_missing(dir, "srp.keys", &identities, 0600, err) != 0 ||
	    make_certificates(dir, fresh->backend, err) != 0 || write_if_missing(dir, "bramble.ini", &settings, fresh->database ? 0600 : 0644, err) != 0)
		rc = -1;
	buf_wipe(&settings);
	buf_wipe(&world);
	buf_wipe(&identities);
	return rc;
}
