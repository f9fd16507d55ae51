/* SPDX-License-Identifier: ISC */
/*
 * The configuration: one text file (libconfuse syntax), one table of options (conf_table.c) from which the
 * parser, the checks, `postern config show` and the manual page come.
 *
 *     hostname = "mail.example.org"
 *     data_directory = "data"              # relative paths are relative to the configuration file
 *     smtp { listen = { "0.0.0.0:25", "[::]:25" } }
 *     route provider { domains = { "*" } via = "smtp://smtp.example.net:587" }
 *
 * Values need quotes only for blanks and the characters # " ' = { } ( ) + , . Outside of single quotes
 * ${NAME} and
 * ${NAME:-default} stand for an environment variable. A comment starts with # or // or stands between
 * slash-stars. An option or a section that appears twice is an error (of routes: a name), as is one that is
 * unknown; reading stops only at mistakes of grammar, so that one run tells every wrong value.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/arena.h"
#include "base/buf.h"

enum conf_bare_newline { BARE_NEWLINE_REFUSE, BARE_NEWLINE_REPAIR };
enum conf_language { LANGUAGE_ENGLISH, LANGUAGE_GERMAN };
enum conf_switch { SWITCH_OFF, SWITCH_ON };
enum conf_plaintext_auth { PLAINTEXT_AUTH_NEVER, PLAINTEXT_AUTH_LOOPBACK, PLAINTEXT_AUTH_ALWAYS };

/* The sections of the file: one per kind of listener. The order is that of conf.listeners. */
enum conf_service {
    SERVICE_SMTP,        /* 25: from other servers, STARTTLS */
    SERVICE_SUBMISSION,  /* 587: from users, STARTTLS */
    SERVICE_SUBMISSIONS, /* 465: from users, TLS from the first byte */
    SERVICE_LMTP,        /* a Unix socket (RFC 2033) */
    SERVICE_POP3,        /* 110 */
    SERVICE_POP3S,       /* 995 */
    SERVICE_IMAP,        /* 143 */
    SERVICE_IMAPS,       /* 993 */
    SERVICE_COUNT
};

struct conf_list {
    const char **items;
    size_t count;
};

struct conf_listener {
    struct conf_list listen; /* "address:port", "[v6]:port", or a path for a Unix socket; empty: off */
    int64_t bare_newline;    /* enum conf_bare_newline; SMTP family only */
};

/* How a connection to the next host is protected. */
enum conf_route_tls {
    ROUTE_TLS_POLICY,   /* what the domain publishes (DANE, MTA-STS), else if the host can */
    ROUTE_TLS_OPTIONAL, /* if the host can, whoever it is */
    ROUTE_TLS_REQUIRED, /* whoever it is */
    ROUTE_TLS_VERIFIED, /* the certificate is trusted and names the host */
    ROUTE_TLS_OFF
};

/* route NAME { … }: where mail for some domains goes, and how much of it. */
struct conf_route {
    const char *name;
    struct conf_list domains; /* "example.net"; ".example.net": all below it; "*": all that no other takes */
    const char *via; /* "mx"; "smtp://host:587", "smtps://host:465", "lmtp://host:24", "lmtp:/path" */
    const char *user, *password_file;      /* to log in with; "": not */
    int64_t tls;                           /* enum conf_route_tls */
    const char *source_ipv4, *source_ipv6; /* addresses to connect from; "": whichever */
    int64_t concurrency;                   /* these six: 0, what is set for all */
    int64_t rate;                          /* messages per minute */
    int64_t retry_first, retry_longest, expire_after, delay_notice_after;
};

struct conf {
    struct arena arena; /* owns all texts below */
    const char *file;   /* absolute path of the file itself */
    struct conf
        *former; /* the one that daemon_reload replaced: sessions may still look at it; freed with this one */

    const char *hostname;
    const char *data_directory;
    const char *run_directory; /* sockets, pid file, shared counters */
    const char *user;          /* unprivileged user the children become; "" keeps the caller's */
    int64_t workers;           /* processes per protocol; 0: one per core */
    int64_t threads;           /* worker threads per process, for disk work */
    const char *log_target;
    int64_t log_level; /* enum log_level */

    const char *tls_certificate;
    const char *tls_key;
    int64_t plaintext_auth; /* enum conf_plaintext_auth */

    int64_t message_size_limit;      /* bytes, the SIZE of EHLO */
    int64_t header_size_limit;       /* bytes */
    int64_t recipient_limit;         /* per message */
    int64_t hop_limit;               /* Received fields above this: a loop */
    const char *recipient_delimiter; /* user+tag; "" turns it off */
    int64_t error_limit;             /* protocol errors per session before it is closed */
    int64_t transaction_limit;       /* messages per SMTP session */
    int64_t connection_limit;        /* in total, for each protocol */
    int64_t connection_limit_per_address;

    int64_t smtp_timeout; /* milliseconds; durations in the file carry a unit: "5m" */
    int64_t pop3_timeout;
    int64_t imap_timeout;
    int64_t shutdown_grace; /* milliseconds that sessions get to finish at SIGTERM */

    int64_t pop3_login_delay; /* seconds between logins of one user, 0: none (RFC 2449 section 6.5) */
    int64_t pop3_expire;      /* days that mail is kept on the server, -1: for ever (RFC 2449 section 6.7) */

