#ifndef BRAMBLE_ADMIN_LAB_STEER_H
#define BRAMBLE_ADMIN_LAB_STEER_H

/* `bramble lab kill|start|restart|stop|continue NAME`: what is done to one process of a running lab, by its control socket. */
int lab_kill(int argc, char **argv);
int lab_restart(int argc, char **argv);      /* start, restart */
int lab_hold(int argc, char **argv);         /* stop, continue */

#endif
