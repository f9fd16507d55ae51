/* SPDX-License-Identifier: ISC */
/* The table of what can be fetched, and the items that are a copy out of the index. */
#include "base/encode.h"
#include "mail/date.h"
#include "mail/summary.h"

#include "fetch_run.h"

static enum err write_flags(struct fetch_run *run, const struct fetch_item *item)
{
    fetch_put_label(run, item);
    respond_flags(&run->out, &run->flags[run->row], &run->source.names);
    return ERR_OK;
}

static enum err write_uid(struct fetch_run *run, const struct fetch_item *item)
{
    fetch_put_label(run, item);
    buf_append_number(&run->out, run->page.uids[run->row], 1);
    return ERR_OK;
}

/* RFC 7162 section 7: fetch-mod-resp = "MODSEQ" SP "(" permsg-modsequence ")" */
static enum err write_modseq(struct fetch_run *run, const struct fetch_item *item)
{
    fetch_put_label(run, item);
    buf_append_char(&run->out, '(');
    buf_append_number(&run->out, run->page.modseqs[run->row], 1);
    buf_append_char(&run->out, ')');
    return ERR_OK;
}

static enum err write_size(struct fetch_run *run, const struct fetch_item *item)
{
    fetch_put_label(run, item);
    buf_append_number(&run->out, run->page.sizes[run->row], 1);
    return ERR_OK;
}

/* date-time, in UTC */
static enum err write_date(struct fetch_run *run, const struct fetch_item *item, int64_t time_us)
{
    int64_t seconds = time_us / 1000000 - (time_us % 1000000 < 0);
    fetch_put_label(run, item);
    buf_append_char(&run->out, '"');
    date_format_imap(&run->out, seconds, 0);
    buf_append_char(&run->out, '"');
    return ERR_OK;
}

static enum err write_internal_date(struct fetch_run *run, const struct fetch_item *item)
{
    return write_date(run, item, run->page.internal_dates_us[run->row]);
}

/* RFC 8514 section 4.2 */
static enum err write_save_date(struct fetch_run *run, const struct fetch_item *item)
{
    return write_date(run, item, run->page.saved_us[run->row]);
}

static enum err write_envelope(struct fetch_run *run, const struct fetch_item *item)
{
    fetch_put_label(run, item);
    buf_append(&run->out, run->page.envelopes[run->row]);
    return ERR_OK;
}

static enum err write_structure(struct fetch_run *run, const struct fetch_item *item)
{
    fetch_put_label(run, item);
    buf_append(&run->out, run->page.structures[run->row]);
    return ERR_OK;
}

static enum err write_plain_structure(struct fetch_run *run, const struct fetch_item *item)
{
    fetch_put_label(run, item);
    return summary_body(run->page.structures[run->row], &run->out);
}

/* RFC 8474 section 5: objectid, of letters and digits; the prefix keeps the two kinds apart. */
static enum err write_object_id(struct fetch_run *run, const struct fetch_item *item, char kind,
                                const unsigned char id[16])
{
    fetch_put_label(run, item);
    buf_append_char(&run->out, '(');
    buf_append_char(&run->out, kind);
    hex_encode(&run->out, slice_of(id, 16));
    buf_append_char(&run->out, ')');
    return ERR_OK;
}

static enum err write_email_id(struct fetch_run *run, const struct fetch_item *item)
{
    return write_object_id(run, item, 'M', run->page.guids[run->row]);
}

static enum err write_thread_id(struct fetch_run *run, const struct fetch_item *item)
{
    return write_object_id(run, item, 'T', run->page.threads[run->row]);
}

#define NAME(text)                \
    {                             \
        "" text, sizeof(text) - 1 \
    }
#define WHOLE_BODY   (FETCH_BODY | FETCH_SETS_SEEN)
#define ANY_SECTION  (FETCH_SECTION | FETCH_PARTIAL)
#define BINARY_PART  (ANY_SECTION | FETCH_FILE)
#define HEADER_SIZES SCAN_HEADERS

static const struct fetch_item_type types[] = {
    {.name = NAME("FLAGS"), .fields = SCAN_FLAGS, .write = write_flags},
    {.name = NAME("UID"), .write = write_uid},
    {.name = NAME("MODSEQ"), .traits = FETCH_ENABLES_CONDSTORE, .write = write_modseq},
    {.name = NAME("INTERNALDATE"), .fields = SCAN_DATES, .write = write_internal_date},
    {.name = NAME("SAVEDATE"), .fields = SCAN_DATES, .write = write_save_date},
    {.name = NAME("RFC822.SIZE"), .fields = SCAN_SIZE, .write = write_size},
    {.name = NAME("ENVELOPE"), .fields = SCAN_ENVELOPE, .write = write_envelope},
    {.name = NAME("BODYSTRUCTURE"), .fields = SCAN_STRUCTURE, .write = write_structure},
    {.name = NAME("BODY"), .fields = SCAN_STRUCTURE, .write = write_plain_structure},
    {.name = NAME("EMAILID"), .fields = SCAN_GUID, .write = write_email_id},
    {.name = NAME("THREADID"), .fields = SCAN_THREAD, .write = write_thread_id},
    {.name = NAME("BODY["),
     .traits = ANY_SECTION | FETCH_SETS_SEEN,
     .prepare = fetch_prepare_body,
     .write = fetch_write_body},
    {.name = NAME("BODY.PEEK["),
     .label = NAME("BODY["),
     .traits = ANY_SECTION,
     .prepare = fetch_prepare_body,
     .write = fetch_write_body},
    {.name = NAME("RFC822"), .traits = WHOLE_BODY, .prepare = fetch_prepare_body, .write = fetch_write_body},
    {.name = NAME("RFC822.HEADER"),
     .text = SECTION_HEADER,
     .prepare = fetch_prepare_body,
     .write = fetch_write_body},
    {.name = NAME("RFC822.TEXT"),
     .traits = WHOLE_BODY,
     .text = SECTION_TEXT,
     .prepare = fetch_prepare_body,
     .write = fetch_write_body},
    {.name = NAME("BINARY["),
     .traits = BINARY_PART | FETCH_SETS_SEEN,
     .prepare = fetch_prepare_binary,
     .write = fetch_write_binary},
    {.name = NAME("BINARY.PEEK["),
     .label = NAME("BINARY["),
     .traits = BINARY_PART,
     .prepare = fetch_prepare_binary,
     .write = fetch_write_binary},
    {.name = NAME("BINARY.SIZE["),
     .traits = FETCH_SECTION | FETCH_ONLY_SIZE | FETCH_FILE,
     .prepare = fetch_prepare_binary,
     .write = fetch_write_binary},
    {.name = NAME("PREVIEW"),
     .traits = FETCH_LAZY | FETCH_FILE,
     .prepare = fetch_prepare_preview,
     .write = fetch_write_preview},
};

const struct fetch_item_type *fetch_item_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (slice_eq_nocase(name, types[i].name))
            return &types[i];
    return NULL;
}

unsigned fetch_item_fields(const struct fetch_item *item)
{
    const struct fetch_section *section = &item->section;
    if (item->type->write != fetch_write_body && !(item->type->traits & FETCH_FILE))
        return item->type->fields;
    /* Of the message itself the size of its header tells enough, of a part the layout is needed. */
    bool is_whole = section->depth == 0 && section->text == SECTION_WHOLE;
    return item->type->fields | SCAN_SIZE |
           (is_whole             ? 0
            : section->depth > 0 ? SCAN_STRUCTURE
                                 : HEADER_SIZES);
}
