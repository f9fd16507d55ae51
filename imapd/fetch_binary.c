/* SPDX-License-Identifier: ISC */
/*
 * BINARY[part]<partial> and BINARY.SIZE[part] (RFC 3516, RFC 9051 section 6.4.5): a part with its transfer
 * encoding undone. How long it is then is known only when it was decoded, so that is done twice: once to
 * count, and to see whether there is NUL in it, which takes a literal8 ("~{n}").
 *
 * The message itself and parts that are made of parts have nothing to be decoded: they are sent as they are
 * (RFC 3516 does not leave them out, RFC 9051 does). Headers and texts come as BODY has them.
 */
#include "fetch_run.h"

static bool is_decoded(const struct fetch_range *range)
{
    return range->part.encoding == ENCODING_BASE64 || range->part.encoding == ENCODING_QUOTED_PRINTABLE;
}

static enum err find_part(const struct fetch_run *run, const struct fetch_item *item,
                          struct fetch_range *range_r)
{
    enum err err = fetch_find_section(run, &item->section, range_r);
    if (!err && (item->section.depth == 0 || range_r->part.kind != MIME_LEAF))
        range_r->part.encoding = ENCODING_IDENTITY;
    return err;
}

/* ERR_SYNTAX: encoded in an unknown way, so the message is not answered (RFC 3516 section 4.3). */
enum err fetch_prepare_binary(struct fetch_run *run, const struct fetch_item *item, bool *file_r)
{
    struct fetch_range range;
    if (item->section.text != SECTION_WHOLE)
        return fetch_prepare_body(run, item, file_r);
    *file_r = true;
    if (item->section.depth == 0) /* which wants no index to be found in */
        return ERR_OK;
    enum err err = find_part(run, item, &range);
    *file_r = !err;
    if (!err && range.part.encoding == ENCODING_UNKNOWN)
        return ERR_SYNTAX;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static struct fetch_stream stream_of(struct fetch_run *run, const struct fetch_range *range)
{
    return (struct fetch_stream){.file = &run->file,
                                 .pos = range->start,
                                 .end = range->end,
                                 .to_crlf = fetch_file_has_bare_lf(run),
                                 .keeps_nul = true,
                                 .decodes = is_decoded(range),
                                 .decoder = {.encoding = range->part.encoding}};
}

enum err fetch_write_binary(struct fetch_run *run, const struct fetch_item *item)
{
    struct fetch_range range = {0};
    if (item->section.text != SECTION_WHOLE)
        return fetch_write_body(run, item);
    enum err err = find_part(run, item, &range);
    if (err == ERR_NOT_FOUND) {
        fetch_put_nil(run, item);
        return ERR_OK;
    }
    uint64_t max = item->is_partial
                       ? MIN_OF(item->offset, FETCH_PARTIAL_LAST) + MIN_OF(item->length, FETCH_PARTIAL_LAST)
                       : UINT64_MAX;
    uint64_t octets = 0;
    bool has_nul = false;
    struct fetch_stream stream = stream_of(run, &range);
    if (!err)
        err = fetch_stream_count(&stream, max, &octets, &has_nul);
    if (err)
        return err;
    stream.skip = item->is_partial ? MIN_OF(item->offset, octets) : 0;
    stream.left = octets - stream.skip;
    if (fetch_put_size(run, item, stream.left, has_nul))
        run->stream = stream;
    return ERR_OK;
}
