/* SPDX-License-Identifier: ISC */
/* File names of messages, and folder names of accounts. */
#include "check.h"

#include "account_path.h"
#include "mail_file.h"
#include "storage/account.h"

static const unsigned char guid[GUID_SIZE] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                              0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

static void written_name_is_read_back(void **state)
{
    struct buf name;
    struct mail_file file;
    (void)state;
    buf_init(&name, 512);
    mail_file_format(&name, &(struct mail_file_identity){.time_us = 1700000000000042,
                                                         .pid = 7,
                                                         .sequence = 8,
                                                         .host = "mx",
                                                         .file_size = 100,
                                                         .wire_size = 103,
                                                         .uid = 4294967295,
                                                         .guid = guid});
    buf_append(&name, S(":2,FS"));
    assert_text(buf_slice(&name),
                "1700000000.M000042P7Q8.mx,S=100,W=103,U=4294967295,G=00112233445566778899aabbccddeeff:2,FS");
    mail_file_parse(buf_slice(&name), &file);
    assert_true(file.has_time && file.has_uid && file.has_guid);
    assert_int_equal(file.time_us, 1700000000000042);
    assert_int_equal(file.uid, 4294967295);
    assert_memory_equal(file.guid, guid, GUID_SIZE);
    assert_int_equal(file.letters.flags, MESSAGE_FLAGGED | MESSAGE_SEEN);
    assert_text(file.suffix, "FS");
    assert_int_equal(file.base.len, name.len - 5);
    buf_free(&name);
}

static void foreign_names_tell_what_they_can(void **state)
{
    struct mail_file file;
    (void)state;
    mail_file_parse(S("1699999999.12345_0.host:2,PRT"), &file);
    assert_true(file.has_time);
    assert_int_equal(file.time_us, 1699999999000000);
    assert_false(file.has_uid || file.has_guid);
    assert_int_equal(file.letters.flags, MESSAGE_ANSWERED | MESSAGE_DELETED);
    mail_file_parse(S("anything"), &file);
    assert_false(file.has_time || file.has_uid || file.has_guid);
    assert_text(file.base, "anything");
    assert_int_equal(file.suffix.len, 0);
    mail_file_parse(S(""), &file);
    assert_int_equal(file.base.len, 0);
    mail_file_parse(S("x,U=0,G=xyz"), &file);
    assert_false(file.has_uid || file.has_guid);
    mail_file_parse(S("x,U=4294967296,G=00112233445566778899aabbccddee"), &file);
    assert_false(file.has_uid || file.has_guid);
    mail_file_parse(S("x,,U,=,U=5,:2,"), &file);
    assert_true(file.has_uid);
    mail_file_parse(S("99999999999999999999.x"), &file);
    assert_false(file.has_time);
}

static void letters_are_sorted(void **state)
{
    char suffix[MAIL_FILE_SUFFIX_MAX + 1];
    (void)state;
    mail_letters_format((struct mail_letters){UINT32_MAX, 1u | 1u << 25, true}, suffix);
    assert_string_equal(suffix, "DFPRSTaz");
    mail_letters_format((struct mail_letters){0}, suffix);
    assert_string_equal(suffix, "");
}

static void host_cannot_break_the_name(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 100);
    mail_file_host(&out, S("a/b:c,d.example"));
    assert_text(buf_slice(&out), "a\\057b\\072c\\054d.example");
    buf_free(&out);
}

static void check_path(const char *login, const char *expected)
{
    struct buf out;
    buf_init(&out, 4096);
    assert_ok(account_path(&out, slice_from(login)));
    assert_text(buf_slice(&out), expected);
    buf_free(&out);
}

static void account_folders_are_safe(void **state)
{
    struct buf out;
    char longest[400];
    (void)state;
    check_path("a.b+c=d_e-9@example.org", "example.org/a.b+c=d_e-9");
    check_path("..@example.org", "example.org/%2E.");
    check_path("A%/\\~@[192.0.2.1]", "%5B192.0.2.1%5D/%41%25%2F%5C%7E");
    check_path("\"a@b\"@x", "x/%22a%40b%22");
    buf_init(&out, 4096);
    assert_err(account_path(&out, S("nobody")), ERR_SYNTAX);
    assert_err(account_path(&out, S("@x")), ERR_SYNTAX);
    assert_err(account_path(&out, S("x@")), ERR_SYNTAX);
    memset(longest, '/', sizeof(longest));
    memcpy(longest + 86, "@x", 3);
    assert_err(account_path(&out, slice_from(longest)), ERR_TOO_LONG);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_name_is_read_back), cmocka_unit_test(foreign_names_tell_what_they_can),
        cmocka_unit_test(letters_are_sorted),        cmocka_unit_test(host_cannot_break_the_name),
        cmocka_unit_test(account_folders_are_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
