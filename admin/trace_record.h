#ifndef BRAMBLE_ADMIN_TRACE_RECORD_H
#define BRAMBLE_ADMIN_TRACE_RECORD_H

/* `bramble trace record` */
int trace_record_command(int argc, char **argv);

#endif
