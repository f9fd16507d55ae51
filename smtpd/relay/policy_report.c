/* SPDX-License-Identifier: ISC */
/*
 * Once a day, for each domain that there were sessions with: asks whether it wants a report (RFC 8460 section
 * 3), makes it from the counts, and sends it by mail (through the queue) or over HTTPS. The counts stay until
 * one of the ways has worked, or for a day longer (section 5.5).
 */
#include <inttypes.h>

#include "base/log.h"
#include "mail/mime.h"
#include "net/dns.h"
#include "net/gzip.h"
#include "net/https.h"
#include "net/task.h"
#include "policy_priv.h"
#include "report_private.h"
#include "storage/blob.h"
#include "storage/queue.h"
#include "tls_report.h"

#define ASK_MS      10000
#define POST_MS     60000
#define DOMAINS_MAX 200  /* at a time; the others come with the next round */
#define COUNTS_MAX  1000 /* kinds of sessions in one report */
#define REPORT_MAX  ((size_t)8 * 1024 * 1024)
#define ANSWER_MAX  65536
#define TRY_DAYS    2

struct report_job {
    struct relay_policy *policy;
    struct arena arena;
    struct tls_report report;
    struct slice packed, to;
    struct tls_count *days; /* the list of what is due */
    size_t day_count;
    int64_t before_day;
    enum err err;
    struct https_request request;
    struct https_answer answer;
    struct buf why;
};

/* --- on threads --- */

static void find_days(void *arg)
{
    struct report_job *job = arg;
    job->err = tls_count_due(job->policy->store, job->before_day, DOMAINS_MAX, &job->arena, &job->days,
                             &job->day_count);
}

static void pack_report(void *arg)
{
    struct report_job *job = arg;
    struct tls_count *counts;
    struct buf json, packed;
    buf_init(&json, REPORT_MAX);
    buf_init(&packed, REPORT_MAX);
    job->err = tls_count_list(job->policy->store, job->report.day, job->report.domain, COUNTS_MAX,
                              &job->arena, &counts, &job->report.count);
    job->report.counts = counts;
    if (!job->err)
        job->err = tls_report_json(&job->report, &json);
    if (!job->err)
        job->err = gzip_pack(buf_slice(&json), &packed);
    job->packed = arena_copy(&job->arena, buf_slice(&packed));
    buf_free(&json);
    buf_free(&packed);
}

static void remove_counts(void *arg)
{
    struct report_job *job = arg;
    job->err = tls_count_remove(job->policy->store, job->report.day, job->report.domain);
}

static enum err write_message(struct report_job *job, struct slice message, struct report_text *text)
{
    struct mime_parser *parser = mime_parser_new(&job->arena, NULL);
    mime_parser_feed(parser, message);
    mime_parser_finish(parser);
    summary_build(&job->arena, parser, &text->summary);
    text->message_id = text->summary.message_id;
    text->subject = mime_parser_field(parser, S("Subject"))->value;
    enum err err = blob_begin(job->policy->store, &text->blob);
    if (err)
        return err;
    err = blob_write(text->blob, message);
    return err ? err : blob_seal(text->blob);
}

/* RFC 8460 section 3: whatever is wrong with their TLS, the report is to get there. */
static void post_message(void *arg)
{
    struct report_job *job = arg;
    struct report_text text = {.flags = QUEUE_TLS_OPTIONAL};
    int64_t now_us = clock_wall_us();
    struct buf message;
    buf_init(&message, 2 * REPORT_MAX);
    text.id = slice_from(arena_printf(&job->arena, "tlsrpt-%.*s-%" PRIx64, SLICE_ARG(job->report.id),
                                      work_key(job->to.data, job->to.len)));
    tls_report_message(&job->report, job->to, job->packed, now_us, &message);
    job->err = buf_ok(&message) ? write_message(job, buf_slice(&message), &text) : ERR_TOO_LONG;
    if (!job->err)
        job->err = report_post(job->policy->store, job->policy->conf, &job->arena, job->to, &text, now_us);
    blob_free(text.blob);
    buf_free(&message);
}

static void run_request(void *arg)
{
    struct report_job *job = arg;
    job->err = https_run(&job->request, &job->arena, &job->answer, &job->why);
}

/* --- in the task --- */

