/* SPDX-License-Identifier: ISC */
/* THREAD: the algorithms on messages told by their identifiers, and the command. */
#include "searching.h"

#include "base/mem.h"
#include "thread.h"

/* "id<reference,reference subject@date", for messages 1, 2, …; "re:" before the subject makes a reply. An id
 * "-" is none, a subject "-" is empty; without date they come in their order. */
struct made {
    struct thread_texts texts;
    struct thread_message messages[64];
    uint32_t references[256];
    size_t count, reference_count;
};

static uint32_t text_of(struct made *made, struct slice text)
{
    return slice_eq(text, S("-")) || text.len == 0 ? THREAD_NONE : thread_text(&made->texts, text);
}

static void add(struct made *made, struct slice line)
{
    struct thread_message *message = &made->messages[made->count++];
    struct slice subject = line, head = slice_split(&subject, ' '), date = subject;
    subject = slice_split(&date, '@');
    struct slice references = head, id = slice_split(&references, '<');
    uint64_t seconds = made->count;
    if (date.data)
        assert_true(slice_to_u64(date, 1000000, &seconds));
    *message = (struct thread_message){.number = (uint32_t)made->count,
                                       .date = (int64_t)seconds,
                                       .id = text_of(made, id),
                                       .references = made->reference_count,
                                       .is_reply = slice_starts_with(subject, S("re:"))};
    if (message->is_reply)
        subject = slice_skip(subject, 3);
    message->subject = text_of(made, subject);
    while (references.data) {
        made->references[made->reference_count++] = text_of(made, slice_split(&references, ','));
        message->reference_count++;
    }
}

static void ignore(void *data)
{
    (void)data;
}

static void expect_threads(enum thread_algorithm algorithm, const char *lines, const char *expected)
{
    struct made made = {0};
    struct arena arena = {0};
    struct slice rest = slice_from(lines);
    while (rest.data)
        add(&made, slice_split(&rest, '\n'));
    struct thread_input input = {made.messages, made.count, made.references, made.texts.count,
                                 made.texts.list};
    struct thread_forest forest;
    struct buf out;
    buf_init(&out, 65536);
    thread_messages(algorithm, &input, &arena, &forest);
    thread_write(&forest, &out, ignore, NULL);
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
    arena_free(&arena);
    thread_texts_free(&made.texts);
}

#define REFERENCES(lines, expected) expect_threads(THREAD_REFERENCES, lines, expected)

static void parents_and_children(void **state)
{
    (void)state;
    REFERENCES("a -", "(1)");
    REFERENCES("a -\nb<a -\nc<a,b -", "(1 2 3)");
    REFERENCES("a -\nb<a -\nc<a -", "(1 (2)(3))");
    /* RFC 5256 section 4, "(2)(3 6 (4 23)(44 7 96))": messages came in another order than they were sent */
    REFERENCES("c -@1\nd<c,e -@4\ne<c -@2\ng<c,e,d -@5\nh<c,e,i -@7\ni<c,e -@6\nx<c,e,i,h -@8",
               "(1 3 (2 4)(6 5 7))");
    /* Children first. */
    REFERENCES("c<a,b -@3\nb<a -@2\na -@1", "(3 2 1)");
    /* Truncated references do not break what is known. */
    REFERENCES("a -\nb<a -\nc<a,b -\nd<c -", "(1 2 3 4)");
    /* What a message says of its own parent counts when it comes last. */
    REFERENCES("a -\nb -\nc<a,b -", "(1 2 3)");
    REFERENCES("c<a,b -@3\nb -@2\na -@1", "(3)(2 1)");
}

static void missing_messages(void **state)
{
    (void)state;
    /* RFC 5256 section 4: "((3)(5))" */
    REFERENCES("b<a -\nc<a -", "((1)(2))");
    REFERENCES("b<a -", "(1)");
    REFERENCES("c<a,b -\nd<a,b -", "((1)(2))");
    REFERENCES("a -\nd<a,b,c -\ne<a,b -", "(1 (2)(3))");
    REFERENCES("d<a,b -@5\ne<a,c -@6\nf -@1", "(3)((1)(2))");
}

