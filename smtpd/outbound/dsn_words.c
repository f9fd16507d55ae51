/* SPDX-License-Identifier: ISC */
/*
 * What enhanced codes mean to somebody who only wanted to write to somebody. The first row that fits counts;
 * "x" fits any number.
 */
#include <string.h>

#include "dsn.h"

#define LOOK_AND_ASK_EN \
    "Look for a slip in the address, or ask the recipient for the right one in another way."
#define LOOK_AND_ASK_DE                                                                                \
    "Prüfen Sie die Adresse auf Tippfehler, oder fragen Sie den Empfänger auf anderem Weg nach der " \
    "richtigen."
#define LOOK_EN     "Look for a slip in the address."
#define LOOK_DE     "Prüfen Sie die Adresse auf Tippfehler."
#define LATER_EN    "Try again later."
#define LATER_DE    "Versuchen Sie es später noch einmal."
#define LATER_OR_EN "Try again later; if it stays so, tell the recipient in another way."
#define LATER_OR_DE \
    "Versuchen Sie es später noch einmal; bleibt es dabei, so sagen Sie es dem Empfänger auf anderem Weg."
#define SMALLER_EN       "Send it without its attachments, or with smaller ones."
#define SMALLER_DE       "Senden Sie sie ohne Anhänge, oder mit kleineren."
#define ADMINISTRATOR_EN "Tell the administrator of your mail server."
#define ADMINISTRATOR_DE "Sagen Sie es dem Verwalter Ihres Mailservers."
#define NOT_WANTED_EN \
    "What it said, below, may tell why. Ask the recipient to let your address in, or write in another way."
#define NOT_WANTED_DE                                                                                    \
    "Was er sagte, steht unten und nennt vielleicht den Grund. Bitten Sie den Empfänger, Ihre Adresse " \
    "zuzulassen, oder schreiben Sie ihm auf anderem Weg."

