/* SPDX-License-Identifier: ISC */
/* Command lines: every verb in every state with and without arguments, and what the arguments mean. */
#include "check.h"

#include "commands.h"
#include "session.h"

enum { A = POP3_AUTHORIZATION, T = POP3_TRANSACTION };

static const struct {
    const char *verb;
    pop3_handler *run;
    unsigned states;
    enum pop3_arguments arguments;
} expected[] = {
    {"USER", pop3_user, A, ARGUMENTS_REQUIRED}, {"PASS", pop3_pass, A, ARGUMENTS_REQUIRED},
    {"APOP", pop3_apop, A, ARGUMENTS_OPTIONAL}, {"AUTH", pop3_auth, A, ARGUMENTS_OPTIONAL},
    {"CAPA", pop3_capa, A | T, NO_ARGUMENTS},   {"STLS", pop3_stls, A, NO_ARGUMENTS},
    {"UTF8", pop3_utf8, A, NO_ARGUMENTS},       {"LANG", pop3_lang, A | T, ARGUMENTS_OPTIONAL},
    {"STAT", pop3_stat, T, NO_ARGUMENTS},       {"LIST", pop3_list, T, ARGUMENTS_OPTIONAL},
    {"UIDL", pop3_uidl, T, ARGUMENTS_OPTIONAL}, {"RETR", pop3_retr, T, ARGUMENTS_REQUIRED},
    {"TOP", pop3_top, T, ARGUMENTS_REQUIRED},   {"DELE", pop3_dele, T, ARGUMENTS_REQUIRED},
    {"RSET", pop3_rset, T, NO_ARGUMENTS},       {"NOOP", pop3_noop, A | T, NO_ARGUMENTS},
    {"QUIT", pop3_quit, A | T, NO_ARGUMENTS},
};

static const struct pop3_command *parse(const char *line, enum pop3_state state, struct slice *arguments_r,
                                        enum pop3_text *refusal_r)
{
    *refusal_r = POP3_TEXT_COUNT;
    return pop3_command_parse(slice_from(line), state, arguments_r, refusal_r);
}

static void expect_refusal(const char *line, enum pop3_state state, enum pop3_text refusal)
{
    struct slice arguments;
    enum pop3_text text;
    if (parse(line, state, &arguments, &text) || text != refusal)
        fail_msg("'%s' in state %d: %d, not %d", line, (int)state, (int)text, (int)refusal);
}

static void expect_command(const char *line, enum pop3_state state, pop3_handler *run, const char *arguments)
{
    struct slice found;
    enum pop3_text text;
    const struct pop3_command *command = parse(line, state, &found, &text);
    if (!command || command->run != run)
        fail_msg("'%s' in state %d is refused with %d", line, (int)state, (int)text);
    assert_text(found, arguments);
}

/* Each row in each state: bare, with a space behind it, with an argument. */
static void the_table(void **state)
{
    static const enum pop3_state states[] = {POP3_AUTHORIZATION, POP3_TRANSACTION, POP3_UPDATE};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        for (size_t s = 0; s < ARRAY_LEN(states); s++) {
            char line[32];
            bool known = expected[i].states & states[s];
            enum pop3_arguments rule = expected[i].arguments;

            if (!known)
                expect_refusal(expected[i].verb, states[s], TEXT_NOT_NOW);
            else if (rule == ARGUMENTS_REQUIRED)
                expect_refusal(expected[i].verb, states[s], TEXT_ARGUMENTS);
            else
                expect_command(expected[i].verb, states[s], expected[i].run, "");

            snprintf(line, sizeof(line), "%s ", expected[i].verb);
            if (!known)
                expect_refusal(line, states[s], TEXT_NOT_NOW);
            else if (rule == ARGUMENTS_REQUIRED)
                expect_refusal(line, states[s], TEXT_ARGUMENTS);
            else
                expect_command(line, states[s], expected[i].run, "");

            snprintf(line, sizeof(line), "%s 1 2", expected[i].verb);
            if (!known)
                expect_refusal(line, states[s], TEXT_NOT_NOW);
            else if (rule == NO_ARGUMENTS)
                expect_refusal(line, states[s], TEXT_ARGUMENTS);
            else
                expect_command(line, states[s], expected[i].run, "1 2");
        }
    }
}

