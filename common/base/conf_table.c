/* SPDX-License-Identifier: ISC */
/*
 * Every option of the configuration file. The parser, its checks, `postern config show` and the manual page
 * are made from these rows and from nothing else.
 */
#include "base/conf.h"

#include "base/log.h"

#define KIB    INT64_C(1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

#define RESTART false
#define RELOAD  true

#define TOP(field)      .section = "", .name = #field, .offset = offsetof(struct conf, field)
#define RANGE(from, to) .minimum = (from), .maximum = (to)

#define ROUTE(field) .section = "route", .name = #field, .offset = offsetof(struct conf_route, field)

#define LISTEN(section_name, service, text)                                             \
    {                                                                                   \
        .section = (section_name), .name = "listen", .type = CONF_TEXTS,                \
        .offset = offsetof(struct conf, listeners[service].listen), .default_text = "", \
        .reloadable = RESTART, .help = text                                             \
    }
#define BARE_NEWLINE(section_name, service)                                                                \
    {                                                                                                      \
        .section = (section_name), .name = "bare_newline", .type = CONF_CHOICE,                            \
        .offset = offsetof(struct conf, listeners[service].bare_newline), .default_text = "refuse",        \
        .choices = "refuse|repair", .reloadable = RELOAD,                                                  \
        .help =                                                                                            \
            "What happens to a message with a CR or LF that stands alone (RFC 5321 section 2.3.8 forbids " \
            "it). With \"refuse\" the message is rejected. With \"repair\" each is turned into CRLF, for " \
            "senders that cannot do better. Only CRLF.CRLF ends a message in either case."                 \
    }

