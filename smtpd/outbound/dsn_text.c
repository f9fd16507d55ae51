/* SPDX-License-Identifier: ISC */
/*
 * The words for people. They stand at the left margin or are indented by four spaces; what others said is
 * behind "    > ", so that nothing of it can be taken for ours.
 */
#include <string.h>

#include "base/utf8.h"
#include "dsn_private.h"

/* Recipients that are told of in words; the rest is for programs only. */
#define TOLD_MAX 50
#define TEXT_MAX 8192
/* Octets; RFC 5321 section 4.5.3.1.3 allows 254, with UTF-8 and quoting some more. */
#define ADDRESS_SHOWN 600

static void write_paragraph(const char *text, const char *indent, struct buf *out)
{
    buf_append(out, slice_from(indent));
    struct buf further;
    buf_init(&further, 100);
    buf_append(&further, slice_from(indent));
    dsn_append_wrapped(out, slice_from(text), strlen(indent), buf_cstr(&further));
    buf_append(out, S("\r\n"));
    buf_free(&further);
}

/* The sentences, by language; those of one recipient and of several by action. */
static const struct phrases {
    const char *one[5], *many[5];
    const char *subject, *sent, *until, *reference; /* of the same width each */
    const char *late, *own_words, *said, *more, *message, *header, *signature;
} phrases[] = {
    [LANGUAGE_ENGLISH] =
        {.one = {[DSN_FAILED] =
                     ("Your message could not be delivered to the recipient named below. It will not be "
                      "tried again."),
                 [DSN_DELAYED] =
                     ("Your message could not be delivered yet to the recipient named below. You need "
                      "not do anything: it will be tried again."),
                 [DSN_DELIVERED] =
                     "Your message was delivered to the recipient named below, as you wanted to know.",
                 [DSN_RELAYED] =
                     ("Your message was passed on to the next mail server, which does not tell whether "
                      "it delivers it. If it cannot, you should hear so from there."),
                 [DSN_EXPANDED] =
                     ("Your message was delivered to an address that stands for several people, and "
                      "goes on to each of them. You will not hear of them one by one.")},
         .many = {[DSN_FAILED] =
                      ("Your message could not be delivered to the recipients named below. It will not "
                       "be tried again."),
                  [DSN_DELAYED] =
                      ("Your message could not be delivered yet to the recipients named below. You need "
                       "not do anything: it will be tried again."),
                  [DSN_DELIVERED] =
                      "Your message was delivered to the recipients named below, as you wanted to know.",
                  [DSN_RELAYED] =
                      ("Your message was passed on to the next mail servers, which do not tell whether "
                       "they deliver it. If they cannot, you should hear so from there."),
                  [DSN_EXPANDED] =
                      ("Your message was delivered to addresses that stand for several people each, and "
                       "goes on to them. You will not hear of them one by one.")},
         .subject = "Subject:    ",
         .sent = "Sent:       ",
         .until = "Tried till: ",
         .reference = "Reference:  ",
         .late = "It was tried again and again, until the time for it was over.",
         .own_words = "In the words of this mail server:",
         .said = "said:",
         .more = "further recipients are listed in the technical part.",
         .message = "Your message is attached.",
         .header = "The header of your message is attached.",
         .signature = "The mail server"},
    [LANGUAGE_GERMAN] =
        {.one = {[DSN_FAILED] =
                     ("Ihre Nachricht konnte dem unten genannten Empfänger nicht zugestellt werden. Es "
                      "wird nicht noch einmal versucht."),
                 [DSN_DELAYED] =
                     ("Ihre Nachricht konnte dem unten genannten Empfänger noch nicht zugestellt werden. "
                      "Sie brauchen nichts zu tun: es wird weiter versucht."),
                 [DSN_DELIVERED] =
                     ("Ihre Nachricht wurde dem unten genannten Empfänger zugestellt, wie Sie es "
                      "wissen wollten."),
                 [DSN_RELAYED] =
                     ("Ihre Nachricht wurde an den nächsten Mailserver weitergegeben, der nicht meldet, "
                      "ob er sie zustellt. Kann er es nicht, so sollten Sie es von dort hören."),
                 [DSN_EXPANDED] =
                     ("Ihre Nachricht wurde einer Adresse zugestellt, die für mehrere Leute steht, und "
                      "geht an jeden von ihnen weiter. Von den einzelnen hören Sie nichts.")},
         .many = {[DSN_FAILED] =
                      ("Ihre Nachricht konnte den unten genannten Empfängern nicht zugestellt werden. Es "
                       "wird nicht noch einmal versucht."),
                  [DSN_DELAYED] =
                      ("Ihre Nachricht konnte den unten genannten Empfängern noch nicht zugestellt "
                       "werden. Sie brauchen nichts zu tun: es wird weiter versucht."),
                  [DSN_DELIVERED] =
                      ("Ihre Nachricht wurde den unten genannten Empfängern zugestellt, wie Sie es "
                       "wissen wollten."),
                  [DSN_RELAYED] =
                      ("Ihre Nachricht wurde an die nächsten Mailserver weitergegeben, die nicht melden, "
                       "ob sie sie zustellen. Können sie es nicht, so sollten Sie es von dort hören."),
                  [DSN_EXPANDED] =
                      ("Ihre Nachricht wurde Adressen zugestellt, die je für mehrere Leute stehen, und "
                       "geht an sie weiter. Von den einzelnen hören Sie nichts.")},
         .subject = "Betreff:     ",
         .sent = "Gesendet:    ",
         .until = "Versuch bis: ",
         .reference = "Kennzeichen: ",
         .late = "Es wurde immer wieder versucht, bis die Zeit dafür um war.",
         .own_words = "In den Worten dieses Mailservers:",
         .said = "sagte:",
         .more = "weitere Empfänger stehen im technischen Teil.",
         .message = "Ihre Nachricht ist angehängt.",
         .header = "Der Kopf Ihrer Nachricht ist angehängt.",
         .signature = "Der Mailserver"},
};

