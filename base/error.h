#ifndef BRAMBLE_BASE_ERROR_H
#define BRAMBLE_BASE_ERROR_H

/* One whole sentence for the person or the log: it names the file or peer, the value and what is accepted.
 * It never carries a secret. Functions that take one accept NULL from callers who only want the return code. */
struct error {
	char text[512];
};

/* Writes the sentence; cut at the end of the array. Returns -1, so that a function can end `return error_set(...)`. */
int error_set(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts words before a sentence that is already there: "file x: " + "line 3: ...". Returns -1. */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