static void how_lines_are_split(void **state)
{
    (void)state;
    expect_command("stat", POP3_TRANSACTION, pop3_stat, ""); /* RFC 1939 section 3: "case-insensitive" */
    expect_command("rEtR 7", POP3_TRANSACTION, pop3_retr, "7");
    expect_command("STAT   ", POP3_TRANSACTION, pop3_stat, "  ");
    expect_command("NOOP \t ", POP3_AUTHORIZATION, pop3_noop, "\t ");
    expect_command("PASS  two  spaces ", POP3_AUTHORIZATION, pop3_pass, " two  spaces ");
    expect_command("PASS  ", POP3_AUTHORIZATION, pop3_pass, " "); /* a password of one space */
    for (const char *const *line = (const char *const[]){"", " ", " STAT", "STATS", "STA", "TOPP 1 1", "LAST",
                                                         "XTND", "RETR1", "RETR\t1", "GET / HTTP/1.1", NULL};
         *line; line++)
        expect_refusal(*line, POP3_TRANSACTION, TEXT_UNKNOWN);
    struct slice arguments;
    enum pop3_text text;
    assert_null(pop3_command_parse(S("STAT\0"), POP3_TRANSACTION, &arguments, &text));
    assert_int_equal(text, TEXT_UNKNOWN);
    assert_null(pop3_command_parse(SLICE_EMPTY, POP3_TRANSACTION, &arguments, &text));
}

static void expect_number(const char *arguments, uint64_t number)
{
    uint64_t found = 99;
    assert_ok(message_argument_parse(slice_from(arguments), &found));
    assert_true(found == number);
}

static void numbers_of_messages(void **state)
{
    uint64_t number;
    (void)state;
    expect_number("1", 1);
    expect_number(" 12 ", 12);
    expect_number("007", 7);
    expect_number("0", 0);
    expect_number("18446744073709551615", UINT64_MAX);
    expect_number("18446744073709551616", UINT64_MAX);
    expect_number("99999999999999999999999999999999999999999", UINT64_MAX);
    for (const char *const *wrong =
             (const char *const[]){"", " ", "-1", "+1", "1.", "1 2", "one", "0x1", "1\t2", "１", NULL};
         *wrong; wrong++)
        assert_err(message_argument_parse(slice_from(*wrong), &number), ERR_SYNTAX);
    assert_err(message_argument_parse(S("1\0"), &number), ERR_SYNTAX);
}

static void arguments_of_top(void **state)
{
    struct top_arguments top;
    (void)state;
    assert_ok(top_arguments_parse(S("3 10"), &top));
    assert_true(top.number == 3 && top.lines == 10);
    assert_ok(top_arguments_parse(S(" 3 \t 0 "), &top));
    assert_true(top.number == 3 && top.lines == 0);
    assert_ok(top_arguments_parse(S("1 99999999999999999999"), &top));
    assert_true(top.lines == UINT64_MAX);
    for (const char *const *wrong =
             (const char *const[]){"", "1", "1 ", "1 x", "1 -1", "x 1", "1 2 3", "1,2", NULL};
         *wrong; wrong++)
        assert_err(top_arguments_parse(slice_from(*wrong), &top), ERR_SYNTAX);
}

static void expect_auth(const char *arguments, const char *mechanism, bool has_initial, const char *initial)
{
    struct auth_arguments auth;
    assert_ok(auth_arguments_parse(slice_from(arguments), &auth));
    assert_text(auth.mechanism, mechanism);
    assert_int_equal(auth.has_initial, has_initial);
    assert_text(auth.initial, initial);
}

static void arguments_of_auth(void **state)
{
    struct auth_arguments auth;
    (void)state;
    expect_auth("", "", false, "");
    expect_auth("  ", "", false, "");
    expect_auth("PLAIN", "PLAIN", false, "");
    expect_auth("PLAIN ", "PLAIN", false, "");
    expect_auth("PLAIN AGE=", "PLAIN", true, "AGE=");
    expect_auth(" plain   AGE= ", "plain", true, "AGE=");
    expect_auth("PLAIN =", "PLAIN", true, "");
    expect_auth("PLAIN ==", "PLAIN", true, "==");
    assert_err(auth_arguments_parse(S("PLAIN AGE= AGE="), &auth), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),           cmocka_unit_test(how_lines_are_split),
        cmocka_unit_test(numbers_of_messages), cmocka_unit_test(arguments_of_top),
        cmocka_unit_test(arguments_of_auth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
