/* SPDX-License-Identifier: ISC */
/*
 * Random commands of several IMAP sessions against a model of what must be true.
 *
 *   truth     what the account holds (truth.c): mailboxes as arrays of messages; every command that changes
 *             something is one tick of a clock, and MODSEQ must rise with it
 *   client    one session and what its client may believe (client.c, view.c): each untagged response is
 *             applied to its view and must agree with the truth
 *   move      one command: composed at random from what the client sees, then carried out on the truth, then
 *             its answers are compared (moves_*.c)
 *
 * Everything is decided by one seed: MODEL_SEED and MODEL_COMMANDS say which game and how long.
 */
#ifndef IMAP_GAME_H
#define IMAP_GAME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/conn.h"
#include "net/task.h"
#include "reply.h"

#define GAME_CLIENTS   5
#define GAME_MAILBOXES 20  /* at once */
#define GAME_MESSAGES  40  /* in a mailbox, as a rule */
#define GAME_WORDS     6   /* keywords */
#define GAME_TEXTS     24  /* different messages */
#define GAME_SECTIONS  24  /* of a message */
#define GAME_LOG       60  /* lines kept of each dialogue */
#define GAME_REPLIES   600 /* to one command */
#define GAME_NAME      96
#define GAME_LOGIN     "alice@example.org"

/* --- texts (texts.c) --- */

struct text_section {
    char name[24]; /* "", "HEADER", "1", "2.MIME", … as between the brackets */
    struct slice bytes;
    struct slice decoded; /* of a part, for BINARY; data NULL: not known here */
};
struct text_field {
    const char *name;
    struct slice line; /* with its CRLF */
};
/* A message, and what is known of it because it was put together here. */
struct text {
    struct slice bytes, header;
    struct text_section sections[GAME_SECTIONS];
    size_t section_count;
    struct text_field fields[10];
    size_t field_count;
    unsigned subject, from, to, body; /* which of the search words are there */
    int64_t sent;                     /* of the Date field, seconds */
    int64_t sent_day;                 /* the day that is written there; days since 1970 */
    struct slice envelope, structure, short_structure;
};

/* --- the truth (truth.c) --- */

enum {
    FLAG_SEEN = 1,
    FLAG_ANSWERED = 2,
    FLAG_FLAGGED = 4,
    FLAG_DELETED = 8,
    FLAG_DRAFT = 16,
    FLAGS_ALL = 31,
    FLAG_SEEN_BY_GUEST = 32 /* each user has a Seen of his own (RFC 4314 section 4) */
};

/* Who has a message as \Recent. */
#define RECENT_NOBODY  0u
#define RECENT_UNKNOWN UINT32_MAX

struct message {
    uint32_t uid;
    unsigned flags, words;
    uint32_t tick;
    struct {
        unsigned flags, words;
        uint32_t tick;
    } before;           /* the last change */
    uint32_t recent_of; /* a client's serial, RECENT_NOBODY, RECENT_UNKNOWN */
    const struct text *text;
    int64_t date; /* seconds; 0: to be learned */
    char emailid[64];
};
struct gone {
    uint32_t uid, tick;
};
struct mailbox {
    char name[GAME_NAME]; /* UTF-8 */
    bool deleted;
    bool is_renamed;
    bool is_shared;       /* the guest may see it */
    bool is_for_reading;  /* and no more than that: "lr" of RFC 4314 */
    bool is_sent;         /* has \\Sent: a message that comes twice within a minute is put there once */
    uint32_t uidvalidity; /* 0: to be learned */
    uint32_t uidnext, tick;
    uint32_t top_claimed;
    struct message *messages;
    size_t count, room;
    struct gone *gone;
    size_t gone_count, gone_room;
};

/* --- what a client sees --- */

enum recent { RECENT_NO, RECENT_YES, RECENT_MAYBE };

struct entry {
    uint32_t uid;
    bool knows_flags;
    unsigned flags, words;
    enum recent recent;
};

