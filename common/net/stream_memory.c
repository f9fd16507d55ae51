/* SPDX-License-Identifier: ISC */
/*
 * Two streams joined in memory, so that protocol code can be tested without a socket, with back-pressure (a
 * small capacity) and torn lines (a small chunk). What one end writes lies in a pipe until the other end
 * reads it.
 */
#include "stream.h"

#include <string.h>

#include "base/mem.h"

/* One direction. The writer waits on `room`, the reader on `data_or_end`. */
struct pipe {
    char *data;
    size_t start; /* what was read is moved out only when its room is needed: many tiny reads stay cheap */
    size_t len;
    struct event room;
    struct event data_or_end;
    bool writer_closed;
    bool reader_closed;
};

struct memory_end {
    struct stream stream;
    struct memory_link *link;
    struct pipe *input;
    struct pipe *output;
};

struct memory_link {
    size_t capacity;
    size_t chunk;
    struct pipe pipes[2];
    struct memory_end ends[2];
    int open_ends;
};

static void update_events(const struct memory_link *link, struct pipe *pipe)
{
    if (pipe->len > 0 || pipe->writer_closed)
        event_raise(&pipe->data_or_end);
    else
        event_clear(&pipe->data_or_end);
    if (pipe->len < link->capacity || pipe->reader_closed)
        event_raise(&pipe->room);
    else
        event_clear(&pipe->room);
}

static enum stream_result memory_read(struct stream *stream, char *data, size_t size, size_t *n_r,
                                      struct wait_item *want_r)
{
    const struct memory_end *self = container_of(stream, struct memory_end, stream);
    struct pipe *pipe = self->input;
    size_t n = MIN_OF(MIN_OF(size, pipe->len), self->link->chunk);
    if (n == 0) {
        *want_r = (struct wait_item){.event = &pipe->data_or_end};
        return pipe->writer_closed ? STREAM_END : STREAM_AGAIN;
    }
    memcpy(data, pipe->data + pipe->start, n);
    pipe->start += n;
    pipe->len -= n;
    update_events(self->link, pipe);
    *n_r = n;
    return STREAM_DONE;
}

static enum stream_result memory_write(struct stream *stream, struct slice bytes, size_t *n_r,
                                       struct wait_item *want_r)
{
    const struct memory_end *self = container_of(stream, struct memory_end, stream);
    struct pipe *pipe = self->output;
    if (pipe->reader_closed)
        return STREAM_GONE;
    size_t n = MIN_OF(MIN_OF(bytes.len, self->link->capacity - pipe->len), self->link->chunk);
    if (n == 0) {
        *want_r = (struct wait_item){.event = &pipe->room};
        return STREAM_AGAIN;
    }
    if (n > self->link->capacity - pipe->start - pipe->len) {
        memmove(pipe->data, pipe->data + pipe->start, pipe->len);
        pipe->start = 0;
    }
    memcpy(pipe->data + pipe->start + pipe->len, bytes.data, n);
    pipe->len += n;
    update_events(self->link, pipe);
    *n_r = n;
    return STREAM_DONE;
}

static bool memory_has_pending(const struct stream *stream)
{
    (void)stream;
    return false;
}

static bool memory_has_hung_up(const struct stream *stream)
{
    const struct memory_end *self = container_of(stream, struct memory_end, stream);
    return self->input->writer_closed;
}

static void memory_end_output(struct stream *stream)
{
    const struct memory_end *self = container_of(stream, struct memory_end, stream);
    self->output->writer_closed = true;
    update_events(self->link, self->output);
}

static void memory_close(struct stream *stream, bool broken)
{
    const struct memory_end *self = container_of(stream, struct memory_end, stream);
    struct memory_link *link = self->link;
    (void)broken;
    memory_end_output(stream);
    self->input->reader_closed = true;
    update_events(link, self->input);
    if (--link->open_ends > 0)
        return;
    mem_free(link->pipes[0].data);
    mem_free(link->pipes[1].data);
    mem_free(link);
}

static const struct stream_ops memory_ops = {.read = memory_read,
                                             .write = memory_write,
                                             .has_pending = memory_has_pending,
                                             .has_hung_up = memory_has_hung_up,
                                             .end_output = memory_end_output,
                                             .close = memory_close};

void stream_memory_pair(size_t capacity, size_t chunk, struct stream *ends_r[2])
{
    struct memory_link *link = mem_new(struct memory_link);
    link->capacity = capacity;
    link->chunk = chunk;
    link->open_ends = 2;
    for (int i = 0; i < 2; i++) {
        link->pipes[i].data = mem_alloc(capacity);
        update_events(link, &link->pipes[i]);
        link->ends[i] = (struct memory_end){
            .stream.ops = &memory_ops, .link = link, .input = &link->pipes[i], .output = &link->pipes[1 - i]};
        ends_r[i] = &link->ends[i].stream;
    }
}
