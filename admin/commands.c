/* SPDX-License-Identifier: ISC */
/* Every command of `postern`. man/postern.8 describes the same ones at length. */
#include "command.h"
#include "handlers.h"

#define ANY_NUMBER 1000
#define JSON                                          \
    {                                                 \
        "json", NULL, "print JSON instead of columns" \
    }
#define FROM_STDIN                                                                        \
    {                                                                                     \
        "password-stdin", NULL, "take the password from the first line of standard input" \
    }
#define QUOTA(text)           \
    {                         \
        "quota", "SIZE", text \
    }
#define DISPLAY_NAME                        \
    {                                       \
        "name", "TEXT", "the person's name" \
    }

const struct command commands[] = {
    {"init",
     NULL,
     "",
     0,
     0,
     "make a new instance in a folder",
     "Writes DIR/postern.conf and makes DIR/data, DIR/run and DIR/tls with a certificate signed by a "
     "private\n"
     "authority (DIR/tls/ca.pem), to be replaced by a public one. Refuses to touch an existing "
     "postern.conf.\n"
     "With a port offset N it listens on loopback only, on the standard ports plus N, and needs no root.",
     {{"root", "DIR", "the folder; made when missing"},
      {"domain", "DOMAIN", "the first domain to receive mail for"},
      {"hostname", "HOST", "this host's full name (default: mail.DOMAIN)"},
      {"port-offset", "N", "listen on loopback, on port 25 + N and so on"},
      {"user", "USER", "the system user whom the daemons become"}},
     cmd_init},
    {"serve",
     NULL,
     "",
     0,
     0,
     "run the mail server in the foreground",
     "Prints the line \"ready\" when every port accepts. SIGHUP reads the configuration and the "
     "certificates\n"
     "again, SIGTERM stops.",
     {{NULL}},
     cmd_serve},
    {"status",
     NULL,
     "",
     0,
     0,
     "tell whether the server runs, and what it holds",
     "Exits with 1 when it does not run.",
     {JSON, {"usage", NULL, "count messages and bytes too: opens every account"}},
     cmd_status},

    {"config",
     "check",
     "",
     0,
     0,
     "check the configuration without touching anything",
     "Prints each finding as FILE:LINE: REASON and exits with 1 when there is any.",
     {{NULL}},
     cmd_config_check},
    {"config",
     "show",
     "",
     0,
     0,
     "print every option with its value, default and meaning",
     "The output is a configuration file again.",
     {JSON},
     cmd_config_show},

    {"domain",
     "add",
     "DOMAIN...",
     1,
     ANY_NUMBER,
     "receive mail for a domain",
     NULL,
     {{NULL}},
     cmd_domain_add},
    {"domain", "list", "", 0, 0, "list the domains", NULL, {JSON}, cmd_domain_list},
    {"domain",
     "set",
     "DOMAIN",
     1,
     1,
     "change a domain",
     NULL,
     {{"catchall", "ADDRESS", "who gets mail for unknown users; 'none': nobody"}},
     cmd_domain_set},
    {"domain",
     "remove",
     "DOMAIN",
     1,
     1,
     "stop receiving for a domain without users and aliases",
     NULL,
     {{NULL}},
     cmd_domain_remove},

    {"user",
     "add",
     "ADDRESS",
     1,
     1,
     "add a user",
     "Asks for the password twice on the terminal.",
     {FROM_STDIN, DISPLAY_NAME, QUOTA("room for mail, such as 5G (default: no limit)")},
     cmd_user_add},
    {"user",
     "list",
     "",
     0,
     0,
     "list the users",
     NULL,
     {JSON, {"domain", "DOMAIN", "only those of this domain"}},
     cmd_user_list},
    {"user",
     "set",
     "ADDRESS",
     1,
     1,
     "change a user",
     NULL,
     {DISPLAY_NAME,
      QUOTA("room for mail, such as 5G; 'none': no limit"),
      {"disable", NULL, "no login, and mail is deferred"},
      {"enable", NULL, "undo --disable"}},
     cmd_user_set},
    {"user", "passwd", "ADDRESS", 1, 1, "set a user's password", NULL, {FROM_STDIN}, cmd_user_passwd},
    {"user",
     "remove",
     "ADDRESS",
     1,
     1,
     "remove a user",
     "The mail is moved aside into the data directory's folder 'removed'.",
     {{"purge", NULL, "delete the mail too"}},
     cmd_user_remove},

    {"alias",
     "add",
     "ADDRESS TARGET...",
     2,
     ANY_NUMBER,
     "pass mail for an address on to others",
     NULL,
     {{NULL}},
     cmd_alias_add},
    {"alias", "list", "", 0, 0, "list the aliases", NULL, {JSON}, cmd_alias_list},
    {"alias",
     "remove",
     "ADDRESS [TARGET]",
     1,
     2,
     "remove an alias, or one of its targets",
     NULL,
     {{NULL}},
     cmd_alias_remove},
};

const size_t command_count = ARRAY_LEN(commands);
