/* SPDX-License-Identifier: ISC */
/* What copies of a message share, and the references that a row holds. */
#include "rows.h"

#include <sodium.h>

#include "base/mem.h"

struct body *body_new(int64_t number, const struct message_summary *summary, struct text *content)
{
    struct body *body = mem_new(struct body);
    atomic_init(&body->users, 1);
    body->number = number;
    body->summary = *summary;
    body->summary.message_id = arena_copy(&body->texts, summary->message_id);
    body->summary.headers = arena_copy(&body->texts, summary->headers);
    body->summary.envelope = arena_copy(&body->texts, summary->envelope);
    body->summary.bodystructure = arena_copy(&body->texts, summary->bodystructure);
    body->summary.parts = arena_copy(&body->texts, summary->parts);
    body->content = text_share(content);
    randombytes_buf(body->guid, sizeof(body->guid));
    return body;
}

struct body *body_share(struct body *body)
{
    atomic_fetch_add(&body->users, 1);
    return body;
}

void body_release(struct body *body)
{
    if (atomic_fetch_sub(&body->users, 1) == 1) {
        text_release(body->content);
        arena_free(&body->texts);
        mem_free(body);
    }
}

void others_release(struct others *others)
{
    if (others && atomic_fetch_sub(&others->users, 1) == 1) {
        mem_free(others);
    }
}

void row_release(struct row *row)
{
    body_release(row->body);
    others_release(row->others);
}

struct row row_share(const struct row *row)
{
    body_share(row->body);
    if (row->others) {
        atomic_fetch_add(&row->others->users, 1);
    }
    return *row;
}
