/* SPDX-License-Identifier: ISC */
#include "queue_words.h"

#include "mail/address.h"
#include "output.h"

struct flag_name {
    unsigned bit;
    const char *name;
};
static const struct flag_name flag_names[] = {
    {QUEUE_8BIT, "8bit"},
    {QUEUE_SMTPUTF8, "smtputf8"},
    {QUEUE_REQUIRETLS, "requiretls"},
    {QUEUE_TLS_OPTIONAL, "tls-optional"},
    {QUEUE_RETURN_FULL, "return-full"},
    {QUEUE_RETURN_HEADER, "return-header"},
};
static const struct flag_name notify_names[] = {
    {QUEUE_NOTIFY_NEVER, "never"},
    {QUEUE_NOTIFY_SUCCESS, "success"},
    {QUEUE_NOTIFY_FAILURE, "failure"},
    {QUEUE_NOTIFY_DELAY, "delay"},
};

/* ---- for people ---- */

static void append_span(const char *before, int64_t us, const char *behind, struct buf *out)
{
    buf_append(out, slice_from(before));
    format_span(us, out);
    buf_append(out, slice_from(behind));
}

void queue_append_when(int64_t due_us, int64_t now_us, struct buf *out)
{
    if (due_us <= now_us) {
        buf_append(out, S(" now"));
    } else {
        append_span(" in ", due_us - now_us, "", out);
    }
}

void queue_append_state(const struct queue_item_recipient *recipient, int64_t now_us, struct buf *out)
{
    uint32_t attempts = recipient->taken.attempts;
    buf_append(out, slice_from(queue_state_name(recipient->state)));
    switch (recipient->state) {
    case QUEUE_WAITING:
        buf_printf(out, ", attempt %u", attempts + 1);
        queue_append_when(recipient->taken.recipient.due_us, now_us, out);
        break;
    case QUEUE_TAKEN:
        buf_printf(out, ", attempt %u is under way", attempts + 1);
        break;
    case QUEUE_HELD:
        append_span(" for ", now_us - recipient->changed_us, "", out);
        buf_printf(out, ", after %u attempt%s", attempts, attempts == 1 ? "" : "s");
        break;
    case QUEUE_PREPARED:
        break;
    case QUEUE_DELIVERED:
    case QUEUE_FAILED:
    case QUEUE_REMOVED:
        append_span(" ", now_us - recipient->changed_us, " ago", out);
        break;
    }
}

void queue_append_reply(const struct queue_reply *reply, struct buf *out)
{
    if (reply->host.len) {
        append_printable(out, reply->host);
        buf_append(out, S(": "));
    }
    if (reply->code) {
        buf_printf(out, "%u ", reply->code);
    }
    append_printable(out, reply->text);
}

static bool has_reply(const struct queue_reply *reply)
{
    return reply->code || reply->text.len || reply->host.len;
}

/* Whether the destination says more than the address does. */
static bool goes_elsewhere(const struct queue_recipient *recipient)
{
    return !slice_eq_nocase(address_domain_of(recipient->address), recipient->destination);
}

static void append_sender(const struct queue_envelope *envelope, struct buf *out)
{
    append_printable(out, envelope->sender.len ? envelope->sender : S("<>"));
}

static void append_recipient(const struct queue_item_recipient *recipient, int64_t now_us, struct buf *out)
{
    buf_append(out, S("    "));
    append_printable(out, recipient->taken.recipient.address);
    buf_append(out, S("  "));
    queue_append_state(recipient, now_us, out);
    if (goes_elsewhere(&recipient->taken.recipient)) {
        buf_append(out, S(", by "));
        append_printable(out, recipient->taken.recipient.destination);
    }
    buf_append_char(out, '\n');
    if (has_reply(&recipient->taken.last)) {
        buf_append(out, S("        "));
        queue_append_reply(&recipient->taken.last, out);
        buf_append_char(out, '\n');
    }
}

void queue_append_item(const struct queue_item *item, size_t recipients, int64_t now_us, struct buf *out)
{
    const struct queue_envelope *envelope = &item->envelope;
    append_printable(out, envelope->id);
    buf_append(out, S("  "));
    format_size(envelope->size, out);
    append_span(", ", now_us - envelope->received_us, " ago, from ", out);
    append_sender(envelope, out);
    if (envelope->subject.len) {
        buf_append(out, S(": "));
        append_printable(out, envelope->subject);
    }
    buf_append_char(out, '\n');
    for (size_t i = 0; i < item->count && i < recipients; i++) {
        append_recipient(&item->recipients[i], now_us, out);
    }
    if (item->count > recipients) {
        buf_printf(out, "    and %zu more recipients\n", item->count - recipients);
    }
}

static void append_time_row(struct buf *out, const char *name, int64_t time_us, int64_t now_us)
{
    buf_printf(out, FIELD_NAME, name);
    format_time(time_us, out);
    if (time_us > now_us) {
        append_span(", in ", time_us - now_us, "\n", out);
    } else {
        append_span(", ", now_us - time_us, " ago\n", out);
    }
}

static void append_flags(struct buf *out, const char *name, const struct flag_name *names, size_t count,
                         unsigned flags)
{
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        if (flags & names[i].bit) {
            buf_printf(out, first ? FIELD_NAME "%s" : "%s%s", first ? name : ", ", names[i].name);
            first = false;
        }
    }
    buf_append(out, first ? SLICE_EMPTY : S("\n"));
}

