/* SPDX-License-Identifier: ISC */
#include "mta_sts.h"
#include "txt_record.h"

#include <string.h>

#include "base/utf8.h"
#include "mail/address.h"

#define EXTENSION_NAME_MAX 32

/*
 * sts-text-record = sts-version 1*(sts-field-delim sts-field) [sts-field-delim]     RFC 8461 section 3.1
 * sts-field       = sts-id / sts-extension
 * sts-field-delim = *WSP ";" *WSP
 * sts-version     = %s"v=STSv1"
 * sts-id          = %s"id=" 1*32(ALPHA / DIGIT)
 * sts-extension   = sts-ext-name "=" sts-ext-value
 * sts-ext-name    = (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".")
 * sts-ext-value   = 1*(%x21-3A / %x3C / %x3E-7E)     ; neither ";" nor "=", no blanks
 */
static bool is_name(struct slice name)
{
    if (name.len == 0 || name.len > EXTENSION_NAME_MAX || !char_is_alnum(name.data[0]))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!char_is_alnum(name.data[i]) && name.data[i] != '_' && name.data[i] != '-' && name.data[i] != '.')
            return false;
    return true;
}

static bool is_extension_value(struct slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] <= ' ' || value.data[i] > '~' || value.data[i] == '=')
            return false;
    return value.len > 0;
}

static bool is_id(struct slice id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!char_is_alnum(id.data[i]))
            return false;
    return id.len > 0 && id.len <= MTA_STS_ID_MAX;
}

static enum err parse_record(struct slice text, struct slice *id_r)
{
    struct slice id = SLICE_EMPTY;
    slice_split(&text, ';'); /* the version */
    while (text.data) {
        struct slice field = slice_trim(slice_split(&text, ';'));
        if (field.len == 0 && !text.data)
            break; /* the delimiter at the end */
        size_t equals = slice_find(field, '=');
        struct slice name = slice_take(field, equals), value = slice_skip(field, equals + 1);
        if (slice_eq(name, S("id"))) {
            if (!is_id(value))
                return ERR_SYNTAX;
            id = id.len ? id : value;
        } else if (!is_name(name) || !is_extension_value(value)) {
            return ERR_SYNTAX;
        }
    }
    if (id.len == 0)
        return ERR_SYNTAX;
    *id_r = id;
    return ERR_OK;
}

enum err mta_sts_find_record(const struct slice *texts, size_t count, struct slice *id_r)
{
    struct slice record;
    enum err err = txt_record_find(texts, count, S("v=STSv1"), &record);
    return err ? err : parse_record(record, id_r);
}

/* --- the policy --- */

/*
 * sts-policy-record      = sts-policy-field *WSP                                      RFC 8461 section 3.2
 *                          *(sts-policy-term sts-policy-field *WSP) [sts-policy-term]
 * sts-policy-field       = sts-policy-version / sts-policy-mode / sts-policy-mx / sts-policy-max-age /
 *                          sts-policy-extension           ; each: name ":" *WSP value
 * sts-policy-version     = %s"version"  ; %s"STSv1"
 * sts-policy-mode        = %s"mode"     ; %s"testing" / %s"enforce" / %s"none"
 * sts-policy-mx          = %s"mx"       ; ["*."] Domain
 * sts-policy-max-age     = %s"max_age"  ; 1*10(DIGIT)
 * sts-policy-ext-value   = sts-policy-vchar [*(%x20 / sts-policy-vchar) sts-policy-vchar]
 *                                       ; visible ASCII, or UTF-8
 * sts-policy-term        = LF / CRLF
 *
 * Lines that are empty are passed over too: editors leave them.
 */
struct reading {
    struct arena *arena;
    struct mta_sts_policy *policy;
    size_t room;
    bool has_version, has_mode, has_max_age;
    const char *why;
};

static bool fail(struct reading *reading, const char *why)
{
    reading->why = why;
    return false;
}

