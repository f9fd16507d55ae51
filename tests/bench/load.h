/* SPDX-License-Identifier: ISC */
/*
 * The load that scripts/bench puts on a server, over any number of sessions at once (a thread each). Speaks
 * to any server, in clear, on loopback. load.c has the connection and the run, load_*.c a protocol each.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    const char *mode, *recipient, *user, *password, *mailbox;
    int port, sessions, count, size, users, window;
};
extern struct options options;

__attribute__((noreturn)) void die(const char *what); /* tells errno where there is one */
double now(void);                                     /* seconds */

/* --- a connection, read line by line --- */

struct connection {
    int fd; /* -1: not connected */
    size_t start, end, capacity;
    char *input;
    size_t line_length; /* of the line that read_line gave */
    uint64_t bytes;     /* read so far */
};
struct connection *connection_new(void);
void connection_free(struct connection *connection); /* hangs up, too */
bool dial(struct connection *connection);
void hang_up(struct connection *connection);
bool send_bytes(struct connection *connection, const char *bytes, size_t size);
bool send_text(struct connection *connection, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The next line without its CRLF, of any length; NULL at the end. Valid until the next call. */
char *read_line(struct connection *connection);
bool has_line(const struct connection *connection); /* read_line will not wait */
bool skip_bytes(struct connection *connection, uint64_t count);

/* --- what is counted --- */

/* Numbers 0 to options.count - 1, each to one session; -1 when all are taken. */
int take_number(void);
void tell_done(int number, double seconds);
void tell_failed(int number);
/* For loads of one session, which know only then how much there is to do. */
void tell_total(int done);
double percentile_ms(double *seconds, int count, double part); /* sorts them */

/* Headers and lines of text, `size` bytes in all, malloced. Nothing in it begins with a dot. */
char *make_message(size_t size, size_t *length_r);

/* The user whose turn it is in a session: each session has users of its own when there are enough of them. */
void choose_user(char out[256], void *session, int turn);

/* --- the loads: `session` is for choose_user --- */

void *smtp_session(void *session);
void *pop3_login_session(void *session);
void pop3_retr(struct connection *connection);
void pop3_list(struct connection *connection);
void *imap_login_session(void *session);
void *imap_append_session(void *session);
void imap_idle(struct connection *connection);
void imap_script(struct connection *connection);

#endif
