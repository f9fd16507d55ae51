/* SPDX-License-Identifier: ISC */
/* The configuration: a good file, the defaults, each kind of mistake with its line, and values written back.
 */
#include "conf_file.h"

#include "base/log.h"

static void defaults_hold_for_what_is_not_said(void **state)
{
    struct place *place = *state;
    const struct conf *conf = good(place, "hostname = mail.example.org");
    assert_string_equal(conf->file, place->file);
    assert_string_equal(conf->hostname, "mail.example.org");
    assert_in_folder(place, conf->data_directory, "data");
    assert_in_folder(place, conf->run_directory, "run");
    assert_in_folder(place, conf->tls_certificate, "tls/cert.pem");
    assert_string_equal(conf->user, "");
    assert_string_equal(conf->log_target, "stderr");
    assert_int_equal(conf->log_level, LOG_INFO);
    assert_int_equal(conf->workers, 0);
    assert_int_equal(conf->threads, 16);
    assert_int_equal(conf->plaintext_auth, PLAINTEXT_AUTH_NEVER);
    assert_int_equal(conf->message_size_limit, 50 * 1024 * 1024);
    assert_int_equal(conf->smtp_timeout, 300000);
    assert_int_equal(conf->pop3_expire, -1);
    assert_string_equal(conf->recipient_delimiter, "+");
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        assert_int_equal(conf->listeners[i].listen.count, 0);
        assert_int_equal(conf->listeners[i].bare_newline, BARE_NEWLINE_REFUSE);
    }
}

static void a_full_file(void **state)
{
    struct place *place = *state;
    const struct conf *conf = good(place, "# Comment with \"quote and { brace\n"
                                          "hostname = \"mail.example.org\"   # behind a value\n"
                                          "// another kind\n"
                                          "/* and { a\n   third \" */ workers = 3\n"
                                          "data_directory = /srv/mail\n"
                                          "run_directory = \"/run/post#ern\"\n"
                                          "log_target = log/postern.log\n"
                                          "log_level = 'debug'\n"
                                          "message_size_limit = 10m\n"
                                          "header_size_limit = 65536\n"
                                          "smtp_timeout = 90s\n"
                                          "imap_timeout = \"1h\"\n"
                                          "shutdown_grace = 0\n"
                                          "auth_cache_time = 1500ms\n"
                                          "pop3_expire = 30\n"
                                          "recipient_delimiter = \"\"\n"
                                          "plaintext_auth = loopback\n"
                                          "smtp {\n"
                                          "    listen = { \"0.0.0.0:25\", \"[::]:25\" } // both\n"
                                          "    bare_newline = repair\n"
                                          "}\n"
                                          "lmtp { listen = { \"run/lmtp\", /run/x.sock, plain } }\n"
                                          "imaps { listen = \"127.0.0.1:993\" }\n");
    assert_int_equal(conf->workers, 3);
    assert_string_equal(conf->data_directory, "/srv/mail");
    assert_string_equal(conf->run_directory, "/run/post#ern");
    assert_in_folder(place, conf->log_target, "log/postern.log");
    assert_int_equal(conf->log_level, LOG_DEBUG);
    assert_int_equal(conf->message_size_limit, 10 << 20);
    assert_int_equal(conf->header_size_limit, 65536);
    assert_int_equal(conf->smtp_timeout, 90000);
    assert_int_equal(conf->imap_timeout, 3600000);
    assert_int_equal(conf->shutdown_grace, 0);
    assert_int_equal(conf->auth_cache_time, 1500);
    assert_int_equal(conf->pop3_expire, 30);
    assert_string_equal(conf->recipient_delimiter, "");
    assert_int_equal(conf->plaintext_auth, PLAINTEXT_AUTH_LOOPBACK);
    const struct conf_listener *smtp = &conf->listeners[SERVICE_SMTP];
    assert_int_equal(smtp->listen.count, 2);
    assert_string_equal(smtp->listen.items[0], "0.0.0.0:25");
    assert_string_equal(smtp->listen.items[1], "[::]:25");
    assert_int_equal(smtp->bare_newline, BARE_NEWLINE_REPAIR);
    const struct conf_list *lmtp = &conf->listeners[SERVICE_LMTP].listen;
    assert_int_equal(lmtp->count, 3);
    assert_in_folder(place, lmtp->items[0], "run/lmtp");
    assert_string_equal(lmtp->items[1], "/run/x.sock");
    assert_in_folder(place, lmtp->items[2], "plain");
    assert_int_equal(conf->listeners[SERVICE_LMTP].bare_newline, BARE_NEWLINE_REFUSE);
    assert_int_equal(conf->listeners[SERVICE_IMAPS].listen.count, 1);
    assert_int_equal(conf->listeners[SERVICE_IMAP].listen.count, 0);
}

