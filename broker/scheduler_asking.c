/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_asking.c - how often a peer may ask. To answer costs us more than to ask costs him, so what one
 * peer is told takes a share of our time that is bounded: what he asks beyond it is answered late, in its
 * order. Whoever waits for his answers only gets slower by that; whoever asks on without waiting is refused.
 * All peers together have a share, too, since one can come as many. When that is used up they take turns. It
 * is not for PINGs, by whose answers a peer sees that we are there.
 */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <stdio.h>
#include <string.h>

enum {
    ALL_SHARES = 10,    /* of a peer, that all of them have together */
    PART = 256,         /* a long answer, which is the broker's state, takes some µs more for each */
    MOST_WAITING = 1000 /* of his questions; nobody honest has more than one for each of his threads */
};

/* What waits for its answer: a question, or (0) a PING. */
typedef struct question_s {
    dp_list_t in_peer;
    uint64_t query, id;
    unsigned question;
    size_t name_len;
    char name[];
} question_t;

static int64_t question_due_ms (const scheduler_t *self, const peer_t *peer, unsigned question)
{
    int64_t peer_ms = scheduler_share_due_ms (peer->asked_until_us),
            all_ms = scheduler_share_due_ms (self->answered_until_us);
    return question != 0 && all_ms > peer_ms ? all_ms : peer_ms;
}

static bool is_due (const scheduler_t *self, int64_t now_ms, const peer_t *peer, unsigned question)
{
    return self->config.is_embedded || question_due_ms (self, peer, question) <= now_ms;
}

/* What an answer, and each PART bytes of it, takes of a peer's share. */
static int64_t answer_us (const scheduler_t *self)
{
    return 1000000 / self->config.answers_a_second;
}

bool scheduler_has_share (const scheduler_t *self, int64_t now_ms, const peer_t *peer)
{
    return is_due (self, now_ms, peer, 1);
}

void scheduler_take_share (scheduler_t *self, int64_t now_ms, peer_t *peer, size_t n_answers)
{
    int64_t takes_us = answer_us (self) * (int64_t) n_answers;
    peer->asked_until_us = scheduler_share_after (peer->asked_until_us, now_ms, takes_us);
    self->answered_until_us = scheduler_share_after (self->answered_until_us, now_ms, takes_us / ALL_SHARES);
}

static void answer (scheduler_t *self, int64_t now_ms, peer_t *peer, const wire_query_t *query)
{
    size_t len = 0;
    if (query->question == 0) {
        wire_put_bare (&self->outbox, peer->connection, WIRE_PONG, peer->acks.n_received);
        dp_acks_said (&peer->acks);
    } else
        len = scheduler_answer (self, now_ms, peer, query);
    size_t n_answers = 1 + len / PART;
    if (query->question != 0)
        scheduler_take_share (self, now_ms, peer, n_answers);
    else
        peer->asked_until_us
            = scheduler_share_after (peer->asked_until_us, now_ms, answer_us (self) * (int64_t) n_answers);
}

static void put_off (scheduler_t *self, peer_t *peer, const wire_query_t *query)
{
    question_t *question = dp_must_alloc (sizeof *question + query->name.len);
    question->query = query->query;
    question->id = query->id;
    question->question = query->question;
    question->name_len = query->name.len;
    if (query->name.len > 0)
        memcpy (question->name, query->name.data, query->name.len);
    if (query->question == 0) /* it does not wait for all peers' share */
        dp_list_prepend (&peer->questions, &question->in_peer);
    else
        dp_list_append (&peer->questions, &question->in_peer);
    peer->n_questions++;
    if (dp_list_is_empty (&peer->in_asking))
        dp_list_append (&self->asking, &peer->in_asking);
    int64_t at_ms = question_due_ms (self, peer, query->question);
    self->answer_at_ms = at_ms < self->answer_at_ms ? at_ms : self->answer_at_ms;
}

static void ask (scheduler_t *self, int64_t now_ms, peer_t *peer, const wire_query_t *query)
{
    char text[256];
    bool may_overtake = query->question == 0; /* what waits for others */
    if ((peer->n_questions == 0 || may_overtake) && is_due (self, now_ms, peer, query->question)) {
        answer (self, now_ms, peer, query);
        return;
    }
    if (peer->n_questions < MOST_WAITING) {
        put_off (self, peer, query);
        return;
    }
    snprintf (text, sizeof text,
              "it asks (QUERY, PING) more than %lld times a second, and does not wait for the answers: %d "
              "questions wait; wait for each answer, or ask less often",
              (long long) self->config.answers_a_second, MOST_WAITING);
    scheduler_refuse (self, now_ms, peer->connection, WIRE_REFUSED_LIMIT, text);
}

void scheduler_on_query (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    ask (self, now_ms, peer, &message->query);
}

void scheduler_on_ping (scheduler_t *self, int64_t now_ms, peer_t *peer, wire_message_t *message)
{
    (void) message;
    ask (self, now_ms, peer, &(wire_query_t) { 0 });
}

void scheduler_drop_questions (peer_t *peer)
{
    for (dp_list_t *node; (node = dp_list_pop (&peer->questions)) != NULL;)
        dp_free (DP_CONTAINER (node, question_t, in_peer));
    peer->n_questions = 0;
    dp_list_remove (&peer->in_asking);
}

static void answer_next (scheduler_t *self, int64_t now_ms, peer_t *peer)
{
    question_t *question = DP_CONTAINER (dp_list_pop (&peer->questions), question_t, in_peer);
    wire_query_t query = { .query = question->query,
                           .question = (wire_question_t) question->question,
                           .id = question->id,
                           .name = { question->name, question->name_len } };
    peer->n_questions--;
    answer (self, now_ms, peer, &query);
    dp_free (question);
}

/* A key that is not let in any more is told nothing of what it has asked before. */
static bool is_shut_out (const scheduler_t *self, const peer_t *peer)
{
    return self->access != NULL && peer->account->entry == NULL;
}

/* One for each who may have it, in turns. Returns whether there was any; else when there will be is known. */
static bool answer_each (scheduler_t *self, int64_t now_ms)
{
    enum { ROUND_MS = 10 }; /* some answers at a time */
    bool has_answered = false;
    self->answer_at_ms = DP_NEVER;
    DP_LIST_EACH (&self->asking, node) {
        peer_t *peer = DP_CONTAINER (node, peer_t, in_asking);
        if (is_shut_out (self, peer)) {
            scheduler_drop_questions (peer);
            continue;
        }
        unsigned next = DP_CONTAINER (peer->questions.next, question_t, in_peer)->question;
        if (!is_due (self, now_ms, peer, next)) {
            int64_t at_ms = question_due_ms (self, peer, next) + ROUND_MS;
            self->answer_at_ms = at_ms < self->answer_at_ms ? at_ms : self->answer_at_ms;
            continue;
        }
        answer_next (self, now_ms, peer);
        has_answered = true;
        dp_list_remove (&peer->in_asking);
        if (peer->n_questions > 0)
            dp_list_append (&self->asking, &peer->in_asking);
    }
    return has_answered;
}

void scheduler_answer_late (scheduler_t *self, int64_t now_ms)
{
    if (now_ms >= self->answer_at_ms)
        while (answer_each (self, now_ms))
            continue;
}