static void write_introduction(const struct dsn_report *report, struct slice subject, struct buf *out)
{
    const struct phrases *say = &phrases[report->language];
    write_paragraph((report->count == 1 ? say->one : say->many)[report->action], "", out);
    buf_append(out, S("\r\n"));
    if (subject.len > 0) {
        buf_printf(out, "    %s", say->subject);
        dsn_append_wrapped(out, subject, 16, "    ");
        buf_append(out, S("\r\n"));
    }
    buf_printf(out, "    %s", say->sent);
    dsn_append_date(out, report->arrived_us);
    if (report->action == DSN_DELAYED) {
        buf_printf(out, "\r\n    %s", say->until);
        dsn_append_date(out, report->expires_us);
    }
    if (report->trace.len > 0) {
        buf_printf(out, "\r\n    %s", say->reference);
        dsn_append_clean(out, report->trace, true);
    }
    buf_append(out, S("\r\n"));
}

static void write_quote(const struct dsn_recipient *recipient, struct buf *out)
{
    struct slice rest = slice_take(recipient->text, TEXT_MAX / 2);
    struct buf line;
    buf_init(&line, TEXT_MAX);
    while (rest.len > 0) {
        buf_clear(&line);
        if (rest.data == recipient->text.data && recipient->is_theirs && recipient->code > 0)
            buf_printf(&line, "%u ", recipient->code);
        dsn_append_clean(&line, slice_split(&rest, '\n'), false);
        buf_append(out, S("    > "));
        dsn_append_wrapped(out, buf_slice(&line), 6, "    > ");
        buf_append(out, S("\r\n"));
    }
    buf_free(&line);
}

static void write_host(const struct dsn_recipient *recipient, const struct phrases *say, struct buf *out)
{
    if (!recipient->is_theirs || recipient->host.len == 0) {
        buf_printf(out, "    %s\r\n", say->own_words);
        return;
    }
    buf_append(out, S("    "));
    dsn_append_clean(out, slice_take(recipient->host, 400), true);
    buf_printf(out, " %s\r\n", say->said);
}

static void write_words(const struct dsn_report *report, const struct dsn_recipient *recipient,
                        struct buf *out)
{
    const struct phrases *say = &phrases[report->language];
    char status[16], reason[16];
    dsn_status(recipient, report->action, status);
    buf_append(out, S("\r\n"));
    dsn_append_clean(out, utf8_cut(recipient->address, ADDRESS_SHOWN), false);
    buf_append(out, S("\r\n"));
    if (report->action != DSN_FAILED && report->action != DSN_DELAYED)
        return;
    /* When time is over, what was in the way is of more use than that it is. */
    dsn_status(recipient, DSN_DELAYED, reason);
    bool is_late = report->action == DSN_FAILED && strcmp(status, "5.4.7") == 0;
    struct dsn_words words = dsn_words_for(is_late ? reason : status, report->language);
    if (is_late)
        write_paragraph(say->late, "    ", out);
    write_paragraph(words.what, "    ", out);
    if (report->action == DSN_FAILED && words.todo[0])
        write_paragraph(words.todo, "    ", out);
    if (recipient->text.len == 0)
        return;
    write_host(recipient, say, out);
    write_quote(recipient, out);
}

void dsn_write_text(const struct dsn_report *report, struct slice subject, struct buf *out)
{
    const struct phrases *say = &phrases[report->language];
    write_introduction(report, subject, out);
    for (size_t i = 0; i < report->count && i < TOLD_MAX; i++)
        write_words(report, &report->recipients[i], out);
    if (report->count > TOLD_MAX)
        buf_printf(out, "\r\n%zu %s\r\n", report->count - TOLD_MAX, say->more);
    buf_printf(out, "\r\n%s\r\n-- \r\n%s %.*s\r\n", report->returns_message ? say->message : say->header,
               say->signature, SLICE_ARG(report->host));
}
