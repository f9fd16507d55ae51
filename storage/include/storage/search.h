/* SPDX-License-Identifier: ISC */
/*
 * Search in text, as IMAP means it (RFC 3501 section 6.4.4): substrings, without case, in decoded text
 * (mail/text.h says what counts as text, mail/fold.h what counts as equal). Every answer is exact: an engine
 * may have an index that names candidates, each of which is looked at; without one all messages are looked
 * at, as they are when no term has three characters, or one of an East Asian script.
 */
#ifndef STORAGE_SEARCH_H
#define STORAGE_SEARCH_H

#include "storage/account.h"
#include "storage/uid.h"

enum search_where {
    SEARCH_HEADER, /* one header field (`header`), RFC 2047 decoded; an empty text: the field is there */
    SEARCH_BODY,   /* text parts, decoded; HTML without its tags; names of attached files */
    SEARCH_TEXT    /* header and body */
};

struct search_term {
    enum search_where where;
    struct slice header;
    struct slice text; /* UTF-8; compared as RFC 5051 says (i;unicode-casemap) */
};

struct search_request {
    int64_t mailbox_id;
    struct uid_set within; /* uid_set_all for all */
    const struct search_term *terms;
    size_t term_count; /* all must hold */
    bool (*go_on)(
        void *data); /* asked now and then, with `data`; false ends it with ERR_CANCELED. May be NULL. */
    void *data;
};

/* The UIDs that match, in the arena. A mailbox that is not there has none. Catches up with what is not
 * indexed yet, as far as that is quick. May take long: bodies are read. */
enum err search_text(struct account *account, const struct search_request *request, struct arena *arena,
                     struct uid_set *uids_r) MUST_CHECK;

#endif