const struct conf_option conf_options[] = {
    {TOP(hostname), .type = CONF_TEXT, .default_text = "", RANGE(1, 255), .reloadable = RELOAD,
     .help =
         "The full name of this host, as it greets others and as its certificate and the MX records of its "
         "domains name it. It has no default and must be set."},
    {TOP(data_directory), .type = CONF_PATH, .default_text = "data", .reloadable = RESTART,
     .help = "The folder with all mail, accounts and indexes."},
    {TOP(run_directory), .type = CONF_PATH, .default_text = "run", .reloadable = RESTART,
     .help = "The folder for sockets and the process number, which may be empty after a reboot."},
    {TOP(user), .type = CONF_TEXT, .default_text = "", RANGE(0, 64), .reloadable = RESTART,
     .help = "The system user whom the daemons become when root started them. Empty keeps the user who "
             "started them."},
    {TOP(workers), .type = CONF_NUMBER, .default_text = "0", RANGE(0, 64), .reloadable = RESTART,
     .help = "The number of processes for each protocol. 0 means one for each processor core."},
    {TOP(threads), .type = CONF_NUMBER, .default_text = "16", RANGE(1, 256), .reloadable = RESTART,
     .help = "The number of threads in each process that read and write files."},
    {TOP(log_target), .type = CONF_TEXT, .default_text = "stderr", RANGE(1, 1000), .reloadable = RELOAD,
     .help = "Where the log goes: \"stderr\", which the journal collects, or the path of a file."},
    {TOP(log_level), .type = CONF_CHOICE, .default_text = "info", .choices = "error|warning|info|debug",
     .reloadable = RELOAD, .help = "The least important kind of event that is still logged."},

    {TOP(tls_certificate), .type = CONF_PATH, .default_text = "tls/cert.pem", .reloadable = RELOAD,
     .help = "The certificate of this host in PEM format, followed by the certificates of its issuers."},
    {TOP(tls_key), .type = CONF_PATH, .default_text = "tls/key.pem", .reloadable = RELOAD,
     .help = "The private key that belongs to the certificate, in PEM format."},
    {TOP(plaintext_auth), .type = CONF_CHOICE, .default_text = "never", .choices = "never|loopback|always",
     .reloadable = RELOAD,
     .help = "When a user may send the password over a connection without TLS: never, only over the loopback "
             "interface, or always."},

    {TOP(message_size_limit), .type = CONF_SIZE, .default_text = "50M", RANGE(KIB, 2 * GIB),
     .reloadable = RELOAD,
     .help =
         "The largest message that is taken in. Attachments count with the third that their encoding adds."},
    {TOP(header_size_limit), .type = CONF_SIZE, .default_text = "1M", RANGE(4 * KIB, 16 * MIB),
     .reloadable = RELOAD, .help = "The largest header section of a message."},
    {TOP(recipient_limit), .type = CONF_NUMBER, .default_text = "1000", RANGE(100, 100000),
     .reloadable = RELOAD,
     .help = "The number of recipients that one message may have. RFC 5321 section 4.5.3.1.8 wants at least "
             "100."},
    {TOP(hop_limit), .type = CONF_NUMBER, .default_text = "50", RANGE(10, 1000), .reloadable = RELOAD,
     .help = "A message with more Received fields than this runs in a loop and is refused."},
    {TOP(recipient_delimiter), .type = CONF_TEXT, .default_text = "+", RANGE(0, 1), .reloadable = RELOAD,
     .help =
         "The character between a user's name and a tag, so that mail for user+tag reaches user. Empty turns "
         "tags off."},
    {TOP(error_limit), .type = CONF_NUMBER, .default_text = "20", RANGE(1, 1000), .reloadable = RELOAD,
     .help = "After this many protocol errors a connection is closed; in IMAP, behind the login, after as "
             "many in a row."},
    {TOP(transaction_limit), .type = CONF_NUMBER, .default_text = "1000", RANGE(1, 1000000),
     .reloadable = RELOAD, .help = "The number of messages that may come in over one SMTP connection."},
    {TOP(connection_limit), .type = CONF_NUMBER, .default_text = "2000", RANGE(1, 1000000),
     .reloadable = RELOAD, .help = "The number of connections that each protocol serves at the same time."},
    {TOP(connection_limit_per_address), .type = CONF_NUMBER, .default_text = "200", RANGE(1, 1000000),
     .reloadable = RELOAD,
     .help = "The number of connections that each protocol serves at the same time for one client address."},

    {TOP(smtp_timeout), .type = CONF_DURATION, .default_text = "5m", RANGE(SECOND, DAY), .reloadable = RELOAD,
     .help = "How long an SMTP client may be silent. RFC 5321 section 4.5.3.2.7 wants at least 5 minutes."},
    {TOP(pop3_timeout), .type = CONF_DURATION, .default_text = "10m", RANGE(SECOND, DAY),
     .reloadable = RELOAD,
     .help = "How long a POP3 client may be silent. RFC 1939 section 3 wants at least 10 minutes."},
    {TOP(imap_timeout), .type = CONF_DURATION, .default_text = "30m", RANGE(SECOND, DAY),
     .reloadable = RELOAD,
     .help = "How long an IMAP client may be silent. RFC 9051 section 5.4 wants at least 30 minutes."},
    {TOP(shutdown_grace), .type = CONF_DURATION, .default_text = "20s", RANGE(0, HOUR), .reloadable = RELOAD,
     .help = "How long sessions get to finish what they are doing when the server stops."},

    {TOP(pop3_login_delay), .type = CONF_NUMBER, .default_text = "0", RANGE(0, 86400), .reloadable = RELOAD,
     .help =
         "The seconds that must pass between two POP3 logins of one user (RFC 2449 section 6.5). 0 means no "
         "delay."},
    {TOP(pop3_expire), .type = CONF_NUMBER, .default_text = "-1", RANGE(-1, 36500), .reloadable = RELOAD,
     .help =
         "The days for which POP3 clients are told that mail stays on the server (RFC 2449 section 6.7). -1 "
         "means for ever."},

    {TOP(imap_language), .type = CONF_CHOICE, .default_text = "en", .choices = "en|de", .reloadable = RELOAD,
     .help =
         "The language that IMAP clients get who ask for the server's own by LANGUAGE \"default\" (RFC 5255 "
         "section 3.2). Who asks for nothing gets English."},

    {TOP(imap_message_limit), .type = CONF_NUMBER, .default_text = "0", RANGE(0, UINT32_MAX),
     .reloadable = RELOAD,
     .help =
         "The number of messages that one IMAP command may work with (RFC 9738). Programs that do not know "
         "of this see only the newest messages of a large mailbox; the RFC wants at least 1000. 0 means no "
         "limit."},

    {TOP(relay_networks), .type = CONF_TEXTS, .item = CONF_ITEM_NETWORK, .default_text = "",
     .reloadable = RELOAD,
     .help =
         "The networks whose hosts may send mail to anywhere without a login, at the port where other "
         "servers "
         "deliver. Name only hosts that you know: whoever can send mail from one of them can send it to all "
         "the world in your name."},
    {TOP(relay_domains), .type = CONF_TEXTS, .item = CONF_ITEM_DOMAIN, .default_text = "",
     .reloadable = RELOAD,
     .help = "Domains of others whose mail is taken in from anybody and sent on to their own server: this "
             "host is "
             "their backup MX. A dot in front means all domains below one."},
    {TOP(relay_port), .type = CONF_NUMBER, .default_text = "25", RANGE(1, 65535), .reloadable = RELOAD,
     .help = "The port at which the servers of other domains take mail."},
    {TOP(relay_connections), .type = CONF_NUMBER, .default_text = "100", RANGE(1, 10000),
     .reloadable = RELOAD, .help = "The number of connections to other servers at a time."},
    {TOP(relay_concurrency), .type = CONF_NUMBER, .default_text = "20", RANGE(1, 1000), .reloadable = RELOAD,
     .help =
         "The number of connections to one destination at a time. Postern begins with a few and uses more "
         "only while that goes well."},
    {TOP(retry_first), .type = CONF_DURATION, .default_text = "5m", RANGE(SECOND, DAY), .reloadable = RELOAD,
     .help = "The pause before the second attempt. Each further pause is longer than the one before."},
    {TOP(retry_longest), .type = CONF_DURATION, .default_text = "4h", RANGE(SECOND, 7 * DAY),
     .reloadable = RELOAD, .help = "The longest pause between two attempts."},
    {TOP(expire_after), .type = CONF_DURATION, .default_text = "4d", RANGE(60 * SECOND, 60 * DAY),
     .reloadable = RELOAD,
     .help = "How long delivery is tried. After that the sender is told that it failed."},
    {TOP(delay_notice_after), .type = CONF_DURATION, .default_text = "4h", RANGE(0, 60 * DAY),
     .reloadable = RELOAD,
     .help = "When the sender is told that delivery takes long and goes on. 0 means never."},
    {TOP(report_language), .type = CONF_CHOICE, .default_text = "en", .choices = "en|de",
     .reloadable = RELOAD,
     .help = "The language of the reports that senders get on mail that could not be delivered."},
    {TOP(suppress_for), .type = CONF_DURATION, .default_text = "7d", RANGE(0, 365 * DAY),
     .reloadable = RELOAD,
     .help =
         "How long nothing is sent to an address whose own server said that it does not exist. Mail to it "
         "fails at once. `postern queue suppress` shows and changes the list. 0 means that such addresses "
         "are not remembered."},
    {TOP(queue_keep), .type = CONF_DURATION, .default_text = "7d", RANGE(0, 365 * DAY), .reloadable = RELOAD,
     .help = "How long \"postern queue\" still shows what was delivered, has failed or was removed."},
    {TOP(user_rate), .type = CONF_NUMBER, .default_text = "2000", RANGE(0, 1000000), .reloadable = RELOAD,
     .help = "The number of recipients per hour that the mail of one user goes out to. What is more waits in "
             "the queue for its turn. 0 means any number."},
    {TOP(dns_resolvers), .type = CONF_TEXTS, .item = CONF_ITEM_RESOLVER, .default_text = "",
     .reloadable = RESTART,
     .help = "The name servers that are asked, in turn; a port may stand behind an @. DNSSEC is checked here "
             "whatever they say. Without any, the servers of the domains themselves are asked, from the root "
             "on."},
    {TOP(dns_trust_anchor), .type = CONF_PATH, .default_text = "/usr/share/dns/root.key",
     .reloadable = RESTART,
     .help = "The file with the keys that DNSSEC begins with. Without it nothing is known to be secure, and "
             "DANE is not used."},

    {TOP(relay_ca_file), .type = CONF_PATH, .default_text = "/etc/ssl/certs/ca-certificates.crt",
     .reloadable = RESTART,
     .help = "The file with the certification authorities that are trusted when the certificate of another "
             "server must be good: for MTA-STS, for routes with tls = verified, and for REQUIRETLS."},
    {TOP(sts_port), .type = CONF_NUMBER, .default_text = "443", RANGE(1, 65535), .reloadable = RELOAD,
     .help = "The port where MTA-STS policies of other domains are fetched over HTTPS (RFC 8461)."},
    {TOP(tls_reports), .type = CONF_CHOICE, .default_text = "on", .choices = "off|on", .reloadable = RELOAD,
     .help = "Whether domains that ask for it (RFC 8460) get a report once a day on how well connections to "
             "their servers could be protected. A report has counts, names and addresses of servers, and no "
             "word about a message."},

    {TOP(auth_memory_limit), .type = CONF_SIZE, .default_text = "256M", RANGE(64 * MIB, 64 * GIB),
     .help =
         "The memory that all password checks which run at the same time may take together. Further checks "
         "wait."},
    {TOP(auth_cache_time), .type = CONF_DURATION, .default_text = "10m", RANGE(0, DAY), .reloadable = RELOAD,
     .help = "How long a successful login is remembered, so that clients which log in every minute cost "
             "little. 0 "
             "remembers nothing."},

    LISTEN("smtp", SERVICE_SMTP,
           "The addresses where other servers deliver mail, usually port 25. TLS is offered by STARTTLS."),
    BARE_NEWLINE("smtp", SERVICE_SMTP),
    LISTEN("submission", SERVICE_SUBMISSION,
           "The addresses where users send mail after STARTTLS, usually port 587."),
    BARE_NEWLINE("submission", SERVICE_SUBMISSION),
    LISTEN("submissions", SERVICE_SUBMISSIONS,
           "The addresses where users send mail with TLS from the start, usually port 465."),
    BARE_NEWLINE("submissions", SERVICE_SUBMISSIONS),
    LISTEN("lmtp", SERVICE_LMTP,
           "The Unix sockets where programs on this host deliver mail by LMTP (RFC 2033)."),
    BARE_NEWLINE("lmtp", SERVICE_LMTP),
    LISTEN("pop3", SERVICE_POP3,
           "The addresses where users fetch mail by POP3 after STLS, usually port 110."),
    LISTEN("pop3s", SERVICE_POP3S,
           "The addresses where users fetch mail by POP3 with TLS from the start, usually "
           "port 995."),
    LISTEN("imap", SERVICE_IMAP,
           "The addresses where users read mail by IMAP after STARTTLS, usually port 143."),
    LISTEN("imaps", SERVICE_IMAPS,
           "The addresses where users read mail by IMAP with TLS from the start, usually "
           "port 993."),
};

