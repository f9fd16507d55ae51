/* SPDX-License-Identifier: ISC */
/* Parameters of Content-Type: RFC 2045, RFC 2231 and what mailers write. Expected: name=value,
 * name*charset*language=value. */
#include "check.h"

#include "base/buf.h"
#include "mail/mime.h"

static void show(struct buf *out, const struct mime_parameter *parameter)
{
    for (; parameter; parameter = parameter->next) {
        buf_append(out, out->len > 0 ? S("|") : SLICE_EMPTY);
        buf_append(out, parameter->name);
        if (parameter->extended) {
            buf_append_char(out, '*');
            buf_append(out, parameter->charset);
            buf_append_char(out, '*');
            buf_append(out, parameter->language);
        }
        buf_append_char(out, '=');
        buf_append(out, parameter->value);
    }
}

static void test_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *text, *list;
    } cases[] = {
        {"", ""},
        {"; charset=us-ascii", "charset=us-ascii"},
        {"; Charset=US-ascii (Plain text)", "charset=US-ascii"},
        {"; charset=\"us-ascii\"", "charset=us-ascii"},
        {";charset = \"a\\\"b\\\\c;d\" ; x=1", "charset=a\"b\\c;d|x=1"},
        {"; (comment; x=1) charset (c) = (d) utf-8 (e)", "charset=utf-8"},
        {";;; ; a=1;; b=2;", "a=1|b=2"},
        {"; a=", "a="},
        {"; a=\"\"", "a="},
        {"; a; b=2", "b=2"},
        {"; =1; b=2", "b=2"},
        {"; a=1; a=2", "a=1"},
        {"; name=my file (2).pdf; x=1", "name=my file (2).pdf|x=1"},
        {"; boundary=a=b/c:d", "boundary=a=b/c:d"},
        {"; charset=x boundary=\"b\"", "charset=x|boundary=b"},
        {" charset=\"x\" boundary=\"b\"", "charset=x|boundary=b"},
        {"; name=\"unterminated", "name=unterminated"},
        {"; name=\"unterminated\\", "name=unterminated\\"},
        {"; name=\"folded\r\n name\"", "name=folded name"},
        {"; name=\"\xc3\xb6\"", "name=\xc3\xb6"},

        /* RFC 2231 sections 3, 4 and 4.1 */
        {"; URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
         "url=ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"},
        {"; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
         "title*us-ascii*en-us=This is ***fun***"},
        {"; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; "
         "title*2=\"isn't it!\"",
         "title*us-ascii*en=This is even more ***fun*** isn't it!"},
        {"\r\n title*0*=us-ascii'en'This%20is%20\r\n title*1*=%2A%2A\r\n title*2=\"isn't it!\"",
         "title*us-ascii*en=This is **isn't it!"},
        {"; name=sum a=b.pdf", "name=sum a=b.pdf"},
        {"; a*1=2; a*0=1; b=x; a*2=3", "a=123|b=x"},
        {"; a*1=2; a*2=3", "a=23"},
        {"; a*0=1; a*2=3", "a=1"},
        {"; a*=''%41", "a**=A"},
        {"; a*=utf-8''%C3%B6", "a*utf-8*=\xc3\xb6"},
        {"; a*=no quotes", "a**=no quotes"},
        {"; a*=one'quote", "a**=one'quote"},
        {"; a*=utf-8''%4", "a*utf-8*=%4"},
        {"; a*=\"utf-8''\\%4\"", "a*utf-8*=%4"},
        {"; a*=utf-8''%zz%", "a*utf-8*=%zz%"},
        {"; a=old; a*=utf-8''new", "a*utf-8*=new"},
        {"; a*0=x; a=old; a*1=y", "a=xy"},
        {"; a*x=1; a**=2", "a*x=1|a**=2"},
        {"; a*99=1; a=2", "a*99=1|a=2"},
        {"; *=x; b=1", "b=1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = {0};
        struct buf text, list;
        buf_init(&text, 1000);
        buf_init(&list, 1000);
        buf_printf(&text, "Content-Type: text/x%s\r\n\r\n", cases[i].text);
        struct mime_parser *parser = mime_parser_new(&arena, NULL);
        mime_parser_feed(parser, buf_slice(&text));
        show(&list, mime_parser_finish(parser)->type_parameters);
        if (!slice_eq(buf_slice(&list), slice_from(cases[i].list))) {
            print_error("%s\n", cases[i].text);
        }
        assert_text(buf_slice(&list), cases[i].list);
        buf_free(&text);
        buf_free(&list);
        arena_free(&arena);
    }
}

static void test_find(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct mime_parser *parser = mime_parser_new(&arena, NULL);
    mime_parser_feed(parser, S("Content-Disposition: attachment; FileName=x; size=3\r\n\r\n"));
    const struct mime_part *root = mime_parser_finish(parser);
    assert_text(mime_parameter_find(root->disposition_parameters, S("filename"))->value, "x");
    assert_text(mime_parameter_find(root->disposition_parameters, S("size"))->value, "3");
    assert_null(mime_parameter_find(root->disposition_parameters, S("name")));
    assert_null(mime_parameter_find(NULL, S("name")));
    arena_free(&arena);
}

/* A field of nothing but parameters: only so many are looked at. */
static void test_many(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_append(&text, S("Content-Type: text/plain"));
    for (size_t i = 0; i < 5000; i++) {
        buf_printf(&text, ";a%zu=%zu", i, i);
    }
    buf_append(&text, S("\r\n\r\n"));
    struct mime_parser *parser = mime_parser_new(&arena, NULL);
    mime_parser_feed(parser, buf_slice(&text));
    size_t count = 0;
    for (const struct mime_parameter *p = mime_parser_finish(parser)->type_parameters; p; p = p->next) {
        count++;
    }
    assert_int_equal(count, 64);
    buf_free(&text);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests_name("mail/mime_param", tests, NULL, NULL);
}