/* What a client with QRESYNC kept of a mailbox when it left. */
struct cache {
    const struct mailbox *mailbox; /* NULL: none */
    uint32_t uidvalidity, tick;    /* of the highest MODSEQ that it saw */
    struct entry *entries;
    size_t count;
};

enum client_state { CLIENT_OFF, CLIENT_IN, CLIENT_SELECTED };

struct game;
struct client {
    struct game *game;
    unsigned number;
    bool is_guest;   /* bob, who works in alice's mailboxes */
    uint32_t serial; /* of the session; another one after each login */
    enum client_state state;
    struct conn *conn, *server;
    struct task *session;
    struct buf input, output;
    unsigned tag_count;
    bool pipelines; /* no literal may wait now */
    bool may_close; /* the store fails: the session may end. It did when client_read returns NULL */

    bool condstore, qresync, utf8, rev2;
    bool idles;
    char idle_tag[16];
    struct mailbox *selected;
    bool readonly;
    struct entry *view;
    size_t count, room;
    uint32_t top;         /* UIDs up to here were told, or went before they were */
    uint32_t seen_tick;   /* of the highest MODSEQ told of the mailbox */
    uint32_t safe_tick;   /* the same when nothing was left to be told */
    unsigned known_words; /* keywords that FLAGS told of */
    struct cache cache;
    bool holds;     /* the last command was a FETCH of bodies */
    bool has_saved; /* SEARCHRES */
    uint32_t *saved;
    size_t saved_count;

    struct arena arena;    /* of the command that runs */
    struct reply *replies; /* GAME_REPLIES */
    uint32_t *reply_uids;  /* of each FETCH, as the view was then */
    size_t reply_count;
    const struct reply *end; /* the tagged one */
    struct move *move;       /* the command that runs */
    struct log_line {
        uint64_t number;
        char text[200];
    } log[GAME_LOG];
    size_t log_count;
};

/* --- moves --- */

struct range {
    uint32_t first, last; /* 0: "*" */
};
#define GAME_RANGES 6
struct chosen {
    bool by_uid, saved; /* saved: "$" */
    struct range ranges[GAME_RANGES];
    size_t count;
    /* found out when the command runs: */
    uint32_t *uids; /* those of the view that it names, ascending */
    size_t uid_count;
    bool has_gone;      /* some of them exist no more */
    bool tells_new;     /* it names UIDs that the client was not told of */
    uint32_t last_uid;  /* what "*" is */
    uint32_t *new_uids; /* those that were there then */
    size_t new_count;
    bool is_bad; /* it names a sequence number that is not there */
};

enum move_traits {
    MOVE_SELECTED = 1,   /* needs a mailbox */
    MOVE_NUMBERS = 2,    /* FETCH, STORE, SEARCH: no EXPUNGE while they run */
    MOVE_HOLDS_MAIL = 4, /* a FETCH of bodies: no EXISTS */
    MOVE_MAY_HOLD = 8,   /* … or not, as the server likes */
    MOVE_LEAVES = 16,    /* the session or its mailbox ends */
    MOVE_BY_NUMBER = 32, /* sequence numbers are in it: nothing that expunges may run before it */
    MOVE_CHANGES = 64,
    MOVE_KEEPS = 256,  /* what is gone may be told behind it, or later */
    MOVE_OWN = 512,    /* names mailboxes in a way that is for the owner */
    MOVE_SILENT = 128, /* the server need not tell anything behind it */
};

struct criterion;
struct kind;
struct move {
    const struct kind *kind;
    char tag[16];
    unsigned traits;
    struct buf text;  /* without the tag */
    size_t breaks[8]; /* where the server's "+" is awaited */
    size_t break_count;
    const char *expected; /* "OK", "NO", "BAD"; NULL: any */
    struct chosen set;
    struct mailbox *mailbox, *target;
    char name[GAME_NAME], new_name[GAME_NAME];
    unsigned items; /* what is fetched or asked */
    unsigned flags, words;
    int change;
    bool silent, has_limit, readonly, sub, is_fetch;
    uint32_t limit_tick; /* UNCHANGEDSINCE, CHANGEDSINCE: the tick of the value */
    uint64_t limit;
    uint32_t origin, length;
    bool has_partial;
    size_t number;
    const struct text *texts[4];
    int64_t dates[4];
    unsigned many_flags[4], many_words[4];
    size_t text_count;
    const struct text_section *section; /* by its name in some text */
    char section_name[160];
    struct criterion *criterion;
    uint32_t *view_uids; /* the view when it was carried out */
    size_t view_count;
    /* results of carrying it out */
    struct mailbox *source;
    uint32_t *uids; /* changed, removed, copied: what it did */
    size_t uid_count;
    uint32_t *failed;
    size_t failed_count;
    uint32_t first_uid; /* of what was added */
    uint32_t tick;
};