const size_t conf_option_count = ARRAY_LEN(conf_options);

const struct conf_option conf_route_options[] = {
    {ROUTE(domains), .type = CONF_TEXTS, .item = CONF_ITEM_ROUTE_DOMAIN, .default_text = "",
     .reloadable = RELOAD,
     .help =
         "The domains whose mail takes this route: a name, a name with a dot in front for all that is below "
         "it, or \"*\" for all that no other route takes. The longest that fits counts."},
    {ROUTE(via), .type = CONF_TEXT, .default_text = "mx", RANGE(1, 500), .reloadable = RELOAD,
     .help = "Where the mail goes: \"mx\", which is where the domain's MX records say, \"smtp://host:port\", "
             "\"smtps://host:port\" with TLS from the first byte, \"lmtp://host:port\", or \"lmtp:/path\" "
             "for a Unix "
             "socket. With \"mx\" a route does nothing but set limits for its domains."},
    {ROUTE(user), .type = CONF_TEXT, .default_text = "", RANGE(0, 255), .reloadable = RELOAD,
     .help = "The name to log in with at the host. Empty: no login."},
    {ROUTE(password_file), .type = CONF_PATH, .default_text = "", .reloadable = RELOAD,
     .help =
         "The file whose first line is the password to log in with. It should be readable for nobody but the "
         "user of the daemons."},
    {ROUTE(tls), .type = CONF_CHOICE, .default_text = "policy",
     .choices = "policy|optional|required|verified|off", .reloadable = RELOAD,
     .help =
         "How the connection is protected: \"policy\" as the domain publishes it (DANE, MTA-STS), and where "
         "it "
         "publishes nothing, with TLS if the host can; \"optional\" with TLS if the host can; \"required\" "
         "not "
         "without TLS; \"verified\" not without a certificate that is trusted and names the host; \"off\" "
         "without TLS. A route with a login that says nothing is \"verified\", and it cannot be less than "
         "\"required\" unless the host is this one."},
    {ROUTE(source_ipv4), .type = CONF_TEXT, .default_text = "", RANGE(0, 15), .reloadable = RELOAD,
     .help = "The IPv4 address of this host to connect from. Empty: the system chooses."},
    {ROUTE(source_ipv6), .type = CONF_TEXT, .default_text = "", RANGE(0, 45), .reloadable = RELOAD,
     .help = "The IPv6 address of this host to connect from. Empty: the system chooses."},
    {ROUTE(concurrency), .type = CONF_NUMBER, .default_text = "0", RANGE(0, 1000), .reloadable = RELOAD,
     .help =
         "The number of connections at a time. 0: relay_concurrency, or less for the big providers, whose "
         "limits are built in."},
    {ROUTE(rate), .type = CONF_NUMBER, .default_text = "0", RANGE(0, 1000000), .reloadable = RELOAD,
     .help = "The number of messages per minute. 0: any number, or what is built in for the big providers."},
    {ROUTE(retry_first), .type = CONF_DURATION, .default_text = "0", RANGE(0, DAY), .reloadable = RELOAD,
     .help = "As the option of the same name for all mail. 0: what is set there."},
    {ROUTE(retry_longest), .type = CONF_DURATION, .default_text = "0", RANGE(0, 7 * DAY),
     .reloadable = RELOAD, .help = "As the option of the same name for all mail. 0: what is set there."},
    {ROUTE(expire_after), .type = CONF_DURATION, .default_text = "0", RANGE(0, 60 * DAY),
     .reloadable = RELOAD, .help = "As the option of the same name for all mail. 0: what is set there."},
    {ROUTE(delay_notice_after), .type = CONF_DURATION, .default_text = "0", RANGE(0, 60 * DAY),
     .reloadable = RELOAD, .help = "As the option of the same name for all mail. 0: what is set there."},
};