    int64_t imap_language;      /* enum conf_language: what LANGUAGE "default" chooses (RFC 5255) */
    int64_t imap_message_limit; /* messages that one command works with, 0: all (RFC 9738) */

    int64_t auth_memory_limit; /* bytes that all running password checks may take together */
    int64_t auth_cache_time;   /* milliseconds that a success is remembered */

    /* Mail out. Durations are milliseconds. */
    struct conf_list relay_networks; /* "192.0.2.0/24", "2001:db8::/32": whose hosts may send to anywhere */
    struct conf_list relay_domains;  /* whose mail is taken in and sent on: we are their backup MX */
    int64_t relay_port;              /* where other servers take mail: 25 */
    int64_t relay_connections;       /* at a time, in total */
    int64_t relay_concurrency;       /* connections to one destination at a time */
    int64_t retry_first, retry_longest; /* the first pause between two attempts, and the longest */
    int64_t expire_after;               /* then the sender is told that it failed */
    int64_t delay_notice_after;         /* then the sender is told that it takes long; 0: never */
    int64_t report_language;            /* enum conf_language: of the reports to senders */
    int64_t suppress_for;           /* how long nothing is sent to an address that does not exist; 0: it is */
    int64_t queue_keep;             /* how long what is over can still be looked at */
    int64_t user_rate;              /* recipients per hour that mail of one user goes out to; 0: any */
    struct conf_list dns_resolvers; /* "192.0.2.53", "2001:db8::53@5353"; none: from the root servers on */
    const char *dns_trust_anchor;
    const char *relay_ca_file; /* whose certificates are trusted, of mail hosts and of HTTPS */
    int64_t sts_port;          /* where MTA-STS policies are fetched: 443 */
    int64_t tls_reports;       /* enum conf_switch: whether domains are told how TLS to them went */
    struct conf_route *routes; /* in the order of the file */
    size_t route_count;

    struct conf_listener listeners[SERVICE_COUNT];
};

enum conf_type {
    CONF_TEXT,     /* const char * */
    CONF_PATH,     /* const char *, made absolute */
    CONF_NUMBER,   /* int64_t */
    CONF_SIZE,     /* int64_t bytes: "50M" */
    CONF_DURATION, /* int64_t milliseconds: "30s", "5m", "1h" */
    CONF_CHOICE,   /* int64_t: index into `choices` */
    CONF_TEXTS     /* struct conf_list */
};

/* What the entries of a CONF_TEXTS are. */
enum conf_item {
    CONF_ITEM_LISTEN,       /* "0.0.0.0:25", or the path of a Unix socket */
    CONF_ITEM_NETWORK,      /* "192.0.2.0/24" (base/ip_network.h) */
    CONF_ITEM_DOMAIN,       /* "example.net", or ".example.net": all below it */
    CONF_ITEM_ROUTE_DOMAIN, /* a domain as above, "[192.0.2.1]", or "*" */
    CONF_ITEM_RESOLVER      /* "192.0.2.53", "192.0.2.53@5353" */
};

struct conf_option {
    const char *section; /* "" for the top level, the service's name: "smtp"; "route" */
    const char *name;
    enum conf_type type;
    enum conf_item item; /* CONF_TEXTS */
    size_t offset;       /* of the value inside struct conf; of a route: inside struct conf_route */
    const char *default_text;
    int64_t minimum, maximum; /* CONF_NUMBER, CONF_SIZE (bytes), CONF_DURATION (ms), CONF_TEXT (its length) */
    const char *choices;      /* CONF_CHOICE: "refuse|repair" */
    bool reloadable;          /* taken over at SIGHUP; else at the next start */
    const char *help;         /* whole sentences, for config show and the manual page */
};

extern const struct conf_option conf_options[];
extern const size_t conf_option_count;
/* Those of each route; section "route". */
extern const struct conf_option conf_route_options[];
extern const size_t conf_route_option_count;
/* "smtp", "submission", … */
extern const char *const conf_service_names[SERVICE_COUNT];

/* Reads and checks `path`. On failure returns ERR_CONFIG (or ERR_NOT_FOUND) and writes every finding to
 * `why`, a line each: "postern.conf:12: unknown option 'foo'". The caller frees with conf_free. */
enum err conf_load(const char *path, struct conf **conf_r, struct buf *why) MUST_CHECK;
void conf_free(struct conf *conf); /* and those that it replaced */

/* A number as the file writes it, without quotes: 50M, 5m, 12. For CONF_NUMBER, CONF_SIZE and CONF_DURATION.
 */
void conf_format_number(enum conf_type type, int64_t value, struct buf *out);
/* Such a number read: a time of at most `max` milliseconds. */
bool conf_parse_duration(struct slice text, int64_t max, int64_t *ms_r);
/* A text in the file's double quotes. '$' too is escaped: "${NAME}" would stand for an environment variable.
 */
void conf_format_text(struct buf *out, const char *text);
/* The value of one option as it stands in the file's syntax: `"50M"`, `{ "0.0.0.0:25" }`. `record` is the
 * struct conf, or the struct conf_route when the option is a route's. */
void conf_format_value(const void *record, const struct conf_option *option, struct buf *out);

#endif