static void the_host_name_is_required_and_a_name(void **state)
{
    struct place *place = *state;
    const char *missing = ": hostname is not set, write for example hostname = \"mail.example.org\"\n";
    refused(place, "", missing);
    refused(place, "# nothing\nthreads = 1\n", missing);
    refused(place, "\nhostname = \"\"\n", ":2: hostname = \"\": must be a text of 1 to 255 characters\n");
    const char *const bad[] = {"a b",  "a_b", "a..b",           ".a",       "a.", "-a.b",
                               "a-.b", "a/b", "gr\xc3\xbcn.de", "[1.2.3.4]"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[100], finding[200];
        snprintf(text, sizeof(text), "\nhostname = \"%s\"\n", bad[i]);
        snprintf(finding, sizeof(finding),
                 ":2: hostname = \"%s\": must be a domain name of letters, digits, hyphens and dots\n",
                 bad[i]);
        refused(place, text, finding);
    }
    good(place, "hostname = a-1.EXAMPLE.org");
    good(place, "hostname = localhost");
}

static void wrong_values_are_all_told_with_their_lines(void **state)
{
    struct place *place = *state;
    refused(place,
            "# one\n"
            "hostname = mail.example.org # two\n"
            "workers = 65\n"
            "threads = many /* long\n"
            "comment */ hop_limit = \"\"\n"
            "message_size_limit = 3G\n"
            "smtp_timeout = 5\n"
            "log_level = verbose\n"
            "data_directory = \"\"\n"
            "user = \"a\\nb\"\n"
            "recipient_delimiter = \"+-\"\n"
            "smtp {\n"
            "  bare_newline = ignore }\n",
            ":3: workers = \"65\": must be a number from 0 to 64\n"
            ":4: threads = \"many\": must be a number from 1 to 256\n"
            ":5: hop_limit = \"\": must be a number from 10 to 1000\n"
            ":6: message_size_limit = \"3G\": must be a size such as \"50M\" from 1K to 2G\n"
            ":7: smtp_timeout = \"5\": must be a time such as \"5m\" from 1s to 1d\n"
            ":8: log_level = \"verbose\": must be one of error, warning, info, debug\n"
            ":9: data_directory = \"\": must be a path\n"
            ":10: user = \"a?b\": must be a text without control characters\n"
            ":11: recipient_delimiter = \"+-\": must be a text of 0 to 1 characters\n"
            ":13: smtp.bare_newline = \"ignore\": must be one of refuse, repair\n");
}

static void numbers_and_units(void **state)
{
    struct place *place = *state;
    const char *const bad_sizes[] = {
        "1023",           "2049M", "1.5M", "5MB", "M", "-1M", "0x400", " 5M", "5 M", "99999999999999999999",
        "9999999999999G", "5s"};
    const char *const bad_times[] = {
        "999ms", "25h", "2d", "5", "m", "5M5", "-5m", "5w", "99999999999999999999s", "999999999999999999d"};
    for (size_t i = 0; i < ARRAY_LEN(bad_sizes); i++) {
        char text[100];
        snprintf(text, sizeof(text), "hostname = a\nmessage_size_limit = \"%s\"\n", bad_sizes[i]);
        assert_err(load(place, slice_from(text)), ERR_CONFIG);
        assert_non_null(strstr(buf_cstr(&place->why), ":2: message_size_limit = "));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_times); i++) {
        char text[100];
        snprintf(text, sizeof(text), "hostname = a\nsmtp_timeout = \"%s\"\n", bad_times[i]);
        assert_err(load(place, slice_from(text)), ERR_CONFIG);
        assert_non_null(strstr(buf_cstr(&place->why), ":2: smtp_timeout = "));
    }
    assert_int_equal(good(place, "hostname=a message_size_limit=1K")->message_size_limit, 1024);
    assert_int_equal(good(place, "hostname=a message_size_limit=2G")->message_size_limit, INT64_C(2) << 30);
    assert_int_equal(good(place, "hostname=a smtp_timeout=1000ms")->smtp_timeout, 1000);
    assert_int_equal(good(place, "hostname=a smtp_timeout=1d")->smtp_timeout, 86400000);
}