static enum err send_by_https(struct report_job *job)
{
    struct relay_policy *policy = job->policy;
    struct relay_addresses addresses;
    struct slice host;
    unsigned port;
    const char *url = arena_cstr(&job->arena, job->to);
    enum err err = https_parse_url(url, &job->arena, &host, &port);
    if (!err)
        err = relay_find_addresses(policy->dns, host, false, ASK_MS, &job->arena, &addresses);
    if (err || addresses.count == 0)
        return err ? err : ERR_UNAVAILABLE;
    job->request = (struct https_request){.url = url,
                                          .addresses = addresses.list,
                                          .address_count = addresses.count,
                                          .ca_path = policy->conf->relay_ca_file,
                                          .timeout_ms = POST_MS,
                                          .answer_max = ANSWER_MAX,
                                          .content_type = "application/tlsrpt+gzip",
                                          .body = job->packed,
                                          .stop = &policy->stopping};
    buf_init(&job->why, 1000);
    err = work_run(policy->https, 0, run_request, job);
    err = err ? err : job->err;
    if (!err && job->answer.status / 100 != 2) {
        buf_printf(&job->why, "status %u", job->answer.status);
        err = ERR_DENIED;
    }
    if (err)
        log_info("tls_report.refused", log_text("domain", job->report.domain), log_text("url", job->to),
                 log_text("reason", buf_slice(&job->why)), log_err(err));
    buf_free(&job->why);
    return err;
}

static enum err send_by_mail(struct report_job *job)
{
    enum err err = work_run(job->policy->work, 0, post_message, job);
    return err ? err : job->err;
}

static enum err send_to(struct report_job *job, const struct tls_report_target *target)
{
    job->to = target->address;
    enum err err = target->is_mail ? send_by_mail(job) : send_by_https(job);
    if (err && err != ERR_CANCELED)
        log_warning("tls_report.not_sent", log_text("domain", job->report.domain), log_text("to", job->to),
                    log_err(err));
    else if (!err)
        log_info("tls_report.sent", log_text("domain", job->report.domain), log_text("to", job->to),
                 log_number("day", job->report.day));
    return err;
}

/* ERR_NOT_FOUND: nobody wants it; ERR_UNAVAILABLE: nobody can tell. */
static enum err find_targets(struct report_job *job, struct tls_report_target **targets_r, size_t *count_r)
{
    struct dns_answer answer;
    struct slice name =
        slice_from(arena_printf(&job->arena, "_smtp._tls.%.*s", SLICE_ARG(job->report.domain)));
    enum err err = dns_ask(job->policy->dns, name, DNS_TXT, ASK_MS, &job->arena, &answer);
    if (err)
        return err;
    if (answer.result == DNS_TEMPORARY || answer.result == DNS_BOGUS)
        return ERR_UNAVAILABLE;
    struct slice *texts = arena_array(&job->arena, struct slice, answer.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < answer.count && answer.result == DNS_FOUND; i++)
        count += dns_parse_text(&job->arena, answer.records[i], &texts[count]) == ERR_OK;
    err = tls_report_find_targets(texts, count, &job->arena, targets_r, count_r);
    return err || *count_r == 0 ? ERR_NOT_FOUND : ERR_OK;
}

/* ERR_OK: it is done with, sent or not. */
static enum err report_day(struct report_job *job)
{
    struct relay_policy *policy = job->policy;
    struct tls_report_target *targets;
    size_t count = 0, sent = 0;
    enum err err = find_targets(job, &targets, &count);
    if (err)
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    err = work_run(policy->work, 0, pack_report, job);
    err = err ? err : job->err;
    if (err)
        return err;
    for (size_t i = 0; i < count && err != ERR_CANCELED; i++) {
        err = send_to(job, &targets[i]);
        sent += err == ERR_OK;
    }
    return sent > 0 ? ERR_OK : err;
}

static enum err do_day(struct relay_policy *policy, const struct tls_count *day, int64_t today)
{
    const char *hostname = policy->conf->hostname;
    struct report_job job = {.policy = policy};
    job.report = (struct tls_report){
        .organization = slice_from(hostname),
        .contact = slice_from(arena_printf(&job.arena, "postmaster@%s", hostname)),
        .id = slice_from(arena_printf(&job.arena, "%" PRId64 ".%.*s", day->day, SLICE_ARG(day->domain))),
        .domain = day->domain,
        .day = day->day};
    enum err err = policy->conf->tls_reports == SWITCH_ON ? report_day(&job) : ERR_OK;
    bool is_over = !err || (err != ERR_CANCELED && day->day + TRY_DAYS < today);
    if (err != ERR_CANCELED && is_over)
        err = work_run(policy->work, 0, remove_counts, &job);
    if (is_over && !err && job.err)
        log_warning("tls_report.not_removed", log_text("domain", day->domain), log_err(job.err));
    arena_free(&job.arena);
    return err;
}

void policy_report_send(struct relay_policy *policy)
{
    int64_t today = (clock_wall_us() - policy->report_offset_us) / DAY_US;
    struct report_job job = {.policy = policy, .before_day = today};
    enum err err = work_run(policy->work, 0, find_days, &job);
    for (size_t i = 0; i < job.day_count && err != ERR_CANCELED && !job.err; i++)
        err = do_day(policy, &job.days[i], today);
    arena_free(&job.arena);
}
