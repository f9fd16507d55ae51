/* SPDX-License-Identifier: ISC */
/* From the messages that a search found to their order. */
#ifndef IMAPD_SORT_LOAD_H
#define IMAPD_SORT_LOAD_H

#include "search_return.h"
#include "sort.h"

/* Sorts the result: sets result->sorted, and takes out what is not there any more. With SORT_RELEVANCY
 * result->scores are used, and put into the new order. */
enum err sort_result(struct search_job *job, const struct sort_criteria *criteria,
                     struct search_result *result) MUST_CHECK;

#endif
