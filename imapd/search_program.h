/* SPDX-License-Identifier: ISC */
/*
 * What is searched for (RFC 9051 section 6.4.4): the search keys of one command as a tree in a flat array.
 * Node 0 is the root, an AND of the keys that stand side by side; children follow each other by `next`.
 * Chains of OR, and parentheses that only group, are one node; so the tree is as deep as AND, OR and NOT
 * really alternate, at most SEARCH_DEPTH_MAX.
 */
#ifndef IMAPD_SEARCH_PROGRAM_H
#define IMAPD_SEARCH_PROGRAM_H

#include "storage/search.h"

#include "sequence.h"

#define SEARCH_KEYS_MAX    5000 /* in one command */
#define SEARCH_TEXTS_MAX   250  /* of these such that look into messages: each may have to read them all */
#define SEARCH_DEPTH_MAX   64
#define SEARCH_FILTERS_MAX 8  /* filters within filters (RFC 5466) */
#define SEARCH_FILTERS_ALL 64 /* in one command */

enum search_key {
    KEY_AND,
    KEY_OR,
    KEY_NOT,
    /* --- decided by sets of UIDs --- */
    KEY_ALL,
    KEY_NUMBERS, /* message numbers, or "$" */
    KEY_UIDS,
    KEY_RECENT,
    /* --- decided by what the index has of a message --- */
    KEY_FLAGS,
    KEY_KEYWORD,
    KEY_LARGER,
    KEY_SMALLER,
    KEY_ARRIVED,       /* internal date: BEFORE, ON, SINCE */
    KEY_SAVED,         /* time of saving (RFC 8514) */
    KEY_OLDER_SECONDS, /* RFC 5032 */
    KEY_YOUNGER_SECONDS,
    KEY_MODSEQ,
    KEY_EMAILID,
    KEY_THREADID,
    /* --- to be looked up --- */
    KEY_SENT,
    KEY_TEXT
};

/* Days since 1970-01-01: first <= day < end. */
struct day_range {
    int64_t first, end;
};

struct search_node {
    enum search_key key;
    bool fuzzy;          /* RFC 6203 */
    uint32_t child;      /* of AND, OR, NOT: the first one */
    uint32_t last_child; /* while parsing */
    uint32_t next;       /* sibling; 0: none */
    struct uid_set uids; /* of the set keys, once bound to a mailbox */
    union {
        struct sequence_set set;
        struct {
            uint32_t mask, value;
        } flags;
        struct slice keyword;
        uint64_t number;
        struct day_range days;
        unsigned char id[16];
        struct search_term text;
    };
};

struct search_program {
    struct search_node *nodes;
    size_t count;
    bool has_modseq;  /* answers tell the highest MODSEQ (RFC 7162 section 3.1.5) */
    bool has_fuzzy;   /* RELEVANCY has a meaning */
    bool has_numbers; /* message numbers are named */
};

/* For children: for (uint32_t i = node->child; i != 0; i = program->nodes[i].next) */

/* Where the keys come from, and what went wrong with them. */
struct search_source {
    struct slice charset; /* of the strings; empty: UTF-8 */
    /* The text of a filter (RFC 5466); false when there is none. NULL: there are no filters. */
    bool (*filter)(void *data, struct slice name, struct slice *text_r);
    void *data;
    struct slice undefined_filter; /* out: the one that is missing, or contains itself */
};

/* ["CHARSET" SP charset]; also what stands in its place in SORT and THREAD (search_charset). ERR_NOT_FOUND: a
 * charset that nobody knows here. */
enum err parse_search_charset(struct parser *parser, struct slice *charset_r) MUST_CHECK;
enum err search_charset(struct slice name, struct slice *charset_r) MUST_CHECK;

/* 1*(SP search-key), to the end of the text. ERR_SYNTAX (parser_complaint), ERR_LIMIT (too many keys, too
 * deep), ERR_NOT_FOUND (undefined_filter). All in the parser's arena. */
enum err parse_search_keys(struct parser *parser, struct search_source *source,
                           struct search_program *program_r) MUST_CHECK;

/* A copy that needs nothing of the command any more. */
void search_program_copy(const struct search_program *program, struct arena *arena,
                         struct search_program *copy_r);

/* --- for search_parse.c: one key (search_keys.c) --- */

struct search_builder {
    struct parser *parser;
    struct search_source *source;
    struct search_program program; /* nodes: mem_realloc */
    size_t room;
    size_t texts;      /* nodes that look for one */
    uint32_t open;     /* the node that gets the next child */
    bool fuzzy;        /* below FUZZY */
    struct arena text; /* for conversions */
};

/* A new child of builder->open; its index. */
uint32_t search_add_node(struct search_builder *builder, struct search_node node);
/* One key other than AND, OR, NOT, FUZZY and FILTER: adds its node. False: parser_expected. */
bool parse_search_leaf(struct search_builder *builder);

#endif