static void where_a_service_listens(void **state)
{
    struct place *place = *state;
    const char *const bad[] = {
        "0.0.0.0", "0.0.0.0:", "0.0.0.0:0", "0.0.0.0:65536", "localhost:25", ":25",         "1.2.3:25",
        "[::]",    "[::]:x",   "::1:25",    "[1.2.3.4]:25",  "[::1:25",      "1.2.3.4:25 ", ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[100], start[100];
        snprintf(text, sizeof(text), "hostname = a\npop3 {\n listen = { \"127.0.0.1:110\", \"%s\" }\n}\n",
                 bad[i]);
        snprintf(start, sizeof(start), ":3: pop3.listen = \"%s\": must be ", bad[i]);
        enum err err = load(place, slice_from(text));
        if (strcmp(bad[i], "0.0.0.0") == 0) { /* without a colon it is a path like any other */
            assert_ok(err);
            continue;
        }
        assert_err(err, ERR_CONFIG);
        assert_non_null(strstr(buf_cstr(&place->why), start));
    }
    char longest[300] = "hostname = a pop3 { listen = /";
    memset(longest + strlen(longest), 'x', 107);
    strcat(longest, " }");
    assert_err(load(place, slice_from(longest)), ERR_CONFIG);
    assert_non_null(strstr(buf_cstr(&place->why), "at most 107 bytes"));
    longest[sizeof("hostname = a pop3 { listen = /")] = '}'; /* "/x}" */
    longest[sizeof("hostname = a pop3 { listen = /") + 1] = '\0';
    good(place, longest);
}

static void mistakes_of_grammar(void **state)
{
    struct place *place = *state;
    refused(place, "hostname = a\n\nfoo = 1\n", ":3: unknown option 'foo'\n");
    refused(place, "hostname = a\nsmtp {\n  # x\n  foo = 1\n}\n", ":4: unknown option 'foo'\n");
    refused(place, "hostname = a\npop3 {\n  bare_newline = repair\n}\n",
            ":3: unknown option 'bare_newline'\n");
    refused(place, "hostname = a\nlisten = { a }\n", ":2: unknown option 'listen'\n");
    refused(place, "hostname = a\ngopher { listen = x }\n", ":2: unknown option 'gopher'\n");
    refused(place, "workers = 99\nfoo = 1\n",
            ":1: workers = \"99\": must be a number from 0 to 64\n"
            ":2: unknown option 'foo'\n");
    refused(place, "\nhostname \"x\"\n", ":2: missing equal sign after option 'hostname'\n");
    refused(place, "hostname = a\nhostname = b\n", ":2: hostname is set a second time, after line 1\n");
    refused(place, "hostname = a\nsmtp { }\nimap { }\nsmtp { }\n",
            ":4: there are two sections named smtp, one ends on line 2\n");
}

static void what_stays_open(void **state)
{
    struct place *place = *state;
    refused(place, "\nhostname = \"a\nworkers = 1\n", ":2: the text in quotes does not end on this line\n");
    refused(place, "hostname = 'a\n", ":1: the text in quotes does not end on this line\n");
    refused(place, "hostname = \"a\\", ":1: the text in quotes does not end on this line\n");
    refused(place, "hostname = a\nsmtp {\n listen = { \"1.2.3.4:25\"\n",
            ":2: the '{' on this line is not closed\n:3: the '{' on this line is not closed\n");
    refused(place, "hostname = a\n}\n", ":2: '}' without a '{' before it\n");
    refused(place, "hostname = a\n/* c\n", ":2: the comment that starts here does not end\n");
    refused(place, "/*/ hostname = a\n", ":1: the comment that starts here does not end\n");
    refused(place, "hostname = \"a\\101\"\n",
            ":1: octal escapes are not supported, write \\x and two digits\n");
    assert_err(load(place, S("hostname = a\n\0")), ERR_CONFIG);
    assert_non_null(strstr(buf_cstr(&place->why), "NUL"));
    good(place, "hostname = \"mail.example\\x2eorg\" /**/ workers = 1 /***/ threads = 2");
    assert_string_equal(place->conf->hostname, "mail.example.org");
    assert_int_equal(place->conf->threads, 2);
}

/* A reload after a bad file must read the good one as if nothing had been. */
static void a_good_file_after_bad_ones(void **state)
{
    struct place *place = *state;
    const char *const bad[] = {
        "hostname = \"a",     "hostname = \"\\999\"", "smtp {",          "hostname = a } x",
        "foo = { {",          "hostname = ${",        "hostname = \"\\", "hostname = a += b",
        "smtp { listen = { a"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        load(place, slice_from(bad[i])) == ERR_OK ? fail() : (void)0;
        good(place, "hostname = a\nworkers = 2\n");
        assert_int_equal(place->conf->workers, 2);
    }
}

