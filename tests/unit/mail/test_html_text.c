/* SPDX-License-Identifier: ISC */
/* The text of HTML, whole and byte by byte. */
#include "check.h"

#include <string.h>

#include "mail/html_text.h"

static void check(const char *source, const char *expected)
{
    struct slice text = slice_from(source);
    for (size_t piece = 1; piece <= text.len + 1; piece += piece < 4 ? 1 : text.len) {
        struct html_text html = {0};
        struct buf out;
        buf_init(&out, text.len + HTML_WORD_MAX);
        for (struct slice rest = text; rest.len > 0; rest = slice_skip(rest, piece)) {
            html_text_append(&html, &out, slice_take(rest, piece));
        }
        html_text_finish(&html, &out);
        assert_true(buf_ok(&out));
        assert_slice(buf_slice(&out), slice_from(expected));
        buf_free(&out);
    }
}

static void tags_vanish(void **state)
{
    (void)state;
    check("plain", "plain");
    check("<b>H</b>ello <I class='x'>World</I>", "Hello World");
    check("one<br>two<BR/>three<p>four</p>five", "one two three four five");
    check("<td>a</td><td>b</td>", " a  b ");
    check("<a href=\"http://x/?a>b\">link</a>!", "link!");
    check("<a title='a \"quoted\" > b' href=c>d</a>", "d");
    check("<img alt=\"x\"/>a", " a");
    check("<p class=a\"b>kept", " kept");
    check("<averyveryveryveryveryverylongtagnamethatdoesnotexist x=y>z", " z");
}

static void what_is_no_tag_stays(void **state)
{
    (void)state;
    check("a < b", "a < b");
    check("1<2", "1<2");
    check("a <", "a <");
    check("x </", "x </");
    check("x </>y", "x y");
    check("<<b>x", "<x");
    check("a > b", "a > b");
}

static void comments_and_declarations(void **state)
{
    (void)state;
    check("a<!-- <b> -- > -->b", "ab");
    check("a<!-->b", "ab");
    check("a<!--->b", "ab");
    check("a<!-- x --!>b", "ab");
    check("a<!-- x ---->b", "ab");
    check("<!DOCTYPE html>x<?xml version='1.0'?>y", "xy");
    check("<!--[if mso]><p>hidden</p><![endif]-->seen", "seen");
    check("<![if !mso]>seen<![endif]>", "seen");
    check("a<!-- never ends", "a");
}

static void scripts_and_styles(void **state)
{
    (void)state;
    check("<style>p { color: red } </stylex> </p></style>x", "  x");
    check("<SCRIPT type='a'>if (a<b) alert('</scr'+'ipt>')</Script >x", "  x");
    check("<script></script>x<style/>y", "  x ");
    check("<script>never ends", " ");
}

static void character_references(void **state)
{
    (void)state;
    check("&lt;b&gt; &amp; &quot;&apos;&nbsp;x", "<b> & \"'\xc2\xa0x");
    check("Gr&uuml;&szlig;e &euro;&hellip;&Scaron;&alpha;&Omega;", "Grüße €…ŠαΩ");
    check("&#228;&#xe4;&#XE4;&#8364;&#128;&#x1F600;", "äää€€\xf0\x9f\x98\x80");
    check("&#0;&#xd800;&#x110000;&#99999999999999999999;",
          "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    check("AT&T a&b &unknown; &; & &# &#; &#x; &#xg;", "AT&T a&b &unknown; &; & &# &#; &#x; &#xg;");
    check("&auml &copy", "ä ©");
    check("&lt<b>x</b>", "<x");
    check("&&amp;&", "&&&");
    check("&averyveryveryveryveryverylongname;", "&averyveryveryveryveryverylongname;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_vanish),
        cmocka_unit_test(what_is_no_tag_stays),
        cmocka_unit_test(comments_and_declarations),
        cmocka_unit_test(scripts_and_styles),
        cmocka_unit_test(character_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
