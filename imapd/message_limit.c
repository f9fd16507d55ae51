/* SPDX-License-Identifier: ISC */
#include "message_limit.h"

bool message_limit_exceeded(const struct imap_session *session, uint64_t count)
{
    return session->conf->imap_message_limit > 0 && count > (uint64_t)session->conf->imap_message_limit;
}

uint32_t message_limit_lowest(const struct imap_session *session, const struct uid_set *uids)
{
    if (!message_limit_exceeded(session, uid_set_size(uids)))
        return 0;
    uint64_t left = (uint64_t)session->conf->imap_message_limit;
    for (size_t i = uids->count; i-- > 0;) {
        uint64_t count = (uint64_t)uids->ranges[i].last - uids->ranges[i].first + 1;
        if (count >= left)
            return (uint32_t)(uids->ranges[i].last - (left - 1));
        left -= count;
    }
    return 0;
}

uint32_t message_limit_cut(struct imap_session *session, struct uid_set *uids)
{
    uint32_t lowest = message_limit_lowest(session, uids);
    struct uid_range range = {lowest, UINT32_MAX};
    if (lowest > 0)
        *uids = uid_set_common(&session->arena, uids, &(struct uid_set){&range, 1});
    return lowest;
}

static const char *code_of(struct imap_session *session, uint32_t lowest)
{
    long long limit = session->conf->imap_message_limit;
    return lowest > 0 ? arena_printf(&session->arena, "MESSAGELIMIT %lld %u", limit, (unsigned)lowest)
                      : arena_printf(&session->arena, "MESSAGELIMIT %lld", limit);
}

/* Section 3.1: a tagged answer that has a code of its own keeps it, and the limit is told before it. */
void message_limit_tell(struct imap_session *session, uint32_t lowest)
{
    if (lowest == 0)
        return;
    if (session->answer.code || session->answer.condition != ANSWER_OK)
        imap_say(session, ANSWER_NO, code_of(session, lowest), "only the last messages had their turn");
    else
        imap_ok(session, code_of(session, lowest), "only the last messages had their turn");
}

void message_limit_refuse(struct imap_session *session, uint32_t lowest)
{
    imap_no(session, code_of(session, lowest), "too many messages at once");
}
