/* SPDX-License-Identifier: ISC */
/*
 * The collection of messages in tests/data/mime: each is parsed whole, in pieces and byte by byte with one
 * result, has the structure that expected.tsv says, and passes all that holds for any message. (The trees of
 * LF and CRLF forms are the same too.)
 */
#include "check.h"

#include "base/fsio.h"
#include "mail_check.h"

static void show(struct buf *out, const struct mime_part *part)
{
    buf_append(out, part->type);
    buf_append_char(out, '/');
    buf_append(out, part->subtype);
    if (part->first_child) {
        buf_append_char(out, '(');
        for (const struct mime_part *child = part->first_child; child; child = child->next) {
            buf_append(out, child->number > 1 ? S(",") : SLICE_EMPTY);
            show(out, child);
        }
        buf_append_char(out, ')');
    }
}

static void assert_nothing_wrong(const char *wrong, struct slice name)
{
    if (wrong) {
        fail_msg("%.*s: %s", SLICE_ARG(name), wrong);
    }
}

/* The message with CRLF wherever it has LF alone. */
static void to_crlf(struct slice text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n' && (i == 0 || text.data[i - 1] != '\r')) {
            buf_append_char(out, '\r');
        }
        buf_append_char(out, text.data[i]);
    }
}

static void check_message(struct slice name, struct slice expected, struct slice text)
{
    struct parsed whole, pieces;
    struct buf structure, crlf;
    buf_init(&structure, 65536);
    buf_init(&crlf, 1 << 22);
    parsed_make(&whole, text, 0, NULL);
    show(&structure, whole.root);
    if (!slice_eq(buf_slice(&structure), expected)) {
        print_error("%.*s\n", SLICE_ARG(name));
    }
    assert_slice(buf_slice(&structure), expected);
    assert_nothing_wrong(check_parsed(&whole, text), name);
    static const size_t sizes[] = {1, 7, 100};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        parsed_make(&pieces, text, sizes[i], NULL);
        assert_nothing_wrong(check_same(&whole, &pieces), name);
        parsed_free(&pieces);
    }
    to_crlf(text, &crlf);
    parsed_make(&pieces, buf_slice(&crlf), 0, NULL);
    assert_nothing_wrong(check_parsed(&pieces, buf_slice(&crlf)), name);
    assert_slice(pieces.summary.bodystructure, whole.summary.bodystructure);
    assert_slice(pieces.summary.envelope, whole.summary.envelope);
    assert_int_equal(pieces.summary.size, whole.summary.size);
    assert_int_equal(pieces.summary.size, crlf.len);
    parsed_free(&pieces);
    parsed_free(&whole);
    buf_free(&crlf);
    buf_free(&structure);
}

static void test_corpus(void **state)
{
    (void)state;
    struct buf table, message;
    size_t count = 0;
    buf_init(&table, 1 << 20);
    buf_init(&message, 1 << 20);
    assert_ok(fs_read_file(TEST_DATA_DIR "/mime/expected.tsv", &table));
    for (struct slice lines = buf_slice(&table); lines.data && lines.len > 0;) {
        struct slice line = slice_split(&lines, '\n');
        if (slice_starts_with(line, S("#"))) {
            continue;
        }
        struct slice name = slice_split(&line, '\t'), expected = slice_split(&line, '\t');
        char path[1024];
        snprintf(path, sizeof(path), TEST_DATA_DIR "/mime/%.*s", SLICE_ARG(name));
        buf_clear(&message);
        assert_ok(fs_read_file(path, &message));
        check_message(name, expected, buf_slice(&message));
        count++;
    }
    assert_int_equal(count, 242);
    buf_free(&table);
    buf_free(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};
    return cmocka_run_group_tests_name("mail/mime_corpus", tests, NULL, NULL);
}
