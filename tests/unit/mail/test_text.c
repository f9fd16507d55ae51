/* SPDX-License-Identifier: ISC */
/* The text of whole messages, read in chunks of all sizes. */
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"
#include "base/utf8.h"
#include "mail/text.h"

/* What was given, in a form that tests can compare: "H name=text|" or "B text|" for each run of pieces. */
struct given {
    struct buf text;
    size_t pieces, stop_after;
    bool open;
};

static bool take(void *data, const struct text_piece *piece)
{
    struct given *given = data;
    assert_true(utf8_is_valid(piece->text));
    if (piece->begins) {
        buf_append(&given->text, given->open ? S("|") : SLICE_EMPTY);
        buf_append(&given->text, piece->from == TEXT_HEADER ? S("H ") : S("B "));
        if (piece->name.len > 0) {
            buf_append(&given->text, piece->name);
            buf_append(&given->text, S("="));
        }
    }
    given->open = true;
    buf_append(&given->text, piece->text);
    return ++given->pieces != given->stop_after;
}

static void extract(struct given *given, struct slice message, unsigned wanted, size_t chunk)
{
    struct text_extractor *extractor = text_extractor_new();
    struct text_source source = text_source_of(&message);
    size_t stop_after = given->stop_after;
    *given = (struct given){.stop_after = stop_after};
    buf_init(&given->text, 64 << 20);
    text_extractor_set_chunk(extractor, chunk);
    for (int again = 0; again < 2; again++) { /* the second time with what the first left behind */
        buf_clear(&given->text);
        given->pieces = 0;
        given->open = false;
        assert_ok(text_extract(extractor, &source, wanted, take, given));
    }
    text_extractor_free(extractor);
}

static void check(const char *source, unsigned wanted, const char *expected)
{
    static const size_t chunks[] = {65536, 1, 7, 100};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        struct given given = {0};
        extract(&given, slice_from(source), wanted, chunks[i]);
        assert_slice(buf_slice(&given.text), slice_from(expected));
        buf_free(&given.text);
    }
}

#define ALL (TEXT_HEADER | TEXT_BODY)

static void a_plain_message(void **state)
{
    (void)state;
    check("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nFrom: a@b\r\n folded\r\n\r\nHello\r\nWorld\r\n", ALL,
          "H Subject=Grüße|H From=a@b folded|B Hello\r\nWorld\r\n");
    check("Subject: x\r\n\r\nbody", TEXT_HEADER, "H Subject=x");
    check("Subject: x\r\n\r\nbody", TEXT_BODY, "B body");
    check("no header\nat all\n", ALL, "H no header|H at all");
    check("", ALL, "");
    check("\n\nbody\n", ALL, "B \nbody\n");
}

static void encodings_are_undone(void **state)
{
    (void)state;
    check("Content-Type: text/plain; charset=windows-1251\r\nContent-Transfer-Encoding: "
          "base64\r\n\r\nz/Do\r\n4uXy\r\n",
          TEXT_BODY, "B Привет");
    check("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
          "quoted-printable\n\nGr=C3=\n=BC=C3=9Fe",
          TEXT_BODY, "B Grüße");
    check("Content-Type: text/html; charset=iso-8859-1\n\n<p>Gr\xfc&szlig;e<br>x</p><script>var y</script>",
          TEXT_BODY, "B  Grüße x   ");
    check("Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B$3$s\x1b(B.", TEXT_BODY, "B こん.");
    check("Content-Type: text/plain\n\nGr\xfc\xdf"
          "e",
          TEXT_BODY, "B Grüße");
    check("Content-Transfer-Encoding: base64\n\n!!SGVs!bG8=!!SGk", TEXT_BODY, "B HelloHi");
}

#define MULTIPART "Content-Type: multipart/mixed; boundary=b\n\npreamble\n"

