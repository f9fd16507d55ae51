/* SPDX-License-Identifier: ISC */
/*
 * Commands off the connection: a line, and behind it literals and further lines as they are wanted (RFC 9051
 * section 4.3, RFC 7888). A literal that the client announces and waits for ("{310}") is invited ("+ …") only
 * when somebody wants it, so a bad APPEND is refused before the message is sent. One that comes without
 * invitation ("{310+}") and is not wanted is read away.
 *
 * Two ways to take a literal: the parser's, into the command's text (names, passwords, search texts; limited
 * by INPUT_TEXT_MAX), and piece by piece for messages.
 */
#ifndef IMAPD_INPUT_H
#define IMAPD_INPUT_H

#include "parser.h"

struct imap_session;

#define INPUT_LINE_MAX          65536   /* sets of UIDs get long */
#define INPUT_TEXT_MAX          1048576 /* one command without its messages */
#define INPUT_LINE_MAX_STRANGER 16384   /* before login */
#define INPUT_TEXT_MAX_STRANGER 32768
#define INPUT_DISCARD_MAX       ((uint64_t)256 * 1024 * 1024)

struct input {
    bool has_literal; /* the line ended in one, which nobody has taken yet */
    bool in_literal;  /* it is being read piece by piece */
    struct literal literal;
    uint64_t literal_left;
    size_t piece;     /* of it, lent out by input_literal_next */
    size_t text_size; /* of this command so far */
    enum err error;   /* of the connection, once there was one */
};

/* The first line of the next command; the parser stands at its beginning. ERR_TOO_LONG: answer and go on. */
enum err input_begin(struct imap_session *session, struct parser *parser_r) MUST_CHECK;
/* After a command, obeyed or not: reads away what the client sent of it uninvited. */
enum err input_finish(struct imap_session *session) MUST_CHECK;

/* The literal that parse_pending_literal found, piece by piece: invites it if need be. */
enum err input_literal_begin(struct imap_session *session) MUST_CHECK;
/* At least one byte, at most 64 KiB; valid until the next call. Empty at the literal's end. */
enum err input_literal_next(struct imap_session *session, struct slice *piece_r) MUST_CHECK;
/* The rest of the literal is read away, and the parser gets the line behind it. */
enum err input_literal_end(struct imap_session *session, struct parser *parser) MUST_CHECK;

/* A line that is no command: DONE, the answer to a SASL challenge. The session's output is flushed first. */
enum err input_line(struct imap_session *session, size_t limit, struct slice *line_r) MUST_CHECK;

#endif
