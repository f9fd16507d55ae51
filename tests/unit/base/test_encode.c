/* SPDX-License-Identifier: ISC */
/* Base64 with the vectors of RFC 4648 section 10, hexadecimal, and what a strict decoder refuses. */
#include "check.h"

#include "base/encode.h"

static const struct {
    const char *plain, *base64, *hex;
} vectors[] = {
    {"", "", ""},
    {"f", "Zg==", "66"},
    {"fo", "Zm8=", "666f"},
    {"foo", "Zm9v", "666f6f"},
    {"foob", "Zm9vYg==", "666f6f62"},
    {"fooba", "Zm9vYmE=", "666f6f6261"},
    {"foobar", "Zm9vYmFy", "666f6f626172"},
};

static void the_vectors_of_the_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct buf out;
        buf_init(&out, 100);
        base64_encode(&out, slice_from(vectors[i].plain));
        assert_text(buf_slice(&out), vectors[i].base64);
        buf_clear(&out);
        assert_ok(base64_decode(&out, slice_from(vectors[i].base64)));
        assert_text(buf_slice(&out), vectors[i].plain);
        buf_clear(&out);
        hex_encode(&out, slice_from(vectors[i].plain));
        assert_text(buf_slice(&out), vectors[i].hex);
        buf_clear(&out);
        assert_ok(hex_decode(&out, slice_from(vectors[i].hex)));
        assert_text(buf_slice(&out), vectors[i].plain);
        buf_free(&out);
    }
}

static void all_bytes_come_back(void **state)
{
    (void)state;
    char bytes[256];
    struct buf text, back;
    for (int i = 0; i < 256; i++) {
        bytes[i] = (char)i;
    }
    buf_init(&text, 1000);
    buf_init(&back, 1000);
    base64_encode(&text, slice_of(bytes, sizeof(bytes)));
    assert_ok(base64_decode(&back, buf_slice(&text)));
    assert_slice(buf_slice(&back), slice_of(bytes, sizeof(bytes)));
    buf_clear(&text);
    hex_encode(&text, slice_of(bytes, sizeof(bytes)));
    assert_ok(hex_decode(&back, buf_slice(&text))); /* appends */
    assert_int_equal(back.len, 512);
    assert_slice(slice_skip(buf_slice(&back), 256), slice_of(bytes, sizeof(bytes)));
    buf_free(&text);
    buf_free(&back);
}

static void bad_text_changes_nothing(void **state)
{
    (void)state;
    const char *const bad_base64[] = {
        "Zg",       "Zg=",   "Zm9",      "=",
        "====",     "Z===",  "Zg==Zg==",                 /* padding */
        "Zm9v\r\n", " Zm9v", "Zm 9v",    "Zm9v\n\n\n\n", /* white space */
        "Zh==",     "Zm9=",                              /* stray bits */
        "Zm9-",     "Zm9_",  "Zm9*",     "Zm\x80v",      /* alphabet */
    };
    const char *const bad_hex[] = {"6", "666", "6g", "0x66", "66 6f", "66:6f", " 6", "-6"};
    struct buf out;
    buf_init(&out, 100);
    buf_append(&out, S("kept"));
    for (size_t i = 0; i < ARRAY_LEN(bad_base64); i++) {
        assert_err(base64_decode(&out, slice_from(bad_base64[i])), ERR_SYNTAX);
        assert_string_equal(buf_cstr(&out), "kept");
        assert_int_equal(out.len, 4);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_hex); i++) {
        assert_err(hex_decode(&out, slice_from(bad_hex[i])), ERR_SYNTAX);
        assert_string_equal(buf_cstr(&out), "kept");
    }
    assert_err(base64_decode(&out, S("Zm9\0")), ERR_SYNTAX);
    assert_ok(hex_decode(&out, S("6F"))); /* either case is read */
    assert_string_equal(buf_cstr(&out), "kepto");
    buf_free(&out);
}

/* Every byte at every place of a group: only the 64 letters are taken. */
static void only_the_alphabet_is_taken(void **state)
{
    (void)state;
    struct slice alphabet = S("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    struct buf out;
    buf_init(&out, 10);
    for (int byte = 0; byte < 256; byte++) {
        for (int place = 0; place < 3; place++) {
            char text[] = "AAAA";
            text[place] = (char)byte;
            enum err expected = slice_has(alphabet, (char)byte) ? ERR_OK : ERR_SYNTAX;
            buf_clear(&out);
            assert_err(base64_decode(&out, slice_of(text, 4)), expected);
        }
    }
    buf_free(&out);
}

static void the_cap_holds(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 3);
    assert_ok(base64_decode(&out, S("Zm9v"))); /* fits to the byte */
    buf_clear(&out);
    assert_err(base64_decode(&out, S("Zm9vYg==")), ERR_TOO_LONG);
    assert_false(buf_ok(&out));
    buf_clear(&out);
    assert_err(hex_decode(&out, S("00000000")), ERR_TOO_LONG);
    buf_clear(&out);
    base64_encode(&out, S("f"));
    assert_err(out.error, ERR_TOO_LONG);
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc),
        cmocka_unit_test(all_bytes_come_back),
        cmocka_unit_test(bad_text_changes_nothing),
        cmocka_unit_test(only_the_alphabet_is_taken),
        cmocka_unit_test(the_cap_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
