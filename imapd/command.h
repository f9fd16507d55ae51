/* SPDX-License-Identifier: ISC */
/* What a command is: a row in the table of commands.c. */
#ifndef IMAPD_COMMAND_H
#define IMAPD_COMMAND_H

#include "parser.h"

struct imap_session;

/* RFC 9051 section 3; as bits, for the table. */
enum imap_state { IMAP_NOT_AUTHENTICATED = 1, IMAP_AUTHENTICATED = 2, IMAP_SELECTED = 4 };
/* Beside them: the command works with the messages of the open mailbox, so its view is read first. */
#define IMAP_NEEDS_VIEW 8

/* What a session may be told of the open mailbox when a command ends (updates.c). */
enum update {
    UPDATE_EXPUNGES = 1, /* not where sequence numbers are in use (RFC 9051 section 7.5.1) */
    UPDATE_EXISTS = 2,
    UPDATE_FLAGS = 4,
    UPDATE_REFRESH = 8, /* look at the folder for mail of other programs first */
    UPDATE_NOTHING = 0,
    UPDATE_NUMBERS_STAY = UPDATE_EXISTS | UPDATE_FLAGS,
    UPDATE_ALL = UPDATE_EXPUNGES | UPDATE_NUMBERS_STAY
};

/* The parser stands behind the command's name; nothing is skipped yet, not even the space. The handler sets
 * the tagged answer by imap_ok, imap_no or imap_bad; it is sent after the updates. */
typedef void imap_handler(struct imap_session *session, struct parser *parser);

enum imap_uid_form { UID_NEVER, UID_ALSO, UID_ONLY }; /* "UID EXPUNGE" */

struct imap_command {
    struct slice name;
    unsigned states; /* in which it may be given */
    enum imap_uid_form uid;
    unsigned updates; /* enum update, of the form without "UID"; expunges may be told behind "UID" too */
    imap_handler *run;
};

/* The row for this name, or NULL. */
const struct imap_command *imap_command_find(struct slice name);
/* command = tag SP ["UID" SP] name …: reads up to the name. False when there is no well-formed tag or no
 * name; `tag_r` is set as far as it could be read, for the answer. */
bool imap_parse_command(struct parser *parser, struct slice *tag_r, bool *uid_r, struct slice *name_r);

/* --- the handlers (cmd_*.c) --- */

imap_handler imap_capability, imap_noop, imap_logout, imap_starttls;
imap_handler imap_login, imap_authenticate;
imap_handler imap_enable, imap_id, imap_language, imap_compress;
imap_handler imap_select, imap_examine, imap_close, imap_unselect;
imap_handler imap_check, imap_idle;
imap_handler imap_notify;
imap_handler imap_genurlauth, imap_urlfetch, imap_resetkey;
imap_handler imap_append, imap_replace;
imap_handler imap_fetch;
imap_handler imap_search, imap_sort, imap_thread, imap_esearch, imap_cancelupdate, imap_comparator;
imap_handler imap_store, imap_expunge, imap_copy, imap_move;
imap_handler imap_list_command, imap_lsub, imap_xlist, imap_namespace, imap_status;
imap_handler imap_getacl, imap_setacl, imap_deleteacl, imap_listrights, imap_myrights;
imap_handler imap_getmetadata, imap_setmetadata, imap_unauthenticate;
imap_handler imap_getquota, imap_getquotaroot, imap_setquota;
imap_handler imap_create, imap_delete, imap_rename, imap_subscribe, imap_unsubscribe;

#endif
