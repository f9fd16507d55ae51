/* SPDX-License-Identifier: ISC */
/* How far a long command is: one line on a terminal, rewritten a few times each second; nothing elsewhere.
 * And whether somebody pressed ^C, so that it can stop in order. */
#ifndef ADMIN_PROGRESS_H
#define ADMIN_PROGRESS_H

#include "base/buf.h"

struct progress {
    bool shown;      /* stderr is a terminal */
    int64_t next_ms; /* when the line is written again */
    size_t width;    /* of what stands there */
};

void progress_begin(struct progress *progress);
/* Whether the line is due: then progress_show, with a text without line end. */
bool progress_is_due(struct progress *progress);
void progress_show(struct progress *progress, const struct buf *text);
/* Takes the line away. */
void progress_end(struct progress *progress);
/* A signal to stop came: the command is to end what it does. */
bool progress_is_interrupted(void);

#endif