static void parts_of_a_multipart(void **state)
{
    (void)state;
    check(MULTIPART "--b\n\none\n--b\nContent-Type: text/html\n\n<b>two</b>\n--b\nContent-Type: image/png; "
                    "name=a.png\n\nPNG\n"
                    "--b--\nepilogue",
          TEXT_BODY, "B one|B two|B a.png");
    check(MULTIPART "--b\nContent-Type: application/pdf\nContent-Disposition: attachment;\n"
                    " filename*=utf-8''Rechnung%20%C3%BC.pdf\n\nPDF\n--b--\n",
          TEXT_BODY, "B Rechnung ü.pdf");
    check(MULTIPART
          "--b\nContent-Disposition: attachment; filename=\"=?utf-8?Q?=C3=BC.txt?=\"\n\ntext\n--b--\n",
          TEXT_BODY, "B ü.txt|B text");
}

static void messages_inside(void **state)
{
    (void)state;
    check("Subject: outer\nContent-Type: message/rfc822\n\nSubject: =?utf-8?B?w7w=?=\n\ninner\n", ALL,
          "H Subject=outer|H Content-Type=message/rfc822|B Subject=ü|B inner\n");
    check("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeAoKaGk=\n",
          TEXT_BODY, "B Subject: x\n\nhi");
    check("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\n1\n--b--\n", TEXT_BODY,
          "B Subject=one|B 1");
}

static void a_taker_that_has_enough(void **state)
{
    struct given given = {.stop_after = 2};
    (void)state;
    extract(&given, S("A: 1\nB: 2\nC: 3\n\nbody"), ALL, 65536);
    assert_slice(buf_slice(&given.text), S("H A=1|H B=2"));
    buf_free(&given.text);
}

static void long_texts_are_cut(void **state)
{
    struct buf message;
    struct given given = {0};
    (void)state;
    buf_init(&message, 40 << 20);
    buf_append(&message, S("Content-Type: text/plain; charset=utf-8\n\nx"));
    while (message.len < (size_t)20 << 20) {
        buf_append(&message, S("üüüüüüüüüüüüüüüü"));
    }
    extract(&given, buf_slice(&message), TEXT_BODY, 65536);
    assert_int_equal(given.text.len, 2 + TEXT_BODY_MAX - 1); /* "B ", and not half an ü at the end */
    buf_free(&given.text);
    buf_free(&message);
}

static enum err fail_later(void *data, uint64_t offset, char *buffer, size_t size, size_t *count_r)
{
    unsigned *calls = data;
    (void)offset;
    memset(buffer, 'x', size);
    *count_r = size;
    return ++*calls == 3 ? ERR_IO : ERR_OK;
}

static void errors_of_the_source_come_through(void **state)
{
    struct text_extractor *extractor = text_extractor_new();
    unsigned calls = 0;
    struct text_source source = {fail_later, &calls};
    struct given given = {0};
    (void)state;
    buf_init(&given.text, 64 << 20);
    assert_err(text_extract(extractor, &source, ALL, take, &given), ERR_IO);
    buf_free(&given.text);
    text_extractor_free(extractor);
}

/* Every message of the corpus: the same text in chunks of one byte. */
static size_t check_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    size_t count = 0;
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        char path[1024];
        struct buf message;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (entry->d_type == DT_DIR) {
            count += check_folder(path);
            continue;
        }
        buf_init(&message, 16 << 20);
        assert_ok(fs_read_file(path, &message));
        struct given whole = {0}, pieces = {0};
        extract(&whole, buf_slice(&message), ALL, 65536);
        extract(&pieces, buf_slice(&message), ALL, message.len < 20000 ? 1 : 13);
        assert_slice(buf_slice(&pieces.text), buf_slice(&whole.text));
        buf_free(&whole.text);
        buf_free(&pieces.text);
        buf_free(&message);
        count++;
    }
    closedir(directory);
    return count;
}

static void the_corpus(void **state)
{
    (void)state;
    assert_true(check_folder(TEST_DATA_DIR "/mime") > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_message),
        cmocka_unit_test(encodings_are_undone),
        cmocka_unit_test(parts_of_a_multipart),
        cmocka_unit_test(messages_inside),
        cmocka_unit_test(a_taker_that_has_enough),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(errors_of_the_source_come_through),
        cmocka_unit_test(the_corpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
