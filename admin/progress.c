/* SPDX-License-Identifier: ISC */
/* The line is cut to 79 columns, so that it never wraps; what is not ASCII counts as it is. */
#include "progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

#define EVERY_MS 200
#define COLUMNS  79

static volatile sig_atomic_t interrupted;

static void note_signal(int number)
{
    (void)number;
    interrupted = 1;
}

void progress_begin(struct progress *progress)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL); /* a second one ends the process */
    sigaction(SIGTERM, &action, NULL);
    *progress = (struct progress){.shown = isatty(STDERR_FILENO) == 1};
}

bool progress_is_interrupted(void)
{
    return interrupted != 0;
}

bool progress_is_due(struct progress *progress)
{
    int64_t now = clock_monotonic_ms();
    if (!progress->shown || now < progress->next_ms) {
        return false;
    }
    progress->next_ms = now + EVERY_MS;
    return true;
}

void progress_show(struct progress *progress, const struct buf *text)
{
    struct slice line = utf8_cut(buf_slice(text), COLUMNS);
    fputc('\r', stderr);
    for (size_t i = 0; i < line.len; i++) {
        fputc(char_is_ctl(line.data[i]) ? '?' : line.data[i], stderr);
    }
    for (size_t i = line.len; i < progress->width; i++) {
        fputc(' ', stderr);
    }
    progress->width = line.len;
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->width) {
        fprintf(stderr, "\r%*s\r", (int)progress->width, "");
        progress->width = 0;
    }
}
