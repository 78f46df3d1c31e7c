#ifndef BRAMBLE_ADMIN_LAB_LOG_H
#define BRAMBLE_ADMIN_LAB_LOG_H

/* `bramble lab logs`: the lines of all processes of a lab, in the order of their times. */
int lab_logs(int argc, char **argv);

#endif
