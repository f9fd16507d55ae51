/* SPDX-License-Identifier: ISC */
/*
 * Threads of messages that refer to each other in whatever way: each message comes out once, in parentheses
 * that balance. The first byte chooses the algorithm; then four bytes are a message (its identifier, date and
 * subject, and how many references follow, a byte each).
 */
#include <stdlib.h>
#include <string.h>

#include "thread.h"

#define MESSAGES_MAX 200
#define TEXTS        256

static void must(bool holds)
{
    if (!holds)
        abort();
}

struct input {
    struct thread_message messages[MESSAGES_MAX];
    uint32_t references[MESSAGES_MAX * 16];
    size_t count, reference_count;
};

static void read_messages(struct input *input, const uint8_t *data, size_t size)
{
    size_t i = 1;
    while (i + 4 <= size && input->count < MESSAGES_MAX) {
        size_t count = data[i + 3] & 15;
        struct thread_message message = {
            .number = (uint32_t)input->count + 1,
            .id = data[i] == 0 ? THREAD_NONE : data[i],
            .date = (int8_t)data[i + 1],
            .subject = data[i + 2] % 16 == 0 ? THREAD_NONE : data[i + 2] % 16,
            .is_reply = data[i + 3] & 16,
            .references = input->reference_count,
        };
        i += 4;
        for (; message.reference_count < count && i < size; message.reference_count++)
            input->references[input->reference_count++] = data[i++];
        input->messages[input->count++] = message;
    }
}

static void check(struct slice text, size_t count)
{
    bool seen[MESSAGES_MAX + 1] = {false};
    size_t depth = 0, found = 0;
    while (text.len > 0) {
        char c = text.data[0];
        size_t digits = 0;
        while (digits < text.len && char_is_digit(text.data[digits]))
            digits++;
        if (digits > 0) {
            uint64_t number;
            must(slice_to_u64(slice_take(text, digits), count, &number) && number > 0 && !seen[number]);
            must(depth > 0);
            seen[number] = true;
            found++;
        } else {
            must(c == '(' || c == ')' || c == ' ');
            must(c != ')' || depth > 0);
            must(c != ' ' || depth > 0);
            depth = c == '(' ? depth + 1 : c == ')' ? depth - 1 : depth;
        }
        text = slice_skip(text, digits > 0 ? digits : 1);
    }
    must(depth == 0 && found == count);
}

static void ignore(void *data)
{
    (void)data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice texts[TEXTS] = {{NULL, 0}};
    struct input *input = calloc(1, sizeof(*input));
    struct arena arena = {0};
    struct thread_forest forest;
    struct buf out;
    char names[TEXTS];
    for (size_t i = 0; i < TEXTS; i++) {
        names[i] = (char)(i + 1);
        texts[i] = slice_of(&names[i], 1);
    }
    read_messages(input, data, size);
    buf_init(&out, SIZE_MAX / 2);
    struct thread_input given = {input->messages, input->count, input->references, TEXTS, texts};
    thread_messages((enum thread_algorithm)(size > 0 ? data[0] % 3 : 0), &given, &arena, &forest);
    thread_write(&forest, &out, ignore, NULL);
    check(buf_slice(&out), input->count);
    buf_free(&out);
    arena_free(&arena);
    free(input);
    return 0;
}
