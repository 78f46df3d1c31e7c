#ifndef BRAMBLE_TESTS_BENCH_SEAL_H
#define BRAMBLE_TESTS_BENCH_SEAL_H

#include "base/bytes.h"

/* The bare work of the device's leg and nothing else: zlib and EVP called directly, with everything kept between calls, as a yardstick. It
 * does the same amount of each as protocol/channel under aes256-cbc: deflate at the same level, a fresh key per message that is wrapped
 * under the device's, two initialisations, a CRC; and the way back. No envelope, no ids, no checks of what it is given beyond its length. */
struct seal;
struct seal *seal_new(void);
void seal_free(struct seal **seal);

#define SEAL_ROOM 4096
/* Lengths of what was written to out, at most SEAL_ROOM. What cannot be opened ends the program. */
size_t seal_close(struct seal *seal, struct bytes clear, uint8_t *out);
size_t seal_open(struct seal *seal, struct bytes sealed, uint8_t *out);

/* The layers alone. */
size_t seal_deflate(struct seal *seal, struct bytes clear, uint8_t *out);
size_t seal_inflate(struct seal *seal, struct bytes packed, uint8_t *out);
size_t seal_encrypt(struct seal *seal, struct bytes packed, uint8_t *out);
size_t seal_decrypt(struct seal *seal, struct bytes sealed, uint8_t *out);

#endif
