/* SPDX-License-Identifier: ISC */
/* Small things that every file may use: attributes, sizes, containers. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(array)    (sizeof(array) / sizeof((array)[0]))
#define PRINTF_LIKE(fmt, a) __attribute__((format(printf, fmt, a)))
/* Gives a format for the format that is argument `fmt`, with the same conversions. */
#define FORMAT_ARG(fmt) __attribute__((format_arg(fmt)))
#define MUST_CHECK      __attribute__((warn_unused_result))
#define NEVER_NULL      __attribute__((returns_nonnull))
#define UNUSED          __attribute__((unused))

/* The struct that holds `member` at `pointer`. */
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

#endif