static void strange_identifiers(void **state)
{
    (void)state;
    /* Two with the same: the second has none of its own. */
    REFERENCES("a -\na -\nb<a -", "(1 3)(2)");
    REFERENCES("- -\n-<a -\nb<a -", "(1)((2)(3))");
    /* Loops. */
    REFERENCES("a<a -", "(1)");
    REFERENCES("a<b -\nb<a -", "(2 1)");
    REFERENCES("a<c -\nb<a -\nc<b -", "(3 1 2)");
    REFERENCES("a -\nb<a,b,a -", "(1 2)");
}

static void subjects(void **state)
{
    (void)state;
    /* The reply goes below what it answers. */
    REFERENCES("a lunch\nb re:lunch", "(1 2)");
    REFERENCES("a re:lunch\nb lunch", "(2 1)");
    REFERENCES("a lunch\nb re:lunch\nc re:lunch", "(1 (2)(3))");
    /* Equals become siblings below a dummy. */
    REFERENCES("a lunch\nb lunch", "((1)(2))");
    REFERENCES("a re:lunch\nb re:lunch", "((1)(2))");
    REFERENCES("a lunch\nb lunch\nc lunch", "((1)(2)(3))");
    REFERENCES("a lunch\nb lunch\nc re:lunch", "((1)(2)(3))");
    /* With a dummy that is there already, and of two of them one stays. */
    REFERENCES("b<a lunch\nc<a lunch\nd lunch", "((1)(2)(3))");
    REFERENCES("b<a lunch\nc<a -\nd<x re:lunch\ne<x -", "((1)(2)(3)(4))");
    /* Subjects within a thread do not matter, and an empty one brings nothing together. */
    REFERENCES("a lunch\nb<a supper\nc supper", "(1 2)(3)");
    REFERENCES("a -\nb -", "(1)(2)");
}

static void dates(void **state)
{
    (void)state;
    REFERENCES("a -@9\nb -@3\nc -@5", "(2)(3)(1)");
    REFERENCES("a -@1\nb<a -@5\nc<a -@3\nd<a -@3", "(1 (3)(4)(2))");
    /* A dummy is as old as its first child. */
    REFERENCES("b<a -@9\nc<a -@2\nd -@3", "((2)(1))(3)");
}

static void refs(void **state)
{
    (void)state;
    expect_threads(THREAD_REFS, "a lunch\nb re:lunch", "(1)(2)");
    /* The thread in which something happened last is the last one. */
    expect_threads(THREAD_REFS, "a -@1\nb -@2\nc<a -@3", "(2)(1 3)");
    expect_threads(THREAD_REFS, "b<a -@1\nc<a -@8\nd -@2\ne<d,f -@3", "(3 4)((1)(2))");
}

static void ordered_subjects(void **state)
{
    (void)state;
    expect_threads(THREAD_ORDEREDSUBJECT, "a lunch@5\nb supper@2\nc re:lunch@1\nd lunch@7", "(3 (1)(4))(2)");
    expect_threads(THREAD_ORDEREDSUBJECT, "a -\nb<a -\nc x", "(1 2)(3)");
}

