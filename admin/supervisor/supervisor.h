/* SPDX-License-Identifier: ISC */
/* What the supervisor holds; shared by serve.c (its life) and status_file.c (what it tells). */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "base/daemon.h"
#include "supervisor/child.h"
#include "supervisor/listen.h"
#include "supervisor/notify.h"

enum supervisor_phase {
    SUPERVISOR_STARTING, /* not every child has been ready yet; one that fails ends it all */
    SUPERVISOR_RUNNING,
    SUPERVISOR_STOPPING
};

struct supervisor {
    struct arena arena;
    struct daemon daemon; /* for daemon_reload: the program's name and the configuration */
    enum supervisor_phase phase;
    int64_t started_us;
    int64_t deadline; /* monotonic ms: STARTING: for all to be ready; STOPPING: for all to be gone */
    bool failed;      /* the exit code will be 1 */

    const char *pid_path, *status_path;
    int pid_fd, signal_fd;
    struct notify notify;
    struct listeners listeners;
    struct child *children;
    size_t child_count;
    bool changed; /* the status file is out of date */
};

/* <run>/status.json: what `postern status` reads. Replaced at once, never half written. */
void status_file_write(const struct supervisor *supervisor);

/* Runs the instance until SIGTERM; the exit code. Takes the configuration over. */
int supervisor_run(struct conf *conf);

#endif
