/* SPDX-License-Identifier: ISC */
/*
 * RFC 5256 section 5:
 *
 *     subject         = *subj-leader [subj-middle] *subj-trailer
 *     subj-refwd      = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
 *     subj-blob       = "[" *BLOBCHAR "]" *WSP          BLOBCHAR: any but "[" and "]"
 *     subj-fwd        = subj-fwd-hdr subject subj-fwd-trl
 *     subj-fwd-hdr    = "[fwd:"
 *     subj-fwd-trl    = "]"
 *     subj-leader     = (*subj-blob subj-refwd) / WSP
 *     subj-trailer    = "(fwd)" / WSP
 */
#include "mail/subject.h"

static struct slice squeeze(struct arena *arena, struct slice text)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t length = 0;
    bool after_space = true;
    for (size_t i = 0; i < text.len; i++) {
        bool is_space =
            text.data[i] == ' ' || text.data[i] == '\t' || text.data[i] == '\r' || text.data[i] == '\n';
        if (!is_space) {
            out[length++] = text.data[i];
        } else if (!after_space) {
            out[length++] = ' ';
        }
        after_space = is_space;
    }
    return slice_trim(slice_of(out, length));
}

/* Skips what the name says, at the start of *text; false, and *text as it was, when something else stands
 * there. */
static bool skip_blob(struct slice *text)
{
    if (text->len == 0 || text->data[0] != '[') {
        return false;
    }
    for (size_t i = 1; i < text->len && text->data[i] != '['; i++) {
        if (text->data[i] == ']') {
            *text = slice_trim(slice_skip(*text, i + 1));
            return true;
        }
    }
    return false;
}

static bool skip_refwd(struct slice *text)
{
    struct slice rest;
    if (slice_starts_with_nocase(*text, S("fwd"))) {
        rest = slice_skip(*text, 3);
    } else if (slice_starts_with_nocase(*text, S("re")) || slice_starts_with_nocase(*text, S("fw"))) {
        rest = slice_skip(*text, 2);
    } else {
        return false;
    }
    rest = slice_trim(rest);
    skip_blob(&rest);
    if (rest.len == 0 || rest.data[0] != ':') {
        return false;
    }
    *text = slice_trim(slice_skip(rest, 1));
    return true;
}

static bool skip_leader(struct slice *text)
{
    struct slice rest = *text;
    do {
        struct slice after = rest;
        if (skip_refwd(&after)) {
            *text = after;
            return true;
        }
    } while (skip_blob(&rest));
    return false;
}

static bool skip_trailer(struct slice *text)
{
    if (!slice_ends_with_nocase(*text, S("(fwd)"))) {
        return false;
    }
    *text = slice_trim(slice_take(*text, text->len - 5));
    return true;
}

/* A blob goes unless nothing would be left. */
static bool skip_blob_of_more(struct slice *text)
{
    struct slice rest = *text;
    if (!skip_blob(&rest) || rest.len == 0) {
        return false;
    }
    *text = rest;
    return true;
}

static bool skip_forward(struct slice *text)
{
    if (!slice_starts_with_nocase(*text, S("[fwd:")) || text->data[text->len - 1] != ']') {
        return false;
    }
    *text = slice_trim(slice_take(slice_skip(*text, 5), text->len - 6));
    return true;
}

struct slice subject_base(struct arena *arena, struct slice subject, bool *is_reply_r)
{
    struct slice text = squeeze(arena, subject);
    bool is_reply = false, again;
    do {
        while (skip_trailer(&text)) {
            is_reply = true;
        }
        while (skip_leader(&text)) {
            is_reply = true;
        }
        while (skip_blob_of_more(&text)) { /* no leader comes behind them: skip_leader has looked */
        }
        again = skip_forward(&text);
        is_reply = is_reply || again;
    } while (again);
    if (is_reply_r) {
        *is_reply_r = is_reply;
    }
    return text;
}
