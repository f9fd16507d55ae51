/* SPDX-License-Identifier: ISC */
/*
 * The limits of the big providers, and who overrides whom.
 *
 * Connections and messages per connection are what the providers publish for senders, and where they publish
 * nothing, what senders of much mail have found to work (the traffic shaping rules that KumoMTA ships):
 *
 *   Google     support.google.com/mail/answer/81126 names no number; 5 connections, 50 messages over each
 *   Microsoft  sendersupport.olc.protection.outlook.com/pm/policies allows 500 connections to senders it
 *              knows, but answers 451 4.7.652 to new ones with far fewer; 5 and 50
 *   Yahoo      senders.yahooinc.com/best-practices: 20 messages over a connection, then 421
 *   Apple      support.apple.com/102322 asks to keep connections few; 10, and 5 messages over each
 *   1&1        gmx.net, web.de: 4 and 20
 *   Orange     "Trop de connexions" (ofr_104) from the fourth connection on
 *   Comcast    spa.xfinity.com/postmaster: 25 and 1000
 *   Tencent, NetEase   qq.com: 4 and 8; 163.com: 4 and 7
 *   Telekom    postmaster.t-online.de wants each host to be known to it; as careful as with the strictest
 *   the others answer "too many connections" too, and publish nothing; as 1&1
 *
 * Most of their mail is for domains of others that they host: the name of the mail host tells. Where nothing
 * is known of it yet, the recipient's domain does.
 *
 * No provider publishes messages per minute. These are ours: a newsletter to some thousand people is out in
 * an hour, and a stolen password has not spoiled the host's name before somebody looks.
 */
#include "limits.h"

#include <string.h>

#define PER_MS 1000 /* microseconds */

struct provider {
    const char *name;
    /* Recipients' domains, separated by blanks; "yahoo." is that in any country: yahoo.de, yahoo.co.uk. The
     * first provider with a name that fits. */
    const char *domains;
    /* Mail hosts stand below one of the domains, or of these. */
    const char *hosts;
    unsigned concurrency, messages, rate;
};

static const struct provider providers[] = {
    {"google", "gmail.com googlemail.com", "google.com", 5, 50, 60},
    {"microsoft", "hotmail. outlook. live. msn.com windowslive.com passport.com", "mx.microsoft", 5, 50, 30},
    {"yahoo-japan", "yahoo.co.jp ymail.ne.jp", "", 2, 20, 20},
    {"yahoo", "yahoo. ymail.com rocketmail.com myyahoo.com aol. aim.com verizon.net sky.com", "yahoodns.net",
     5, 20, 30},
    {"apple", "icloud.com me.com mac.com", "", 10, 5, 60},
    {"1und1", "gmx. web.de mail.com email.de", "ionos. kundenserver.de 1and1. 1und1.de", 4, 20, 60},
    {"telekom", "t-online.de magenta.de", "", 3, 20, 30},
    {"freenet", "freenet.de", "", 4, 20, 60},
    {"vodafone", "arcor.de vodafone.de vodafonemail.de", "", 4, 20, 60},
    {"orange", "orange.fr wanadoo.fr voila.fr", "", 3, 100, 30},
    {"free", "free.fr", "", 3, 20, 30},
    {"laposte", "laposte.net", "", 3, 20, 30},
    {"sfr", "sfr.fr neuf.fr", "", 3, 20, 30},
    {"libero", "libero.it virgilio.it inwind.it iol.it", "", 4, 20, 30},
    {"tim", "alice.it tim.it", "", 4, 20, 30},
    {"comcast", "comcast.net xfinity.com", "", 25, 1000, 60},
    {"att", "att.net bellsouth.net sbcglobal.net", "prodigy.net", 5, 20, 30},
    {"mail.ru", "mail.ru bk.ru inbox.ru list.ru", "", 4, 20, 30},
    {"yandex", "yandex.ru yandex.com", "yandex.net", 4, 20, 30},
    {"tencent", "qq.com foxmail.com", "", 4, 8, 20},
    {"netease", "163.com 126.com yeah.net", "netease.com", 4, 7, 20},
};

