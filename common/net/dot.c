/* SPDX-License-Identifier: ISC */
/*
 * Dot-stuffing as a state machine over stretches. Both directions hand out the longest stretch of the input
 * that can go through as it is, so that ordinary text costs one search per line and no copy; only a dropped,
 * added or mended byte ends a stretch.
 *
 * RFC 5321 section 4.1.1.4: "The custom of accepting lines ending only in <LF>, as a concession to
 * non-conforming behavior on the part of some UNIX systems, has proven to cause more interoperability
 * problems than it solves, and SMTP server systems MUST NOT do this, even in the name of improved robustness.
 * In particular, the sequence "<LF>.<LF>" (bare line feeds, without carriage returns) MUST NOT be treated as
 * equivalent to <CRLF>.<CRLF> as the end of mail data indication."
 */
#include "net/dot.h"

#include <string.h>

/*
 * Where the decoder stands, by what it read last:
 *
 *     LINE_START ── "." ──► DOT ── CR ──► DOT_CR ── LF ──► the end
 *         ▲                  │ other: the dot was stuffing   │ other: so was this one, and the CR is bare
 *         │ LF               ▼                               ▼
 *     AFTER_CR ◄── CR ── IN_LINE ◄───────────────────────────┘
 *
 * MENDED_START and MENDED_DOT exist only with `repair`: they stand behind a newline that was not CRLF on the
 * wire. No end mark begins there. Whoever sent that newline may or may not stuff dots behind it, so one dot
 * stays and of two the second goes: no text that the sender wrote without stuffing loses its single dot.
 */
enum decoder_state { LINE_START, IN_LINE, AFTER_CR, DOT, DOT_CR, MENDED_START, MENDED_DOT };

/* The first CR or LF, or `end`. Looks through short windows: were each search to run to the end of the input
 * for an LF that is not there, a text of many bare CRs would cost quadratic time. */
static const char *find_newline(const char *from, const char *end)
{
    enum { WINDOW = 128 };
    while (from < end) {
        size_t len = MIN_OF((size_t)(end - from), (size_t)WINDOW);
        const char *lf = memchr(from, '\n', len);
        size_t before_lf = lf ? (size_t)(lf - from) : len;
        const char *cr = memchr(from, '\r', before_lf);
        if (cr)
            return cr;
        if (lf)
            return lf;
        from += len;
    }
    return end;
}

/* Hands out what lies before `at` and leaves the rest in the input. */
static enum dot_result stretch(struct slice *input, const char *at, struct slice *chunk_r)
{
    *chunk_r = slice_of(input->data, (size_t)(at - input->data));
    *input = slice_skip(*input, chunk_r->len);
    return DOT_CHUNK;
}

/* Hands out `text` in place of the next `skip` bytes of the input. */
static enum dot_result replacement(struct slice *input, size_t skip, struct slice text, struct slice *chunk_r)
{
    *chunk_r = text;
    *input = slice_skip(*input, skip);
    return DOT_CHUNK;
}

/* Takes one byte out of the text; returns where the input begins now. */
static const char *drop_first(struct slice *input)
{
    *input = slice_skip(*input, 1);
    return input->data;
}

/* Bytes that are taken out of the text or added to it can only be handled at the very beginning of the input;
 * before that the stretch in front of them is handed out, with the state as it is. */
enum dot_result dot_decode(struct dot_decoder *decoder, struct slice *input, struct slice *chunk_r)
{
    if (input->len == 0)
        return DOT_MORE;
    const char *at = input->data;
    const char *end = at + input->len;
    while (at < end) {
        bool first = at == input->data;
        switch ((enum decoder_state)decoder->state) {
        case LINE_START:
            if (*at != '.') {
                decoder->state = IN_LINE;
                break;
            }
            if (!first)
                return stretch(input, at, chunk_r);
            at = drop_first(input);
            decoder->state = DOT;
            break;
        case DOT:
            if (*at != '\r') {
                decoder->state = IN_LINE;
                break;
            }
            at = drop_first(input);
            decoder->state = DOT_CR;
            break;
        case DOT_CR:
            if (*at == '\n') {
                *input = slice_skip(*input, 1);
                decoder->state = LINE_START;
                return DOT_END;
            }
            decoder->bare_newline = true;
            decoder->state = decoder->repair ? MENDED_START : IN_LINE;
            return replacement(input, 0, decoder->repair ? S("\r\n") : S("\r"), chunk_r);
        case AFTER_CR:
            if (*at == '\n') {
                decoder->state = LINE_START;
                at++;
                break;
            }
            decoder->bare_newline = true;
            if (!decoder->repair) {
                decoder->state = IN_LINE;
                break;
            }
            if (!first)
                return stretch(input, at, chunk_r);
            decoder->state = MENDED_START;
            return replacement(input, 0, S("\n"), chunk_r);
        case MENDED_START:
            decoder->state = IN_LINE;
            if (*at == '.') {
                decoder->state = MENDED_DOT;
                at++;
            }
            break;
        case MENDED_DOT:
            if (*at != '.') {
                decoder->state = IN_LINE;
                break;
            }
            if (!first)
                return stretch(input, at, chunk_r);
            at = drop_first(input);
            decoder->state = IN_LINE;
            break;
        case IN_LINE:
            at = find_newline(at, end);
            if (at == end)
                break;
            if (*at == '\r') {
                decoder->state = AFTER_CR;
                at++;
                break;
            }
            decoder->bare_newline = true;
            if (!decoder->repair) {
                at++;
                break;
            }
            if (at != input->data)
                return stretch(input, at, chunk_r);
            decoder->state = MENDED_START;
            return replacement(input, 1, S("\r\n"), chunk_r);
        }
    }
    return at == input->data ? DOT_MORE : stretch(input, at, chunk_r);
}

/* What the encoder read last. A bare CR is passed on as it is: it is no line end, and nothing begins behind
 * it. */
enum encoder_state { TEXT_LINE_START, TEXT_IN_LINE, TEXT_AFTER_CR };

bool dot_encode(struct dot_encoder *encoder, struct slice *input, struct slice *chunk_r)
{
    if (input->len == 0)
        return false;
    const char *at = input->data;
    const char *end = at + input->len;
    while (at < end) {
        if (encoder->state == TEXT_LINE_START && *at == '.') {
            if (at != input->data)
                return stretch(input, at, chunk_r) == DOT_CHUNK;
            encoder->state = TEXT_IN_LINE; /* so that the dot itself goes out next, as part of its line */
            return replacement(input, 0, S("."), chunk_r) == DOT_CHUNK;
        }
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        if (!lf) {
            encoder->state = end[-1] == '\r' ? TEXT_AFTER_CR : TEXT_IN_LINE;
            at = end;
            break;
        }
        if (lf > at ? lf[-1] != '\r' : encoder->state != TEXT_AFTER_CR) {
            if (lf != input->data) {
                encoder->state = TEXT_IN_LINE;
                return stretch(input, lf, chunk_r) == DOT_CHUNK;
            }
            encoder->state = TEXT_LINE_START;
            return replacement(input, 1, S("\r\n"), chunk_r) == DOT_CHUNK;
        }
        encoder->state = TEXT_LINE_START;
        at = lf + 1;
    }
    return stretch(input, at, chunk_r) == DOT_CHUNK;
}

struct slice dot_encode_end(const struct dot_encoder *encoder)
{
    return encoder->state == TEXT_LINE_START ? S(".\r\n") : S("\r\n.\r\n");
}
