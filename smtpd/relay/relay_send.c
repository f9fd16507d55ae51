/* SPDX-License-Identifier: ISC */
#include "relay_send.h"

#include "relay_text.h"

#include "base/utf8.h"
#include "net/task.h"

/* Commands that are under way at a time: their replies must fit into what lies between the two of us, or both
 * would wait for the other to read (RFC 2920 section 3.1). */
#define COMMANDS_MAX 100
/* A chunk of this size goes together with the commands before it, whatever comes of them. */
#define EARLY_CHUNK_MAX (32 * 1024)

struct sending {
    struct relay_client *client;
    struct relay_message *message;
    struct arena *arena;
    size_t accepted; /* recipients */
    size_t told;     /* recipients before this one have heard their last word */
    bool mail_accepted;
    bool chunking; /* the text goes by BDAT */
    bool is_early; /* and does not wait for answers */
};

static enum relay_fate fate_of(unsigned code)
{
    return code / 100 == 2 ? RELAY_ACCEPTED : code / 100 == 5 ? RELAY_REFUSED : RELAY_DEFERRED;
}

static void tell(struct relay_recipient *recipient, unsigned code, struct slice text, bool is_theirs)
{
    recipient->fate = fate_of(code);
    recipient->code = code;
    recipient->text = text;
    recipient->is_theirs = is_theirs;
}

/* The reply's words, with the enhanced code before them. */
static struct slice words(struct sending *sending)
{
    struct buf text;
    buf_init(&text, RELAY_TEXT_MAX + 100);
    relay_reply_format(&sending->client->reply, &text);
    struct slice copy = arena_copy(sending->arena, slice_skip(buf_slice(&text), 3));
    buf_free(&text);
    return copy.len > 0 ? slice_skip(copy, 1) : copy;
}

/* To all of them, or to those who were taken so far. */
static void tell_all(struct sending *sending, unsigned code, struct slice text, bool is_theirs,
                     bool only_accepted)
{
    struct relay_message *message = sending->message;
    for (size_t i = sending->told; i < message->count; i++)
        if (!only_accepted || message->recipients[i].fate == RELAY_ACCEPTED)
            tell(&message->recipients[i], code, text, is_theirs);
}

/* --- what can be known before --- */

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] > 127)
            return false;
    return true;
}

static bool needs_utf8(const struct relay_message *message)
{
    bool needs = message->header_is_utf8 || !is_ascii(message->sender);
    for (size_t i = 0; i < message->count && !needs; i++)
        needs = !is_ascii(message->recipients[i].address);
    return needs;
}

/* RFC 8689 section 5: a report is better sent without the demand than lost. */
static bool demands_tls(const struct relay_message *message)
{
    return (message->flags & QUEUE_REQUIRETLS) && message->sender.len > 0;
}

/* False: the message cannot go there, and why was told. */
static bool can_be_sent(struct sending *sending)
{
    const struct relay_client *client = sending->client;
    const struct relay_message *message = sending->message;
    unsigned can = client->abilities.extensions;
    if ((can & RELAY_SIZE) && client->abilities.size > 0 && message->size > client->abilities.size)
        tell_all(sending, 552,
                 slice_from(arena_printf(
                     sending->arena, "5.3.4 the message has %llu octets, and that server takes %llu at most",
                     (unsigned long long)message->size, (unsigned long long)client->abilities.size)),
                 false, false);
    else if (needs_utf8(message) && !(can & RELAY_SMTPUTF8)) /* RFC 6531 section 3.2 */
        tell_all(sending, 553, S("5.6.7 that server does not take addresses or headers in UTF-8"), false,
                 false);
    else if (demands_tls(message) && !((can & RELAY_REQUIRETLS) && conn_is_tls(client->conn)))
        tell_all(sending, 550,
                 S("5.7.30 the message demands TLS on all its way, which that server does not offer"), false,
                 false);
    else if ((message->flags & QUEUE_8BIT) && !(can & RELAY_8BITMIME)) /* RFC 6152 section 3 */
        tell_all(sending, 554, S("5.6.3 that server takes text of 7 bits only"), false, false);
    else
        return true;
    return false;
}

/* --- commands --- */

static void write_mail(struct sending *sending, struct buf *out)
{
    const struct relay_message *message = sending->message;
    unsigned can = sending->client->abilities.extensions;
    buf_printf(out, "MAIL FROM:<%.*s>", SLICE_ARG(message->sender));
    if (can & RELAY_SIZE)
        buf_printf(out, " SIZE=%llu", (unsigned long long)message->size);
    if (message->flags & QUEUE_8BIT)
        buf_append(out, S(" BODY=8BITMIME"));
    if ((can & RELAY_SMTPUTF8) && needs_utf8(message))
        buf_append(out, S(" SMTPUTF8"));
    if ((message->flags & QUEUE_REQUIRETLS) && (can & RELAY_REQUIRETLS))
        buf_append(out, S(" REQUIRETLS"));
    if (can & RELAY_DSN) {
        if (message->flags & (QUEUE_RETURN_FULL | QUEUE_RETURN_HEADER))
            buf_printf(out, " RET=%s", message->flags & QUEUE_RETURN_FULL ? "FULL" : "HDRS");
        if (message->envid.len > 0)
            buf_printf(out, " ENVID=%.*s", SLICE_ARG(message->envid));
    }
    buf_append(out, S("\r\n"));
}