static void append_recipient_details(const struct queue_item_recipient *recipient, int64_t now_us,
                                     struct buf *out)
{
    const struct queue_recipient *facts = &recipient->taken.recipient;
    buf_append_char(out, '\n');
    append_field(out, "to", facts->address);
    buf_printf(out, FIELD_NAME, "state");
    queue_append_state(recipient, now_us, out);
    buf_append_char(out, '\n');
    append_field(out, "by", facts->destination);
    if (recipient->state == QUEUE_WAITING) {
        append_time_row(out, "next", facts->due_us, now_us);
    }
    append_time_row(out, "changed", recipient->changed_us, now_us);
    if (has_reply(&recipient->taken.last)) {
        buf_printf(out, FIELD_NAME, "last reply");
        queue_append_reply(&recipient->taken.last, out);
        buf_append_char(out, '\n');
    }
    append_field(out, "delay", recipient->taken.delay_told ? S("the sender was told") : SLICE_EMPTY);
    append_field(out, "orcpt", facts->orcpt);
    append_flags(out, "notify", notify_names, ARRAY_LEN(notify_names), facts->notify);
}

void queue_append_details(const struct queue_item *item, int64_t now_us, struct buf *out)
{
    const struct queue_envelope *envelope = &item->envelope;
    append_field(out, "id", envelope->id);
    append_field(out, "from", envelope->sender.len ? envelope->sender : S("<>"));
    append_field(out, "login", envelope->login);
    append_field(out, "subject", envelope->subject);
    append_field(out, "message-id", envelope->message_id);
    append_field(out, "envid", envelope->envid);
    buf_printf(out, FIELD_NAME, "size");
    format_size(envelope->size, out);
    buf_append_char(out, '\n');
    append_time_row(out, "received", envelope->received_us, now_us);
    append_time_row(out, "expires", envelope->expires_us, now_us);
    append_flags(out, "flags", flag_names, ARRAY_LEN(flag_names), envelope->flags);
    for (size_t i = 0; i < item->count; i++) {
        append_recipient_details(&item->recipients[i], now_us, out);
    }
}

void queue_append_figures(const struct queue_figures *figures, int64_t now_us, struct buf *out)
{
    const char *separator = "; ";
    if (figures->messages == 0) {
        buf_append(out, S("empty"));
    } else {
        buf_printf(out, "%llu message%s, ", (unsigned long long)figures->messages,
                   figures->messages == 1 ? "" : "s");
        format_size(figures->bytes, out);
        append_span(", the oldest ", now_us - figures->oldest_us, " old", out);
    }
    for (size_t i = 0; i < QUEUE_STATE_COUNT; i++) {
        if (figures->recipients[i]) {
            buf_printf(out, "%s%llu %s", separator, (unsigned long long)figures->recipients[i],
                       queue_state_name((enum queue_state)i));
            separator = ", ";
        }
    }
}

/* ---- for programs ---- */

static json_t *flags_json(const struct flag_name *names, size_t count, unsigned flags)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (flags & names[i].bit) {
            json_array_append_new(list, json_string(names[i].name));
        }
    }
    return list;
}

json_t *queue_reply_json(const struct queue_reply *reply)
{
    if (!has_reply(reply)) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o, s:b}", "code", reply->code ? json_integer(reply->code) : json_null(),
                     "text", json_text(reply->text), "host", json_text(reply->host), "theirs",
                     (int)reply->is_theirs);
}

static json_t *recipient_json(const struct queue_item_recipient *recipient)
{
    const struct queue_taken_recipient *taken = &recipient->taken;
    json_t *due = recipient->state == QUEUE_WAITING ? json_time(taken->recipient.due_us) : json_null();
    return json_pack("{s:o, s:s, s:o, s:o, s:I, s:o, s:o, s:b, s:o, s:o}", "address",
                     json_text(taken->recipient.address), "state", queue_state_name(recipient->state),
                     "destination", json_text(taken->recipient.destination), "due", due, "attempts",
                     (json_int_t)taken->attempts, "changed", json_time(recipient->changed_us), "last",
                     queue_reply_json(&taken->last), "delay_told", (int)taken->delay_told, "orcpt",
                     json_text(taken->recipient.orcpt), "notify",
                     flags_json(notify_names, ARRAY_LEN(notify_names), taken->recipient.notify));
}

json_t *queue_item_json(const struct queue_item *item)
{
    const struct queue_envelope *envelope = &item->envelope;
    json_t *recipients = json_array();
    for (size_t i = 0; i < item->count; i++) {
        json_array_append_new(recipients, recipient_json(&item->recipients[i]));
    }
    return json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "id",
                     json_text(envelope->id), "number", (json_int_t)item->message, "sender",
                     json_text(envelope->sender), "login", json_text(envelope->login), "envid",
                     json_text(envelope->envid), "message_id", json_text(envelope->message_id), "subject",
                     json_text(envelope->subject), "received", json_time(envelope->received_us), "expires",
                     json_time(envelope->expires_us), "size", (json_int_t)envelope->size, "flags",
                     flags_json(flag_names, ARRAY_LEN(flag_names), envelope->flags), "recipients",
                     recipients);
}

json_t *queue_figures_json(const struct queue_figures *figures)
{
    json_t *recipients = json_object();
    for (size_t i = 0; i < QUEUE_STATE_COUNT; i++) {
        json_object_set_new(recipients, queue_state_name((enum queue_state)i),
                            json_integer((json_int_t)figures->recipients[i]));
    }
    return json_pack("{s:I, s:I, s:o, s:o}", "messages", (json_int_t)figures->messages, "bytes",
                     (json_int_t)figures->bytes, "oldest", json_time(figures->oldest_us), "recipients",
                     recipients);
}
