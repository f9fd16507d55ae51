/* SPDX-License-Identifier: ISC */
/* The log line: its form, quoting, escapes, masking, and that no value can end a line or begin another. */
#include "check.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fsio.h"
#include "base/log.h"

struct place {
    char *folder;
    char file[256];
    struct buf content;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    place->folder = check_temporary_directory();
    snprintf(place->file, sizeof(place->file), "%s/log", place->folder);
    buf_init(&place->content, 1 << 20);
    assert_ok(log_open("test", place->file, LOG_INFO));
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    assert_ok(log_open("test", "stderr", LOG_INFO));
    buf_free(&place->content);
    check_remove_directory(place->folder);
    free(place);
    return 0;
}

/* All that was logged so far. */
static const char *logged(struct place *place)
{
    buf_clear(&place->content);
    assert_ok(fs_read_file(place->file, &place->content));
    return buf_cstr(&place->content);
}

/* What stands behind "… info test.event " in the only line; the line ends where the file ends. */
static const char *fields(struct place *place)
{
    const char *text = strstr(logged(place), " info test.event ");
    assert_non_null(text);
    assert_ptr_equal(strchr(text, '\n'), place->content.data + place->content.len - 1);
    buf_truncate(&place->content, place->content.len - 1);
    return text + strlen(" info test.event ");
}

static void the_form_of_a_line(void **state)
{
    struct place *place = *state;
    int year, month, day, hour, minute, second, millisecond, pid, end = 0;
    log_info("message.accepted", log_cstr("id", "4f"), log_number("size", 4711), log_err(ERR_BUSY),
             log_number("delta", -5));
    const char *line = logged(place);
    assert_int_equal(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ test[%d]%n", &year, &month, &day, &hour,
                            &minute, &second, &millisecond, &pid, &end),
                     8);
    assert_int_equal(pid, getpid());
    assert_string_equal(
        line + end, " info message.accepted id=4f size=4711 error=\"in use by another session\" delta=-5\n");
}

static void an_event_without_fields(void **state)
{
    struct place *place = *state;
    log_info("server.started");
    assert_non_null(strstr(logged(place), " info server.started\n"));
}

static void only_what_needs_quotes_gets_them(void **state)
{
    struct place *place = *state;
    log_info("test.event", log_cstr("a", "<x@y.example>"), log_cstr("b", "two words"), log_cstr("c", ""),
             log_cstr("d", "say \"hi\\\""), log_cstr("e", "k=v"),
             log_cstr("f", "gr\xc3\xbc\xc3\x9f"
                           "e"),
             log_text("g", ((struct slice){NULL, 0})));
    assert_string_equal(fields(place),
                        "a=<x@y.example> b=\"two words\" c=\"\" d=\"say \\\"hi\\\\\\\"\" e=\"k=v\" "
                        "f=gr\xc3\xbc\xc3\x9f"
                        "e g=\"\"");
}

static void foreign_bytes_cannot_forge_a_line(void **state)
{
    struct place *place = *state;
    log_info("test.event", log_cstr("a", "x\r\n2026-11-21T10:00:00.123Z smtpd[1] info auth.ok user=root"),
             log_text("b", S("nul\0tab\tesc\x1b[2J")), log_cstr("c", "bad\xff\xc3"),
             log_cstr("d", "c1\xc2\x9b"
                           "2J ls\xe2\x80\xa8ps\xe2\x80\xa9"));
    assert_string_equal(fields(place),
                        "a=\"x\\r\\n2026-11-21T10:00:00.123Z smtpd[1] info auth.ok user=root\" "
                        "b=\"nul\\x00tab\\tesc\\x1b[2J\" c=\"bad\\xff\\xc3\" "
                        "d=\"c1\\xc2\\x9b2J ls\\xe2\\x80\\xa8ps\\xe2\\x80\\xa9\"");
}

static void secrets_are_masked_by_their_keys(void **state)
{
    struct place *place = *state;
    log_info("test.event", log_cstr("password", "hunter2"), log_cstr("secret", "hunter2"),
             log_cstr("response", "hunter2"), log_cstr("token", "hunter2"), log_number("credential", 2),
             log_cstr("app_password", "hunter2"), log_cstr("user", "hunter"));
    assert_string_equal(fields(place), "password=*** secret=*** response=*** token=*** credential=*** "
                                       "app_password=*** user=hunter");
}

