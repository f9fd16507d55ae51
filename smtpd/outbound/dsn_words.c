/* SPDX-License-Identifier: ISC */
/*
 * What enhanced codes mean to somebody who only wanted to write to somebody. The first row that fits counts;
 * "x" fits any number.
 */
#include <string.h>

#include "dsn.h"

static const struct {
    const char *status;
    struct dsn_words words;
} rows[] = {
    {"x.1.1",
     {"This address does not exist there.",
      "Look for a slip in the address, or ask the recipient for the right one in another way."}},
    {"x.1.0",
     {"The address was not accepted.",
      "Look for a slip in the address, or ask the recipient for the right one in another way."}},
    {"x.1.2", {"There is no such domain (what stands behind the @).", "Look for a slip in the address."}},
    {"x.1.3", {"The address is not written as an address.", "Look for a slip in the address."}},
    {"x.1.6",
     {"The recipient has moved and has no mail here any more.", "Ask the recipient for the new address."}},
    {"x.1.7",
     {"Your own address is not written as an address.", "Look at the settings of your mail program."}},
    {"x.1.8",
     {"The other side says that your own domain does not exist.",
      "Tell the administrator of your mail server: its entries in the DNS want looking at."}},
    {"x.1.10",
     {"This domain takes no mail at all, and says so.",
      "Look for a slip in the address, or find another address."}},
    {"x.2.1",
     {"The mailbox is switched off or takes no mail at the moment.",
      "Try another way to reach the recipient."}},
    {"x.2.2", {"The recipient's mailbox is full.", "Try again later, or tell the recipient in another way."}},
    {"x.2.3",
     {"The message is larger than this recipient may get.",
      "Send it without its attachments, or with smaller ones."}},
    {"x.3.1", {"The other server's disk is full.", "Try again later."}},
    {"x.3.2", {"The other server is not taking mail at the moment.", "Try again later."}},
    {"x.3.4",
     {"The message is larger than the other server takes.",
      "Send it without its attachments, or with smaller ones."}},
    {"x.4.1",
     {"The other server did not answer.",
      "Try again later; if it stays so, tell the recipient in another way."}},
    {"x.4.2",
     {"The connection to the other server broke again and again.",
      "Try again later; if it stays so, tell the recipient in another way."}},
    {"x.4.3",
     {"It could not be found out which server takes mail for this domain.",
      "Look for a slip in the address; if it is right, try again later."}},
    {"x.4.4", {"No mail server could be found for this domain.", "Look for a slip in the address."}},
    {"x.4.6", {"The message went in a circle.", "Tell the administrator of your mail server."}},
    {"x.4.7",
     {"It could not be delivered in the time there is for it.",
      "Try again later; if it stays so, tell the recipient in another way."}},
    {"x.5.3",
     {"The message has more recipients than the other server takes at once.", "Send it to fewer at a time."}},
    {"x.6.x",
     {"The other server cannot take a message of this kind.",
      "Send it as plain text, without attachments, to an address in plain letters."}},
    {"x.7.1",
     {"The other server did not want the message.", "What it said, below, may tell why. Ask the recipient to "
                                                    "let your address in, or write in another way."}},
    {"x.7.2", {"Only members may write to this address.", "Ask its owner to let you in."}},
    {"x.7.8",
     {"The other server did not accept our name and password.",
      "Tell the administrator of your mail server."}},
    {"x.7.9",
     {"The other server did not accept our name and password.",
      "Tell the administrator of your mail server."}},
    {"x.7.10",
     {"A secure connection was demanded, and the other server could not offer it.",
      "Tell the administrator of your mail server, or the recipient's."}},
    {"x.7.20",
     {"The other server found no signature (DKIM) that it accepts.",
      "Tell the administrator of your mail server."}},
    {"x.7.23",
     {"The other server says that ours may not send for your domain (SPF).",
      "Tell the administrator of your mail server."}},
    {"x.7.25",
     {"The other server did not like how our address is entered in the DNS.",
      "Tell the administrator of your mail server."}},
    {"x.7.26",
     {"The other server could not verify that the message comes from your domain (SPF, DKIM).",
      "Tell the administrator of your mail server."}},
    {"x.7.30",
     {"The message demands a secure connection all the way, which the other server does not offer.",
      "Send it without this demand, or tell the recipient in another way."}},
    {"x.7.x",
     {"The other server did not want the message, for reasons of security or policy.",
      "What it said, below, may tell why."}},
    {"4.x.x", {"The other server could not take the message at the moment.", "Try again later."}},
    {"x.x.x", {"The message was not accepted.", "What the other server said, below, may tell why."}},
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

struct dsn_words dsn_words_for(const char *status)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(rows) && !fits(rows[i].status, status))
        i++;
    return rows[i].words;
}
