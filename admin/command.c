/* SPDX-License-Identifier: ISC */
/*
 * Takes a command line apart after the table, and writes the help texts from it. Long options are matched
 * whole: an abbreviation that works today would be another option's name tomorrow.
 */
#include "command.h"

#include <string.h>

#include "base/mem.h"

#define HELP_COLUMN 34

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static size_t option_count(const struct command *command)
{
    size_t count = 0;
    while (count < COMMAND_OPTION_LIMIT && command->options[count].name) {
        count++;
    }
    return count;
}

static void command_title(const struct command *command, struct buf *out)
{
    buf_printf(out, "%s%s%s", command->family, command->name ? " " : "", command->name ? command->name : "");
}

void command_usage(const struct command *command, struct buf *out)
{
    buf_append(out, S("postern "));
    command_title(command, out);
    if (command->arguments[0]) {
        buf_printf(out, " %s", command->arguments);
    }
    for (size_t i = 0; i < option_count(command); i++) {
        const struct command_option *option = &command->options[i];
        buf_printf(out, " [--%s%s%s]", option->name, option->value ? " " : "",
                   option->value ? option->value : "");
    }
}

/* A line of two columns; a long left text gets a line of its own. */
static void help_row(struct buf *out, const char *left, const char *right)
{
    int width = HELP_COLUMN - 2;
    if (strlen(left) > (size_t)width - 1) {
        buf_printf(out, "  %s\n", left);
        left = "";
    }
    buf_printf(out, "  %-*s%s\n", width, left, right);
}

static void help_command(const struct command *command, struct buf *out)
{
    buf_append(out, S("usage: "));
    command_usage(command, out);
    buf_printf(out, "\n\n%s\n", command->help);
    if (command->details) {
        buf_printf(out, "\n%s\n", command->details);
    }
    for (size_t i = 0; i < option_count(command); i++) {
        const struct command_option *option = &command->options[i];
        struct buf left;
        buf_init(&left, 256);
        buf_printf(&left, "--%s %s", option->name, option->value ? option->value : "");
        buf_append(out, i == 0 ? S("\n") : SLICE_EMPTY);
        help_row(out, buf_cstr(&left), option->help);
        buf_free(&left);
    }
}

static void help_list_row(const struct command *command, struct buf *out)
{
    struct buf left;
    buf_init(&left, 256);
    command_title(command, &left);
    if (command->arguments[0]) {
        buf_printf(&left, " %s", command->arguments);
    }
    help_row(out, buf_cstr(&left), command->help);
    buf_free(&left);
}

/* All commands, or those of one family. */
static void help_list(const struct command *table, size_t count, const char *family, struct buf *out)
{
    buf_append(out, S("usage: postern [-c CONF] COMMAND [ARGUMENT...] [--OPTION...]\n\n"));
    for (size_t i = 0; i < count; i++) {
        if (!family || same(family, table[i].family)) {
            help_list_row(&table[i], out);
        }
    }
    if (!family) {
        buf_append(out, S("\n"));
        help_row(out, "-c, --config CONF", "the configuration file; without it $POSTERN_CONFIG counts,");
        help_row(out, "", "then /etc/postern/postern.conf");
        help_row(out, "--version", "print the version");
    }
    buf_append(
        out,
        S("\nA command's options: postern help COMMAND. Exit codes: 0 done, 1 refused, 2 wrong usage.\n"));
}

/* Index of the command's row, `count` when there is none. *words_r: how many words named it. */
static size_t find_command(const struct command *table, size_t count, const char *const *words,
                           size_t word_count, size_t *words_r)
{
    for (size_t i = 0; i < count && word_count > 0; i++) {
        if (!same(table[i].family, words[0])) {
            continue;
        }
        if (!table[i].name || (word_count > 1 && same(table[i].name, words[1]))) {
            *words_r = table[i].name ? 2 : 1;
            return i;
        }
    }
    return count;
}

static bool is_family(const struct command *table, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (same(table[i].family, word)) {
            return true;
        }
    }
    return false;
}

/* `words` name a command, a family, or nothing that exists. */
static enum command_outcome help_about(const struct command *table, size_t count, const char *const *words,
                                       size_t word_count, struct buf *out)
{
    size_t used = 0;
    size_t index = find_command(table, count, words, word_count, &used);
    if (index < count) {
        help_command(&table[index], out);
        return COMMAND_HELP;
    }
    if (word_count > 0 && !is_family(table, count, words[0])) {
        buf_printf(out, "unknown command '%s'; 'postern --help' lists all", words[0]);
        return COMMAND_MISUSE;
    }
    help_list(table, count, word_count > 0 ? words[0] : NULL, out);
    return COMMAND_HELP;
}

/* The words and options of argv, sorted apart; values still unchecked. */
struct parser {
    const char *const *argv;
    size_t argc, next;
    const char **words;
    size_t word_count;
    const struct command *command; /* once the words name one */
    struct invocation *call;
    bool help, version, plain; /* plain: "--" was seen */
};

/* The value of `-c`/`--config`/`--name`: behind "=", or the next word. */
static const char *take_value(struct parser *parser, const char *attached)
{
    if (attached) {
        return attached;
    }
    return parser->next < parser->argc ? parser->argv[parser->next++] : NULL;
}