struct kind {
    const char *name;
    unsigned weight;
    unsigned traits;
    /* Chooses; false: not now. */
    bool (*compose)(struct client *client, struct move *move);
    /* Changes the truth, before the answers are read; NULL: nothing. */
    void (*effect)(struct client *client, struct move *move);
    /* Compares the answers; NULL: the outcome says it all. */
    void (*check)(struct client *client, struct move *move);
    /* An answer to this command as it comes, before those behind it; NULL: that does not matter. */
    void (*answer)(struct client *client, struct move *move, const struct reply *reply);
};

extern const struct kind *const game_kinds[]; /* ends in NULL */

struct game {
    uint64_t seed, random;
    uint64_t commands, done;
    struct loop *loop;
    void (*serve)(struct conn *conn);
    void (*clean_up)(void); /* before the program ends in the middle */
    struct store *store;
    void (*inject_fault)(size_t nth); /* the nth commit or write from now on fails; NULL: cannot be had */
    void (*heal)(void);
    struct arena scratch;
    struct arena arena; /* for ever */
    struct text texts[GAME_TEXTS];
    struct mailbox **mailboxes; /* deleted ones too */
    size_t mailbox_count, mailbox_room;
    char (*subscriptions)[GAME_NAME];
    size_t subscription_count, subscription_room;
    uint32_t tick;
    uint32_t tick_before; /* the command that runs */
    uint64_t *modseqs;    /* by tick; 0: not known yet */
    size_t modseq_room;
    uint32_t serials;
    struct client clients[GAME_CLIENTS];
    size_t client_count;
    uint64_t log_lines;
    const char *without; /* names of kinds that are not played, each with a comma behind it */
};

/* Plays from the first login to the last goodbye; runs in a task. */
void game_play(struct game *game);
void game_free(struct game *game);
bool game_plays(const struct game *game, const struct kind *kind);

/* --- chance (game.c) --- */

size_t below(struct game *game, size_t n);
bool one_in(struct game *game, size_t n);

/* --- failing --- */

