/* SPDX-License-Identifier: ISC */
/* The table of commands: what may be said when. A new command is a row here and a handler. */
#include "command.h"

#define STRANGER IMAP_NOT_AUTHENTICATED
#define USER     (IMAP_AUTHENTICATED | IMAP_SELECTED)
#define OPEN     IMAP_SELECTED
#define VIEW     (IMAP_SELECTED | IMAP_NEEDS_VIEW)
#define ANY      (STRANGER | USER)

static const struct imap_command commands[] = {
    /* name             states    UID        updates              handler */
    {{"CAPABILITY", 10}, ANY, UID_NEVER, UPDATE_ALL, imap_capability},
    {{"NOOP", 4}, ANY, UID_NEVER, UPDATE_ALL | UPDATE_REFRESH, imap_noop},
    {{"LOGOUT", 6}, ANY, UID_NEVER, UPDATE_NOTHING, imap_logout},
    {{"ID", 2}, ANY, UID_NEVER, UPDATE_ALL, imap_id},
    {{"LANGUAGE", 8}, ANY, UID_NEVER, UPDATE_ALL, imap_language},
    {{"STARTTLS", 8}, STRANGER, UID_NEVER, UPDATE_NOTHING, imap_starttls},
    {{"LOGIN", 5}, STRANGER, UID_NEVER, UPDATE_NOTHING, imap_login},
    {{"AUTHENTICATE", 12}, STRANGER, UID_NEVER, UPDATE_NOTHING, imap_authenticate},
    {{"ENABLE", 6}, USER, UID_NEVER, UPDATE_NOTHING, imap_enable},
    {{"COMPRESS", 8}, USER, UID_NEVER, UPDATE_NOTHING, imap_compress},
    {{"SELECT", 6}, USER, UID_NEVER, UPDATE_NOTHING, imap_select},
    {{"EXAMINE", 7}, USER, UID_NEVER, UPDATE_NOTHING, imap_examine},
    {{"IDLE", 4}, USER, UID_NEVER, UPDATE_ALL | UPDATE_REFRESH, imap_idle},
    {{"LIST", 4}, USER, UID_NEVER, UPDATE_ALL, imap_list_command},
    {{"LSUB", 4}, USER, UID_NEVER, UPDATE_ALL, imap_lsub},
    {{"XLIST", 5}, USER, UID_NEVER, UPDATE_ALL, imap_xlist},
    {{"NAMESPACE", 9}, USER, UID_NEVER, UPDATE_ALL, imap_namespace},
    {{"GETMETADATA", 11}, USER, UID_NEVER, UPDATE_ALL, imap_getmetadata},
    {{"SETMETADATA", 11}, USER, UID_NEVER, UPDATE_ALL, imap_setmetadata},
    {{"GETQUOTA", 8}, USER, UID_NEVER, UPDATE_ALL, imap_getquota},
    {{"GETQUOTAROOT", 12}, USER, UID_NEVER, UPDATE_ALL, imap_getquotaroot},
    {{"SETQUOTA", 8}, USER, UID_NEVER, UPDATE_ALL, imap_setquota},
    {{"UNAUTHENTICATE", 14}, USER, UID_NEVER, UPDATE_NOTHING, imap_unauthenticate},
    {{"STATUS", 6}, USER, UID_NEVER, UPDATE_ALL, imap_status},
    {{"CREATE", 6}, USER, UID_NEVER, UPDATE_ALL, imap_create},
    {{"DELETE", 6}, USER, UID_NEVER, UPDATE_ALL, imap_delete},
    {{"RENAME", 6}, USER, UID_NEVER, UPDATE_ALL, imap_rename},
    {{"SUBSCRIBE", 9}, USER, UID_NEVER, UPDATE_ALL, imap_subscribe},
    {{"UNSUBSCRIBE", 11}, USER, UID_NEVER, UPDATE_ALL, imap_unsubscribe},
    {{"GETACL", 6}, USER, UID_NEVER, UPDATE_ALL, imap_getacl},
    {{"SETACL", 6}, USER, UID_NEVER, UPDATE_ALL, imap_setacl},
    {{"DELETEACL", 9}, USER, UID_NEVER, UPDATE_ALL, imap_deleteacl},
    {{"LISTRIGHTS", 10}, USER, UID_NEVER, UPDATE_ALL, imap_listrights},
    {{"MYRIGHTS", 8}, USER, UID_NEVER, UPDATE_ALL, imap_myrights},
    {{"COMPARATOR", 10}, USER, UID_NEVER, UPDATE_ALL, imap_comparator},
    {{"CHECK", 5}, OPEN, UID_NEVER, UPDATE_ALL | UPDATE_REFRESH, imap_check},
    {{"CLOSE", 5}, OPEN, UID_NEVER, UPDATE_NOTHING, imap_close},
    {{"GENURLAUTH", 10}, USER, UID_NEVER, UPDATE_ALL, imap_genurlauth},
    {{"URLFETCH", 8}, USER, UID_NEVER, UPDATE_ALL, imap_urlfetch},
    {{"RESETKEY", 8}, USER, UID_NEVER, UPDATE_ALL, imap_resetkey},
    {{"NOTIFY", 6}, USER, UID_NEVER, UPDATE_ALL, imap_notify},
    {{"APPEND", 6}, USER, UID_NEVER, UPDATE_ALL, imap_append},
    {{"REPLACE", 7}, VIEW, UID_ALSO, UPDATE_NUMBERS_STAY, imap_replace},
    {{"FETCH", 5}, VIEW, UID_ALSO, UPDATE_NUMBERS_STAY, imap_fetch},
    {{"STORE", 5}, VIEW, UID_ALSO, UPDATE_NUMBERS_STAY, imap_store},
    {{"COPY", 4}, VIEW, UID_ALSO, UPDATE_NUMBERS_STAY, imap_copy},
    {{"MOVE", 4}, VIEW, UID_ALSO, UPDATE_NUMBERS_STAY, imap_move},
    {{"EXPUNGE", 7}, VIEW, UID_ALSO, UPDATE_ALL, imap_expunge},
    {{"SEARCH", 6}, VIEW, UID_ALSO, UPDATE_NUMBERS_STAY, imap_search},
    {{"ESEARCH", 7}, USER | IMAP_NEEDS_VIEW, UID_ALSO, UPDATE_NUMBERS_STAY, imap_esearch},
    {{"CANCELUPDATE", 12}, VIEW, UID_NEVER, UPDATE_ALL, imap_cancelupdate},
    {{"SORT", 4}, VIEW, UID_ALSO, UPDATE_NUMBERS_STAY, imap_sort},
    {{"THREAD", 6}, VIEW, UID_ALSO, UPDATE_NUMBERS_STAY, imap_thread},
    {{"UNSELECT", 8}, OPEN, UID_NEVER, UPDATE_NOTHING, imap_unselect},
};

const struct imap_command *imap_command_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (slice_eq_nocase(name, commands[i].name))
            return &commands[i];
    return NULL;
}

bool imap_parse_command(struct parser *parser, struct slice *tag_r, bool *uid_r, struct slice *name_r)
{
    *tag_r = *name_r = SLICE_EMPTY;
    *uid_r = false;
    if (!parse_tag(parser, tag_r) || !parse_space(parser) || !parse_name(parser, name_r))
        return false;
    if (!slice_eq_nocase(*name_r, S("UID")))
        return true;
    *uid_r = true;
    return parse_space(parser) && parse_name(parser, name_r);
}
