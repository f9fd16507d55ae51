/* SPDX-License-Identifier: ISC */
/* The mailboxes that a new account has; all of them subscribed. They have the ids 1, 2 … in this order. */
#ifndef STORAGE_FIRST_MAILBOXES_H
#define STORAGE_FIRST_MAILBOXES_H

/* RFC 6154 names; every mail program finds its folder by the attribute, whatever it would call it itself. */
static const struct {
    const char *name, *special_use;
} first_mailboxes[] = {
    {"INBOX", ""},      {"Drafts", "\\Drafts"}, {"Sent", "\\Sent"},
    {"Junk", "\\Junk"}, {"Trash", "\\Trash"},   {"Archive", "\\Archive"},
};

#endif
