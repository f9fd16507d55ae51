/* SPDX-License-Identifier: ISC */
#include "transaction.h"

#include <string.h>

#include "arguments.h"
#include "base/mem.h"
#include "receive.h"
#include "storage/queue.h"

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

static struct address copy_address(struct arena *arena, const struct address *address)
{
    return (struct address){.local = arena_copy(arena, address->local),
                            .domain = arena_copy(arena, address->domain)};
}

void transaction_begin(struct transaction *transaction, const struct mail_arguments *mail)
{
    static const unsigned returns[] = {
        [RETURN_ANY] = 0, [RETURN_FULL] = QUEUE_RETURN_FULL, [RETURN_HEADER] = QUEUE_RETURN_HEADER};
    transaction_reset(transaction);
    transaction->open = true;
    transaction->smtputf8 = mail->smtputf8;
    transaction->flags = returns[mail->ret] | (mail->requiretls ? QUEUE_REQUIRETLS : 0);
    transaction->envid = arena_copy(&transaction->arena, mail->envid);
    transaction->sender = copy_address(&transaction->arena, &mail->path.address);
    transaction->sender_text = address_text(&transaction->arena, &transaction->sender);
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

bool transaction_add(struct transaction *transaction, const struct recipient *recipient,
                     const struct slice *accounts, size_t account_count)
{
    struct arena *arena = &transaction->arena;
    size_t references = account_count + recipient->forward_count;
    if (transaction->reference_count + references > TRANSACTION_REFERENCE_LIMIT)
        return false;
    if (transaction->recipient_count == transaction->recipient_room) {
        transaction->recipient_room = MAX_OF(transaction->recipient_room * 2, (size_t)4);
        transaction->recipients =
            mem_realloc_array(transaction->recipients, transaction->recipient_room, sizeof(struct recipient));
    }
    struct recipient *copy = &transaction->recipients[transaction->recipient_count++];
    *copy = *recipient;
    copy->address = arena_copy(arena, recipient->address);
    copy->path = copy_address(arena, &recipient->path);
    copy->orcpt = arena_copy(arena, recipient->orcpt);
    copy->forwards = arena_array(arena, struct slice, recipient->forward_count);
    for (size_t i = 0; i < recipient->forward_count; i++)
        copy->forwards[i] = arena_copy(arena, recipient->forwards[i]);
    copy->accounts = arena_array(arena, uint32_t, account_count);
    copy->account_count = account_count;
    for (size_t i = 0; i < account_count; i++)
        copy->accounts[i] = account_index(transaction, accounts[i]);
    transaction->reference_count += references;
    return true;
}