static void files_that_cannot_be_read(void **state)
{
    struct place *place = *state;
    char path[300];
    snprintf(path, sizeof(path), "%s/none", place->folder);
    assert_err(conf_load(path, &place->conf, &place->why), ERR_NOT_FOUND);
    assert_non_null(strstr(buf_cstr(&place->why), "/none: cannot read the configuration: not found\n"));
    assert_err(conf_load(place->folder, &place->conf, &place->why), ERR_CONFIG);
    assert_null(place->conf);
}

/* All options written as text, loaded again, give the same text: the writer and the reader agree. */
static void values_can_be_written_back(void **state)
{
    struct place *place = *state;
    struct buf first, second;
    buf_init(&first, 100000);
    buf_init(&second, 100000);
    good(place,
         "hostname = mail.example.org\nworkers = 7\nlog_level = warning\nsmtp_timeout = 90s\n"
         "message_size_limit = 1025K\nheader_size_limit = 4097\nauth_cache_time = 0\nauth_memory_limit = 1G\n"
         "data_directory = \"/with \\\"quote\\\" \\\\ and \\${HOME} #1\"\npop3_expire = -1\nlog_target = l\n"
         "smtp { listen = { \"[::1]:25\", \"127.0.0.1:25\" } bare_newline = repair }\n");
    const struct {
        const char *name, *text;
    } expected[] = {
        {"hostname", "\"mail.example.org\""},
        {"workers", "7"},
        {"log_level", "\"warning\""},
        {"smtp_timeout", "\"90s\""},
        {"message_size_limit", "\"1025K\""},
        {"header_size_limit", "\"4097\""},
        {"auth_cache_time", "\"0\""},
        {"auth_memory_limit", "\"1G\""},
        {"data_directory", "\"/with \\\"quote\\\" \\\\ and \\${HOME} #1\""},
        {"pop3_expire", "-1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        for (size_t k = 0; k < conf_option_count; k++) {
            if (strcmp(conf_options[k].name, expected[i].name) == 0) {
                buf_clear(&first);
                conf_format_value(place->conf, &conf_options[k], &first);
                assert_string_equal(buf_cstr(&first), expected[i].text);
            }
        }
    }
    buf_clear(&first);
    for (int round = 0; round < 2; round++) {
        struct buf *out = round ? &second : &first;
        for (size_t i = 0; i < conf_option_count; i++) {
            const struct conf_option *option = &conf_options[i];
            bool opens = i == 0 || strcmp(option->section, conf_options[i - 1].section) != 0;
            if (opens && option->section[0]) {
                buf_printf(out, "%s%s {\n", conf_options[i - 1].section[0] ? "}\n" : "", option->section);
            }
            buf_printf(out, "%s = ", option->name);
            conf_format_value(place->conf, option, out);
            buf_append_char(out, '\n');
        }
        buf_append(out, S("}\n"));
        good(place, buf_cstr(out));
    }
    assert_non_null(
        strstr(buf_cstr(&first), "listen = { \"[::1]:25\", \"127.0.0.1:25\" }\nbare_newline = \"repair\""));
    assert_non_null(strstr(buf_cstr(&first), "listen = {}"));
    assert_string_equal(buf_cstr(&first), buf_cstr(&second));
    buf_free(&first);
    buf_free(&second);
}

/* The table itself: what the manual page is made of is there, and defaults pass the checks of their own row.
 */
static void the_table_is_complete(void **state)
{
    struct place *place = *state;
    good(place, "hostname = a");
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *option = &conf_options[i];
        assert_non_null(option->section);
        assert_non_null(option->default_text);
        assert_true(strlen(option->help) > 20);
        assert_int_equal(option->help[strlen(option->help) - 1], '.');
        assert_int_equal(option->type == CONF_CHOICE, option->choices != NULL);
        for (size_t k = 0; k < i; k++) {
            assert_true(conf_options[k].offset != option->offset);
        }
        if (option->default_text[0]) {
            char text[200];
            snprintf(text, sizeof(text), "hostname=a %s%s%s = \"%s\"%s", option->section,
                     option->section[0] ? " { " : "", option->name, option->default_text,
                     option->section[0] ? "}" : "");
            good(place, text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_hold_for_what_is_not_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_host_name_is_required_and_a_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_values_are_all_told_with_their_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_and_units, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_a_service_listens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_of_grammar, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_stays_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_good_file_after_bad_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_cannot_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_can_be_written_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_table_is_complete, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