/* RFC 3461 section 4.1 */
static void write_notify(unsigned notify, struct buf *out)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{QUEUE_NOTIFY_NEVER, "NEVER"},
                 {QUEUE_NOTIFY_SUCCESS, "SUCCESS"},
                 {QUEUE_NOTIFY_FAILURE, "FAILURE"},
                 {QUEUE_NOTIFY_DELAY, "DELAY"}};
    const char *before = " NOTIFY=";
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (notify & names[i].bit) {
            buf_printf(out, "%s%s", before, names[i].name);
            before = ",";
        }
}

/*
 *   EmbeddedUnicodeChar = %x5C.78 "{" HEXPOINT "}"                         RFC 6533 section 3
 *
 * UTF-8 that came with SMTPUTF8 and goes without it: of an alias whose target has an address in ASCII.
 */
static void append_unitext(struct buf *out, struct slice text)
{
    while (text.len > 0) {
        size_t length = MAX_OF(utf8_char_length(text), (size_t)1);
        unsigned point = (unsigned char)text.data[0];
        if (length == 1) {
            buf_append_char(out, text.data[0]);
        } else {
            point &= 0xffU >> (length + 1);
            for (size_t i = 1; i < length; i++)
                point = point << 6 | ((unsigned char)text.data[i] & 0x3f);
            buf_printf(out, "\\x{%X}", point);
        }
        text = slice_skip(text, length);
    }
}

static void write_orcpt(const struct sending *sending, struct slice orcpt, struct buf *out)
{
    bool utf8 = (sending->client->abilities.extensions & RELAY_SMTPUTF8) && needs_utf8(sending->message);
    buf_append(out, S(" ORCPT="));
    if (utf8)
        buf_append(out, orcpt);
    else
        append_unitext(out, orcpt);
}

static void write_rcpt(struct sending *sending, const struct relay_recipient *recipient, struct buf *out)
{
    buf_printf(out, "RCPT TO:<%.*s>", SLICE_ARG(recipient->address));
    if (sending->client->abilities.extensions & RELAY_DSN) {
        write_notify(recipient->notify, out);
        if (recipient->orcpt.len > 0)
            write_orcpt(sending, recipient->orcpt, out);
    }
    buf_append(out, S("\r\n"));
}

/* The commands before the text, in their order: 0 is MAIL, then RCPTs; the last is DATA, unless a chunk
 * follows, which is a command itself. */
static size_t command_count(const struct sending *sending)
{
    return sending->message->count + (sending->chunking ? 1 : 2);
}

static enum err write_command(struct sending *sending, size_t number)
{
    struct buf line;
    buf_init(&line, RELAY_LINE_MAX);
    if (number == 0)
        write_mail(sending, &line);
    else if (number <= sending->message->count)
        write_rcpt(sending, &sending->message->recipients[number - 1], &line);
    else
        buf_append(&line, S("DATA\r\n"));
    enum err err = buf_ok(&line) ? conn_write(sending->client->conn, buf_slice(&line)) : ERR_TOO_LONG;
    buf_free(&line);
    return err;
}

static int64_t patience(const struct sending *sending, size_t number)
{
    const struct relay_times *times = sending->client->times;
    return number == 0 ? times->mail : number <= sending->message->count ? times->rcpt : times->data;
}

/* What the server says to a command. MAIL's refusal is everybody's; DATA's that of those who were taken. */
static void hear(struct sending *sending, size_t number)
{
    const struct relay_reply *reply = &sending->client->reply;
    if (number == 0) {
        sending->mail_accepted = relay_reply_is(reply, 2);
        if (!sending->mail_accepted)
            tell_all(sending, reply->code, words(sending), true, false);
    } else if (number <= sending->message->count) {
        if (!sending->mail_accepted)
            return;
        tell(&sending->message->recipients[number - 1], reply->code, words(sending), true);
        sending->accepted += relay_reply_is(reply, 2);
    } else if (reply->code != 354) {
        /* 2xx here is nonsense, and no promise. */
        tell_all(sending, relay_reply_is(reply, 5) ? reply->code : 451, words(sending), true, true);
        sending->accepted = 0;
    }
}

