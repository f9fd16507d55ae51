/* SPDX-License-Identifier: ISC */
/*
 * RFC 5256 section 3: "If a message contains a References header line, then use the Message IDs in the
 * References header line as the references. If a message does not contain a References header line, or the
 * References header line does not contain any valid Message IDs, then use the first (if any) valid Message ID
 * found in the In-Reply-To header line as the only reference (parent) for this message."
 */
#include "thread_load.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mail/encoded_word.h"
#include "mail/fold.h"
#include "mail/header.h"
#include "mail/subject.h"

#include "envelope_text.h"

/* Of a message the last ones count: from them its parents are found. */
#define REFERENCES_MAX 100
#define ID_MAX         1000
#define SUBJECT_MAX    1000
/* A header section of which the index does not have all is read so far. */
#define HEADER_MAX (256 * 1024)

struct load_job {
    struct search_job *search;
    enum thread_algorithm algorithm;
    bool by_uid;
    size_t room;
    struct thread_data data;
    struct message_scan scan;
    struct message_page page;
    struct charset_cache *charsets;
    struct arena scratch;
    struct buf text, folded;
};

/* The last "<…>" that ends before *end; moves *end before it. */
static bool last_id(struct slice text, size_t *end, struct slice *id_r)
{
    size_t close = slice_find_last(slice_take(text, *end), '>');
    if (close >= *end)
        return false;
    size_t open = slice_find_last(slice_take(text, close), '<');
    if (open >= close)
        return false;
    *id_r = slice_take(slice_skip(text, open + 1), close - open - 1);
    *end = open;
    return id_r->len > 0;
}

/* "Implementations … MUST normalize any msg-id in order to avoid false non-matches due to differences in
 * quoting"; some programs fold inside. */
static uint32_t number_of_id(struct load_job *job, struct slice id)
{
    char normal[ID_MAX + 1] = {0};
    size_t len = 1; /* subjects, which share the numbers, do not begin with NUL */
    for (size_t i = 0; i < id.len && len < sizeof(normal); i++)
        if ((unsigned char)id.data[i] > ' ' && id.data[i] != '"' && id.data[i] != '\\')
            normal[len++] = id.data[i];
    return thread_text(&job->data.texts, slice_of(normal, len));
}

static void add_reference(struct load_job *job, uint32_t id)
{
    struct thread_data *data = &job->data;
    if (data->reference_count == data->reference_room) {
        data->reference_room = data->reference_room > 0 ? data->reference_room * 2 : 64;
        data->references =
            mem_realloc_array(data->references, data->reference_room, sizeof(*data->references));
    }
    data->references[data->reference_count++] = id;
}

static size_t add_references(struct load_job *job, struct slice field)
{
    uint32_t ids[REFERENCES_MAX];
    size_t count = 0, end = field.len;
    struct slice id;
    while (count < REFERENCES_MAX && last_id(field, &end, &id))
        ids[count++] = number_of_id(job, id);
    for (size_t i = count; i-- > 0;)
        add_reference(job, ids[i]);
    return count;
}

static size_t add_in_reply_to(struct load_job *job, struct slice field)
{
    size_t close = slice_find(field, '>');
    return close < field.len ? add_references(job, slice_take(field, close + 1)) : 0;
}

/* The header section from the file, when the index does not have all of it. */
static struct slice read_header(struct load_job *job, uint32_t uid)
{
    struct blob_reader reader;
    if (message_open(job->search->account, job->search->mailbox_id, uid, &reader))
        return SLICE_EMPTY;
    char *text = arena_alloc(&job->scratch, HEADER_MAX);
    size_t len = 0;
    ssize_t n;
    while (len < HEADER_MAX && (n = pread(reader.fd, text + len, HEADER_MAX - len, (off_t)len)) > 0)
        len += (size_t)n;
    blob_reader_close(&reader);
    return slice_of(text, len);
}

static void take_references(struct load_job *job, size_t row, struct envelope_cursor *envelope,
                            struct thread_message *message)
{
    struct slice headers = job->page.headers[row], id;
    struct header_field field;
    struct slice in_reply_to = envelope_next_text(envelope, ENVELOPE_IN_REPLY_TO, &job->scratch);
    struct slice own = envelope_next_text(envelope, ENVELOPE_MESSAGE_ID, &job->scratch);
    size_t end = own.len;
    if (last_id(own, &end, &id))
        message->id = number_of_id(job, id);
    if (!headers.data)
        headers = read_header(job, job->page.uids[row]);
    message->references = job->data.reference_count;
    if (header_find(headers, S("References"), &field))
        message->reference_count = add_references(job, field.value);
    if (message->reference_count == 0)
        message->reference_count = add_in_reply_to(job, in_reply_to);
}

