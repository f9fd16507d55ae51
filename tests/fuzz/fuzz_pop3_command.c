/* SPDX-License-Identifier: ISC */
/*
 * POP3 command lines: the first line of the input goes through the table in each state, and its arguments
 * through the parser of the command that was found. The rest of the input is a message that TOP cuts: whole
 * and byte by byte, and compared with the rule of RFC 1939 section 7 written down in another way.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/encode.h"
#include "commands.h"
#include "top.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* --- the line --- */

static void parse_number(struct slice arguments)
{
    uint64_t number = 0;
    if (message_argument_parse(arguments, &number))
        return;
    struct slice digits = slice_trim(arguments);
    must(digits.len > 0);
    for (size_t i = 0; i < digits.len; i++)
        must(char_is_digit(digits.data[i]));
    uint64_t again;
    must(slice_to_u64(digits, UINT64_MAX, &again) ? again == number : number == UINT64_MAX);
}

static void parse_auth(struct slice arguments)
{
    struct auth_arguments auth;
    if (auth_arguments_parse(arguments, &auth))
        return;
    must(!slice_has(auth.mechanism, ' ') && !slice_has(auth.initial, ' '));
    must(auth.mechanism.len + auth.initial.len <= arguments.len);
    must(auth.has_initial || auth.initial.len == 0);
    must(auth.mechanism.len > 0 || !auth.has_initial);
    struct buf decoded;
    buf_init(&decoded, 20000);
    must(base64_decode(&decoded, auth.initial) || decoded.len <= auth.initial.len);
    buf_free(&decoded);
}

static void parse_arguments(struct slice arguments)
{
    struct top_arguments top;
    parse_number(arguments);
    parse_auth(arguments);
    if (!top_arguments_parse(arguments, &top))
        must(message_argument_parse(arguments, &top.number) == ERR_SYNTAX);
    const struct pop3_language *language = pop3_language_find(arguments);
    must(!language || language->tag.len > 0);
}

static void parse_line(struct slice line)
{
    static const enum pop3_state states[] = {POP3_AUTHORIZATION, POP3_TRANSACTION, POP3_UPDATE};
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct slice arguments = {0};
        enum pop3_text refusal = POP3_TEXT_COUNT;
        const struct pop3_command *command = pop3_command_parse(line, states[i], &arguments, &refusal);
        if (!command) {
            must(refusal == TEXT_UNKNOWN || refusal == TEXT_NOT_NOW || refusal == TEXT_ARGUMENTS);
            continue;
        }
        must(states[i] != POP3_UPDATE && (command->states & states[i]) && command->run);
        must(slice_starts_with_nocase(line, command->verb));
        must(arguments.len == 0 || arguments.len + command->verb.len + 1 == line.len);
        must(command->arguments != ARGUMENTS_REQUIRED || arguments.len > 0);
        must(command->arguments != NO_ARGUMENTS || slice_trim(arguments).len == 0);
        parse_arguments(arguments);
    }
}

/* --- the message --- */

/* Where TOP ends: behind the empty line and so many more. */
static size_t expected_end(struct slice message, uint64_t lines)
{
    size_t end = 0;
    bool in_body = false;
    while (end < message.len && !(in_body && lines == 0)) {
        struct slice rest = slice_skip(message, end);
        size_t length = slice_find(rest, '\n');
        struct slice line = slice_take(rest, length);
        end += MIN_OF(length + 1, rest.len);
        if (length == rest.len)
            break;
        if (in_body)
            lines--;
        else
            in_body = line.len == 0 || slice_eq(line, S("\r"));
    }
    return end;
}

static size_t taken(struct slice message, uint64_t lines, size_t step, bool *done_r)
{
    struct top top = {.lines_left = lines};
    size_t total = 0;
    *done_r = false;
    for (struct slice rest = message; rest.len > 0 && !*done_r; rest = slice_skip(rest, step)) {
        struct slice piece = slice_take(rest, step);
        struct slice part = top_take(&top, piece, done_r);
        must(part.data == piece.data && part.len <= piece.len && (*done_r || part.len == piece.len));
        total += part.len;
    }
    return total;
}

static void cut_message(struct slice message)
{
    static const uint64_t lines[] = {0, 1, 2, 7, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        size_t expected = expected_end(message, lines[i]);
        bool done, done_in_pieces;
        must(taken(message, lines[i], message.len, &done) == expected);
        must(taken(message, lines[i], 1, &done_in_pieces) == expected);
        must(done == done_in_pieces && (done || expected == message.len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of(data, size);
    struct slice line = slice_split(&rest, '\n');
    parse_line(slice_take(line, slice_find(line, '\r')));
    cut_message(rest);
    return 0;
}
