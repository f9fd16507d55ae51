/* SPDX-License-Identifier: ISC */
/*
 * What an IMAP server says, read strictly: the grammar of RFC 3501 section 9 and RFC 9051 section 9 with
 * the extensions that a client of ours uses. A response that does not fit is an error of the server, and
 * `why` tells where; nothing is forgiven that a client in the field might stumble over (a bare LF, a NUL,
 * 8-bit text outside of literals, two spaces, an empty text).
 *
 *     while ((length = reply_frame(bytes, &why)) == 0 && !why)
 *         …more bytes…
 *     reply_parse(&arena, slice_take(bytes, length), &reply, &why)
 */
#ifndef TEST_REPLY_H
#define TEST_REPLY_H

#include "base/arena.h"

/* Sequence numbers or UIDs, as they came: not sorted, maybe "9:5". */
struct reply_range {
    uint32_t first, last;
};
struct reply_set {
    struct reply_range *ranges;
    size_t count;
};

struct reply_words {
    struct slice *list;
    size_t count;
};

/* resp-text-code */
struct reply_code {
    struct slice name;        /* in capitals; empty: there is none */
    struct slice arguments;   /* as they came */
    uint64_t number;          /* UIDVALIDITY, UIDNEXT, UNSEEN, HIGHESTMODSEQ; APPENDUID, COPYUID: the first */
    struct reply_set set, to; /* MODIFIED, APPENDUID; COPYUID: from and to */
    struct reply_words words; /* PERMANENTFLAGS, CAPABILITY */
};

/* A section that FETCH brought: BODY[…], BINARY[…], RFC822, RFC822.HEADER, RFC822.TEXT, BINARY.SIZE[…] */
struct reply_section {
    struct slice item; /* "BODY", "BINARY", "RFC822", … in capitals */
    struct slice name; /* what stands in the brackets, in capitals */
    bool has_brackets, has_origin, is_nil;
    uint64_t origin;
    uint64_t number; /* BINARY.SIZE */
    struct slice value;
};

#define REPLY_SECTIONS 16
enum reply_has {
    REPLY_FLAGS = 1,
    REPLY_UID = 2,
    REPLY_MODSEQ = 4,
    REPLY_SIZE = 8,
    REPLY_DATE = 16,
    REPLY_ENVELOPE = 32,
    REPLY_BODY = 64,
    REPLY_STRUCTURE = 128,
    REPLY_EMAILID = 256,
    REPLY_THREADID = 512,
    REPLY_SAVEDATE = 1024,
    REPLY_PREVIEW = 2048
};
struct reply_fetch {
    unsigned has; /* REPLY_FLAGS … */
    struct reply_words flags;
    uint32_t uid;
    uint64_t modseq, size;
    int64_t date, savedate; /* seconds since 1970 */
    bool savedate_is_nil, preview_is_nil;
    struct slice envelope, body, structure; /* the texts, checked against the grammar */
    struct slice emailid, threadid, preview;
    struct reply_section sections[REPLY_SECTIONS];
    size_t section_count;
};

struct reply_counter {
    struct slice name; /* in capitals */
    uint64_t value;
};

enum reply_kind { REPLY_TAGGED, REPLY_UNTAGGED, REPLY_CONTINUE };
struct reply {
    enum reply_kind kind;
    struct slice tag;
    struct slice name; /* "OK", "EXISTS", "FETCH", "LIST", … in capitals */
    uint64_t number;   /* of "* 3 EXISTS" */
    struct reply_code code;
    struct slice text;

    struct reply_words words;       /* FLAGS, CAPABILITY, ENABLED; attributes of LIST and LSUB */
    char delimiter;                 /* of LIST; 0: NIL */
    struct slice mailbox;           /* LIST, LSUB, STATUS */
    struct slice oldname;           /* LIST */
    struct reply_counter *counters; /* STATUS; ESEARCH: MIN, MAX, COUNT, MODSEQ */
    size_t counter_count;
    uint64_t *numbers; /* SEARCH, SORT */
    size_t number_count;
    uint64_t modseq;         /* of SEARCH; 0: none */
    bool earlier;            /* VANISHED */
    bool is_uid;             /* ESEARCH */
    bool has_all;            /* ESEARCH */
    struct slice correlator; /* ESEARCH's tag; empty: none */
    struct reply_set set;    /* VANISHED; ESEARCH's ALL */
    struct reply_fetch fetch;
    struct slice rest; /* responses of other names: what follows the name */
};

/* How many bytes the first response takes, with its literals and the last CRLF; 0: more are needed, or,
 * when *why is set, it cannot become one. */
size_t reply_frame(struct slice bytes, const char **why);
/* Everything in the result lives in the arena. `utf8`: the client enabled UTF8=ACCEPT or IMAP4rev2. */
bool reply_parse(struct arena *arena, struct slice bytes, bool utf8, struct reply *reply_r, const char **why);

bool reply_is(const struct reply *reply, const char *name);
const struct reply_counter *reply_counter(const struct reply *reply, const char *name);
bool reply_set_has(const struct reply_set *set, uint32_t number);
uint64_t reply_set_size(const struct reply_set *set);

#endif
