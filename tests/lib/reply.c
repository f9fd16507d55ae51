/* SPDX-License-Identifier: ISC */
/* Whole responses. */
#include "reply_reader.h"

bool reply_is(const struct reply *reply, const char *name)
{
    return slice_eq(reply->name, slice_from(name));
}

const struct reply_counter *reply_counter(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->counter_count; i++)
        if (slice_eq(reply->counters[i].name, slice_from(name)))
            return &reply->counters[i];
    return NULL;
}

/* *(SP atom), at least one */
static bool take_atoms(struct reply_reader *reader, struct reply_words *words)
{
    words->list = arena_array(reader->arena, struct slice, reader->rest.len / 2 + 1);
    while (reader->rest.len > 0 && !reply_next_is(reader, ']'))
        if (!reply_space(reader) || !reply_atom(reader, &words->list[words->count++]))
            return false;
    return true;
}

static bool take_code_sets(struct reply_reader *reader, struct reply_code *code)
{
    if (slice_eq(code->name, S("MODIFIED")))
        return reply_space(reader) && reply_sequence_set(reader, &code->set);
    return reply_space(reader) && reply_number(reader, 1, UINT32_MAX, &code->number) && reply_space(reader) &&
           reply_sequence_set(reader, &code->set) &&
           (slice_eq(code->name, S("APPENDUID")) ||
            (reply_space(reader) && reply_sequence_set(reader, &code->to)));
}

static bool is_one_of(struct slice name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(name, slice_from(names[i])))
            return true;
    return false;
}

/* resp-text-code, without the brackets */
static bool take_code(struct reply_reader *reader, struct reply_code *code)
{
    static const char *const plain[] = {"ALERT",
                                        "PARSE",
                                        "READ-ONLY",
                                        "READ-WRITE",
                                        "TRYCREATE",
                                        "CLOSED",
                                        "NOMODSEQ",
                                        "UIDNOTSTICKY",
                                        "NONEXISTENT",
                                        "ALREADYEXISTS",
                                        "EXPUNGEISSUED",
                                        "CANNOT",
                                        "NOPERM",
                                        "INUSE",
                                        "OVERQUOTA",
                                        "LIMIT",
                                        "CLIENTBUG",
                                        "SERVERBUG",
                                        "AUTHENTICATIONFAILED",
                                        "UNAVAILABLE",
                                        "NOTSAVED",
                                        "TOOBIG",
                                        "HASCHILDREN",
                                        "COMPRESSIONACTIVE"};
    static const char *const numbers[] = {"UIDVALIDITY", "UIDNEXT", "UNSEEN", "HIGHESTMODSEQ"};
    static const char *const sets[] = {"APPENDUID", "COPYUID", "MODIFIED"};
    struct slice name;
    if (!reply_atom(reader, &name))
        return false;
    code->name = reply_upper(reader->arena, name);
    size_t end = slice_find(reader->rest, ']');
    code->arguments = slice_skip(slice_take(reader->rest, end), 1);
    if (is_one_of(code->name, plain, ARRAY_LEN(plain)))
        return reply_next_is(reader, ']') || reply_fail(reader, "a code that takes no arguments");
    if (is_one_of(code->name, numbers, ARRAY_LEN(numbers)))
        return reply_space(reader) &&
               reply_number(reader, 1, code->name.data[0] == 'H' ? INT64_MAX : UINT32_MAX, &code->number);
    if (is_one_of(code->name, sets, ARRAY_LEN(sets)))
        return take_code_sets(reader, code);
    if (slice_eq(code->name, S("PERMANENTFLAGS")))
        return reply_space(reader) && reply_flags(reader, &code->words);
    if (slice_eq(code->name, S("CAPABILITY")))
        return take_atoms(reader, &code->words);
    reader->rest = slice_skip(reader->rest, end);
    return true;
}

/* resp-text = ["[" resp-text-code "]" SP] text; text = 1*TEXT-CHAR */
static bool take_text(struct reply_reader *reader, struct reply *reply)
{
    if (reply_may(reader, '[') &&
        (!take_code(reader, &reply->code) || !reply_char(reader, ']') || !reply_space(reader)))
        return false;
    reply->text = reader->rest;
    reader->rest = SLICE_EMPTY;
    for (size_t i = 0; i < reply->text.len && !reader->utf8; i++)
        if ((unsigned char)reply->text.data[i] >= 0x80)
            return reply_fail(reader, "8-bit text");
    return reply->text.len > 0 || reply_fail(reader, "an empty text");
}

/* mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox
 *                [SP mbox-list-extended], of which only OLDNAME and CHILDINFO are known here. */
static bool take_list(struct reply_reader *reader, struct reply *reply)
{
    struct slice delimiter, tag;
    bool is_nil;
    if (!reply_flags(reader, &reply->words) || !reply_space(reader) ||
        !reply_nstring(reader, &delimiter, &is_nil) || !reply_space(reader) ||
        !reply_astring(reader, &reply->mailbox))
        return false;
    if (!is_nil && delimiter.len != 1)
        return reply_fail(reader, "a hierarchy delimiter that is no single character");
    reply->delimiter = is_nil ? 0 : delimiter.data[0];
    if (!reply_may(reader, ' '))
        return true;
    if (!reply_char(reader, '('))
        return false;
    do {
        if (!reply_astring(reader, &tag) || !reply_space(reader) || !reply_char(reader, '('))
            return false;
        bool is_old = slice_eq_nocase(tag, S("OLDNAME"));
        do {
            if (!reply_astring(reader, is_old ? &reply->oldname : &tag))
                return false;
        } while (reply_may(reader, ' '));
        if (!reply_char(reader, ')'))
            return false;
    } while (reply_may(reader, ' '));
    return reply_char(reader, ')');
}

static bool take_counter(struct reply_reader *reader, struct reply *reply)
{
    struct slice name;
    struct reply_counter *counter = &reply->counters[reply->counter_count++];
    if (!reply_atom(reader, &name) || !reply_space(reader))
        return false;
    counter->name = reply_upper(reader->arena, name);
    if (slice_eq(counter->name, S("MAILBOXID")))
        return reply_char(reader, '(') && reply_atom(reader, &name) && reply_char(reader, ')');
    return reply_number(reader, 0, INT64_MAX, &counter->value);
}

/* "STATUS" SP mailbox SP "(" [status-att-list] ")" */
static bool take_status(struct reply_reader *reader, struct reply *reply)
{
    if (!reply_astring(reader, &reply->mailbox) || !reply_space(reader) || !reply_char(reader, '('))
        return false;
    reply->counters = arena_array(reader->arena, struct reply_counter, reader->rest.len / 4 + 1);
    while (!reply_next_is(reader, ')')) {
        if (reply->counter_count > 0 && !reply_space(reader))
            return false;
        if (!take_counter(reader, reply))
            return false;
    }
    return reply_char(reader, ')');
}

/* "SEARCH" *(SP nz-number) [SP "(" "MODSEQ" SP mod-sequence-value ")"] */
static bool take_search(struct reply_reader *reader, struct reply *reply)
{
    reply->numbers = arena_array(reader->arena, uint64_t, reader->rest.len / 2 + 1);
    while (reader->rest.len > 0) {
        if (!reply_space(reader))
            return false;
        if (reply_may(reader, '('))
            return (reply_may_word(reader, "MODSEQ") || reply_fail(reader, "expected MODSEQ")) &&
                   reply_space(reader) && reply_number(reader, 1, INT64_MAX, &reply->modseq) &&
                   reply_char(reader, ')');
        if (!reply_number(reader, 1, UINT32_MAX, &reply->numbers[reply->number_count++]))
            return false;
    }
    return true;
}

/* "ESEARCH" [SP "(" "TAG" SP tag-string ")"] [SP "UID"] *(SP search-return-data) (RFC 4731 section 5) */
static bool take_esearch(struct reply_reader *reader, struct reply *reply)
{
    reply->counters = arena_array(reader->arena, struct reply_counter, reader->rest.len / 4 + 1);
    if (reader->rest.len >= 2 && reader->rest.data[1] == '(') {
        reader->rest = slice_skip(reader->rest, 2);
        if (!reply_may_word(reader, "TAG"))
            return reply_fail(reader, "expected TAG");
        if (!reply_space(reader) || !reply_string(reader, &reply->correlator) || !reply_char(reader, ')'))
            return false;
    }
    while (reader->rest.len > 0) {
        if (!reply_space(reader))
            return false;
        if (reply->counter_count == 0 && !reply->has_all && reply_may_word(reader, "UID")) {
            reply->is_uid = true;
        } else if (reply_may_word(reader, "ALL")) {
            reply->has_all = true;
            if (!reply_space(reader) || !reply_sequence_set(reader, &reply->set))
                return false;
        } else if (!take_counter(reader, reply)) {
            return false;
        }
    }
    return true;
}