/* "yahoo." takes yahoo.com and yahoo.com.br, and not yahoo.example.net: behind it stands a country, or a
 * short word and a country. */
static bool is_national(struct slice rest)
{
    struct slice first = slice_split(&rest, '.');
    if (!rest.data)
        return first.len >= 2 && first.len <= 3;
    return first.len >= 2 && first.len <= 3 && rest.len == 2;
}

static bool is_named(struct slice name, struct slice domain)
{
    if (name.data[name.len - 1] == '.')
        return slice_starts_with(domain, name) && is_national(slice_skip(domain, name.len));
    return slice_eq(name, domain);
}

static bool lists(const char *names, struct slice domain)
{
    struct slice rest = slice_from(names);
    while (rest.len > 0) {
        if (is_named(slice_split(&rest, ' '), domain))
            return true;
    }
    return false;
}

static const struct provider *provider_of_domain(struct slice domain)
{
    for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
        if (lists(providers[i].domains, domain))
            return &providers[i];
    }
    return NULL;
}

static const struct provider *provider_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(providers) && name; i++) {
        if (strcmp(providers[i].name, name) == 0)
            return &providers[i];
    }
    return NULL;
}

const char *limits_provider_of_host(struct slice host)
{
    /* "aspmx.l.google.com", "l.google.com", "google.com", "com": it may stand at any depth. */
    for (struct slice rest = host; rest.len > 0; slice_split(&rest, '.')) {
        for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
            if (lists(providers[i].domains, rest) || lists(providers[i].hosts, rest))
                return providers[i].name;
        }
    }
    return NULL;
}

static void apply_provider(struct limits *limits, const struct provider *provider)
{
    limits->provider = provider->name;
    limits->concurrency = MIN_OF(limits->concurrency, provider->concurrency);
    limits->messages = provider->messages;
    limits->rate = provider->rate;
}

static void override(int64_t *limit_us, int64_t configured_ms)
{
    if (configured_ms)
        *limit_us = configured_ms * PER_MS;
}

static void apply_route(struct limits *limits, const struct conf_route *route)
{
    if (route->concurrency || route->rate)
        limits->provider = NULL;
    if (route->concurrency)
        limits->concurrency = (unsigned)route->concurrency;
    if (route->rate)
        limits->rate = (unsigned)route->rate;
    override(&limits->retry_first_us, route->retry_first);
    override(&limits->retry_longest_us, route->retry_longest);
    override(&limits->expire_after_us, route->expire_after);
    override(&limits->delay_notice_after_us, route->delay_notice_after);
}

struct limits limits_for(const struct conf *conf, const struct destination *destination,
                         const char *host_provider)
{
    struct limits limits = {.concurrency = (unsigned)conf->relay_concurrency,
                            .retry_first_us = conf->retry_first * PER_MS,
                            .retry_longest_us = conf->retry_longest * PER_MS,
                            .expire_after_us = conf->expire_after * PER_MS,
                            .delay_notice_after_us = conf->delay_notice_after * PER_MS};
    const struct provider *provider = NULL;
    if (destination->hop.kind == NEXT_HOP_MX) {
        provider = provider_named(host_provider);
        provider = provider ? provider : provider_of_domain(destination->domain);
    }
    if (provider)
        apply_provider(&limits, provider);
    if (destination->route)
        apply_route(&limits, destination->route);
    return limits;
}

static int64_t pause_after(const struct limits *limits, uint32_t attempts)
{
    int64_t pause = limits->retry_first_us;
    for (uint32_t i = 1; i < attempts && pause < limits->retry_longest_us; i++)
        pause *= 2;
    return MIN_OF(pause, limits->retry_longest_us);
}

int64_t limits_retry_at(const struct limits *limits, uint32_t attempts, int64_t now_us, int64_t expires_us,
                        uint32_t chance)
{
    if (now_us >= expires_us)
        return 0;
    int64_t per_mille = 900 + chance % 201;
    int64_t due_us = now_us + pause_after(limits, attempts) * per_mille / 1000;
    return MIN_OF(due_us, expires_us);
}
