#ifndef BRAMBLE_BASE_SANITIZED_H
#define BRAMBLE_BASE_SANITIZED_H

/* 1 in a build with AddressSanitizer, which has memory and system calls of its own. gcc tells by a macro, clang when it is asked. */
#if defined __SANITIZE_ADDRESS__
#define IS_SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

#endif