static void long_lines_are_cut_between_characters(void **state)
{
    struct place *place = *state;
    char value[6001];
    for (size_t i = 0; i < 6000; i += 2) {
        memcpy(value + i, "\xc3\xbc", 2);
    }
    value[6000] = '\0';
    log_info("test.event", log_cstr("before", "b"), log_cstr("value", value), log_cstr("after", "a"));
    log_info("next.event");
    const char *text = logged(place);
    const char *end = strchr(text, '\n');
    assert_true(end - text < 4096 && end - text > 4000);
    assert_memory_equal(end - 3, "...", 3);
    assert_memory_equal(end - 5, "\xc3\xbc", 2);
    assert_null(strstr(text, "after"));
    assert_non_null(strstr(end, "next.event\n"));
}

static void levels_below_are_silent(void **state)
{
    struct place *place = *state;
    log_debug("quiet.event", log_number("n", 1));
    log_warning("loud.event", log_number("n", 1));
    assert_null(strstr(logged(place), "quiet"));
    assert_non_null(strstr(logged(place), " warning loud.event n=1\n"));
    assert_ok(log_open("test", place->file, LOG_DEBUG));
    log_debug("debug.event", log_number("n", 1));
    assert_non_null(strstr(logged(place), " debug debug.event n=1\n"));
    assert_ok(log_open("test", place->file, LOG_ERROR));
    log_warning("late.event", log_number("n", 1));
    log_error("last.event", log_number("n", 1));
    assert_null(strstr(logged(place), "late"));
    assert_non_null(strstr(logged(place), " error last.event n=1\n"));
}

static void rotation_opens_a_new_file(void **state)
{
    struct place *place = *state;
    char rotated[300];
    struct stat info;
    snprintf(rotated, sizeof(rotated), "%s.1", place->file);
    log_info("first.event");
    assert_int_equal(rename(place->file, rotated), 0);
    log_info("second.event"); /* still into the renamed file */
    assert_int_equal(stat(place->file, &info), -1);
    log_reopen();
    log_info("third.event");
    assert_non_null(strstr(logged(place), "third.event"));
    assert_null(strstr(logged(place), "second.event"));
}

static void a_bad_target_changes_nothing(void **state)
{
    struct place *place = *state;
    char bad[300];
    snprintf(bad, sizeof(bad), "%s/none/log", place->folder);
    assert_err(log_open("test", bad, LOG_INFO), ERR_NOT_FOUND);
    log_info("test.event", log_number("n", 1));
    assert_string_equal(fields(place), "n=1");
}

static void errno_survives(void **state)
{
    (void)state;
    errno = ENOTTY;
    log_info("test.event", log_number("n", 1));
    assert_int_equal(errno, ENOTTY);
}

/* Lines of several processes that append at the same time stay whole. */
static void concurrent_lines_stay_whole(void **state)
{
    struct place *place = *state;
    enum { WRITERS = 4, LINES = 200 };
    for (int writer = 0; writer < WRITERS; writer++) {
        pid_t child = fork();
        if (child == 0) {
            for (int i = 0; i < LINES; i++) {
                log_info("test.event", log_number("writer", writer), log_cstr("end", "END"));
            }
            _exit(0);
        }
        assert_true(child > 0);
    }
    for (int writer = 0; writer < WRITERS; writer++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    logged(place);
    struct slice rest = buf_slice(&place->content);
    int lines = 0;
    while (rest.len) {
        struct slice line = slice_split(&rest, '\n');
        assert_true(slice_starts_with(line, S("20")));
        assert_true(slice_ends_with_nocase(line, S(" end=END")));
        lines++;
    }
    assert_int_equal(lines, WRITERS * LINES);
}

/* On stderr, with the journal behind it, each line starts with its priority. */
static void the_journal_gets_priorities(void **state)
{
    struct place *place = *state;
    pid_t child = fork();
    if (child == 0) {
        setenv("JOURNAL_STREAM", "1:2", 1);
        if (!freopen(place->file, "w", stderr) || log_open("test", "stderr", LOG_DEBUG) != ERR_OK) {
            _exit(1);
        }
        log_error("e");
        log_warning("w");
        log_info("i");
        log_debug("d");
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    logged(place);
    struct slice rest = buf_slice(&place->content);
    const char *const expected[] = {"<3>20", "<4>20", "<6>20", "<7>20"};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(slice_starts_with(slice_split(&rest, '\n'), slice_from(expected[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_form_of_a_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_event_without_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_what_needs_quotes_gets_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_bytes_cannot_forge_a_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(secrets_are_masked_by_their_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_lines_are_cut_between_characters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(levels_below_are_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rotation_opens_a_new_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_target_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errno_survives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(concurrent_lines_stay_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_journal_gets_priorities, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
