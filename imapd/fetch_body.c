/* SPDX-License-Identifier: ISC */
/*
 * BODY[section]<partial> (RFC 9051 section 6.4.5.1), and RFC822, RFC822.HEADER, RFC822.TEXT of RFC 3501,
 * which are short for sections:
 *
 *     BODY[]                         the message
 *     BODY[HEADER]  BODY[TEXT]       its header with the empty line; what follows
 *     BODY[HEADER.FIELDS (…)]        those fields of it; .NOT: the others
 *     BODY[2.1]                      the body of a part
 *     BODY[2.1.MIME]                 the part's own header
 *     BODY[3.HEADER] BODY[3.TEXT]    of the message that part 3 is
 *
 * A section that the message does not have is NIL. Where the parts lie is known (mail/layout.h), so the file
 * is read only where the section is; the fields that mail programs ask for come from the index.
 */
#include "mail/header.h"
#include "mail/layout.h"

#include "fetch_run.h"

/* --- where it lies --- */

bool fetch_file_has_bare_lf(const struct fetch_run *run)
{
    return run->file.size < run->page.sizes[run->row];
}

/* Of the message itself. The header's size is known as it is served; in a file with bare LF the text's begin
 * is found by passing over so many octets. */
static struct fetch_range message_range(const struct fetch_run *run, enum section_text text)
{
    uint64_t size = run->page.sizes[run->row], file_size = run->file.size;
    if (text == SECTION_WHOLE)
        return (struct fetch_range){.end = file_size, .octets = size};
    uint64_t header = MIN_OF(run->page.header_sizes[run->row], size);
    bool as_served = !fetch_file_has_bare_lf(run);
    if (text == SECTION_TEXT)
        return (struct fetch_range){.start = as_served ? header : 0,
                                    .end = file_size,
                                    .skip = as_served ? 0 : header,
                                    .octets = size - header};
    return (struct fetch_range){.end = as_served ? header : file_size, .octets = header};
}

static struct fetch_range header_of(const struct part_layout *part)
{
    return (struct fetch_range){
        .start = part->header_start, .end = part->body_start, .octets = part->header_octets, .part = *part};
}

static struct fetch_range body_of(const struct part_layout *part)
{
    return (struct fetch_range){
        .start = part->body_start, .end = part->body_end, .octets = part->body_octets, .part = *part};
}

enum err fetch_find_section(const struct fetch_run *run, const struct fetch_section *section,
                            struct fetch_range *range_r)
{
    struct part_layout part, message;
    if (section->depth == 0) {
        *range_r = message_range(run, section->text);
        return ERR_OK;
    }
    enum err err = layout_find(run->page.parts[run->row], section->numbers, section->depth, &part, &message);
    if (err)
        return err;
    if (section->text == SECTION_WHOLE)
        *range_r = body_of(&part);
    else if (section->text == SECTION_MIME)
        *range_r = header_of(&part);
    else if (part.kind != MIME_MESSAGE)
        return ERR_NOT_FOUND;
    else
        *range_r = section->text == SECTION_TEXT ? body_of(&message) : header_of(&message);
    return ERR_OK;
}

/* --- header fields --- */

/* What of a header the client asked for; the empty line is not part of it. */
static void choose_fields(const struct fetch_section *section, struct header_walk *walk, struct buf *out)
{
    struct header_field field;
    while (header_next(walk, &field))
        if (fetch_section_names(section, field.name) == (section->text == SECTION_FIELDS))
            buf_append(out, field.raw);
}

/* Whether the index has all that is asked for. A message that may end with its header is looked at: only
 * there the empty line can be missing. */
static bool index_has_fields(const struct fetch_run *run, const struct fetch_section *section)
{
    return section->is_cached && run->page.headers[run->row].data &&
           run->page.header_sizes[run->row] < run->page.sizes[run->row];
}

/* Some of an offset and a length, as far as there is something. */
static struct slice cut(const struct fetch_item *item, struct slice text)
{
    if (!item->is_partial)
        return text;
    text = slice_skip(text, (size_t)MIN_OF(item->offset, (uint64_t)text.len));
    return slice_take(text, (size_t)MIN_OF(item->length, (uint64_t)text.len));
}

static void put_fields(struct fetch_run *run, const struct fetch_item *item, struct slice fields)
{
    fields = cut(item, fields);
    if (!fetch_put_size(run, item, fields.len, false))
        return;
    size_t start = run->out.len;
    buf_append(&run->out, fields);
    fetch_replace_nul(&run->out, start);
}

static enum err read_header(struct fetch_run *run, const struct fetch_range *range, struct buf *header)
{
    struct fetch_stream stream = {.file = &run->file,
                                  .pos = range->start,
                                  .end = range->end,
                                  .to_crlf = fetch_file_has_bare_lf(run),
                                  .left = range->octets};
    enum err err = fetch_stream_take(&stream, header, SIZE_MAX);
    fetch_stream_free(&stream);
    return err;
}

static enum err write_fields(struct fetch_run *run, const struct fetch_item *item)
{
    const struct fetch_section *section = &item->section;
    struct fetch_range range;
    struct buf header, chosen;
    enum err err = ERR_OK;
    buf_init(&chosen, SIZE_MAX / 2);
    buf_init(&header, SIZE_MAX / 2);
    if (index_has_fields(run, section)) {
        struct header_walk walk = header_walk_of(run->page.headers[run->row]);
        choose_fields(section, &walk, &chosen);
        buf_append(&chosen, S("\r\n"));
    } else if (!(err = fetch_find_section(run, section, &range)) &&
               !(err = read_header(run, &range, &header))) {
        struct header_walk walk = header_walk_of(buf_slice(&header));
        choose_fields(section, &walk, &chosen);
        buf_append(&chosen, walk.has_body ? S("\r\n") : SLICE_EMPTY);
    }
    if (!err)
        put_fields(run, item, buf_slice(&chosen));
    buf_free(&header);
    buf_free(&chosen);
    return err;
}

/* --- octets off the file --- */

static void put_range(struct fetch_run *run, const struct fetch_item *item, const struct fetch_range *range)
{
    uint64_t offset = item->is_partial ? MIN_OF(item->offset, range->octets) : 0;
    uint64_t octets = range->octets - offset;
    if (item->is_partial)
        octets = MIN_OF(octets, item->length);
    if (fetch_put_size(run, item, octets, false))
        run->stream = (struct fetch_stream){.file = &run->file,
                                            .pos = range->start,
                                            .end = range->end,
                                            .to_crlf = fetch_file_has_bare_lf(run),
                                            .skip = range->skip + offset,
                                            .left = octets};
}

enum err fetch_prepare_body(struct fetch_run *run, const struct fetch_item *item, bool *file_r)
{
    bool is_fields = item->section.text == SECTION_FIELDS || item->section.text == SECTION_FIELDS_NOT;
    *file_r = !is_fields || !index_has_fields(run, &item->section);
    return ERR_OK;
}

enum err fetch_write_body(struct fetch_run *run, const struct fetch_item *item)
{
    const struct fetch_section *section = &item->section;
    struct fetch_range range;
    enum err err;
    if (section->text == SECTION_FIELDS || section->text == SECTION_FIELDS_NOT) {
        err = write_fields(run, item);
    } else {
        err = fetch_find_section(run, section, &range);
        if (!err)
            put_range(run, item, &range);
    }
    if (err == ERR_NOT_FOUND) {
        fetch_put_nil(run, item);
        err = ERR_OK;
    }
    return err;
}
