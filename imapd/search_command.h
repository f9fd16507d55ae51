/* SPDX-License-Identifier: ISC */
/* What SEARCH, SORT, THREAD and ESEARCH have in common, between the command and its search. */
#ifndef IMAPD_SEARCH_COMMAND_H
#define IMAPD_SEARCH_COMMAND_H

#include "progress.h"
#include "search_return.h"

/* What happens when more messages would have to be looked at than one command may work with (RFC 9738). */
enum search_limit { SEARCH_THE_LAST, SEARCH_REFUSED, SEARCH_ALL };

struct search_command {
    struct imap_session *session;
    struct search_return wanted;
    bool wants_scores; /* RELEVANCY is asked for, or sorted by */
    struct search_program program;
    struct slice charset;
    struct search_job job;
    struct progress progress;
    enum search_limit limit;
    uint32_t lowest; /* for message_limit_tell: where the search ended that was to go on */
    uint64_t goal;   /* how many messages are to be looked at; 0: unknown */
};

/* The search keys, in command->charset; `err` is what came out of reading the charset. False when the command
 * is answered. */
bool search_command_parse(struct search_command *command, struct parser *parser, enum err charset);
/* Whether the options fit the keys and what is enabled. False when the command is answered. */
bool search_command_check(struct search_command *command);
/* Makes the job for the open mailbox; tells the client of new messages first, so that it may find them. False
 * when that is answered. */
bool search_command_begin(struct search_command *command);
/* Searches, and finds out scores and MODSEQ if they are wanted; with `sorted` the MODSEQ of all. */
enum err search_command_find(struct search_command *command, struct search_result *result_r) MUST_CHECK;
/* The same; false when the failure is answered. */
bool search_command_run(struct search_command *command, struct search_result *result_r);
/* Keeps the result as "$" when that was asked for. False when it is refused. */
bool search_command_save(struct search_command *command, const struct search_result *result);
/* The command fails with this error of the search. */
void search_command_fail(struct search_command *command, enum err err);

/* `* ESEARCH (TAG "…") …` for the result. */
void search_command_write(struct search_command *command, const struct search_result *result);
/* search_job.visit: on a worker thread, and tells the client now and then. */
enum err search_command_visit(void *command, enum err (*fn)(void *arg), void *arg);
/* A writer to the connection, with the session's kind of numbers. */
struct search_writer search_command_writer(struct search_command *command);

#endif
