/* SPDX-License-Identifier: ISC */
/*
 * THREAD (RFC 5256 section 3):
 *
 *     thread          = ["UID" SP] "THREAD" SP thread-alg SP search-criteria
 *     thread-alg      = "ORDEREDSUBJECT" / "REFERENCES" / thread-alg-ext
 *     search-criteria = charset 1*(SP search-key)
 *     thread-data     = "THREAD" [SP 1*thread-list]
 */
#include "search_command.h"
#include "thread_load.h"

static bool parse_algorithm(struct parser *parser, enum thread_algorithm *algorithm_r)
{
    static const struct {
        struct slice name;
        enum thread_algorithm algorithm;
    } algorithms[] = {{{"ORDEREDSUBJECT", 14}, THREAD_ORDEREDSUBJECT},
                      {{"REFERENCES", 10}, THREAD_REFERENCES},
                      {{"REFS", 4}, THREAD_REFS}};
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        if (parse_word(parser, algorithms[i].name)) {
            *algorithm_r = algorithms[i].algorithm;
            return true;
        }
    }
    return parser_expected(parser, "a threading algorithm");
}

static bool parse_thread(struct search_command *command, struct parser *parser,
                         enum thread_algorithm *algorithm)
{
    struct slice charset;
    if (!parse_space(parser) || !parse_algorithm(parser, algorithm) || !parse_space(parser) ||
        !parse_astring(parser, &charset)) {
        imap_bad_syntax(command->session, parser);
        return false;
    }
    return search_command_parse(command, parser, search_charset(charset, &command->charset));
}

struct threading_job {
    enum thread_algorithm algorithm;
    struct thread_input input;
    struct arena *arena;
    struct thread_forest forest;
};

static enum err visit_threading(void *arg)
{
    struct threading_job *job = arg;
    thread_messages(job->algorithm, &job->input, job->arena, &job->forest);
    return ERR_OK;
}

static void hand_on(void *data)
{
    struct search_writer *writer = data;
    search_write_on(writer);
}

static void write_threads(struct search_command *command, const struct thread_forest *forest)
{
    struct search_writer writer = search_command_writer(command);
    buf_append(&writer.out, forest->root_count > 0 ? S("* THREAD ") : S("* THREAD"));
    thread_write(forest, &writer.out, hand_on, &writer);
    buf_append(&writer.out, S("\r\n"));
    search_write_end(&writer);
}

void imap_thread(struct imap_session *session, struct parser *parser)
{
    struct search_command command = {
        .session = session, .wanted.options = RETURN_ALL, .limit = SEARCH_REFUSED};
    struct threading_job job = {.arena = &session->arena};
    struct thread_data data = {0};
    struct search_result result;
    if (!parse_thread(&command, parser, &job.algorithm) || !search_command_check(&command) ||
        !search_command_begin(&command) || !search_command_run(&command, &result))
        return;
    enum err err = thread_load(&command.job, job.algorithm, &result.uids, session->by_uid, &data);
    if (!err) {
        job.input = thread_data_input(&data);
        err = command.job.visit(command.job.data, visit_threading, &job);
    }
    if (err) {
        search_command_fail(&command, err);
    } else {
        write_threads(&command, &job.forest);
        imap_ok(session, NULL, "threaded");
    }
    thread_data_free(&data);
}