static bool take_mx(struct reading *reading, struct slice value)
{
    struct mta_sts_policy *policy = reading->policy;
    struct slice domain = slice_starts_with(value, S("*.")) ? slice_skip(value, 2) : value;
    if (address_check_domain(domain, false))
        return fail(reading, "an mx is no name of a host");
    if (policy->mx_count == reading->room) {
        struct slice *list = arena_array(reading->arena, struct slice, 2 * reading->room + 8);
        if (policy->mx_count)
            memcpy(list, policy->mx, policy->mx_count * sizeof(*list));
        policy->mx = list;
        reading->room = 2 * reading->room + 8;
    }
    policy->mx[policy->mx_count++] = arena_lower(reading->arena, value);
    return true;
}

static bool take_mode(struct reading *reading, struct slice value)
{
    static const char *const modes[] = {
        [STS_MODE_NONE] = "none", [STS_MODE_TESTING] = "testing", [STS_MODE_ENFORCE] = "enforce"};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (slice_eq(value, slice_from(modes[i]))) {
            reading->policy->mode = (enum sts_mode)i;
            return true;
        }
    return fail(reading, "the mode is unknown");
}

static bool take_max_age(struct reading *reading, struct slice value)
{
    uint64_t seconds;
    if (value.len > 10 || !slice_to_u64(value, UINT64_MAX, &seconds))
        return fail(reading, "max_age is no number");
    reading->policy->max_age = MIN_OF(seconds, (uint64_t)MTA_STS_AGE_MAX);
    return true;
}

/* Section 3.2: of a field that stands there twice the first counts; mx may be there many times. */
static bool is_first(bool *seen)
{
    bool first = !*seen;
    *seen = true;
    return first;
}

static bool is_text(struct slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (char_is_ctl(value.data[i]))
            return false;
    return value.len > 0 && utf8_is_valid(value);
}

static bool take_field(struct reading *reading, struct slice line)
{
    size_t colon = slice_find(line, ':');
    struct slice name = slice_take(line, colon), value = slice_trim(slice_skip(line, colon + 1));
    if (colon == line.len || !is_name(name) || !is_text(value))
        return fail(reading, "a line is no field");
    if (slice_eq(name, S("mx")))
        return take_mx(reading, value);
    if (slice_eq(name, S("version")))
        return !is_first(&reading->has_version) || slice_eq(value, S("STSv1")) ||
               fail(reading, "the version is unknown");
    if (slice_eq(name, S("mode")))
        return !is_first(&reading->has_mode) || take_mode(reading, value);
    if (slice_eq(name, S("max_age")))
        return !is_first(&reading->has_max_age) || take_max_age(reading, value);
    return true;
}

static bool is_complete(struct reading *reading)
{
    if (!reading->has_version)
        return fail(reading, "there is no version");
    if (!reading->has_mode)
        return fail(reading, "there is no mode");
    if (!reading->has_max_age)
        return fail(reading, "there is no max_age");
    return reading->policy->mx_count > 0 || reading->policy->mode == STS_MODE_NONE ||
           fail(reading, "there is no mx");
}

enum err mta_sts_parse_policy(struct arena *arena, struct slice text, struct mta_sts_policy *policy_r,
                              const char **why_r)
{
    struct mta_sts_policy policy = {.mode = STS_MODE_NONE};
    struct reading reading = {.arena = arena, .policy = &policy};
    bool good = text.len <= MTA_STS_POLICY_MAX || fail(&reading, "it is too long");
    while (good && text.data) {
        struct slice line = slice_split(&text, '\n');
        if (text.data && line.len > 0 && line.data[line.len - 1] == '\r')
            line = slice_take(line, line.len - 1);
        line = slice_trim_right(line);
        good = line.len == 0 || take_field(&reading, line);
    }
    if (!good || !is_complete(&reading)) {
        *why_r = reading.why;
        return ERR_SYNTAX;
    }
    *policy_r = policy;
    return ERR_OK;
}

/* Section 4.1: a wildcard stands for one label. */
bool mta_sts_has_host(const struct slice *mx, size_t count, struct slice host)
{
    struct slice parent = slice_skip(host, slice_find(host, '.'));
    for (size_t i = 0; i < count; i++) {
        bool wild = slice_starts_with(mx[i], S("*."));
        if (wild ? parent.len < host.len && slice_eq_nocase(slice_skip(mx[i], 1), parent)
                 : slice_eq_nocase(mx[i], host))
            return true;
    }
    return false;
}