/* Each message answers the one before, 50,000 deep: no recursion, and no time to speak of. */
static void deep(void **state)
{
    (void)state;
    const uint32_t count = 50000;
    struct thread_message *messages = mem_realloc_array(NULL, count, sizeof(*messages));
    uint32_t *references = mem_realloc_array(NULL, 2 * count, sizeof(*references));
    for (uint32_t i = 0; i < count; i++) {
        /* Against the order of the mailbox, so that chains are joined at their ends; and a second leaf. */
        uint32_t id = count - i;
        messages[i] = (struct thread_message){
            .number = i + 1, .date = id, .id = id, .subject = THREAD_NONE, .references = i};
        messages[i].reference_count = 1;
        references[i] = id - 1;
    }
    struct thread_input input = {messages, count, references, count + 1, NULL};
    struct thread_forest forest;
    struct arena arena = {0};
    struct buf out;
    buf_init(&out, SIZE_MAX / 2);
    thread_messages(THREAD_REFERENCES, &input, &arena, &forest);
    thread_write(&forest, &out, ignore, NULL);
    assert_true(slice_starts_with(buf_slice(&out), S("(50000 49999 49998 ")));
    assert_true(slice_ends_with_nocase(buf_slice(&out), S(" 3 2 1)")));
    /* Two children at every level. */
    for (uint32_t i = 0; i < count; i++)
        messages[i] = (struct thread_message){.number = i + 1,
                                              .date = i,
                                              .id = i,
                                              .subject = THREAD_NONE,
                                              .references = i,
                                              .reference_count = i > 0};
    for (uint32_t i = 1; i < count; i++)
        references[i] = i % 2 == 1 ? i - 1 : i - 2;
    buf_clear(&out);
    thread_messages(THREAD_REFERENCES, &input, &arena, &forest);
    thread_write(&forest, &out, ignore, NULL);
    assert_true(slice_starts_with(buf_slice(&out), S("(1 (2)(3 (4)(5 (6)(7 ")));
    mem_free(messages);
    mem_free(references);
    buf_free(&out);
    arena_free(&arena);
}

/* --- REFERENCES step by step, as RFC 5256 section 3 tells it, with trees that are really moved about --- */

#define NODES 64
#define ROOT  (NODES - 1)

struct tree {
    const struct made *made;
    size_t parents[NODES], children[NODES][NODES], child_counts[NODES], count;
    size_t owners[NODES], table[NODES];
};

static bool is_dummy(const struct tree *tree, size_t node)
{
    return node >= tree->made->count;
}

static bool is_in(const struct tree *tree, size_t node, size_t below)
{
    for (size_t up = node; up != NODES; up = tree->parents[up])
        if (up == below)
            return true;
    return false;
}

static void take_out(struct tree *tree, size_t node)
{
    size_t parent = tree->parents[node], kept = 0;
    tree->parents[node] = NODES;
    if (parent == NODES)
        return;
    for (size_t i = 0; i < tree->child_counts[parent]; i++)
        if (tree->children[parent][i] != node)
            tree->children[parent][kept++] = tree->children[parent][i];
    tree->child_counts[parent] = kept;
}

static void put_below(struct tree *tree, size_t node, size_t parent)
{
    if (is_in(tree, parent, node))
        return;
    take_out(tree, node);
    tree->parents[node] = parent;
    tree->children[parent][tree->child_counts[parent]++] = node;
}

static void step_1(struct tree *tree)
{
    const struct made *made = tree->made;
    for (size_t i = 0; i < made->count; i++) {
        uint32_t id = made->messages[i].id;
        if (id != THREAD_NONE && tree->owners[id] == NODES)
            tree->owners[id] = i;
    }
    for (size_t i = 0; i < made->count; i++) {
        const struct thread_message *message = &made->messages[i];
        size_t last = NODES;
        for (size_t r = 0; r < message->reference_count; r++) {
            size_t *owner = &tree->owners[made->references[message->references + r]];
            if (*owner == NODES)
                *owner = tree->count++;
            if (last != NODES && tree->parents[*owner] == NODES)
                put_below(tree, *owner, last);
            last = *owner;
        }
        take_out(tree, i);
        if (last != NODES)
            put_below(tree, i, last);
    }
}

static void prune_below(struct tree *tree, size_t node)
{
    size_t children[NODES], count = tree->child_counts[node];
    memcpy(children, tree->children[node], sizeof(children));
    for (size_t i = 0; i < count; i++) {
        size_t child = children[i];
        prune_below(tree, child);
        if (!is_dummy(tree, child) || (node == ROOT && tree->child_counts[child] > 1))
            continue;
        while (tree->child_counts[child] > 0)
            put_below(tree, tree->children[child][0], node);
        take_out(tree, child);
    }
}

/* The message that a node is sorted by, and has its subject from. */
static const struct thread_message *first_of(const struct tree *tree, size_t node)
{
    return &tree->made->messages[is_dummy(tree, node) ? tree->children[node][0] : node];
}

