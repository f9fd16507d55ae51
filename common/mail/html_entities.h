/* SPDX-License-Identifier: ISC */
#ifndef MAIL_HTML_ENTITIES_H
#define MAIL_HTML_ENTITIES_H

/* The character that "&name;" stands for; 0 when there is none. */
unsigned html_entity(const char *name);

#endif
