/* SPDX-License-Identifier: ISC */
/* Prints the list of options of postern.conf(5) in mdoc from the table in base/conf.h; used when the manual
 * is built: conf-man FRAME >postern.conf.5 FRAME is the page's own text; its line ".\" OPTIONS SECTION" is
 * replaced by the options of that section ("-": top level). */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "conf_describe.h"

#define LINE_WIDTH 78
#define MARK       ".\\\" OPTIONS "

/* A sentence ends at a full stop before a blank, unless that stands in "section 5. 3" and the like. */
static bool ends_sentence(struct slice text, size_t blank)
{
    if (blank < 2 || blank + 1 >= text.len || text.data[blank - 1] != '.') {
        return false;
    }
    return !char_is_digit(text.data[blank - 2]) || char_is_alpha(text.data[blank + 1]);
}

/* Text lines: each sentence begins a new one, as mdoc(7) wants it, and none is long. A backslash, and a dot
 * or quote at the start of a line, would be requests. */
static void print_prose(struct slice text)
{
    size_t column = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        size_t word = slice_find(slice_skip(text, i + 1), ' ');
        if (c == ' ' && (ends_sentence(text, i) || column + 1 + word > LINE_WIDTH)) {
            putchar('\n');
            column = 0;
            continue;
        }
        if (column == 0 && (c == '.' || c == '\'')) {
            fputs("\\&", stdout);
        }
        fputs(c == '\\' ? "\\e" : (const char[]){c, '\0'}, stdout);
        column++;
    }
    putchar('\n');
}

static void print_option(const struct conf_option *option)
{
    struct buf facts;
    buf_init(&facts, 4096);
    buf_append(&facts, S("Value: "));
    conf_describe_values(option, &facts);
    buf_printf(&facts, ". Default: %s. Taken over at %s.", conf_describe_default(option),
               option->reloadable ? "SIGHUP" : "the next start");
    printf(".It Ic %s\n", option->name);
    print_prose(slice_from(option->help));
    printf(".br\n");
    print_prose(buf_slice(&facts));
    buf_free(&facts);
}

static void print_rows(const struct conf_option *rows, size_t count, struct slice section)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(slice_from(rows[i].section), section)) {
            print_option(&rows[i]);
        }
    }
}

static void print_options(struct slice section)
{
    printf(".Bl -tag -width Ds\n");
    print_rows(conf_options, conf_option_count, section);
    print_rows(conf_route_options, conf_route_option_count, section);
    printf(".El\n");
}

int main(int argc, char **argv)
{
    char line[1024];
    FILE *frame = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!frame) {
        fprintf(stderr, "usage: conf-man FRAME\n");
        return 2;
    }
    while (fgets(line, sizeof(line), frame)) {
        struct slice text = slice_from(line);
        if (slice_starts_with(text, S(MARK))) {
            text = slice_skip(text, sizeof(MARK) - 1);
            text = slice_take(text, slice_find(text, '\n'));
            print_options(slice_eq(text, S("-")) ? SLICE_EMPTY : text);
        } else {
            fputs(line, stdout);
        }
    }
    fclose(frame);
    return fflush(stdout) == 0 ? 0 : 1;
}
