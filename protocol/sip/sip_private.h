#ifndef BRAMBLE_PROTOCOL_SIP_SIP_PRIVATE_H
#define BRAMBLE_PROTOCOL_SIP_SIP_PRIVATE_H

#include "protocol/sip/sip.h"

/* What the files of one SIP message share; nobody else includes it.
 *   sip.c           a whole message: decode, encode, build, pass on
 *   sip_frame.c     where it ends in a stream, and its lines
 *   sip_headers.c   its headers */

bool sip_is_eol(uint8_t c);
/* Takes the next line off the rest, without its end; false when there is none. */
bool sip_next_line(struct bytes *rest, struct bytes *line);
bool sip_name_is(struct bytes name, const char *wanted);
struct bytes sip_trimmed(struct bytes text);
/* A header line's name and value; false when it is none. */
bool sip_header_of(struct bytes line, struct bytes *name, struct bytes *value);

/* Takes name and value over. */
void sip_append_header(struct sip_message *m, size_t at, char *name, char *value);
void sip_drop_header(struct sip_message *m, size_t at);
/* The place of the n-th header of that name; -1: there is none. */
ssize_t sip_find_header(const struct sip_message *m, const char *name, size_t n);
/* Line ends become spaces, in place. */
char *sip_one_line(char *text);
/* How long the first value of a comma-separated list is. */
size_t sip_first_value(const char *list);

#endif
