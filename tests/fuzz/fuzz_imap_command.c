/* SPDX-License-Identifier: ISC */
/*
 * IMAP commands: tag, name, then whatever elements the first byte asks for. Whatever comes, the parser stays
 * within the text, what it failed at can be told, and a tag is fit to be sent back.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "command.h"
#include "sequence.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_tag(struct slice tag)
{
    for (size_t i = 0; i < tag.len; i++)
        must((unsigned char)tag.data[i] < 0x80 && !char_is_ctl(tag.data[i]) &&
             !slice_has(S("(){ %*\"\\+"), tag.data[i]));
}

static void check_name(bool good, struct slice name)
{
    must(!good || utf8_is_valid(name));
}

static bool parse_element(struct parser *parser, unsigned kind)
{
    struct slice text = SLICE_EMPTY;
    struct sequence_set sequence;
    struct uid_set uids;
    struct literal literal;
    int64_t time;
    uint32_t number;
    uint64_t number64;
    bool good;
    switch (kind % 12) {
    case 0:
        return parse_astring(parser, &text);
    case 1:
        good = parse_mailbox(parser, &text);
        check_name(good, text);
        return good;
    case 2:
        good = parse_list_pattern(parser, &text);
        check_name(good, text);
        return good;
    case 3:
        return parse_sequence_set(parser, &sequence);
    case 4:
        good = parse_uid_set(parser, &uids);
        for (size_t i = 0; good && i < uids.count; i++)
            must(uids.ranges[i].first > 0 && uids.ranges[i].first <= uids.ranges[i].last &&
                 (i == 0 || uids.ranges[i - 1].last < uids.ranges[i].first - 1));
        return good;
    case 5:
        return parse_date(parser, &time);
    case 6:
        return parse_date_time(parser, &time);
    case 7:
        return parse_flag(parser, &text);
    case 8:
        return parse_nstring(parser, &text);
    case 9:
        return parse_number(parser, &number) || parse_number64(parser, &number64);
    case 10:
        return parse_pending_literal(parser, &literal);
    default:
        return parse_char(parser, '(') || parse_char(parser, ')') || parse_word(parser, S("NIL"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct slice text = slice_of(data, size), tag, name;
    struct parser parser = parser_of(&arena, text);
    bool by_uid, good = imap_parse_command(&parser, &tag, &by_uid, &name);
    check_tag(tag);
    must(!good || (tag.len > 0 && name.len > 0));
    const struct imap_command *command = imap_command_find(name);
    must(!command || (command->run && slice_eq_nocase(command->name, name)));
    for (unsigned kind = size > 0 ? data[0] : 0; good && parser.rest.len > 0; kind = kind * 5 + 3) {
        size_t before = parser.rest.len;
        good = parse_element(&parser, kind) || parse_space(&parser);
        must(!good || parser.rest.len < before || before == 0);
        must(parser.rest.data + parser.rest.len == text.data + text.len);
    }
    must(parser_complaint(&parser, IMAP_I_DEFAULT)[0] != '\0');
    arena_free(&arena);
    return 0;
}
