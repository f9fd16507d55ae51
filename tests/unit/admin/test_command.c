/* SPDX-License-Identifier: ISC */
/* The command line, taken apart after a small table and after the real one. */
#include "check.h"

#include "command.h"

static int run_nothing(const struct invocation *call)
{
    (void)call;
    return EXIT_DONE;
}

static const struct command table[] = {
    {"serve", NULL, "", 0, 0, "run it", NULL, {{NULL}}, run_nothing},
    {"user",
     "add",
     "ADDRESS",
     1,
     1,
     "add a user",
     "More.",
     {{"name", "TEXT", "name"}, {"json", NULL, "json"}},
     run_nothing},
    {"alias", "add", "ADDRESS TARGET...", 2, 1000, "add an alias", NULL, {{NULL}}, run_nothing},
};

struct parsed {
    struct invocation call;
    struct buf out;
    enum command_outcome outcome;
};

/* Words up to NULL. */
static struct parsed parse(const char *const *words)
{
    struct parsed parsed;
    size_t count = 0;
    while (words[count]) {
        count++;
    }
    buf_init(&parsed.out, 64 * 1024);
    parsed.outcome = command_parse(table, ARRAY_LEN(table), count, words, &parsed.call, &parsed.out);
    return parsed;
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void release(struct parsed *parsed)
{
    invocation_free(&parsed->call);
    buf_free(&parsed->out);
}

static void expect_misuse(struct parsed parsed, const char *reason)
{
    assert_int_equal(parsed.outcome, COMMAND_MISUSE);
    assert_non_null(strstr(buf_cstr(&parsed.out), reason));
    release(&parsed);
}

static void finds_command_of_one_and_of_two_words(void **state)
{
    (void)state;
    struct parsed parsed = PARSE("serve");
    assert_int_equal(parsed.outcome, COMMAND_RUN);
    assert_ptr_equal(parsed.call.command, &table[0]);
    assert_int_equal(parsed.call.argument_count, 0);
    release(&parsed);
    parsed = PARSE("alias", "add", "a@b", "c@d", "e@f");
    assert_int_equal(parsed.outcome, COMMAND_RUN);
    assert_ptr_equal(parsed.call.command, &table[2]);
    assert_int_equal(parsed.call.argument_count, 3);
    assert_string_equal(parsed.call.arguments[0], "a@b");
    assert_string_equal(parsed.call.arguments[2], "e@f");
    release(&parsed);
}

static void takes_options_in_every_place(void **state)
{
    (void)state;
    struct parsed parsed = PARSE("-c", "x.conf", "user", "add", "--name", "Alice A", "a@b", "--json");
    assert_int_equal(parsed.outcome, COMMAND_RUN);
    assert_string_equal(parsed.call.config, "x.conf");
    assert_string_equal(option_value(&parsed.call, "name"), "Alice A");
    assert_true(option_given(&parsed.call, "json"));
    assert_int_equal(parsed.call.argument_count, 1);
    release(&parsed);
    parsed = PARSE("user", "add", "a@b", "--name=", "--config=y.conf");
    assert_int_equal(parsed.outcome, COMMAND_RUN);
    assert_string_equal(parsed.call.config, "y.conf");
    assert_string_equal(option_value(&parsed.call, "name"), "");
    assert_false(option_given(&parsed.call, "json"));
    release(&parsed);
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    struct parsed parsed = PARSE("user", "add", "--", "--json");
    assert_int_equal(parsed.outcome, COMMAND_RUN);
    assert_string_equal(parsed.call.arguments[0], "--json");
    assert_false(option_given(&parsed.call, "json"));
    release(&parsed);
}

static void refuses_wrong_usage_with_its_reason(void **state)
{
    (void)state;
    struct parsed nothing;
    const char *const no_words[] = {NULL};
    nothing = parse(no_words);
    expect_misuse(nothing, "which command");
    expect_misuse(PARSE("nonsense"), "unknown command 'nonsense'");
    expect_misuse(PARSE("nonsense", "--help"), "unknown command 'nonsense'");
    expect_misuse(PARSE("user"), "'user' needs one of its commands");
    expect_misuse(PARSE("user", "frobnicate"), "'user' needs one of its commands");
    expect_misuse(PARSE("user", "add"), "something is missing");
    expect_misuse(PARSE("user", "add", "a", "b"), "too many arguments");
    expect_misuse(PARSE("user", "add", "a", "--jso"), "unknown option '--jso'");
    expect_misuse(PARSE("user", "add", "a", "-x"), "unknown option '-x'");
    expect_misuse(PARSE("user", "add", "a", "--name"), "--name needs a value");
    expect_misuse(PARSE("user", "add", "a", "--json=1"), "--json takes no value");
    expect_misuse(PARSE("user", "add", "a", "--json", "--json"), "given twice");
    expect_misuse(PARSE("serve", "-c"), "-c needs a value");
}

static void helps_about_all_about_a_family_and_about_a_command(void **state)
{
    (void)state;
    struct parsed parsed = PARSE("--help");
    assert_int_equal(parsed.outcome, COMMAND_HELP);
    assert_non_null(strstr(buf_cstr(&parsed.out), "user add ADDRESS"));
    assert_non_null(strstr(buf_cstr(&parsed.out), "serve"));
    release(&parsed);
    parsed = PARSE("help", "user");
    assert_int_equal(parsed.outcome, COMMAND_HELP);
    assert_non_null(strstr(buf_cstr(&parsed.out), "user add ADDRESS"));
    assert_null(strstr(buf_cstr(&parsed.out), "serve"));
    release(&parsed);
    parsed = PARSE("user", "add", "--help");
    assert_int_equal(parsed.outcome, COMMAND_HELP);
    assert_non_null(strstr(buf_cstr(&parsed.out), "usage: postern user add ADDRESS [--name TEXT] [--json]"));
    release(&parsed);
    parsed = PARSE("--version");
    assert_int_equal(parsed.outcome, COMMAND_VERSION);
    release(&parsed);
}

/* A family's commands stand together, every row can be found by its own words, and none hides another. */
static void real_table_is_sound(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 64 * 1024);
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        const char *words[] = {command->family, command->name, "--help"};
        const char *const one_word[] = {command->family, "--help"};
        struct invocation call;
        assert_non_null(command->run);
        assert_non_null(command->help);
        assert_true(command->argument_min <= command->argument_max);
        buf_clear(&out);
        assert_int_equal(command->name ? command_parse(commands, command_count, 3, words, &call, &out)
                                       : command_parse(commands, command_count, 2, one_word, &call, &out),
                         COMMAND_HELP);
        assert_non_null(strstr(buf_cstr(&out), command->help));
        invocation_free(&call);
    }
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_command_of_one_and_of_two_words),
        cmocka_unit_test(takes_options_in_every_place),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(refuses_wrong_usage_with_its_reason),
        cmocka_unit_test(helps_about_all_about_a_family_and_about_a_command),
        cmocka_unit_test(real_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
