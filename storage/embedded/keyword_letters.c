/* SPDX-License-Identifier: ISC */
/*
 * Letters a to z for keywords in the names of files, given in each mailbox in the order in which its messages
 * came to use keywords, and noted in its descriptor. Keywords beyond them are in the index alone.
 */
#include "keywords.h"
#include "mailbox_folder.h"

static enum err read_descriptor(struct change *change, struct change_mailbox *mailbox,
                                struct mailbox_descriptor *descriptor_r)
{
    const char *path =
        arena_printf(&change->arena, "%s/%.*s", change->account->path, SLICE_ARG(mailbox->dir));
    enum err err = mailbox_descriptor_read(path, &change->arena, descriptor_r);
    return err == ERR_NOT_FOUND ? ERR_UNAVAILABLE : err;
}

/* Into mailbox->letters, by letter. */
static enum err load_letters(struct change *change, struct change_mailbox *mailbox)
{
    struct mailbox_descriptor descriptor;
    enum err err = mailbox->letters ? ERR_OK : read_descriptor(change, mailbox, &descriptor);
    if (err || mailbox->letters) {
        return err;
    }
    mailbox->letters = arena_array(&change->arena, struct slice, MAIL_FILE_KEYWORDS);
    for (size_t i = 0; i < MAIL_FILE_KEYWORDS; i++) {
        mailbox->letters[i] = descriptor.keywords[i];
    }
    return ERR_OK;
}

#define NONE MAIL_FILE_KEYWORDS

/* The letter of that keyword, else one that is free, else NONE. */
static unsigned letter_of(const struct change_mailbox *mailbox, struct slice name)
{
    unsigned free_one = NONE;
    for (unsigned i = 0; i < MAIL_FILE_KEYWORDS; i++) {
        if (mailbox->letters[i].len == 0) {
            free_one = MIN_OF(free_one, i);
        } else if (slice_eq_nocase(mailbox->letters[i], name)) {
            return i;
        }
    }
    return free_one;
}

static enum err give_letter(struct change *change, struct change_mailbox *mailbox, unsigned letter,
                            struct slice name)
{
    struct mailbox_descriptor descriptor;
    const char *path =
        arena_printf(&change->arena, "%s/%.*s", change->account->path, SLICE_ARG(mailbox->dir));
    enum err err = read_descriptor(change, mailbox, &descriptor);
    if (!err) {
        descriptor.keywords[letter] = name;
        err = mailbox_descriptor_write(path, &descriptor);
    }
    if (!err) {
        mailbox->letters[letter] = name;
    }
    return err;
}

static enum err add_letter(struct change *change, struct change_mailbox *mailbox, unsigned number,
                           uint32_t *letters)
{
    struct slice name;
    enum err err = keyword_name(change, number, &name);
    unsigned letter = err || name.len == 0 ? NONE : letter_of(mailbox, name);
    if (letter == NONE) {
        return err;
    }
    if (mailbox->letters[letter].len == 0) {
        err = give_letter(change, mailbox, letter, name);
    }
    if (!err) {
        *letters |= UINT32_C(1) << letter;
    }
    return err;
}

enum err keyword_letters(struct change *change, size_t mailbox, const struct keyword_set *set,
                         uint32_t *letters_r)
{
    uint32_t letters = 0;
    struct change_mailbox *folder = &change->mailboxes[mailbox];
    bool empty = keyword_set_is_empty(set);
    enum err err = empty ? ERR_OK : load_letters(change, folder);
    for (unsigned number = 0; number < KEYWORDS_MAX && !err && !empty; number++) {
        if (set->words[number / 64] == 0) {
            number |= 63;
        } else if (keyword_set_has(set, number)) {
            err = add_letter(change, folder, number, &letters);
        }
    }
    *letters_r = letters;
    return err;
}

enum err keywords_of_letters(struct change *change, size_t mailbox, uint32_t letters,
                             struct keyword_set *set_r)
{
    struct slice names[MAIL_FILE_KEYWORDS];
    size_t count = 0;
    struct change_mailbox *folder = &change->mailboxes[mailbox];
    *set_r = (struct keyword_set){0};
    enum err err = letters ? load_letters(change, folder) : ERR_OK;
    for (unsigned i = 0; i < MAIL_FILE_KEYWORDS && letters && !err; i++) {
        if (letters >> i & 1 && folder->letters[i].len) {
            names[count++] = folder->letters[i];
        }
    }
    if (!err) {
        err = keywords_find(change, names, count, true, set_r);
    }
    return err == ERR_LIMIT ? ERR_OK : err;
}
