/* SPDX-License-Identifier: ISC */
/*
 * How relevant a match is (RFC 6203 section 4), from 1 to 100. A text that was asked for by FUZZY counts most
 * where it stands in the subject, then in an address, then anywhere else; several texts count equally.
 */
#include "search_return.h"

#define SCORE_SUBJECT   100
#define SCORE_ADDRESS   70
#define SCORE_ELSEWHERE 30
/* Texts that are looked at; a score is a hint. */
#define SCORED_TEXTS_MAX 8

/* Messages of the set get at least this score for the text at hand. */
static void raise(const struct uid_set *all, const struct uid_set *found, uint8_t score, uint8_t *scores)
{
    size_t position = 0, next = 0;
    for (size_t i = 0; i < all->count; i++) {
        struct uid_range range = all->ranges[i];
        for (uint64_t uid = range.first; uid <= range.last; uid++, position++) {
            while (next < found->count && found->ranges[next].last < uid)
                next++;
            if (next < found->count && found->ranges[next].first <= uid && scores[position] < score)
                scores[position] = score;
        }
    }
}

static enum err score_text(struct search_job *job, const struct search_node *node, const struct uid_set *all,
                           uint8_t *scores)
{
    static const struct {
        struct slice header;
        uint8_t score;
    } places[] = {{{"Subject", 7}, SCORE_SUBJECT},
                  {{"From", 4}, SCORE_ADDRESS},
                  {{"To", 2}, SCORE_ADDRESS},
                  {{"Cc", 2}, SCORE_ADDRESS}};
    enum err err = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(places) && !err; i++) {
        struct search_term term = {
            .where = SEARCH_HEADER, .header = places[i].header, .text = node->text.text};
        struct uid_set found;
        /* A key for one field says nothing about others. */
        if (node->text.where == SEARCH_HEADER && !slice_eq_nocase(node->text.header, term.header))
            continue;
        err = search_texts(job, &term, 1, all, &found);
        if (!err)
            raise(all, &found, places[i].score, scores);
    }
    return err;
}

enum err search_scores(struct search_job *job, const struct uid_set *found, const uint8_t **scores_r)
{
    size_t count = (size_t)uid_set_size(found), texts = 0;
    uint8_t *scores = arena_array(job->arena, uint8_t, count + 1);
    uint32_t *sums = arena_array(job->arena, uint32_t, count + 1);
    enum err err = ERR_OK;
    for (size_t i = 0; i < job->program->count && texts < SCORED_TEXTS_MAX && !err; i++) {
        const struct search_node *node = &job->program->nodes[i];
        if (node->key != KEY_TEXT || !node->fuzzy)
            continue;
        for (size_t m = 0; m < count; m++)
            scores[m] = SCORE_ELSEWHERE;
        err = score_text(job, node, found, scores);
        for (size_t m = 0; m < count; m++)
            sums[m] += scores[m];
        texts++;
    }
    for (size_t m = 0; m < count; m++)
        scores[m] = texts > 0 ? (uint8_t)(sums[m] / texts) : 100;
    *scores_r = scores;
    return err;
}