static void sort_below(struct tree *tree, size_t node, bool deep)
{
    size_t *list = tree->children[node], count = tree->child_counts[node];
    for (size_t i = 0; i < count; i++)
        if (deep || is_dummy(tree, list[i]))
            sort_below(tree, list[i], deep);
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0; k--) {
            const struct thread_message *a = first_of(tree, list[k - 1]), *b = first_of(tree, list[k]);
            if (a->date < b->date || (a->date == b->date && a->number < b->number))
                break;
            size_t swapped = list[k];
            list[k] = list[k - 1];
            list[k - 1] = swapped;
        }
}

static bool replies(const struct tree *tree, size_t node)
{
    return !is_dummy(tree, node) && tree->made->messages[node].is_reply;
}

static void step_5(struct tree *tree)
{
    size_t roots[NODES], count = tree->child_counts[ROOT];
    memcpy(roots, tree->children[ROOT], sizeof(roots));
    for (size_t i = 0; i < count; i++) {
        uint32_t subject = first_of(tree, roots[i])->subject;
        if (subject == THREAD_NONE)
            continue;
        size_t *entry = &tree->table[subject];
        if (*entry == NODES ||
            (!is_dummy(tree, *entry) &&
             (is_dummy(tree, roots[i]) || (replies(tree, *entry) && !replies(tree, roots[i])))))
            *entry = roots[i];
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t subject = first_of(tree, roots[i])->subject;
        size_t root = roots[i], *entry = subject == THREAD_NONE ? NULL : &tree->table[subject];
        if (!entry || *entry == root)
            continue;
        if (is_dummy(tree, *entry) && is_dummy(tree, root)) {
            while (tree->child_counts[root] > 0)
                put_below(tree, tree->children[root][0], *entry);
            take_out(tree, root);
        } else if (is_dummy(tree, *entry) || (replies(tree, root) && !replies(tree, *entry))) {
            put_below(tree, root, *entry);
        } else {
            size_t dummy = tree->count++;
            put_below(tree, dummy, ROOT);
            put_below(tree, root, dummy);
            put_below(tree, *entry, dummy);
            *entry = dummy;
        }
    }
}

static void print_below(const struct tree *tree, size_t node, struct buf *out)
{
    size_t count = tree->child_counts[node];
    bool lists = count != 1 || is_dummy(tree, node);
    if (!is_dummy(tree, node))
        buf_printf(out, "%u%s", (unsigned)tree->made->messages[node].number, count > 0 ? " " : "");
    for (size_t i = 0; i < count; i++) {
        buf_append(out, lists ? S("(") : SLICE_EMPTY);
        print_below(tree, tree->children[node][i], out);
        buf_append(out, lists ? S(")") : SLICE_EMPTY);
    }
}

static void step_by_step(const struct made *made, struct buf *out)
{
    static struct tree tree;
    tree = (struct tree){.made = made, .count = made->count};
    for (size_t i = 0; i < NODES; i++)
        tree.parents[i] = tree.owners[i] = tree.table[i] = NODES;
    step_1(&tree);
    for (size_t i = 0; i < tree.count; i++)
        if (tree.parents[i] == NODES)
            put_below(&tree, i, ROOT);
    prune_below(&tree, ROOT);
    sort_below(&tree, ROOT, false);
    step_5(&tree);
    sort_below(&tree, ROOT, true);
    print_below(&tree, ROOT, out);
}

static uint64_t seed;

static unsigned pick(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((seed >> 33) % below);
}

static void make_random(struct made *made)
{
    struct arena arena = {0};
    for (unsigned n = 1 + pick(10); n > 0; n--) {
        char *line = arena_printf(&arena, "%c", pick(8) == 0 ? '-' : 'a' + (int)pick(10));
        for (unsigned r = pick(4), i = 0; i < r; i++)
            line = arena_printf(&arena, "%s%c%c", line, i == 0 ? '<' : ',', 'a' + (int)pick(12));
        line = arena_printf(&arena, "%s %s%c@%u", line, pick(2) ? "re:" : "", "-xyz"[pick(4)], pick(6));
        add(made, slice_from(line));
    }
    arena_free(&arena);
}

