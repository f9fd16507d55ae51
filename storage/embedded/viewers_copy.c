/* SPDX-License-Identifier: ISC */
/* COPY and MOVE: who has seen a message has seen its copy. */
#include "viewers.h"

#include "base/mem.h"

static const struct uid_range everything = {1, UINT32_MAX};

enum err viewers_copy_begin(struct viewers_copy *copy, struct change *change, int64_t source,
                            struct slice but)
{
    int64_t viewer = 0, left_out = 0;
    *copy = (struct viewers_copy){.change = change, .source = source};
    enum err err = viewer_next(change->db, source, 0, &viewer);
    if (!err && viewer && but.len) {
        err = viewer_number(change->db, but, &left_out);
    }
    while (!err && viewer) {
        copy->list = mem_realloc_array(copy->list, copy->count + 1, sizeof(*copy->list));
        struct viewer_copy *entry = &copy->list[copy->count++];
        *entry = (struct viewer_copy){.viewer = viewer};
        if (viewer != left_out) {
            err = viewer_seen_by_number(change->db, source, viewer, everything, &copy->arena, &entry->seen);
        }
        if (!err) {
            err = viewer_next(change->db, source, viewer, &viewer);
        }
    }
    return err;
}

void viewers_copy_note(struct viewers_copy *copy, uint32_t from, uint32_t to)
{
    for (size_t i = 0; i < copy->count; i++) {
        if (uid_set_has(&copy->list[i].seen, from)) {
            uid_set_add(&copy->list[i].copied, to);
        }
    }
    if (copy->count) {
        uid_set_add(&copy->moved, from);
    }
}

enum err viewers_copy_finish(struct viewers_copy *copy, int64_t target, bool move, enum err err)
{
    for (size_t i = 0; i < copy->count; i++) {
        struct viewer_copy *entry = &copy->list[i];
        struct uid_set copied = uid_set_take(&entry->copied, &copy->arena);
        if (!err) {
            err = viewer_mark_by_number(copy->change, target, entry->viewer, &copied, true);
        }
    }
    struct uid_set moved = uid_set_take(&copy->moved, &copy->arena);
    if (!err && move) {
        err = viewers_forget(copy->change, copy->source, &moved);
    }
    mem_free(copy->list);
    arena_free(&copy->arena);
    return err;
}
