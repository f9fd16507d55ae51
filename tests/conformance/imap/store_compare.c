/* SPDX-License-Identifier: ISC */
#include "store_compare.h"

unsigned store_words(struct game *game, struct snapshot *snapshot, uint64_t bits)
{
    struct slice *names;
    size_t count;
    unsigned words = 0;
    assert_int_equal(snapshot_keywords(snapshot, &game->scratch, &names, &count), 0);
    for (size_t i = 0; i < count; i++)
        for (unsigned bit = 0; bit < GAME_WORDS; bit++)
            if ((bits >> i & 1) && slice_eq_nocase(names[i], slice_from(word_names[bit])))
                words |= 1u << bit;
    return words;
}

static void compare_message(struct game *game, struct snapshot *snapshot, const struct mailbox *mailbox,
                            size_t i, const struct message_page *page, const struct uid_set *seen)
{
    const struct message *message = &mailbox->messages[i];
    unsigned flags = page->flags[i] | (uid_set_has(seen, page->uids[i]) ? FLAG_SEEN_BY_GUEST : 0);
    if (page->uids[i] != message->uid)
        game_fail(&game->clients[0], "UID %u in %s, not %u", message->uid, mailbox->name, page->uids[i]);
    if (flags != message->flags || store_words(game, snapshot, page->keywords[i]) != message->words)
        game_fail(&game->clients[0], "UID %u in %s with the flags %#x and the keywords %#x, not %#x and %#x",
                  message->uid, mailbox->name, message->flags, message->words, flags,
                  store_words(game, snapshot, page->keywords[i]));
    if (page->sizes[i] != message->text->bytes.len)
        game_fail(&game->clients[0], "UID %u in %s with %zu bytes", message->uid, mailbox->name,
                  message->text->bytes.len);
}

static void compare_mailbox(struct game *game, struct snapshot *snapshot, const struct mailbox_entry *entry)
{
    const struct mailbox *mailbox = truth_mailbox(game, arena_cstr(&game->scratch, entry->name));
    struct message_scan scan = {.mailbox_id = entry->status.id, .uids = uid_set_all};
    struct message_page page;
    struct uid_set seen;
    if (!mailbox)
        game_fail(&game->clients[0], "no mailbox %s", arena_cstr(&game->scratch, entry->name));
    message_page_init(&page, SCAN_FLAGS | SCAN_SIZE);
    assert_int_equal(snapshot_scan(snapshot, &scan, &page), 0);
    assert_int_equal(snapshot_seen(snapshot, entry->status.id, S("bob@example.org"), &game->scratch, &seen),
                     0);
    if (page.count != mailbox->count || entry->status.uidnext != mailbox->uidnext)
        game_fail(&game->clients[0], "%zu messages in %s and UIDNEXT %u, not %zu and %u", mailbox->count,
                  mailbox->name, mailbox->uidnext, page.count, entry->status.uidnext);
    for (size_t i = 0; i < page.count; i++)
        compare_message(game, snapshot, mailbox, i, &page, &seen);
    message_page_free(&page);
}

void store_compare(struct game *game)
{
    struct account *account = NULL;
    struct snapshot *snapshot = NULL;
    struct mailbox_entry *list;
    size_t count;
    arena_reset(&game->scratch);
    assert_int_equal(account_open(game->store, S(GAME_LOGIN), &account), 0);
    assert_int_equal(snapshot_open(account, &snapshot), 0);
    assert_int_equal(snapshot_mailboxes(snapshot, &game->scratch, &list, &count), 0);
    if (count != truth_live(game))
        game_fail(&game->clients[0], "%zu mailboxes, not %zu", truth_live(game), count);
    for (size_t i = 0; i < count; i++)
        compare_mailbox(game, snapshot, &list[i]);
    snapshot_close(snapshot);
    account_close(account);
}
