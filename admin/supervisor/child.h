/* SPDX-License-Identifier: ISC */
/*
 * The life of one child process, as a table of states and events (child.c); no system call in here.
 *
 *     WAITING ──due──► STARTING ──told ready──► READY
 *        ▲                │ exited                │ exited
 *        └────────────────┴───────────────────────┘        stop: WAITING → GONE, the others → STOPPING
 * ──exited──► GONE
 */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include <sys/types.h>

#include "base/clock.h"
#include "supervisor/program.h"

enum child_state {
    CHILD_WAITING,  /* for its time to be started, `wake_at` */
    CHILD_STARTING, /* runs, has not said READY=1 yet */
    CHILD_READY,
    CHILD_STOPPING, /* was sent SIGTERM */
    CHILD_GONE,     /* ended, and is not to come back */
    CHILD_STATE_COUNT
};

enum child_event {
    CHILD_DUE,        /* `wake_at` has come */
    CHILD_TOLD_READY, /* READY=1 came from its process */
    CHILD_EXITED,     /* its process is no more */
    CHILD_STOP,       /* it is to end */
    CHILD_EVENT_COUNT
};

enum child_action {
    CHILD_NOTHING,
    CHILD_SPAWN,    /* the caller starts the process and sets `pid`; when that fails it says CHILD_EXITED */
    CHILD_TERMINATE /* the caller sends SIGTERM */
};

struct child {
    const struct program *program;
    const char *path; /* of the program */
    unsigned worker;
    enum child_state state;
    pid_t pid;           /* 0: none */
    int64_t wake_at;     /* monotonic ms, NO_DEADLINE: when somebody says so */
    int64_t ready_since; /* monotonic ms */
    int64_t delay_ms;    /* the last pause before a restart; 0: none yet */
    unsigned restarts;
    bool was_ready;   /* at least once */
    bool reload_owed; /* SIGHUP came before it could take one */
    bool has_exited;
    int exit_status; /* of the last process, as waitpid(2) gives it */
};

/* Moves the child on and says what the caller has to do. Reads and writes the fields above but `pid` on
 * CHILD_SPAWN. */
enum child_action child_handle(struct child *child, enum child_event event, int64_t now);
const char *child_state_name(enum child_state state);

/* The pause before the next start: 100 ms, doubled each time up to 10 s; from the beginning after a minute of
 * good life. */
int64_t child_next_delay(int64_t previous_ms, int64_t good_life_ms);

#endif
