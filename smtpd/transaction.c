/* SPDX-License-Identifier: ISC */
#include "transaction.h"

#include <string.h>

#include "base/mem.h"
#include "receive.h"

void transaction_init(struct transaction *transaction)
{
    memset(transaction, 0, sizeof(*transaction));
}

void transaction_reset(struct transaction *transaction)
{
    receive_free(transaction->receive);
    mem_free(transaction->recipients);
    mem_free(transaction->accounts);
    struct arena arena = transaction->arena;
    arena_reset(&arena);
    transaction_init(transaction);
    transaction->arena = arena;
}

void transaction_free(struct transaction *transaction)
{
    transaction_reset(transaction);
    arena_free(&transaction->arena);
}

void transaction_begin(struct transaction *transaction, const struct address *sender, bool smtputf8)
{
    transaction_reset(transaction);
    transaction->open = true;
    transaction->smtputf8 = smtputf8;
    transaction->sender.local = arena_copy(&transaction->arena, sender->local);
    transaction->sender.domain = arena_copy(&transaction->arena, sender->domain);
    transaction->sender_text = address_text(&transaction->arena, sender);
    trace_id_make(transaction->id);
}

/* Compares lengths first, so that a thousand recipients cost a few hundred thousand such comparisons and no
 * table. */
static uint32_t account_index(struct transaction *transaction, struct slice login)
{
    for (size_t i = 0; i < transaction->account_count; i++)
        if (slice_eq(transaction->accounts[i], login))
            return (uint32_t)i;
    if (transaction->account_count == transaction->account_room) {
        transaction->account_room = MAX_OF(transaction->account_room * 2, (size_t)4);
        transaction->accounts =
            mem_realloc_array(transaction->accounts, transaction->account_room, sizeof(struct slice));
    }
    transaction->accounts[transaction->account_count] = arena_copy(&transaction->arena, login);
    return (uint32_t)transaction->account_count++;
}

bool transaction_add(struct transaction *transaction, struct slice address, const struct slice *accounts,
                     size_t count)
{
    if (transaction->reference_count + count > TRANSACTION_REFERENCE_LIMIT)
        return false;
    if (transaction->recipient_count == transaction->recipient_room) {
        transaction->recipient_room = MAX_OF(transaction->recipient_room * 2, (size_t)4);
        transaction->recipients =
            mem_realloc_array(transaction->recipients, transaction->recipient_room, sizeof(struct recipient));
    }
    struct recipient *recipient = &transaction->recipients[transaction->recipient_count++];
    recipient->address = arena_copy(&transaction->arena, address);
    recipient->accounts = arena_array(&transaction->arena, uint32_t, count);
    recipient->account_count = count;
    for (size_t i = 0; i < count; i++)
        recipient->accounts[i] = account_index(transaction, accounts[i]);
    transaction->reference_count += count;
    return true;
}