/* Prints the dialogues and what was expected, and ends the program. */
void game_fail(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
void game_log(struct client *client, char direction, struct slice text);

/* --- truth.c --- */

extern const char *const flag_names[5], *const word_names[GAME_WORDS];
struct mailbox *truth_mailbox(struct game *game, const char *name); /* NULL: there is none */
struct mailbox *truth_create(struct game *game, const char *name);
void truth_delete(struct game *game, struct mailbox *mailbox);
const char *truth_rename(struct game *game, const char *from, const char *to); /* the outcome */
bool truth_is_below(const char *name, const char *above);
void truth_subscribe(struct game *game, const char *name, bool subscribed);
bool truth_is_subscribed(const struct game *game, const char *name);
struct message *truth_message(struct mailbox *mailbox, uint32_t uid);
void truth_change(struct game *game, struct mailbox *mailbox, struct message *message, unsigned flags,
                  unsigned words);
struct message *truth_add(struct game *game, struct mailbox *mailbox, struct message message);
void truth_remove(struct game *game, struct mailbox *mailbox, uint32_t uid);
size_t truth_live(const struct game *game); /* mailboxes that are not deleted */
struct mailbox *truth_any(struct game *game);
/* The flags as this client has them; and what they become when he sets his to `seen`. */
unsigned flags_seen_by(const struct client *client, unsigned flags);
unsigned flags_set_by(const struct client *client, unsigned flags, unsigned seen);
/* A MODSEQ that came with something of this tick. */
void truth_learn_modseq(struct client *client, uint32_t tick, uint64_t modseq);
uint64_t truth_modseq(const struct game *game, uint32_t tick); /* 0: not known */

/* --- texts.c --- */

#define SEARCH_WORDS 8
extern const char *const search_words[SEARCH_WORDS];
void texts_make(struct game *game);
const struct text_section *text_section(const struct text *text, const char *name);

/* --- client.c --- */

void client_connect(struct client *client);
void client_hang_up(struct client *client); /* without a word */
void client_begin(struct client *client);   /* before the first of some commands */
void client_next(struct client *client);    /* between two of them */
void client_say(struct client *client, struct slice text);
void client_send(struct client *client, struct move *move);
/* Reads and applies what comes until the tagged answer. */
void client_receive(struct client *client, struct move *move);
const struct reply *client_read(struct client *client);
/* A command that must be OK. */
void client_must(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
const struct reply *client_reply(const struct client *client, const char *name, size_t from);
uint32_t client_uid(const struct client *client, const struct reply *reply); /* whom a FETCH was about */
size_t client_count_replies(const struct client *client, const char *name);

/* --- view.c --- */

struct entry *view_entry(struct client *client, uint32_t uid);
void view_apply(struct client *client, const struct reply *reply);
void view_leave(struct client *client);
void view_enter(struct client *client, struct mailbox *mailbox, bool readonly);
bool view_is_true(struct client *client, const char **why);
void view_check(struct client *client, const struct move *move);
void view_add(struct client *client, uint32_t uid);
void view_read_flags(struct client *client, const struct reply_words *list, unsigned *flags_r,
                     unsigned *words_r, bool *recent_r);
bool view_has_gone(struct client *client);

/* --- storm.c --- */

/* All sessions at once. */
void storm_play(struct game *game);

/* --- elsewhere.c --- */

/* Somebody changes something without IMAP. */
void elsewhere_play(struct game *game);

/* --- choosing (choose.c) --- */

void choose_set(struct client *client, struct move *move);
void choose_write(struct buf *text, const struct chosen *set);
void choose_resolve(struct client *client, struct chosen *set);
void choose_name(struct client *client, char name[GAME_NAME]);
/* What the client calls it; the guest has alice's mailboxes below Shared. */
const char *name_for(const struct client *client, const char *name);
struct mailbox *mailbox_of(struct client *client, const char *name);
struct mailbox *target_of(struct client *client, const char *name); /* where he may put something */
void choose_flags(struct game *game, unsigned *flags_r, unsigned *words_r);
void write_flags(struct buf *text, unsigned flags, unsigned words);
void write_mailbox(struct client *client, struct buf *text, const char *name);
void write_literal(struct client *client, struct move *move, struct slice text);
/* A MODSEQ that the client may know; false: none is known. */
bool choose_modseq(struct client *client, uint32_t *tick_r, uint64_t *modseq_r);
bool uids_have(const uint32_t *uids, size_t count, uint32_t uid);
void move_add_uid(struct client *client, struct move *move, uint32_t uid);

/* --- criteria.c --- */

struct criterion *criterion_compose(struct client *client, struct move *move); /* writes it down, too */
void criterion_resolve(struct client *client, struct criterion *criterion);    /* its sets */
bool criterion_asks_recent(const struct criterion *criterion);
bool criterion_holds(struct client *client, const struct criterion *criterion, const struct entry *entry,
                     const struct message *message);

extern const struct kind kind_noop, kind_check, kind_capability, kind_namespace, kind_enable, kind_select,
    kind_examine, kind_close, kind_unselect, kind_logout, kind_drop, kind_idle, kind_fetch, kind_fetch_body,
    kind_fetch_since, kind_store, kind_search, kind_esearch, kind_expunge, kind_uid_expunge, kind_copy,
    kind_move, kind_append, kind_status, kind_list, kind_lsub, kind_create, kind_delete, kind_rename,
    kind_subscribe, kind_bad, kind_resync, kind_sort, kind_binary, kind_replace;

#endif
