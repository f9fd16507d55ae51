/* SPDX-License-Identifier: ISC */
/* Next hops: each form, what is none, and that writing brings two spellings to one. */
#include "check.h"

#include "base/next_hop.h"

/* What `text` is read as, written again; "-" when it is refused. */
static void assert_reads(const char *text, const char *expected)
{
    struct arena arena = {0};
    struct next_hop hop;
    struct buf out;
    buf_init(&out, 1000);
    enum err err = next_hop_parse(slice_from(text), &arena, &hop);
    if (err) {
        assert_err(err, ERR_SYNTAX);
        buf_append(&out, S("-"));
    } else {
        next_hop_format(&hop, &out);
    }
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
    arena_free(&arena);
}

static void each_form(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct next_hop hop;
    assert_ok(next_hop_parse(S("mx"), &arena, &hop));
    assert_int_equal(hop.kind, NEXT_HOP_MX);
    assert_int_equal(hop.host.len, 0);
    assert_ok(next_hop_parse(S("smtp://Mail.Example.net:587"), &arena, &hop));
    assert_int_equal(hop.kind, NEXT_HOP_SMTP);
    assert_text(hop.host, "mail.example.net");
    assert_false(hop.is_address);
    assert_int_equal(hop.port, 587);
    assert_ok(next_hop_parse(S("smtps://192.0.2.1"), &arena, &hop));
    assert_int_equal(hop.kind, NEXT_HOP_SMTPS);
    assert_text(hop.host, "192.0.2.1");
    assert_true(hop.is_address);
    assert_int_equal(hop.port, 465);
    assert_ok(next_hop_parse(S("lmtp://[2001:DB8::1]:2003"), &arena, &hop));
    assert_int_equal(hop.kind, NEXT_HOP_LMTP);
    assert_text(hop.host, "2001:db8::1");
    assert_true(hop.is_address);
    assert_int_equal(hop.port, 2003);
    assert_ok(next_hop_parse(S("lmtp:/run/Lists/lmtp.sock"), &arena, &hop));
    assert_int_equal(hop.kind, NEXT_HOP_LMTP_UNIX);
    assert_text(hop.path, "/run/Lists/lmtp.sock");
    assert_int_equal(hop.host.len, 0);
    arena_free(&arena);
}

static void two_spellings_become_one(void **state)
{
    (void)state;
    assert_reads("MX", "mx");
    assert_reads("SMTP://Relay", "smtp://relay:25");
    assert_reads("smtp://relay:025", "smtp://relay:25");
    assert_reads("smtps://relay.example.net", "smtps://relay.example.net:465");
    assert_reads("lmtp://relay", "lmtp://relay:24");
    assert_reads("smtp://[2001:db8::1]", "smtp://[2001:db8::1]:25");
    assert_reads("lmtp:/run/Lists.sock", "lmtp:/run/Lists.sock");
}

static void what_is_no_next_hop(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "m",
        "mx:",
        "mx.example.net",
        "relay.example.net:25",
        "http://relay",
        "smtp:relay",
        "smtp:/relay",
        "smtp://",
        "smtp://:25",
        "smtp://relay:",
        "smtp://relay:0",
        "smtp://relay:65536",
        "smtp://relay:25x",
        "smtp://relay:25:26",
        "smtp://relay/",
        "smtp://user@relay",
        "smtp://re lay",
        "smtp://-relay",
        "smtp://a..b",
        "smtp://relay.",
        "smtp://2001:db8::1",
        "smtp://[2001:db8::1",
        "smtp://[2001:db8::1]25",
        "smtp://[relay]",
        "smtp://[192.0.2.1]",
        "smtp://192.0.2.256",
        "smtp://192.0.2",
        "smtp://[]",
        "lmtp:",
        "lmtp:/",
        "lmtp:run/x",
        "lmtp:/run/a\nb",
        "smtp://relay\n",
        " smtp://relay",
        "smtp://b\xc3\xbc"
        "cher.example",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_reads(wrong[i], "-");
    }
    struct arena arena = {0};
    struct next_hop hop;
    assert_err(next_hop_parse(slice_of("smtp://192.0.2.1\0", 17), &arena, &hop), ERR_SYNTAX);
    char path[200] = "lmtp:/";
    memset(path + 6, 'x', sizeof(path) - 6);
    assert_err(next_hop_parse(slice_of(path, sizeof(path)), &arena, &hop), ERR_SYNTAX);
    arena_free(&arena);
}

static void names_of_hosts(void **state)
{
    (void)state;
    char label[300];
    memset(label, 'a', sizeof(label));
    assert_true(host_name_is_valid(S("mail.example.org")));
    assert_true(host_name_is_valid(S("3com")));
    assert_true(host_name_is_valid(slice_of(label, 63)));
    assert_false(host_name_is_valid(slice_of(label, 64)));
    assert_false(host_name_is_valid(S("")));
    assert_false(host_name_is_valid(S("a_b")));
    assert_false(host_name_is_valid(S("a-.b")));
    for (size_t i = 60; i < sizeof(label); i += 60)
        label[i] = '.';
    assert_true(host_name_is_valid(slice_of(label, 255)));
    assert_false(host_name_is_valid(slice_of(label, 256)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form),
        cmocka_unit_test(two_spellings_become_one),
        cmocka_unit_test(what_is_no_next_hop),
        cmocka_unit_test(names_of_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