static void take_subject(struct load_job *job, struct envelope_cursor *envelope,
                         struct thread_message *message)
{
    struct slice subject = envelope_next_text(envelope, ENVELOPE_SUBJECT, &job->scratch);
    buf_clear(&job->text);
    encoded_word_decode(&job->text, subject, job->charsets);
    struct slice base = subject_base(&job->scratch, buf_slice(&job->text), &message->is_reply);
    buf_clear(&job->folded);
    fold_text(&job->folded, slice_take(base, SUBJECT_MAX));
    if (job->folded.len > 0)
        message->subject = thread_text(&job->data.texts, buf_slice(&job->folded));
}

static void take_row(struct load_job *job, size_t row)
{
    const struct message_page *page = &job->page;
    struct thread_message message = {.id = THREAD_NONE, .subject = THREAD_NONE};
    if (job->data.count == job->room)
        return;
    message.number = job->by_uid ? page->uids[row] : view_number(job->search->view, page->uids[row]);
    message.date = page->internal_dates_us[row] / 1000000;
    if (job->algorithm != THREAD_REFS && page->sent[row] != INT64_MIN)
        message.date = page->sent[row];
    struct envelope_cursor envelope = envelope_cursor(page->envelopes[row]);
    if (job->algorithm != THREAD_REFS)
        take_subject(job, &envelope, &message);
    if (job->algorithm != THREAD_ORDEREDSUBJECT)
        take_references(job, row, &envelope, &message);
    job->data.messages[job->data.count++] = message;
    arena_reset(&job->scratch);
}

/* Page by page; files are opened when the snapshot is closed again. */
static enum err visit_rows(void *arg)
{
    struct load_job *job = arg;
    int64_t end = clock_monotonic_ms() + SEARCH_VISIT_MS;
    enum err err = ERR_OK;
    do {
        struct snapshot *snapshot = NULL;
        err = snapshot_open(job->search->account, &snapshot);
        if (!err)
            err = snapshot_scan(snapshot, &job->scan, &job->page);
        snapshot_close(snapshot);
        for (size_t row = 0; row < job->page.count && !err; row++)
            take_row(job, row);
    } while (!err && !job->scan.done && clock_monotonic_ms() < end);
    return err;
}

enum err thread_load(struct search_job *search, enum thread_algorithm algorithm, const struct uid_set *uids,
                     bool by_uid, struct thread_data *data_r)
{
    struct load_job job = {.search = search,
                           .algorithm = algorithm,
                           .by_uid = by_uid,
                           .room = (size_t)uid_set_size(uids),
                           .charsets = charset_cache_new(),
                           .scan = {.mailbox_id = search->mailbox_id, .uids = *uids}};
    unsigned fields = SCAN_ENVELOPE | SCAN_SENT | SCAN_DATES;
    job.data.messages = mem_realloc_array(NULL, job.room + 1, sizeof(*job.data.messages));
    message_page_init(&job.page, algorithm == THREAD_ORDEREDSUBJECT ? fields : fields | SCAN_HEADERS);
    buf_init(&job.text, 1024 * 1024);
    buf_init(&job.folded, 1024 * 1024);
    enum err err = ERR_OK;
    while (!err && uids->count > 0 && !job.scan.done)
        err = search->visit(search->data, visit_rows, &job);
    message_page_free(&job.page);
    charset_cache_free(job.charsets);
    buf_free(&job.text);
    buf_free(&job.folded);
    arena_free(&job.scratch);
    if (err)
        thread_data_free(&job.data);
    else
        *data_r = job.data;
    return err;
}

struct thread_input thread_data_input(const struct thread_data *data)
{
    return (struct thread_input){.messages = data->messages,
                                 .count = data->count,
                                 .references = data->references,
                                 .text_count = data->texts.count,
                                 .texts = data->texts.list};
}

void thread_data_free(struct thread_data *data)
{
    thread_texts_free(&data->texts);
    mem_free(data->messages);
    mem_free(data->references);
    *data = (struct thread_data){0};
}
