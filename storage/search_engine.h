/* SPDX-License-Identifier: ISC */
/*
 * What an engine gives to the search that all engines share (search.c): candidates, each of which is looked
 * at. An engine without an index names all messages.
 */
#ifndef STORAGE_SEARCH_ENGINE_H
#define STORAGE_SEARCH_ENGINE_H

#include "storage/search.h"

/*
 * UIDs of messages that are there: all that can match, and perhaps more; of `within` only. In the arena. The
 * texts of the request's terms are folded (mail/fold.h); no term but one of SEARCH_HEADER has an empty text.
 * There may be no terms: then all messages.
 */
enum err search_candidates(struct account *account, const struct search_request *request, struct arena *arena,
                           struct uid_set *uids_r) MUST_CHECK;

#endif
