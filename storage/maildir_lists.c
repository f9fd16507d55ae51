/* SPDX-License-Identifier: ISC */
/* Lists of other programs, taken apart line by line. */
#include "maildir_lists.h"

#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"

void maildir_lists_free(struct maildir_lists *lists)
{
    mem_free(lists->messages);
    arena_free(&lists->arena);
    *lists = (struct maildir_lists){0};
}

static bool number(struct slice text, uint32_t *value_r)
{
    uint64_t value;
    if (!slice_to_u64(text, UINT32_MAX, &value) || value == 0) {
        return false;
    }
    *value_r = (uint32_t)value;
    return true;
}

static struct slice without_cr(struct slice line)
{
    return line.len && line.data[line.len - 1] == '\r' ? slice_take(line, line.len - 1) : line;
}

static void add_message(struct maildir_lists *lists, const struct listed_message *message)
{
    if (message->base.len == 0) {
        return;
    }
    if (lists->count == lists->room) {
        lists->room = lists->room ? 2 * lists->room : 256;
        lists->messages = mem_realloc_array(lists->messages, lists->room, sizeof(*lists->messages));
    }
    lists->messages[lists->count++] = *message;
}

static struct slice base_of(struct slice name)
{
    return slice_take(name, slice_find_text(name, S(":2,")));
}

/* "3 V<uidvalidity> N<next uid> G<guid>" or "1 <uidvalidity> <next uid>" */
static void parse_head(struct maildir_lists *lists, struct slice line)
{
    bool letters = slice_starts_with(line, S("3 "));
    unsigned place = 0;
    slice_split(&line, ' ');
    while (line.data) {
        struct slice field = slice_split(&line, ' ');
        char letter = letters && field.len ? field.data[0] : place == 0 ? 'V' : place == 1 ? 'N' : '\0';
        field = slice_skip(field, letters ? 1 : 0);
        place++;
        if (letter == 'V') {
            number(field, &lists->uidvalidity);
        } else if (letter == 'N') {
            number(field, &lists->uidnext);
        } else if (letter == 'G') {
            lists->has_guid = guid_parse(field, lists->guid);
        }
    }
}

/* "<uid> [<letter><value> …] :<name>", version 1 "<uid> <name>" */
static void parse_message(struct maildir_lists *lists, struct slice line, bool letters)
{
    struct listed_message message = {.guid = SLICE_EMPTY, .uidl = SLICE_EMPTY};
    if (!number(slice_split(&line, ' '), &message.uid) || !line.data) {
        return;
    }
    while (letters && line.data && !slice_starts_with(line, S(":"))) {
        struct slice field = slice_split(&line, ' ');
        if (field.len && field.data[0] == 'G') {
            message.guid = slice_skip(field, 1);
        } else if (field.len && field.data[0] == 'P') {
            message.uidl = slice_skip(field, 1);
        }
    }
    if (line.data) {
        message.base = base_of(slice_skip(line, letters ? 1 : 0));
        add_message(lists, &message);
    }
}

void maildir_parse_uidlist(struct maildir_lists *lists, struct slice text)
{
    struct slice head = without_cr(slice_split(&text, '\n'));
    bool letters = slice_starts_with(head, S("3 "));
    if (!letters && !slice_starts_with(head, S("1 "))) {
        return;
    }
    parse_head(lists, head);
    while (text.len) {
        parse_message(lists, without_cr(slice_split(&text, '\n')), letters);
    }
}

void maildir_parse_keywords(struct maildir_lists *lists, struct slice text)
{
    while (text.len) {
        struct slice line = without_cr(slice_split(&text, '\n'));
        uint64_t letter;
        if (slice_to_u64(slice_split(&line, ' '), MAIL_FILE_KEYWORDS - 1, &letter) && line.data &&
            keyword_is_valid(line)) {
            lists->keywords[letter] = line;
        }
    }
}

static void parse_descriptor_line(struct maildir_lists *lists, struct slice key, struct slice value)
{
    if (slice_eq(key, S("uidvalidity"))) {
        number(value, &lists->uidvalidity);
    } else if (slice_eq(key, S("uidnext"))) {
        number(value, &lists->uidnext);
    } else if (slice_eq(key, S("guid"))) {
        lists->has_guid = guid_parse(value, lists->guid);
    } else if (slice_eq(key, S("name"))) {
        lists->name = value;
    } else if (slice_eq(key, S("special-use"))) {
        lists->special_use = value;
    } else if (slice_eq(key, S("keyword")) && value.len > 2 && value.data[0] >= 'a' && value.data[0] <= 'z' &&
               keyword_is_valid(slice_skip(value, 2))) {
        lists->keywords[value.data[0] - 'a'] = slice_skip(value, 2);
    }
}

void maildir_parse_descriptor(struct maildir_lists *lists, struct slice text)
{
    while (text.len) {
        struct slice value = slice_split(&text, '\n');
        struct slice key = slice_split(&value, ' ');
        if (value.data) {
            parse_descriptor_line(lists, key, value);
        }
    }
}

static int compare_bases(const void *a, const void *b)
{
    return slice_cmp(((const struct listed_message *)a)->base, ((const struct listed_message *)b)->base);
}

void maildir_lists_sort(struct maildir_lists *lists)
{
    if (lists->count) {
        qsort(lists->messages, lists->count, sizeof(*lists->messages), compare_bases);
    }
}

const struct listed_message *maildir_lists_find(const struct maildir_lists *lists, struct slice base)
{
    struct listed_message key = {.base = base};
    return lists->count
               ? bsearch(&key, lists->messages, lists->count, sizeof(*lists->messages), compare_bases)
               : NULL;
}

static enum err read_list(struct maildir_lists *lists, const char *folder, const char *name,
                          void (*parse)(struct maildir_lists *, struct slice))
{
    struct buf text;
    buf_init(&text, MAILDIR_LIST_MAX);
    enum err err = fs_read_file(arena_printf(&lists->arena, "%s/%s", folder, name), &text);
    if (!err) {
        parse(lists, arena_copy(&lists->arena, buf_slice(&text)));
    }
    buf_free(&text);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err maildir_lists_read(const char *folder, struct maildir_lists *lists)
{
    enum err err = read_list(lists, folder, ".mbox", maildir_parse_descriptor);
    if (!err) {
        err = read_list(lists, folder, "courierimapuiddb", maildir_parse_uidlist);
    }
    if (!err) { /* the newer of both when there are two: Courier's was left by a migration */
        err = read_list(lists, folder, "dovecot-uidlist", maildir_parse_uidlist);
    }
    if (!err) {
        err = read_list(lists, folder, "dovecot-keywords", maildir_parse_keywords);
    }
    maildir_lists_sort(lists);
    return err;
}
