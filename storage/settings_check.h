/* SPDX-License-Identifier: ISC */
/* What annotations, rights and Sieve scripts may be called and hold; the same for every engine. */
#ifndef STORAGE_SETTINGS_CHECK_H
#define STORAGE_SETTINGS_CHECK_H

#include "storage/batch.h"

/* RFC 5464 section 4.1: "/private/comment"; levels behind slashes, ASCII without wildcards. */
bool annotation_entry_is_valid(struct slice entry);
/* RFC 4314: who; not empty, no control characters. */
bool rights_identifier_is_valid(struct slice identifier);
/* Letters and digits, each once; may be empty. */
bool rights_are_valid(struct slice rights);
/* RFC 5804 section 1.6: UTF-8, not empty, no control characters. */
bool sieve_name_is_valid(struct slice name);
/* UTF-8 without NUL, not over SIEVE_SCRIPT_MAX. */
bool sieve_script_is_valid(struct slice script);

#endif
