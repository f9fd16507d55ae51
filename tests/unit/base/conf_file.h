/* SPDX-License-Identifier: ISC */
/* A configuration file in a folder of its own, and what the reader makes of it. */
#ifndef TEST_CONF_FILE_H
#define TEST_CONF_FILE_H

#include "check.h"

#include "base/conf.h"
#include "base/fsio.h"

struct place {
    char *folder;
    char file[256];
    struct buf why;
    struct conf *conf;
};

static inline int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    char *made = check_temporary_directory();
    place->folder = realpath(made, NULL); /* $TMPDIR may hold a link; the reader resolves it */
    free(made);
    snprintf(place->file, sizeof(place->file), "%s/postern.conf", place->folder);
    buf_init(&place->why, 1 << 20);
    *state = place;
    return 0;
}

static inline int tear_down(void **state)
{
    struct place *place = *state;
    conf_free(place->conf);
    buf_free(&place->why);
    check_remove_directory(place->folder);
    free(place);
    return 0;
}

static inline enum err load(struct place *place, struct slice text)
{
    conf_free(place->conf);
    place->conf = NULL;
    buf_clear(&place->why);
    assert_ok(fs_write_durable(place->file, text, 0600));
    return conf_load(place->file, &place->conf, &place->why);
}

/* The file is good. */
static inline struct conf *good(struct place *place, const char *text)
{
    enum err err = load(place, slice_from(text));
    assert_string_equal(buf_cstr(&place->why), "");
    assert_ok(err);
    assert_non_null(place->conf);
    return place->conf;
}

/* The file is refused with exactly these findings, each without the path in front: ":3: …\n:5: …\n". */
static inline void refused(struct place *place, const char *text, const char *findings)
{
    struct buf expected;
    struct slice rest = slice_from(findings);
    assert_err(load(place, slice_from(text)), ERR_CONFIG);
    assert_null(place->conf);
    buf_init(&expected, 10000);
    while (rest.len) {
        struct slice finding = slice_split(&rest, '\n');
        buf_printf(&expected, "%s%.*s\n", place->file, SLICE_ARG(finding));
    }
    assert_string_equal(buf_cstr(&place->why), buf_cstr(&expected));
    buf_free(&expected);
}

static inline void assert_in_folder(const struct place *place, const char *path, const char *name)
{
    struct slice folder = slice_from(place->folder);
    assert_true(slice_starts_with(slice_from(path), folder));
    assert_int_equal(path[folder.len], '/');
    assert_string_equal(path + folder.len + 1, name);
}

#endif
