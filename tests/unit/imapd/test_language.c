/* SPDX-License-Identifier: ISC */
/* LANGUAGE (RFC 5255 section 3), with the RFC's examples. */
#include "world.h"

#define GERMAN_NAMESPACES \
    "* NAMESPACE ((\"\" \"/\")) ((\"Shared/\" \"/\" \"TRANSLATION\" (\"Freigegeben/\"))) NIL$\n"
#define ENGLISH_NAMESPACES "* NAMESPACE ((\"\" \"/\")) ((\"Shared/\" \"/\")) NIL$\n"
#define CHANGED            "OK ab jetzt in dieser Sprache$"

/* Section 3.2, from A002 to E001. */
static void examples_of_the_rfc(void)
{
    struct peer *a = peer_login();
    peer_do(a, "LANGUAGE MUL", "NO this language is not spoken here$");
    peer_do(a, "LANGUAGE", "* LANGUAGE (de en i-default)$\nOK these are the languages$");
    peer_do(a, "LANGUAGE DE", "* LANGUAGE (de)$\n" GERMAN_NAMESPACES CHANGED);
    peer_do(a, "LANGUAGE FR", "NO diese Sprache gibt es hier nicht$");
    peer_do(a, "LANGUAGE DE-IT", "* LANGUAGE (de)$\n" CHANGED);
    world.conf.imap_language = LANGUAGE_GERMAN;
    peer_do(a, "LANGUAGE \"default\"", "* LANGUAGE (de)$\n" CHANGED);
    peer_do(a, "LANGUAGE FR-CA EN-CA",
            "* LANGUAGE (en)$\n" ENGLISH_NAMESPACES "OK now speaking this language$");
}
PEER_CASE(examples_of_the_rfc)

/* Section 3.1: in all states, and i-default until something else is chosen. */
static void before_login(void **state)
{
    (void)state;
    expect("a CAPABILITY\r\n"
           "b LANGUAGE\r\n"
           "c NOOP\r\n"
           "d LANGUAGE de\r\n" /* the namespaces are not told to strangers */
           "e SELECT INBOX\r\n"
           "f LOGIN alice@example.org wrong\r\n"
           "g LOGIN alice@example.org secret\r\n"
           "h NAMESPACE\r\n"
           "i LANGUAGE i-default\r\n"
           "j NOOP\r\n" LOGOUT,
           GREETING "* CAPABILITY \na OK that is all$\n"
                    "* LANGUAGE (de en i-default)$\nb OK these are the languages$\n"
                    "c OK done$\n"
                    "* LANGUAGE (de)$\nd " CHANGED "\n"
                    "e BAD erst anmelden$\n"
                    "f NO [AUTHENTICATIONFAILED] Name oder Passwort ist falsch$\n"
                    "g OK [CAPABILITY \n" GERMAN_NAMESPACES "h OK das sind die Namensräume$\n"
                    "* LANGUAGE (i-default)$\n" ENGLISH_NAMESPACES "i OK now speaking this language$\n"
                    "j OK done$\n" BYE);
}

/* What is said between commands, by the parser, with arguments, for an error of the store, at the end. */
static void all_kinds_of_texts(void)
{
    fill(1);
    struct peer *a = peer_login();
    peer_do(a, "LANGUAGE de", "* LANGUAGE (de)$\n" GERMAN_NAMESPACES CHANGED);
    peer_do(a, "SELECT Nowhere", "NO [NONEXISTENT] diese Mailbox gibt es nicht$");
    peer_send(a, "x SELECT INBOX\r\n");
    for (size_t i = 0; i < 4; i++)
        peer_line(a);
    peer_expect(a, "* OK [UNSEEN 1] die erste ungelesene Nachricht$");
    for (size_t i = 0; i < 4; i++)
        peer_line(a);
    peer_expect(a, "x OK [READ-WRITE] geöffnet$");
    peer_do(a, "FETCH 1", "BAD am Ende fehlt: ein Leerzeichen$");
    peer_do(a, "FETCH x FLAGS", "BAD erwartet: eine Menge von Nachrichten, wo \"x FLAGS\" steht$");
    peer_do(a, "FETCH 7 FLAGS", "BAD eine Nachricht mit dieser Nummer gibt es nicht$");
    peer_do(a, "SETACL INBOX bob@example.org y", "BAD ein Recht \"y\" gibt es nicht$");
    peer_do(a, "COPY 1 Nowhere", "NO [TRYCREATE] diese Mailbox gibt es nicht, erst anlegen$");
    peer_do(a, "MOVE 1 Archive", "* OK [COPYUID \n* 1 EXPUNGE$\nOK verschoben$");
    peer_send(a, "i IDLE\r\n");
    peer_expect(a, "+ warte auf Neues$");
    peer_send(a, "DONE\r\n");
    peer_expect(a, "i OK fertig gewartet$");
    peer_send(a, "y LOGIN {1}\r\n");
    peer_expect(a, "y BAD ");
    peer_send(a, "y STATUS {5}\r\n");
    peer_expect(a, "+ bereit für das Literal$");
    peer_send(a, "INBOX (MESSAGES)\r\n");
    peer_expect(a, "* STATUS \"INBOX\" (MESSAGES 0)$\ny OK das ist ihr Zustand$");
    peer_do(a, "LOGOUT", "* BYE auf Wiedersehen$\nOK abgemeldet$");
}
PEER_CASE(all_kinds_of_texts)

