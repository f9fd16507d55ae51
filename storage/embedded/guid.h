/* SPDX-License-Identifier: ISC */
/* Identifiers of messages (EMAILID, POP3 UIDL). */
#ifndef STORAGE_GUID_H
#define STORAGE_GUID_H

#include "mail_file.h"

/* A new one: the time in ms, then random bytes. Later ones sort behind earlier ones, so that the index over
 * them grows at its end instead of everywhere. */
void guid_make(unsigned char guid_r[GUID_SIZE]);

#endif
