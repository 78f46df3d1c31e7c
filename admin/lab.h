#ifndef BRAMBLE_ADMIN_LAB_H
#define BRAMBLE_ADMIN_LAB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* A lab: the whole pipeline on loopback, in a folder of its own, as children of the process that started it. They end with it.
 *
 *   bramble.ini install.key bramble.db srp.keys world.xml groupwise.crt groupwise.key devices/PIN.json run/ log/
 *
 * Made when missing, kept when there. Four users, each on the others' contact lists; the password is the name + "-secret". */
struct lab;

/* Its texts live as long as the lab. */
struct lab_options {
	const char *dir;                    /* NULL: "lab" */
	unsigned port_offset;               /* added to 3101, 3200 and 8300; a folder that is there keeps its own unless has_offset */
	bool has_offset;
	bool manual_clock;
	unsigned users;                     /* so many more than the four, when the folder is made: user0001 with PIN 22000001, ... */
	const char *const *overrides;       /* "section.key=value", NULL-terminated; may be NULL */
};

struct lab_ports { uint16_t router, dispatcher, groupwise; };

struct lab_user { const char *name, *password, *full_name; uint32_t pin; };
extern const struct lab_user lab_users[];      /* ends with a NULL name */

/* Starts everything and waits until the pipeline is linked. NULL with a sentence and the exit status that fits; whatever was
 * started is ended again. SIGTERM, SIGINT and SIGHUP are blocked in this thread from here to lab_stop, because lab_live reads them:
 * other children must set their own mask. */
struct lab *lab_start(const struct lab_options *options, int *status, struct error *err);

/* Ends all processes (SIGTERM, SIGKILL after 5 s), removes their sockets. The folder stays. */
void lab_stop(struct lab **lab);

const char *lab_dir(const struct lab *lab);                 /* absolute */
const struct lab_ports *lab_ports(const struct lab *lab);
const char *lab_socket(const struct lab *lab, const char *name);   /* control socket of "router", ...; NULL: no such process */

/* Lives until SIGTERM, SIGINT or SIGHUP comes (EXIT_DONE) or a process of the lab ends that was not told to (EXIT_REFUSED, and the log
 * says why). Meanwhile it serves run/lab.sock, by which processes are killed, stopped, continued and started again. */
int lab_live(struct lab *lab);

/* A free offset for all ports, beginning with `from`; -1: none below 20000. */
int lab_free_offset(unsigned from);

/* --- a lab that another process runs ----------------------------------------------------------------------------------- */

/* Its process, or 0 when none runs in the folder. */
pid_t lab_running(const char *dir);

#define LAB_PORT_ROUTER 3101
#define LAB_PORT_DISPATCHER 3200
#define LAB_PORT_GROUPWISE 8300
#define LAB_SRP_ID "T00000001"
#define LAB_SERVER "lab"
#define LAB_USERS_MAX 20000
#define LAB_USERS_PIN 0x22000001u          /* of user0001 */

#endif
