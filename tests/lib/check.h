/* SPDX-License-Identifier: ISC */
/*
 * What every unit test starts with: cmocka and the headers it wants before itself, slices in assertions, and
 * a folder of its own to write in.
 */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/slice.h"

/* The slice holds exactly the bytes of the C string (or of the literal with NULs: use assert_slice). */
#define assert_text(slice, cstring)    assert_slice((slice), slice_from(cstring))
#define assert_slice(actual, expected) check_slice((actual), (expected), #actual, __FILE__, __LINE__)

static inline void check_slice(struct slice actual, struct slice expected, const char *what, const char *file,
                               int line)
{
    if (!slice_eq(actual, expected)) {
        print_error("%s is '%.*s', not '%.*s'\n", what, SLICE_ARG(actual), SLICE_ARG(expected));
        _fail(file, line);
    }
}

#define assert_err(expression, expected) assert_int_equal((int)(expression), (int)(expected))
#define assert_ok(expression)            assert_err((expression), 0)

/* A new folder; the caller frees the name through check_remove_directory, which deletes the folder with all
 * in it. */
static inline char *check_temporary_directory(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    assert_true(asprintf(&path, "%s/postern-test.XXXXXX", base ? base : "/tmp") > 0);
    assert_non_null(mkdtemp(path));
    return path;
}

static inline int check_remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline void check_remove_directory(char *path)
{
    assert_int_equal(nftw(path, check_remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(path);
}

#endif