static void end_of_the_session(void **state)
{
    (void)state;
    world.conf.error_limit = 0;
    expect("a LANGUAGE de\r\nb NONSENSE\r\n",
           GREETING "* LANGUAGE (de)$\na " CHANGED "\nb BAD unbekannter Befehl$\n* BYE zu viele Fehler$\n");
}

/* RFC 8437 section 4.1; RFC 4978: the language stays in compression. */
static void other_extensions(void)
{
    struct peer *a = peer_login(), *b = peer_login();
    peer_do(a, "LANGUAGE de", "* LANGUAGE (de)$\n" GERMAN_NAMESPACES CHANGED);
    peer_do(a, "UNAUTHENTICATE", "OK [CAPABILITY ");
    peer_do(a, "NOOP", "OK done$");
    peer_do(b, "LANGUAGE de", "* LANGUAGE (de)$\n" GERMAN_NAMESPACES CHANGED);
    peer_do(b, "COMPRESS DEFLATE", "OK DEFLATE ist eingeschaltet$");
    assert_ok(conn_start_deflate(b->client));
    peer_do(b, "NOOP", "OK erledigt$");
}
PEER_CASE(other_extensions)

/* The first that fits, whatever stands before and behind; "default" and "*" are the administrator's choice.
 */
static void choices(void)
{
    struct peer *a = peer_login();
    peer_do(a, "LANGUAGE \"*\"", "* LANGUAGE (en)$\nOK now ");
    peer_do(a, "LANGUAGE Default", "* LANGUAGE (en)$\nOK now ");
    peer_do(a, "LANGUAGE fr de en", "* LANGUAGE (de)$\n" GERMAN_NAMESPACES CHANGED);
    peer_do(a, "LANGUAGE de-Latn-AT-1996", "* LANGUAGE (de)$\n" CHANGED);
    peer_do(a, "LANGUAGE fr default", "* LANGUAGE (en)$\n" ENGLISH_NAMESPACES "OK now ");
    peer_send(a, "x LANGUAGE {2+}\r\nde {2+}\r\nen\r\n");
    peer_expect(a, "* LANGUAGE (de)$\n" GERMAN_NAMESPACES "x " CHANGED);
}
PEER_CASE(choices)

/* What is no language range changes nothing, nor do too many of them. */
static void refused(void)
{
    static const char *const wrong[] = {
        "\"\"",      "de_AT",   "de-",     "-de", "de--at",          "\"de en\"",
        "abcdefghi", "(de en)", "de \"\"", "de*", "{2+}\r\n\xc3\xbc"};
    struct buf many;
    struct peer *a = peer_login();
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        peer_do(a, arena_printf(&world.fixture->arena, "LANGUAGE %s", wrong[i]), "BAD expected ");
    peer_do(a, "LANGUAGE(de)", "BAD ");
    buf_init(&many, 1000);
    buf_append(&many, S("LANGUAGE"));
    for (size_t i = 0; i < 29; i++)
        buf_append(&many, S(" fr"));
    buf_append(&many, S(" de"));
    peer_do(a, buf_cstr(&many), "* LANGUAGE (de)$\n" GERMAN_NAMESPACES CHANGED);
    buf_append(&many, S(" en"));
    peer_do(a, buf_cstr(&many), "BAD erwartet: höchstens 30 Sprachen, wo \" en\" steht$");
    buf_free(&many);
}
PEER_CASE(refused)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(examples_of_the_rfc),
        dialogue_test(before_login),
        peer_test(all_kinds_of_texts),
        dialogue_test(end_of_the_session),
        peer_test(other_extensions),
        peer_test(choices),
        peer_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
