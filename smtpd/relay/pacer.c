/* SPDX-License-Identifier: ISC */
#include "pacer.h"

/* What one call may take, so that nothing overflows whatever the count. */
#define COUNT_MAX ((uint64_t)1000000)

bool pacer_take(struct pacer *pacer, uint64_t count, int64_t interval_us, uint64_t burst, int64_t now_us,
                int64_t *again_us)
{
    if (now_us < pacer->seen_us) { /* the clock was set back */
        pacer->used_until_us -= pacer->seen_us - now_us;
        pacer->line_until_us -= pacer->seen_us - now_us;
    }
    pacer->seen_us = now_us;
    int64_t cost = (int64_t)MIN_OF(count, COUNT_MAX) * interval_us;
    int64_t credit = (int64_t)MIN_OF(burst, COUNT_MAX) * interval_us;
    int64_t used = MAX_OF(pacer->used_until_us, now_us);
    if (interval_us <= 0) {
        return true;
    }
    /* More than the burst at once goes when nothing else was taken for a while. */
    if (used - now_us <= MAX_OF(credit - cost, (int64_t)0)) {
        pacer->used_until_us = used + cost;
        return true;
    }
    int64_t line = MAX_OF(pacer->line_until_us, used);
    pacer->line_until_us = line + cost;
    *again_us = MAX_OF(line - MAX_OF(credit - cost, (int64_t)0), now_us + interval_us);
    return false;
}