/* "VANISHED" [SP "(EARLIER)"] SP known-uids (RFC 7162 section 7) */
static bool take_vanished(struct reply_reader *reader, struct reply *reply)
{
    if (!reply_space(reader))
        return false;
    reply->earlier = reply_may_word(reader, "(EARLIER)");
    if (reply->earlier && !reply_space(reader))
        return false;
    return reply_sequence_set(reader, &reply->set);
}

static bool take_numbered(struct reply_reader *reader, struct reply *reply)
{
    struct slice name;
    if (!reply_number(reader, 0, UINT32_MAX, &reply->number) || !reply_space(reader) ||
        !reply_atom(reader, &name))
        return false;
    reply->name = reply_upper(reader->arena, name);
    if (reply_is(reply, "EXISTS") || reply_is(reply, "RECENT"))
        return true;
    if (reply->number == 0)
        return reply_fail(reader, "message number 0");
    if (reply_is(reply, "EXPUNGE"))
        return true;
    if (reply_is(reply, "FETCH"))
        return reply_space(reader) && reply_message_data(reader, &reply->fetch);
    return reply_fail(reader, "an unknown response to a number");
}

static bool take_named(struct reply_reader *reader, struct reply *reply)
{
    struct slice name;
    if (!reply_atom(reader, &name))
        return false;
    reply->name = reply_upper(reader->arena, name);
    if (reply_is(reply, "OK") || reply_is(reply, "NO") || reply_is(reply, "BAD") || reply_is(reply, "BYE") ||
        reply_is(reply, "PREAUTH"))
        return reply_space(reader) && take_text(reader, reply);
    if (reply_is(reply, "FLAGS"))
        return reply_space(reader) && reply_flags(reader, &reply->words);
    if (reply_is(reply, "CAPABILITY") || reply_is(reply, "ENABLED"))
        return take_atoms(reader, &reply->words);
    if (reply_is(reply, "LIST") || reply_is(reply, "LSUB"))
        return reply_space(reader) && take_list(reader, reply);
    if (reply_is(reply, "STATUS"))
        return reply_space(reader) && take_status(reader, reply);
    if (reply_is(reply, "SEARCH") || reply_is(reply, "SORT"))
        return take_search(reader, reply);
    if (reply_is(reply, "ESEARCH"))
        return take_esearch(reader, reply);
    if (reply_is(reply, "VANISHED"))
        return take_vanished(reader, reply);
    reply->rest = reader->rest;
    reader->rest = SLICE_EMPTY;
    return true;
}

static bool take_tagged(struct reply_reader *reader, struct reply *reply)
{
    struct slice name;
    if (!reply_atom(reader, &reply->tag) || !reply_space(reader) || !reply_atom(reader, &name))
        return false;
    reply->kind = REPLY_TAGGED;
    reply->name = reply_upper(reader->arena, name);
    if (!reply_is(reply, "OK") && !reply_is(reply, "NO") && !reply_is(reply, "BAD"))
        return reply_fail(reader, "a tagged response that is neither OK nor NO nor BAD");
    return reply_space(reader) && take_text(reader, reply);
}

bool reply_parse(struct arena *arena, struct slice bytes, bool utf8, struct reply *reply_r, const char **why)
{
    struct slice line = arena_copy(arena, slice_take(bytes, bytes.len - 2));
    struct reply_reader reader = {.arena = arena, .rest = line, .utf8 = utf8};
    *reply_r = (struct reply){.kind = REPLY_UNTAGGED};
    if (reply_may(&reader, '+')) {
        reply_r->kind = REPLY_CONTINUE;
        reply_r->text = slice_skip(reader.rest, 1);
        if (reply_space(&reader))
            reader.rest = SLICE_EMPTY;
    } else if (reply_may(&reader, '*')) {
        if (reply_space(&reader) && reader.rest.len > 0 && char_is_digit(reader.rest.data[0]))
            take_numbered(&reader, reply_r);
        else
            take_named(&reader, reply_r);
    } else {
        take_tagged(&reader, reply_r);
    }
    if (reader.rest.len > 0)
        reply_fail(&reader, "more text than the response should have");
    *why = reader.why;
    return reader.why == NULL;
}
