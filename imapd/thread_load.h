/* SPDX-License-Identifier: ISC */
/* From the messages that a search found to what threading knows of them. */
#ifndef IMAPD_THREAD_LOAD_H
#define IMAPD_THREAD_LOAD_H

#include "search_eval.h"
#include "thread.h"

struct thread_data {
    struct thread_texts texts;
    struct thread_message *messages;
    uint32_t *references;
    size_t count, reference_count, reference_room;
};

/* Reads it, in visits. Message numbers are those of the view, or UIDs. */
enum err thread_load(struct search_job *job, enum thread_algorithm algorithm, const struct uid_set *uids,
                     bool by_uid, struct thread_data *data_r) MUST_CHECK;
/* Valid as long as the data. */
struct thread_input thread_data_input(const struct thread_data *data);
void thread_data_free(struct thread_data *data);

#endif
