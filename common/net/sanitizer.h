/* SPDX-License-Identifier: ISC */
/* Whether AddressSanitizer watches: gcc says so by a macro, clang by a question. */
#ifndef NET_SANITIZER_H
#define NET_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#endif

#endif