/* One by one, or many at once. Without PIPELINING DATA is not said when there is nobody to say it for. */
static enum err say_commands(struct sending *sending)
{
    bool pipelines = sending->client->abilities.extensions & RELAY_PIPELINING;
    size_t count = command_count(sending), written = 0;
    enum err err = ERR_OK;
    for (size_t read = 0; read < count && !err; read++) {
        bool is_data = read > sending->message->count;
        if (!pipelines && (is_data ? sending->accepted == 0 : read > 0 && !sending->mail_accepted))
            continue;
        conn_set_timeout(sending->client->conn, patience(sending, read));
        if (written <= read) {
            written = read;
            size_t limit = pipelines ? MIN_OF(count, read + COMMANDS_MAX) : read + 1;
            err = relay_check_silence(sending->client);
            while (written < limit && !err)
                err = write_command(sending, written++);
            if (!err && sending->is_early)
                err = relay_write_chunk(sending->client, sending->message);
            else if (!err)
                err = conn_flush(sending->client->conn);
        }
        if (!err)
            err = relay_read(sending->client, patience(sending, read));
        if (!err)
            hear(sending, read);
    }
    return err;
}

/* --- the text --- */

/* Servers there are that announce CHUNKING and do not know BDAT: they may take what was in the chunk for
 * commands, and nothing that they say from then on is worth anything. 503 is the right answer when nobody
 * takes the message. */
static enum err read_answer_to_chunk(struct relay_client *client)
{
    enum err err = relay_read(client, client->times->end);
    if (!err && client->reply.code >= 500 && client->reply.code <= 504 && client->reply.code != 503) {
        client->refuses_chunks = true;
        err = ERR_PROTOCOL;
    }
    return err;
}

/* LMTP answers for each recipient that was taken, in their order (RFC 2033 section 4.2). */
static enum err hear_end(struct sending *sending)
{
    struct relay_client *client = sending->client;
    struct relay_message *message = sending->message;
    enum err err = ERR_OK;
    if (!client->is_lmtp) {
        err = sending->chunking ? read_answer_to_chunk(client) : relay_read(client, client->times->end);
        if (!err)
            tell_all(sending, client->reply.code, words(sending), true, true);
        return err;
    }
    for (size_t i = 0; i < message->count && !err; i++) {
        sending->told = i;
        if (message->recipients[i].fate != RELAY_ACCEPTED)
            continue;
        err = relay_read(client, client->times->end);
        if (!err)
            tell(&message->recipients[i], client->reply.code, words(sending), true);
    }
    return err;
}

/* A server that wants a text though it has refused everybody gets an empty one (RFC 2920 section 3.1); and a
 * transaction that came to nothing must not be the begin of the next one. */
static enum err end_nothing(struct sending *sending)
{
    struct relay_client *client = sending->client;
    enum err err = ERR_OK;
    if (client->reply.code == 354)
        err = relay_say(client, client->times->end, ".");
    return err || client->reply.code == 421 ? err : relay_say(client, client->times->mail, "RSET");
}

/* What the connection's end means: nothing was promised. */
static void tell_of_failure(struct sending *sending, enum err err)
{
    const struct relay_reply *reply = &sending->client->reply;
    struct slice text = slice_from(err_text(err));
    if (err == ERR_PROTOCOL && reply->text.len > 0)
        text = slice_from(arena_printf(sending->arena, "4.5.0 what the server said is no reply: %.*s",
                                       SLICE_ARG(buf_slice(&reply->text))));
    tell_all(sending, 0, text, false, true);
}

/* How the text goes (RFC 3030). LMTP servers that take chunks are not worth the difference. */
static void choose_way(struct sending *sending)
{
    const struct relay_client *client = sending->client;
    unsigned can = client->abilities.extensions;
    sending->chunking = (can & RELAY_CHUNKING) && !client->is_lmtp && !client->refuses_chunks;
    sending->is_early = sending->chunking && (can & RELAY_PIPELINING) &&
                        sending->message->size <= EARLY_CHUNK_MAX && command_count(sending) <= COMMANDS_MAX;
}

/* The answer to a chunk that was sent before it was known whether anybody takes it; when nobody does it says
 * nothing new (RFC 3030 section 2). */
static enum err hear_chunk_for_nobody(struct sending *sending)
{
    struct relay_client *client = sending->client;
    enum err err = read_answer_to_chunk(client);
    return err || client->reply.code == 421 ? err : relay_say(client, client->times->mail, "RSET");
}

static enum err send_text(struct sending *sending)
{
    struct relay_client *client = sending->client;
    if (sending->accepted == 0)
        return sending->is_early ? hear_chunk_for_nobody(sending) : end_nothing(sending);
    enum err err = ERR_OK;
    if (!sending->chunking)
        err = relay_write_dotted(client, sending->message);
    else if (!sending->is_early)
        err = relay_write_chunk(client, sending->message);
    return err ? err : hear_end(sending);
}

static enum err send_once(struct sending *sending)
{
    choose_way(sending);
    sending->accepted = sending->told = 0;
    tell_all(sending, 200, SLICE_EMPTY, false, false); /* whoever has heard nothing else when it breaks */
    sending->client->mail_count++;
    enum err err = say_commands(sending);
    return err ? err : send_text(sending);
}

enum err relay_send(struct relay_client *client, struct relay_message *message, struct arena *arena)
{
    struct sending sending = {.client = client, .message = message, .arena = arena};
    if (!can_be_sent(&sending))
        return ERR_OK;
    enum err err = send_once(&sending);
    if (err)
        tell_of_failure(&sending, err);
    return err;
}
