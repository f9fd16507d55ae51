/* SPDX-License-Identifier: ISC */
/*
 * IMAP URLs that name a message or a part of one (RFC 5092 section 7): for CATENATE (RFC 4469), which takes
 * relative ones, and URLAUTH (RFC 4467), which takes whole ones. Pure.
 */
#ifndef IMAPD_IMAPURL_H
#define IMAPD_IMAPURL_H

#include "base/arena.h"

struct imapurl {
    struct slice user, host; /* of a whole URL; host with its port cut off */
    bool has_server;         /* it begins with "imap://" */
    struct slice mailbox;    /* UTF-8; data NULL: the base's */
    uint32_t uidvalidity;    /* 0: not said */
    uint32_t uid;
    struct slice section; /* "1.2.MIME"; empty: the message */
    bool is_partial;
    uint64_t offset, length;       /* length 0: to the end */
    int64_t expires_us;            /* 0: never */
    struct slice access;           /* "submit+fred", "anonymous" …; empty: no URLAUTH */
    struct slice mechanism, token; /* empty in a "rump", which is yet to be authorised */
    struct slice rump;             /* of the text: all before ":mechanism:token" */
};

/* False when it is none, or names something else than a message or a part. Texts live in the arena, or are
 * of `text`. */
bool imapurl_parse(struct arena *arena, struct slice text, struct imapurl *url_r);

#endif
