/* SPDX-License-Identifier: ISC */
/* What other programs do to the account meanwhile, straight in the store: deliveries, a POP3 session that
 * deletes, another host's flags. */
#include "storage/batch.h"

#include "../../unit/storage/fixture.h"
#include "game.h"

static struct uid_set some_uids(struct game *game, struct mailbox *mailbox, struct arena *arena, bool remove)
{
    uint32_t *uids = arena_array(arena, uint32_t, mailbox->count + 1);
    size_t count = 0, wanted = 1 + below(game, 3);
    for (size_t i = 0; i < mailbox->count && count < wanted; i++)
        if (one_in(game, 4))
            uids[count++] = mailbox->messages[i].uid;
    for (size_t i = 0; i < count && remove; i++)
        truth_remove(game, mailbox, uids[i]);
    return uid_set_from_uids(arena, uids, count);
}

static struct batch_operation deliver_one(struct game *game, struct mailbox *mailbox, struct sealed *sealed)
{
    const struct text *text = &game->texts[below(game, GAME_TEXTS)];
    assert_ok(try_seal(game->store, &game->scratch, text->bytes, sealed));
    truth_add(game, mailbox, (struct message){.text = text});
    return append_to(mailbox->name, sealed);
}

static struct batch_operation change_flags(struct game *game, struct mailbox *mailbox)
{
    unsigned flags, words;
    struct slice *keywords = arena_array(&game->scratch, struct slice, GAME_WORDS);
    choose_flags(game, &flags, &words);
    struct batch_operation operation = {.kind = BATCH_FLAGS,
                                        .mailbox = mailbox_named(slice_from(mailbox->name)),
                                        .flags = {.uids = some_uids(game, mailbox, &game->scratch, false),
                                                  .change = one_in(game, 2) ? FLAGS_ADD : FLAGS_REMOVE,
                                                  .flags = flags,
                                                  .keywords = keywords}};
    for (unsigned bit = 0; bit < GAME_WORDS; bit++)
        if (words >> bit & 1)
            keywords[operation.flags.keyword_count++] = slice_from(word_names[bit]);
    for (size_t i = 0; i < mailbox->count; i++) {
        struct message *message = &mailbox->messages[i];
        bool adds = operation.flags.change == FLAGS_ADD;
        unsigned new_flags = adds ? message->flags | flags : message->flags & ~flags; /* the owner's */
        unsigned new_words = adds ? message->words | words : message->words & ~words;
        if (uid_set_has(&operation.flags.uids, message->uid))
            truth_change(game, mailbox, message, new_flags, new_words);
    }
    return operation;
}

void elsewhere_play(struct game *game)
{
    struct mailbox *mailbox = truth_any(game);
    struct sealed sealed = {0};
    struct batch_operation operation;
    struct account *account = NULL;
    size_t chance = below(game, 10);
    arena_reset(&game->scratch);
    game->tick++;
    if ((chance < 4 || mailbox->count < 3) && mailbox->count < GAME_MESSAGES)
        operation = deliver_one(game, mailbox, &sealed);
    else if (chance < 8)
        operation = change_flags(game, mailbox);
    else
        operation = (struct batch_operation){.kind = BATCH_EXPUNGE,
                                             .mailbox = mailbox_named(slice_from(mailbox->name)),
                                             .expunge.uids = some_uids(game, mailbox, &game->scratch, true)};
    assert_ok(account_open(game->store, ALICE, &account));
    assert_ok(batch_commit(account, &operation, 1, NULL));
    account_close(account);
    if (sealed.blob)
        blob_free(sealed.blob);
}
