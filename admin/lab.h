#ifndef BRAMBLE_ADMIN_LAB_H
#define BRAMBLE_ADMIN_LAB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "admin/lab_roles.h"

/* A lab: the whole pipeline on loopback, in a folder of its own, as children of the process that started it. They end with it.
 *
 *   bramble.ini install.key bramble.db srp.keys world.xml groupwise.crt groupwise.key devices/PIN.json run/ log/
 *
 * and with the back end cwa instead of the groupwise.* files cwa.*, ocs.* and cwa-server.*, by which the CWA server shows who it is to the OCS.
 *
 * Made when missing, kept when there. Four users, each on the others' contact lists; the password is the name + "-secret". */
struct lab;

/* Its texts live as long as the lab. */
struct lab_options {
	const char *dir;                    /* NULL: "lab" */
	const char *backend;                /* "groupwise", "cwa"; NULL: groupwise, or what the folder has */
	const char *database;               /* an URL, when the folder is made; NULL: a file in the folder, or what the folder has */
	const char *profile;                /* of CWA: "ocs2007", "lcs2005"; NULL: ocs2007, or what the folder has */
	unsigned port_offset;               /* added to the usual ports; a folder that is there keeps its own unless has_offset */
	bool has_offset;
	bool manual_clock;
	unsigned users;                     /* so many more than the four, when the folder is made: user0001 with PIN 22000001, ... */
	const char *const *overrides;       /* "section.key=value", NULL-terminated; may be NULL */
};

struct lab_user { const char *name, *password, *full_name; uint32_t pin; };
extern const struct lab_user lab_users[];      /* ends with a NULL name */

/* Starts everything and waits until the pipeline is linked. NULL with a sentence and the exit status that fits; whatever was
 * started is ended again. SIGTERM, SIGINT and SIGHUP are blocked in this thread from here to lab_stop, because lab_live reads them:
 * other children must set their own mask. */
struct lab *lab_start(const struct lab_options *options, int *status, struct error *err);

/* Ends all processes (SIGTERM, SIGKILL after 5 s), removes their sockets. The folder stays. */
void lab_stop(struct lab **lab);

const char *lab_dir(const struct lab *lab);                 /* absolute */
enum lab_backend lab_backend(const struct lab *lab);
uint16_t lab_port(const struct lab *lab, enum lab_role role);       /* 0: it listens nowhere, or the lab has none */
const char *lab_socket(const struct lab *lab, const char *name);   /* control socket of "router", ...; NULL: no such process */

/* Lives until SIGTERM, SIGINT or SIGHUP comes (EXIT_DONE) or a process of the lab ends that was not told to (EXIT_REFUSED, and the log
 * says why). Meanwhile it serves run/lab.sock, by which processes are killed, stopped, continued and started again. */
int lab_live(struct lab *lab);

/* A free offset for all ports of the back end, beginning with `from`; -1: none below 20000. */
int lab_free_offset(enum lab_backend backend, unsigned from);

/* --- a lab that another process runs ----------------------------------------------------------------------------------- */

/* Its process, or 0 when none runs in the folder. */
pid_t lab_running(const char *dir);

#define LAB_SRP_ID "T00000001"
#define LAB_SERVER "lab"
#define LAB_CWA_FQDN "cwa.corp.test"        /* the CWA server, in its certificate for the OCS */
#define LAB_USERS_MAX 20000
#define LAB_USERS_PIN 0x22000001u          /* of user0001 */

#endif
