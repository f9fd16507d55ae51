/* SPDX-License-Identifier: ISC */
/* The supervisor's view of itself and its children as JSON. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/log.h"
#include "output.h"
#include "supervisor/supervisor.h"

/* How its last process ended: {"status": 1} or {"signal": 9}; null when none has. */
static json_t *exit_json(const struct child *child)
{
    if (!child->has_exited) {
        return json_null();
    }
    return WIFSIGNALED(child->exit_status) ? json_pack("{s:i}", "signal", WTERMSIG(child->exit_status))
                                           : json_pack("{s:i}", "status", WEXITSTATUS(child->exit_status));
}

static json_t *child_json(const struct child *child)
{
    return json_pack("{s:s, s:i, s:o, s:s, s:i, s:o}", "name", child->program->name, "worker",
                     (int)child->worker, "pid", child->pid ? json_integer(child->pid) : json_null(), "state",
                     child_state_name(child->state), "restarts", (int)child->restarts, "last_exit",
                     exit_json(child));
}

static json_t *status_json(const struct supervisor *supervisor)
{
    static const char *const phases[] = {"starting", "running", "stopping"};
    json_t *children = json_array(), *listeners = json_array();
    for (size_t i = 0; i < supervisor->child_count; i++) {
        json_array_append_new(children, child_json(&supervisor->children[i]));
    }
    for (size_t i = 0; i < supervisor->listeners.count; i++) {
        const struct listener *listener = &supervisor->listeners.items[i];
        json_array_append_new(listeners, json_pack("{s:s, s:o}", "service", listener->name, "address",
                                                   json_text(slice_from(listener->address))));
    }
    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:o}", "pid", (int)getpid(), "version", POSTERN_VERSION,
                     "state", phases[supervisor->phase], "started", json_time(supervisor->started_us),
                     "children", children, "listeners", listeners);
}

void status_file_write(const struct supervisor *supervisor)
{
    json_t *value = status_json(supervisor);
    char *text = json_dumps(value, JSON_INDENT(2));
    enum err err = text ? fs_write_durable(supervisor->status_path, slice_from(text), 0644) : ERR_IO;
    if (err) { /* the server goes on; only `postern status` knows less */
        log_warning("status.write_failed", log_cstr("path", supervisor->status_path), log_err(err));
    }
    free(text);
    json_decref(value);
}