static const struct {
    const char *status;
    struct dsn_words words[2]; /* by enum conf_language */
} rows[] = {
    {"x.1.1",
     {{"This address does not exist there.", LOOK_AND_ASK_EN},
      {"Diese Adresse gibt es dort nicht.", LOOK_AND_ASK_DE}}},
    {"x.1.0",
     {{"The address was not accepted.", LOOK_AND_ASK_EN},
      {"Die Adresse wurde nicht angenommen.", LOOK_AND_ASK_DE}}},
    {"x.1.2",
     {{"There is no such domain (what stands behind the @).", LOOK_EN},
      {"Diese Domain (was hinter dem @ steht) gibt es nicht.", LOOK_DE}}},
    {"x.1.3",
     {{"The address is not written as an address.", LOOK_EN},
      {"Die Adresse ist nicht wie eine Adresse geschrieben.", LOOK_DE}}},
    {"x.1.6",
     {{"The recipient has moved and has no mail here any more.", "Ask the recipient for the new address."},
      {"Der Empfänger ist umgezogen und bekommt hier keine Post mehr.",
       "Fragen Sie den Empfänger nach der neuen Adresse."}}},
    {"x.1.7",
     {{"Your own address is not written as an address.", "Look at the settings of your mail program."},
      {"Ihre eigene Adresse ist nicht wie eine Adresse geschrieben.",
       "Sehen Sie in den Einstellungen Ihres Mailprogramms nach."}}},
    {"x.1.8",
     {{"The other side says that your own domain does not exist.",
       "Tell the administrator of your mail server: its entries in the DNS want looking at."},
      {"Die Gegenseite sagt, dass es Ihre eigene Domain nicht gibt.",
       "Sagen Sie es dem Verwalter Ihres Mailservers: die Einträge im DNS sind zu prüfen."}}},
    {"x.1.10",
     {{"This domain takes no mail at all, and says so.",
       "Look for a slip in the address, or find another address."},
      {"Diese Domain nimmt gar keine Post an, und sagt das auch.",
       "Prüfen Sie die Adresse auf Tippfehler, oder suchen Sie eine andere."}}},
    {"x.2.1",
     {{"The mailbox is switched off or takes no mail at the moment.",
       "Try another way to reach the recipient."},
      {"Das Postfach ist abgeschaltet oder nimmt zur Zeit keine Post an.",
       "Versuchen Sie, den Empfänger auf anderem Weg zu erreichen."}}},
    {"x.2.2",
     {{"The recipient's mailbox is full.", "Try again later, or tell the recipient in another way."},
      {"Das Postfach des Empfängers ist voll.",
       "Versuchen Sie es später noch einmal, oder sagen Sie es dem Empfänger auf anderem Weg."}}},
    {"x.2.3",
     {{"The message is larger than this recipient may get.", SMALLER_EN},
      {"Die Nachricht ist größer, als dieser Empfänger bekommen darf.", SMALLER_DE}}},
    {"x.3.1",
     {{"The other server's disk is full.", LATER_EN},
      {"Die Platte des anderen Servers ist voll.", LATER_DE}}},
    {"x.3.2",
     {{"The other server is not taking mail at the moment.", LATER_EN},
      {"Der andere Server nimmt zur Zeit keine Post an.", LATER_DE}}},
    {"x.3.4",
     {{"The message is larger than the other server takes.", SMALLER_EN},
      {"Die Nachricht ist größer, als der andere Server annimmt.", SMALLER_DE}}},
    {"x.4.1",
     {{"The other server did not answer.", LATER_OR_EN},
      {"Der andere Server antwortete nicht.", LATER_OR_DE}}},
    {"x.4.2",
     {{"The connection to the other server broke again and again.", LATER_OR_EN},
      {"Die Verbindung zum anderen Server brach immer wieder ab.", LATER_OR_DE}}},
    {"x.4.3",
     {{"It could not be found out which server takes mail for this domain.",
       "Look for a slip in the address; if it is right, try again later."},
      {"Es war nicht zu erfahren, welcher Server für diese Domain Post annimmt.",
       "Prüfen Sie die Adresse auf Tippfehler; stimmt sie, so versuchen Sie es später noch einmal."}}},
    {"x.4.4",
     {{"No mail server could be found for this domain.", LOOK_EN},
      {"Für diese Domain war kein Mailserver zu finden.", LOOK_DE}}},
    {"x.4.6",
     {{"The message went in a circle.", ADMINISTRATOR_EN},
      {"Die Nachricht lief im Kreis.", ADMINISTRATOR_DE}}},
    {"x.4.7",
     {{"It could not be delivered in the time there is for it.", LATER_OR_EN},
      {"Sie konnte in der Zeit, die dafür bleibt, nicht zugestellt werden.", LATER_OR_DE}}},
    {"x.5.3",
     {{"The message has more recipients than the other server takes at once.", "Send it to fewer at a time."},
      {"Die Nachricht hat mehr Empfänger, als der andere Server auf einmal annimmt.",
       "Senden Sie sie an weniger auf einmal."}}},
    {"x.6.x",
     {{"The other server cannot take a message of this kind.",
       "Send it as plain text, without attachments, to an address in plain letters."},
      {"Der andere Server kann eine Nachricht dieser Art nicht annehmen.",
       "Senden Sie sie als einfachen Text, ohne Anhänge, an eine Adresse ohne besondere Zeichen."}}},
    {"x.7.1",
     {{"The other server did not want the message.", NOT_WANTED_EN},
      {"Der andere Server wollte die Nachricht nicht.", NOT_WANTED_DE}}},
    {"x.7.2",
     {{"Only members may write to this address.", "Ask its owner to let you in."},
      {"An diese Adresse dürfen nur Mitglieder schreiben.", "Bitten Sie ihren Betreiber, Sie aufzunehmen."}}},
    {"x.7.8",
     {{"The other server did not accept our name and password.", ADMINISTRATOR_EN},
      {"Der andere Server nahm unseren Namen und unser Passwort nicht an.", ADMINISTRATOR_DE}}},
    {"x.7.9",
     {{"The other server did not accept our name and password.", ADMINISTRATOR_EN},
      {"Der andere Server nahm unseren Namen und unser Passwort nicht an.", ADMINISTRATOR_DE}}},
    {"x.7.10",
     {{"A secure connection was demanded, and the other server could not offer it.",
       "Tell the administrator of your mail server, or the recipient's."},
      {"Eine sichere Verbindung war verlangt, und der andere Server konnte keine bieten.",
       "Sagen Sie es dem Verwalter Ihres Mailservers, oder dem des Empfängers."}}},
    {"x.7.20",
     {{"The other server found no signature (DKIM) that it accepts.", ADMINISTRATOR_EN},
      {"Der andere Server fand keine Unterschrift (DKIM), die er anerkennt.", ADMINISTRATOR_DE}}},
    {"x.7.23",
     {{"The other server says that ours may not send for your domain (SPF).", ADMINISTRATOR_EN},
      {"Der andere Server sagt, dass unserer nicht für Ihre Domain senden darf (SPF).", ADMINISTRATOR_DE}}},
    {"x.7.25",
     {{"The other server did not like how our address is entered in the DNS.", ADMINISTRATOR_EN},
      {"Dem anderen Server gefiel nicht, wie unsere Adresse im DNS eingetragen ist.", ADMINISTRATOR_DE}}},
    {"x.7.26",
     {{"The other server could not verify that the message comes from your domain (SPF, DKIM).",
       ADMINISTRATOR_EN},
      {"Der andere Server konnte nicht prüfen, dass die Nachricht von Ihrer Domain kommt (SPF, DKIM).",
       ADMINISTRATOR_DE}}},
    {"x.7.30",
     {{"The message demands a secure connection all the way, which the other server does not offer.",
       "Send it without this demand, or tell the recipient in another way."},
      {"Die Nachricht verlangt eine sichere Verbindung auf dem ganzen Weg, die der andere Server nicht "
       "bietet.",
       "Senden Sie sie ohne dieses Verlangen, oder sagen Sie es dem Empfänger auf anderem Weg."}}},
    {"x.7.x",
     {{"The other server did not want the message, for reasons of security or policy.",
       "What it said, below, may tell why."},
      {"Der andere Server wollte die Nachricht aus Gründen der Sicherheit oder seiner Regeln nicht.",
       "Was er sagte, steht unten und nennt vielleicht den Grund."}}},
    {"4.x.x",
     {{"The other server could not take the message at the moment.", LATER_EN},
      {"Der andere Server konnte die Nachricht zur Zeit nicht annehmen.", LATER_DE}}},
    {"x.x.x",
     {{"The message was not accepted.", "What the other server said, below, may tell why."},
      {"Die Nachricht wurde nicht angenommen.",
       "Was der andere Server sagte, steht unten und nennt vielleicht den Grund."}}},
};

/* Number by number. */
static bool fits(const char *pattern, const char *status)
{
    struct slice left = slice_from(pattern), right = slice_from(status);
    while (left.len > 0 && right.len > 0) {
        struct slice wanted = slice_split(&left, '.'), number = slice_split(&right, '.');
        if (!slice_eq(wanted, S("x")) && !slice_eq(wanted, number))
            return false;
    }
    return left.len == 0 && right.len == 0;
}

struct dsn_words dsn_words_for(const char *status, enum conf_language language)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(rows) && !fits(rows[i].status, status))
        i++;
    return rows[i].words[language];
}
