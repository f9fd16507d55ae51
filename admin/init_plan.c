/* SPDX-License-Identifier: ISC */
/* Pure: from the options to the texts. */
#include "init_plan.h"

#include <string.h>

#include "base/conf.h"

unsigned service_port(enum conf_service service)
{
    static const unsigned ports[SERVICE_COUNT] = {
        [SERVICE_SMTP] = 25,  [SERVICE_SUBMISSION] = 587, [SERVICE_SUBMISSIONS] = 465, [SERVICE_LMTP] = 0,
        [SERVICE_POP3] = 110, [SERVICE_POP3S] = 995,      [SERVICE_IMAP] = 143,        [SERVICE_IMAPS] = 993};
    return ports[service];
}

static void add_name(struct init_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->name_count; i++) {
        if (strcmp(plan->names[i], name) == 0) {
            return;
        }
    }
    plan->names[plan->name_count++] = name;
}

void init_plan_names(struct init_plan *plan, struct arena *arena)
{
    plan->name_count = 0;
    add_name(plan, plan->hostname);
    if (plan->domain) {
        add_name(plan, plan->domain);
        add_name(plan, arena_printf(arena, "mail.%s", plan->domain));
        add_name(plan, arena_printf(arena, "autoconfig.%s", plan->domain));
    }
    add_name(plan, "localhost");
    add_name(plan, "127.0.0.1");
    add_name(plan, "::1");
}

static void append_setting(struct buf *out, const char *comment, const char *name, const char *value)
{
    buf_printf(out, "\n# %s\n%s = ", comment, name);
    conf_format_text(out, value);
    buf_append_char(out, '\n');
}

static void append_listener(const struct init_plan *plan, enum conf_service service, struct buf *out)
{
    bool loopback = plan->port_offset > 0;
    unsigned port = service_port(service) + plan->port_offset;
    buf_printf(out, "%s {\n    listen = { ", conf_service_names[service]);
    if (service == SERVICE_LMTP) {
        buf_append(out, S("\"run/lmtp.sock\""));
    } else {
        buf_printf(out, "\"%s:%u\"", loopback ? "127.0.0.1" : "0.0.0.0", port);
        if (plan->ipv6) {
            buf_printf(out, ", \"[%s]:%u\"", loopback ? "::1" : "::", port);
        }
    }
    buf_append(out, S(" }\n}\n"));
}

void init_plan_configuration(const struct init_plan *plan, struct buf *out)
{
    buf_append(
        out, S("# The configuration of Postern. Here stands what is usually changed; every option with its\n"
               "# default and meaning: postern -c FILE config show, or postern.conf(5).\n"
               "#\n"
               "# After a change: postern -c FILE config check, then send SIGHUP to \"postern serve\" (some\n"
               "# options need a restart). Relative paths count from this file's folder.\n"));
    append_setting(out, "The full name of this host, as the MX records and the certificate have it.",
                   "hostname", plan->hostname);
    append_setting(out, "Mail, accounts and indexes; and sockets and the process number.", "data_directory",
                   "data");
    buf_append(out, S("run_directory = \"run\"\n"));
    append_setting(out, "The system user whom the daemons become when root starts them; empty: no change.",
                   "user", plan->user);
    append_setting(out, "Made by init with a private authority (tls/ca.pem). Put a public certificate here.",
                   "tls_certificate", "tls/cert.pem");
    buf_append(out, S("tls_key = \"tls/key.pem\"\n"));
    append_setting(out, "The largest message that is taken in.", "message_size_limit", "50M");
    buf_append(out, S("\n# Where each service listens; an empty list turns it off.\n"));
    for (enum conf_service service = 0; service < SERVICE_COUNT; service++) {
        append_listener(plan, service, out);
    }
}
