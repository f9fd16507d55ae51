/* SPDX-License-Identifier: ISC */
/*
 * Every sentence that a person may read, in each language that LANG offers (RFC 6856 section 3). One row per
 * sentence, so that a translation cannot miss one. Before LANG the first language is used; the default is
 * ASCII as RFC 1939 wants.
 */
#ifndef POP3D_TEXTS_H
#define POP3D_TEXTS_H

#include "base/slice.h"

/* name, English, German */
#define POP3_TEXTS(X)                                                                                        \
    X(TEXT_GREETING, "Postern POP3 server ready", "Postern-POP3-Server bereit")                              \
    X(TEXT_NAME_TAKEN, "now the password", "jetzt das Passwort")                                             \
    X(TEXT_LOGGED_IN, "maildrop locked and ready", "Postfach geöffnet")                                      \
    X(TEXT_WRONG_PASSWORD, "name or password is wrong", "Name oder Passwort ist falsch")                     \
    X(TEXT_DISABLED, "this account is disabled", "dieses Konto ist gesperrt")                                \
    X(TEXT_AUTH_UNAVAILABLE, "logins are not possible just now, try again later",                            \
      "Anmelden ist gerade nicht möglich, bitte später noch einmal versuchen")                               \
    X(TEXT_NEEDS_TLS, "use STLS first: no passwords without encryption",                                     \
      "erst STLS: ohne Verschlüsselung keine Passwörter")                                                    \
    X(TEXT_NO_MECHANISM, "no such mechanism here", "dieses Verfahren gibt es hier nicht")                    \
    X(TEXT_MALFORMED_AUTH, "that is no answer of this mechanism", "das ist keine Antwort dieses Verfahrens") \
    X(TEXT_AUTH_CANCELED, "authentication cancelled", "Anmeldung abgebrochen")                               \
    X(TEXT_NO_APOP, "APOP is not offered: it needs passwords stored in clear",                               \
      "APOP gibt es nicht: es braucht Passwörter im Klartext")                                               \
    X(TEXT_USER_FIRST, "USER comes first", "erst USER")                                                      \
    X(TEXT_IN_USE, "another session has this maildrop open",                                                 \
      "eine andere Sitzung hat dieses Postfach geöffnet")                                                    \
    X(TEXT_LOGIN_DELAY, "too soon after the last login, wait a little",                                      \
      "zu früh nach der letzten Anmeldung, bitte etwas warten")                                              \
    X(TEXT_STORE_UNAVAILABLE, "the maildrop cannot be read just now, try again later",                       \
      "das Postfach ist gerade nicht lesbar, bitte später noch einmal versuchen")                            \
    X(TEXT_MECHANISMS, "mechanisms follow", "die Verfahren")                                                 \
    X(TEXT_CAPABILITIES, "capabilities follow", "die Fähigkeiten")                                           \
    X(TEXT_LANGUAGES, "languages follow", "die Sprachen")                                                    \
    X(TEXT_LANGUAGE_SET, "language changed", "Sprache gewechselt")                                           \
    X(TEXT_NO_LANGUAGE, "no such language here", "diese Sprache gibt es hier nicht")                         \
    X(TEXT_UTF8_ON, "UTF-8 mode", "UTF-8-Modus")                                                             \
    X(TEXT_START_TLS, "begin the TLS handshake", "jetzt den TLS-Handschlag")                                 \
    X(TEXT_NO_TLS, "TLS is not available", "TLS ist nicht verfügbar")                                        \
    X(TEXT_TLS_ALREADY, "the connection is encrypted already", "die Verbindung ist schon verschlüsselt")     \
    X(TEXT_NO_STLS_AFTER_UTF8, "STLS must come before UTF8", "STLS muss vor UTF8 kommen")                    \
    X(TEXT_NO_MESSAGE, "no such message", "diese Nachricht gibt es nicht")                                   \
    X(TEXT_MESSAGE_DELETED, "this message is marked as deleted",                                             \
      "diese Nachricht ist als gelöscht markiert")                                                           \
    X(TEXT_MESSAGE_GONE, "this message was removed by another session",                                      \
      "diese Nachricht hat eine andere Sitzung entfernt")                                                    \
    X(TEXT_MESSAGE_UNREADABLE, "this message cannot be read just now",                                       \
      "diese Nachricht ist gerade nicht lesbar")                                                             \
    X(TEXT_SCAN_LISTING, "scan listing follows", "die Liste der Größen")                                     \
    X(TEXT_UNIQUE_IDS, "unique-ids follow", "die Liste der Kennungen")                                       \
    X(TEXT_MESSAGE_FOLLOWS, "message follows", "die Nachricht")                                              \
    X(TEXT_TOP_FOLLOWS, "top of message follows", "der Anfang der Nachricht")                                \
    X(TEXT_MARKED, "marked as deleted, removed at QUIT",                                                     \
      "als gelöscht markiert, entfernt wird sie bei QUIT")                                                   \
    X(TEXT_UNMARKED, "no message is marked as deleted any more",                                             \
      "keine Nachricht ist mehr als gelöscht markiert")                                                      \
    X(TEXT_NOTHING_DONE, "still here", "noch da")                                                            \
    X(TEXT_BYE, "goodbye", "auf Wiedersehen")                                                                \
    X(TEXT_NOT_REMOVED, "deleted messages were not removed, try again later",                                \
      "gelöschte Nachrichten wurden nicht entfernt, bitte später noch einmal versuchen")                     \
    X(TEXT_UNKNOWN, "unknown command", "unbekannter Befehl")                                                 \
    X(TEXT_NOT_NOW, "not possible in this state", "in diesem Zustand nicht möglich")                         \
    X(TEXT_ARGUMENTS, "wrong arguments", "falsche Argumente")                                                \
    X(TEXT_LINE_TOO_LONG, "line too long", "Zeile zu lang")                                                  \
    X(TEXT_TOO_MANY_ERRORS, "too many errors", "zu viele Fehler")                                            \
    X(TEXT_SHUTDOWN, "the server is shutting down, please come back",                                        \
      "der Server wird beendet, bitte wiederkommen")

enum pop3_text {
#define X(name, english, german) name,
    POP3_TEXTS(X)
#undef X
        POP3_TEXT_COUNT
};

struct pop3_language {
    struct slice tag;  /* RFC 5646 */
    struct slice name; /* in the language itself */
    const char *texts[POP3_TEXT_COUNT];
};

extern const struct pop3_language pop3_languages[];
extern const size_t pop3_language_count;

/* The language for a basic language range ("de", "de-AT", "*" for the default), or NULL. */
const struct pop3_language *pop3_language_find(struct slice range);

#endif
