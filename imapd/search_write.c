/* SPDX-License-Identifier: ISC */
/*
 *     esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
 *     search-return-data = "MIN" SP nz-number / "MAX" SP nz-number / "ALL" SP sequence-set /
 *                          "COUNT" SP number / "MODSEQ" SP mod-sequence-value /
 *                          "PARTIAL" SP "(" partial-range SP (sequence-set / "NIL") ")" /
 *                          "RELEVANCY" SP "(" [score *(SP score)] ")"
 *
 * A result in mailbox order is written range by range. The UIDs of one range are all there, so their message
 * numbers follow each other too.
 */
#include "search_return.h"

#define PIECE_SIZE 16384

void search_write_on(struct search_writer *writer)
{
    if (writer->out.len < PIECE_SIZE || !writer->send)
        return;
    writer->send(writer->data, buf_slice(&writer->out));
    buf_clear(&writer->out);
}

void search_write_end(struct search_writer *writer)
{
    if (writer->out.len > 0)
        writer->send(writer->data, buf_slice(&writer->out));
    buf_free(&writer->out);
}

static uint32_t number_of(const struct search_writer *writer, uint32_t uid)
{
    return writer->numbers ? view_number(writer->numbers, uid) : uid;
}

void search_write_list(struct search_writer *writer, const struct search_result *result)
{
    uint64_t count = result->sorted ? uid_set_size(&result->uids) : 0;
    for (uint64_t i = 0; i < count; i++) {
        buf_append_char(&writer->out, ' ');
        buf_append_number(&writer->out, number_of(writer, result->sorted[i]), 1);
        search_write_on(writer);
    }
    for (size_t i = 0; !result->sorted && i < result->uids.count; i++) {
        struct uid_range range = result->uids.ranges[i];
        uint64_t number = number_of(writer, range.first);
        for (uint64_t uid = range.first; uid <= range.last; uid++) {
            buf_append_char(&writer->out, ' ');
            buf_append_number(&writer->out, number++, 1);
            search_write_on(writer);
        }
    }
}

/* --- sequence sets --- */

/* Numbers come one range after the other; those that touch are written as one. */
struct set_writer {
    struct search_writer *writer;
    uint64_t first, last; /* 0: none yet */
    bool any;
};

static void end_range(struct set_writer *set)
{
    struct buf *out = &set->writer->out;
    if (set->first == 0)
        return;
    if (set->any)
        buf_append_char(out, ',');
    set->any = true;
    buf_append_number(out, set->first, 1);
    if (set->last > set->first) {
        buf_append_char(out, ':');
        buf_append_number(out, set->last, 1);
    }
    search_write_on(set->writer);
}

static void add_range(struct set_writer *set, uint64_t first, uint64_t last)
{
    if (set->first > 0 && first == set->last + 1) {
        set->last = last;
        return;
    }
    end_range(set);
    set->first = first;
    set->last = last;
}

/* The results at positions first … last (from 1). Ranges always rise (RFC 5267 section 3.2). */
static void write_set(struct search_writer *writer, const struct search_result *result, uint64_t first,
                      uint64_t last)
{
    struct set_writer set = {.writer = writer};
    for (uint64_t i = first; result->sorted && i <= last; i++) {
        uint32_t number = number_of(writer, result->sorted[i - 1]);
        add_range(&set, number, number);
    }
    uint64_t before = 0;
    for (size_t i = 0; !result->sorted && i < result->uids.count && before < last; i++) {
        struct uid_range range = result->uids.ranges[i];
        uint64_t size = (uint64_t)range.last - range.first + 1;
        uint64_t from = MAX_OF(first, before + 1), to = MIN_OF(last, before + size);
        if (from <= to) {
            uint64_t number = number_of(writer, range.first + (uint32_t)(from - before - 1));
            add_range(&set, number, number + (to - from));
        }
        before += size;
    }
    end_range(&set);
}

void search_write_uids(struct search_writer *writer, const struct uid_set *uids)
{
    struct search_result result = {.uids = *uids};
    write_set(writer, &result, 1, uid_set_size(uids));
}

static void write_one(struct search_writer *writer, struct slice name, const struct search_result *result,
                      uint64_t position)
{
    buf_append(&writer->out, name);
    write_set(writer, result, position, position);
}

static void write_partial(struct search_writer *writer, const struct partial_range *range,
                          const struct search_result *result, uint64_t count)
{
    uint64_t first, last;
    const char *minus = range->from_end ? "-" : "";
    /* RFC 9394 section 4: "A range 500:400 is the same as 400:500", and so it is called. Those from the end
     * stay as they came: the RFC's own begin with the number nearest to 0. */
    bool swap = !range->from_end && range->first > range->last;
    buf_printf(&writer->out, " PARTIAL (%s%u:%s%u ", minus, (unsigned)(swap ? range->last : range->first),
               minus, (unsigned)(swap ? range->first : range->last));
    if (partial_positions(range, count, &first, &last))
        write_set(writer, result, first, last);
    else
        buf_append(&writer->out, S("NIL"));
    buf_append_char(&writer->out, ')');
}

/* Of the messages that ALL or PARTIAL names, in their order. */
static void write_scores(struct search_writer *writer, const struct search_return *wanted,
                         const struct search_result *result, uint64_t count)
{
    uint64_t first = 1, last = count;
    if (wanted->options & RETURN_PARTIAL && !partial_positions(&wanted->partial, count, &first, &last))
        last = 0;
    buf_append(&writer->out, S(" RELEVANCY ("));
    for (uint64_t i = first; i <= last; i++) {
        if (i > first)
            buf_append_char(&writer->out, ' ');
        buf_append_number(&writer->out, result->scores[i - 1], 1);
        search_write_on(writer);
    }
    buf_append_char(&writer->out, ')');
}

void search_write_items(struct search_writer *writer, const struct search_return *wanted,
                        const struct search_result *result)
{
    uint64_t count = uid_set_size(&result->uids);
    if (!writer->numbers)
        buf_append(&writer->out, S(" UID"));
    if (wanted->options & RETURN_MIN && count > 0)
        write_one(writer, S(" MIN "), result, 1);
    if (wanted->options & RETURN_MAX && count > 0)
        write_one(writer, S(" MAX "), result, count);
    if (wanted->options & RETURN_COUNT) {
        buf_append(&writer->out, S(" COUNT "));
        buf_append_number(&writer->out, count, 1);
    }
    if (wanted->options & RETURN_ALL && count > 0) {
        buf_append(&writer->out, S(" ALL "));
        write_set(writer, result, 1, count);
    }
    if (wanted->options & RETURN_PARTIAL)
        write_partial(writer, &wanted->partial, result, count);
    if (wanted->options & RETURN_RELEVANCY && result->scores)
        write_scores(writer, wanted, result, count);
    if (result->modseq > 0) {
        buf_append(&writer->out, S(" MODSEQ "));
        buf_append_number(&writer->out, result->modseq, 1);
    }
}