static void same_as_step_by_step(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct made made = {0};
        struct arena arena = {0};
        struct thread_forest forest;
        struct buf got, wanted;
        buf_init(&got, 65536);
        buf_init(&wanted, 65536);
        seed = i;
        make_random(&made);
        struct thread_input input = {made.messages, made.count, made.references, made.texts.count,
                                     made.texts.list};
        thread_messages(THREAD_REFERENCES, &input, &arena, &forest);
        thread_write(&forest, &got, ignore, NULL);
        step_by_step(&made, &wanted);
        if (!slice_eq(buf_slice(&got), buf_slice(&wanted)))
            print_error("seed %u: expected %s, got %s\n", i, buf_cstr(&wanted), buf_cstr(&got));
        assert_string_equal(buf_cstr(&got), buf_cstr(&wanted));
        buf_free(&got);
        buf_free(&wanted);
        arena_free(&arena);
        thread_texts_free(&made.texts);
    }
}

/* --- the command --- */

static void command(void)
{
    append("INBOX", "Message-ID: <\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>\r\nSubject: lunch\r\n"
                    "Date: Mon, 7 Feb 1994 21:52:25 -0800\r\n\r\n\r\n");
    append("INBOX", "Message-ID: <2@x>\r\nReferences: <01KF8JCEOCBS0045PS@xxx.yyy.com>\r\nSubject: other\r\n"
                    "Date: Mon, 7 Feb 1994 22:52:25 -0800\r\n\r\n\r\n");
    append("INBOX", "Message-ID: <3@x>\r\nIn-Reply-To: fred <2@x> of <4@x>\r\nSubject: other\r\n"
                    "Date: Mon, 7 Feb 1994 23:52:25 -0800\r\n\r\n\r\n");
    append("INBOX", "Message-ID: <4@x>\r\nSubject: [list] Re: LUNCH (fwd)\r\n"
                    "Date: Mon, 7 Feb 1994 20:00:00 -0800\r\n\r\n\r\n");
    append("INBOX",
           "Message-ID: <5@x>\r\nReferences: nothing\r\nIn-Reply-To: <4@x>\r\nSubject: =?utf-8?Q?x?=\r\n"
           "Date: Mon, 7 Feb 1994 20:30:00 -0800\r\n\r\n\r\n");
    expunge_elsewhere("INBOX", 3);
    struct peer *peer = peer_login();
    select_inbox(peer);
    peer_do(peer, "UID THREAD REFERENCES UTF-8 ALL", "* THREAD (1 (4 5)(2))$\nOK threaded$");
    peer_do(peer, "THREAD REFERENCES UTF-8 ALL", "* THREAD (1 (3 4)(2))$\nOK ");
    peer_do(peer, "UID THREAD REFS UTF-8 ALL", "* THREAD (1 2)(4 5)$\nOK ");
    peer_do(peer, "UID THREAD ORDEREDSUBJECT UTF-8 ALL", "* THREAD (4 1)(5)(2)$\nOK ");
    peer_do(peer, "UID THREAD REFERENCES US-ASCII 2:4", "* THREAD (4 5)(2)$\nOK ");
    peer_do(peer, "THREAD ORDEREDSUBJECT US-ASCII TEXT \"gewp\"", "* THREAD$\nOK ");
    peer_do(peer, "THREAD JWZ UTF-8 ALL", "BAD ");
    peer_do(peer, "THREAD REFERENCES X-UNKNOWN ALL", "NO [BADCHARSET ");
    peer_do(peer, "THREAD REFERENCES UTF-8", "BAD ");
}
PEER_CASE(command)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parents_and_children),
        cmocka_unit_test(missing_messages),
        cmocka_unit_test(strange_identifiers),
        cmocka_unit_test(subjects),
        cmocka_unit_test(dates),
        cmocka_unit_test(refs),
        cmocka_unit_test(ordered_subjects),
        cmocka_unit_test(deep),
        cmocka_unit_test(same_as_step_by_step),
        peer_test(command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