static bool take_command_option(struct parser *parser, struct slice name, const char *attached,
                                struct buf *out)
{
    const struct command *command = parser->command;
    for (size_t i = 0; command && i < option_count(command); i++) {
        const struct command_option *option = &command->options[i];
        if (!slice_eq(name, slice_from(option->name))) {
            continue;
        }
        if (parser->call->values[i]) {
            buf_printf(out, "--%s is given twice", option->name);
            return false;
        }
        if (!option->value && attached) {
            buf_printf(out, "--%s takes no value", option->name);
            return false;
        }
        parser->call->values[i] = option->value ? take_value(parser, attached) : "";
        if (!parser->call->values[i]) {
            buf_printf(out, "--%s needs a value: %s", option->name, option->value);
            return false;
        }
        return true;
    }
    buf_printf(out, "unknown option '--%.*s'", SLICE_ARG(name));
    return false;
}

static bool take_config(struct parser *parser, const char *attached, struct buf *out)
{
    parser->call->config = take_value(parser, attached);
    if (!parser->call->config) {
        buf_append(out, S("-c needs a value: the configuration file"));
    }
    return parser->call->config != NULL;
}

static bool take_option(struct parser *parser, const char *text, struct buf *out)
{
    struct slice name = slice_from(text);
    if (same(text, "-h") || same(text, "--help")) {
        parser->help = true;
        return true;
    }
    if (same(text, "-V") || same(text, "--version")) {
        parser->version = true;
        return true;
    }
    if (text[1] == 'c') {
        return take_config(parser, text[2] ? text + 2 : NULL, out);
    }
    if (!slice_starts_with(name, S("--"))) {
        buf_printf(out, "unknown option '%s'", text);
        return false;
    }
    name = slice_skip(name, 2);
    size_t equals = slice_find(name, '=');
    const char *attached = equals < name.len ? name.data + equals + 1 : NULL;
    name = slice_take(name, equals);
    return slice_eq(name, S("config")) ? take_config(parser, attached, out)
                                       : take_command_option(parser, name, attached, out);
}

static bool take_words(struct parser *parser, const struct command *table, size_t count, struct buf *out)
{
    while (parser->next < parser->argc) {
        const char *text = parser->argv[parser->next++];
        if (!parser->plain && same(text, "--")) {
            parser->plain = true;
        } else if (!parser->plain && text[0] == '-' && text[1]) {
            if (!take_option(parser, text, out)) {
                return false;
            }
        } else {
            size_t used = 0;
            parser->words[parser->word_count++] = text;
            size_t index = parser->command
                               ? count
                               : find_command(table, count, parser->words, parser->word_count, &used);
            parser->command = index < count ? &table[index] : parser->command;
        }
    }
    return true;
}

static bool check_argument_count(const struct invocation *call, struct buf *out)
{
    const struct command *command = call->command;
    if (call->argument_count >= command->argument_min && call->argument_count <= command->argument_max) {
        return true;
    }
    buf_append(out, call->argument_count < command->argument_min ? S("something is missing; usage: ")
                                                                 : S("too many arguments; usage: "));
    command_usage(command, out);
    return false;
}

static enum command_outcome misuse_of_words(const struct command *table, size_t count,
                                            const struct parser *parser, struct buf *out)
{
    if (parser->word_count == 0) {
        buf_append(out, S("which command? 'postern --help' lists all"));
    } else if (!is_family(table, count, parser->words[0])) {
        buf_printf(out, "unknown command '%s'; 'postern --help' lists all", parser->words[0]);
    } else {
        buf_printf(out, "'%s' needs one of its commands; 'postern help %s' lists them", parser->words[0],
                   parser->words[0]);
    }
    return COMMAND_MISUSE;
}

enum command_outcome command_parse(const struct command *table, size_t count, size_t argc,
                                   const char *const *argv, struct invocation *call, struct buf *out)
{
    *call = (struct invocation){.arguments = mem_alloc((argc + 1) * sizeof(char *))};
    struct parser parser = {.argv = argv, .argc = argc, .words = call->arguments, .call = call};
    bool sound = take_words(&parser, table, count, out);
    if (parser.version) {
        return COMMAND_VERSION;
    }
    if (parser.help || (parser.word_count > 0 && same(parser.words[0], "help"))) {
        size_t skip = parser.word_count > 0 && same(parser.words[0], "help");
        buf_clear(out);
        return help_about(table, count, parser.words + skip, parser.word_count - skip, out);
    }
    if (!parser.command && (sound || parser.word_count > 0)) {
        buf_clear(out);
        return misuse_of_words(table, count, &parser, out);
    }
    if (!sound) {
        return COMMAND_MISUSE;
    }
    size_t named = parser.command->name ? 2 : 1;
    call->command = parser.command;
    call->argument_count = parser.word_count - named;
    memmove(call->arguments, call->arguments + named, call->argument_count * sizeof(char *));
    return check_argument_count(call, out) ? COMMAND_RUN : COMMAND_MISUSE;
}

void invocation_free(struct invocation *call)
{
    mem_free(call->arguments);
    call->arguments = NULL;
}

const char *option_value(const struct invocation *call, const char *name)
{
    for (size_t i = 0; i < option_count(call->command); i++) {
        if (same(call->command->options[i].name, name)) {
            return call->values[i];
        }
    }
    return NULL;
}

bool option_given(const struct invocation *call, const char *name)
{
    return option_value(call, name) != NULL;
}
