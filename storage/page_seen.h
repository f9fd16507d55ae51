/* SPDX-License-Identifier: ISC */
/* For engines: a page as another than the owner sees it. */
#ifndef STORAGE_PAGE_SEEN_H
#define STORAGE_PAGE_SEEN_H

#include "storage/snapshot.h"

/* MESSAGE_SEEN in the flags of the page is as the set says. */
void message_page_set_seen(struct message_page *page, const struct uid_set *seen);

#endif