const size_t conf_route_option_count = ARRAY_LEN(conf_route_options);

const char *const conf_service_names[SERVICE_COUNT] = {
    [SERVICE_SMTP] = "smtp",
    [SERVICE_SUBMISSION] = "submission",
    [SERVICE_SUBMISSIONS] = "submissions",
    [SERVICE_LMTP] = "lmtp",
    [SERVICE_POP3] = "pop3",
    [SERVICE_POP3S] = "pop3s",
    [SERVICE_IMAP] = "imap",
    [SERVICE_IMAPS] = "imaps",
};

/* The choices are indexes into the enums. */
_Static_assert(LOG_ERROR == 0 && LOG_WARNING == 1 && LOG_INFO == 2 && LOG_DEBUG == 3, "log_level's choices");
_Static_assert(BARE_NEWLINE_REFUSE == 0 && BARE_NEWLINE_REPAIR == 1, "bare_newline's choices");
_Static_assert(PLAINTEXT_AUTH_NEVER == 0 && PLAINTEXT_AUTH_LOOPBACK == 1 && PLAINTEXT_AUTH_ALWAYS == 2,
               "plaintext_auth's choices");
_Static_assert(SWITCH_OFF == 0 && SWITCH_ON == 1, "off|on");
_Static_assert(ROUTE_TLS_POLICY == 0 && ROUTE_TLS_OPTIONAL == 1 && ROUTE_TLS_REQUIRED == 2 &&
                   ROUTE_TLS_VERIFIED == 3 && ROUTE_TLS_OFF == 4,
               "the choices of a route's tls");
_Static_assert(LANGUAGE_ENGLISH == 0 && LANGUAGE_GERMAN == 1, "choices of imap_language, report_language");
