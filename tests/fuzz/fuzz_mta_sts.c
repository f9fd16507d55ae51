/* SPDX-License-Identifier: ISC */
/*
 * What a domain says of its TLS: the records of MTA-STS and of TLS reports, and the policy file. By the first
 * byte. What is taken must be what the grammar allows, since it goes into host names, addresses and reports.
 */
#include <stdlib.h>

#include "mta_sts.h"
#include "tls_report.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_visible(struct slice text)
{
    must(text.len > 0);
    for (size_t i = 0; i < text.len; i++)
        must(text.data[i] > ' ' && text.data[i] <= '~');
}

/* Two records: what stands before the first NUL, and what stands behind it. */
static size_t split(struct slice text, struct slice texts[2])
{
    texts[0] = slice_split(&text, '\0');
    texts[1] = text;
    return text.data ? 2 : 1;
}

static void check_record(struct slice text)
{
    struct slice texts[2], id = SLICE_EMPTY;
    size_t count = split(text, texts);
    if (mta_sts_find_record(texts, count, &id)) {
        must(id.len == 0);
        return;
    }
    must(id.len <= MTA_STS_ID_MAX);
    check_visible(id);
}

static void check_targets(struct slice text, struct arena *arena)
{
    struct slice texts[2];
    struct tls_report_target *targets;
    size_t count = split(text, texts);
    if (tls_report_find_targets(texts, count, arena, &targets, &count))
        return;
    must(count <= TLS_REPORT_TARGETS_MAX);
    for (size_t i = 0; i < count; i++) {
        must(!slice_has(targets[i].address, '\r') && !slice_has(targets[i].address, '\n'));
        if (targets[i].is_mail)
            must(slice_has(targets[i].address, '@'));
        else
            check_visible(targets[i].address);
    }
}

static void check_policy(struct slice text, struct arena *arena)
{
    struct mta_sts_policy policy;
    const char *why = NULL;
    if (mta_sts_parse_policy(arena, text, &policy, &why)) {
        must(why != NULL);
        return;
    }
    must(policy.max_age <= MTA_STS_AGE_MAX && (policy.mode == STS_MODE_NONE || policy.mx_count > 0));
    for (size_t i = 0; i < policy.mx_count; i++) {
        check_visible(policy.mx[i]);
        bool is_wild = policy.mx[i].data[0] == '*';
        must(mta_sts_has_host(policy.mx, policy.mx_count, policy.mx[i]) || is_wild);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 100000)
        return 0;
    struct arena arena = {0};
    struct slice text = slice_of((const char *)data + 1, size - 1);
    if (data[0] == 'r')
        check_record(text);
    else if (data[0] == 't')
        check_targets(text, &arena);
    else
        check_policy(text, &arena);
    arena_free(&arena);
    return 0;
}
