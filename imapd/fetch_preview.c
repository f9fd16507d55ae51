/* SPDX-License-Identifier: ISC */
/*
 * PREVIEW and PREVIEW (LAZY) (RFC 8970). It is made anew each time, out of no more than the begin of the
 * message. LAZY means: if that takes no time. Some dozen messages take none, a whole mailbox does: of one
 * command so many are made as a list on a screen can show, then come NILs, which the client asks for later.
 */
#include <errno.h>
#include <unistd.h>

#include "fetch_run.h"
#include "preview.h"

#define READ_MAX ((uint64_t)256 * 1024)
#define LAZY_MAX 200

static bool is_put_off(const struct fetch_run *run, const struct fetch_item *item)
{
    return item->is_lazy && run->previews >= LAZY_MAX;
}

enum err fetch_prepare_preview(struct fetch_run *run, const struct fetch_item *item, bool *file_r)
{
    *file_r = !is_put_off(run, item);
    return ERR_OK;
}

static enum err read_begin(void *data, uint64_t offset, char *buffer, size_t size, size_t *count_r)
{
    const struct blob_reader *file = data;
    size_t room = (size_t)MIN_OF((uint64_t)size, READ_MAX - MIN_OF(offset, READ_MAX));
    ssize_t n;
    do
        n = pread(file->fd, buffer, room, (off_t)offset);
    while (n < 0 && errno == EINTR);
    *count_r = n > 0 ? (size_t)n : 0;
    return n < 0 ? err_from_errno(errno) : ERR_OK;
}

enum err fetch_write_preview(struct fetch_run *run, const struct fetch_item *item)
{
    struct text_source source = {.read = read_begin, .data = &run->file};
    struct buf preview;
    fetch_put_label(run, item);
    if (is_put_off(run, item)) {
        buf_append(&run->out, S("NIL"));
        return ERR_OK;
    }
    run->previews++;
    if (!run->extractor)
        run->extractor = text_extractor_new();
    buf_init(&preview, SIZE_MAX / 2);
    enum err err = preview_make(run->extractor, &source, &preview);
    if (!err)
        respond_string(&run->out, buf_slice(&preview), imap_utf8(run->session));
    buf_free(&preview);
    return err;
}
