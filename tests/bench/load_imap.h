/* SPDX-License-Identifier: ISC */
/* What an IMAP server answers, counted rather than kept. */
#ifndef BENCH_LOAD_IMAP_H
#define BENCH_LOAD_IMAP_H

#include "load.h"

struct imap_tally {
    long fetches, expunges, lists, statuses;
    long exists;            /* the last number told; -1: none */
    long numbers;           /* in SEARCH, SORT and THREAD */
    uint64_t fetched;       /* sum of the sequence numbers of FETCH */
    uint64_t literal_bytes; /* in all literals */
};
#define IMAP_TALLY_EMPTY ((struct imap_tally){.exists = -1})

/* Connects and logs in. */
bool imap_log_in(struct connection *connection, const char *user);
/* Reads one response with its literals, and counts it; its first line, NULL at the end of the connection. */
char *imap_read(struct connection *connection, struct imap_tally *tally);
/* Reads up to the tagged answer: what follows its tag ("OK …"); NULL at the end of the connection. */
char *imap_finish(struct connection *connection, const char *tag, struct imap_tally *tally);
/* Sends a command and reads up to its tagged OK. */
bool imap_run(struct connection *connection, const char *command, struct imap_tally *tally);

#endif
