/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/swarm/hand.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/list.h"
#include "core/outcome.h"
#include "core/pack.h"
#include "net/clock.h"
#include "worker/crew.h"

enum { ROUNDS_A_TURN = 16 };

/* What a child has to tell the crew, which it does after the crew's actions. */
typedef enum { NEWS_READY, NEWS_OUTCOME, NEWS_EXIT, NEWS_TAKEN_BACK } news_kind_t;
typedef struct news_s {
    struct news_s *next;
    news_kind_t kind;
    size_t place;
    uint64_t serial;     /* of the run; or the first number that the child will not start */
    dp_buffer_t outcome; /* of an item */
    int signal;          /* it ended by */
} news_t;

struct hand_s {
    member_t member; /* first */
    crew_t *crew;
    tally_t *tally;
    news_t *first, **last_p;
    uint64_t *claimed; /* by place: the number of the last item that was started */
    size_t n_places;
};

static news_t *add_news (hand_t *self, news_kind_t kind, size_t place, uint64_t serial)
{
    news_t *news = calloc (1, sizeof *news);
    assert_non_null (news);
    news->kind = kind;
    news->place = place;
    news->serial = serial;
    *self->last_p = news;
    self->last_p = &news->next;
    return news;
}

/* ---- A child ------------------------------------------------------------------------------------- */

static uint64_t *claim_of (hand_t *self, size_t place)
{
    if (place >= self->n_places) {
        self->claimed = realloc (self->claimed, (place + 1) * sizeof *self->claimed);
        assert_non_null (self->claimed);
        while (self->n_places <= place)
            self->claimed[self->n_places++] = 0;
    }
    return &self->claimed[place];
}

static void put_result (hand_t *self, dp_buffer_t *outcome, uint64_t argument)
{
    static const dpool_error_t unknown
        = { .message = "no such task", .function = "", .host = "", .stderr_tail = "" };
    uint8_t value[DP_PACK_MAX];
    if (tally_execute (self->tally, argument) < 0) {
        outcome_put_error (outcome, OUTCOME_FAILED, &unknown);
        return;
    }
    size_t len = (size_t) (dp_pack_uint (value, tally_result (argument)) - value);
    assert_int_equal (outcome_put_value (outcome, value, len), 0);
}

static void run (hand_t *self, const crew_action_t *action)
{
    dp_reader_t arguments;
    dp_reader_init (&arguments, action->task.payload.data, action->task.payload.len);
    for (size_t i = 0; i < action->task.n_items; i++) {
        news_t *news = add_news (self, NEWS_OUTCOME, action->place, action->serial);
        put_result (self, &news->outcome, dp_reader_uint (&arguments));
    }
    assert_true (dp_reader_is_done (&arguments));
    *claim_of (self, action->place) = action->serial + action->task.n_items - 1;
}

/* ---- The member ---------------------------------------------------------------------------------- */

static void receive (member_t *member, int64_t now_ms, dp_incoming_t *incoming)
{
    hand_t *self = (hand_t *) member;
    atomic_fetch_add (&self->tally->n_received, 1);
    if (incoming->message.kind == WIRE_WELCOME)
        atomic_fetch_add (&self->tally->n_welcomes, 1);
    crew_receive (self->crew, now_ms, 0, &incoming->message, incoming->blobs);
}

static void broken (member_t *member, int64_t now_ms)
{
    hand_t *self = (hand_t *) member;
    atomic_fetch_add (&self->tally->n_broken, 1);
    crew_broken (self->crew, now_ms, 0);
}

static void carry_out (hand_t *self, int64_t now_ms, const crew_action_t *action)
{
    uint64_t claimed;
    switch (action->kind) {
    case CREW_OPEN:
        member_open (&self->member, now_ms);
        return;
    case CREW_CLOSE:
        member_close (&self->member);
        return;
    case CREW_START:
        *claim_of (self, action->place) = 0;
        add_news (self, NEWS_READY, action->place, 0);
        return;
    case CREW_HAND:
        run (self, action);
        return;
    case CREW_TAKE_BACK:
        claimed = *claim_of (self, action->place);
        add_news (self, NEWS_TAKEN_BACK, action->place,
                  claimed >= action->serial ? claimed + 1 : action->serial);
        return;
    case CREW_SIGNAL:
    case CREW_END:
        add_news (self, NEWS_EXIT, action->place, 0)->signal
            = action->kind == CREW_SIGNAL ? action->signal : 0;
        return;
    case CREW_FLAG:
    case CREW_LOG:
        return;
    }
}

static void pass_on (hand_t *self, int64_t now_ms, const news_t *news)
{
    crew_exit_t exit = { .signal = news->signal, .stderr_tail = "" };
    switch (news->kind) {
    case NEWS_READY:
        crew_child_ready (self->crew, now_ms, news->place, 1 + (int64_t) news->place);
        return;
    case NEWS_OUTCOME:
        crew_items_finished (self->crew, now_ms, news->place, news->serial, 1, news->outcome.data,
                             news->outcome.len, 1);
        return;
    case NEWS_TAKEN_BACK:
        crew_taken_back (self->crew, now_ms, news->place, news->serial);
        return;
    case NEWS_EXIT:
        exit.slot.number = *claim_of (self, news->place);
        crew_child_exited (self->crew, now_ms, news->place, &exit);
        return;
    }
}

/* Returns whether there was any. */
static bool tell_news (hand_t *self, int64_t now_ms, bool is_wanted)
{
    news_t *news = self->first;
    self->first = NULL;
    self->last_p = &self->first;
    bool has_any = news != NULL;
    while (news != NULL) {
        news_t *next = news->next;
        if (is_wanted)
            pass_on (self, now_ms, news);
        dp_buffer_fini (&news->outcome);
        free (news);
        news = next;
    }
    return has_any;
}

static int64_t decide (member_t *member, int64_t now_ms)
{
    hand_t *self = (hand_t *) member;
    for (int round = 0; round < ROUNDS_A_TURN; round++) {
        crew_action_t action;
        bool is_idle = true;
        int64_t deadline_ms = crew_tick (self->crew, now_ms);
        while (crew_next_action (self->crew, &action)) {
            carry_out (self, now_ms, &action);
            is_idle = false;
        }
        is_idle = !tell_news (self, now_ms, true) && is_idle;
        member_push (member, crew_outbox (self->crew));
        if (is_idle)
            return deadline_ms;
    }
    return now_ms;
}

hand_t *hand_new (swarm_t *swarm, tally_t *tally, size_t number, uint64_t id, size_t processes)
{
    static const member_kind_t kind = { receive, broken, decide };
    static const char *const functions[] = { HAND_FUNCTION };
    char name[32];
    hand_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    snprintf (name, sizeof name, "hand-%zu", number);
    crew_config_t config = {
        .worker = id != 0 ? id : dp_random (),
        .n_brokers = 1,
        .processes = processes,
        .host = "swarm",
        .name = name,
        .pid = (uint64_t) getpid (),
        .functions = functions,
        .n_functions = 1,
        .seed = dp_random (),
    };
    self->crew = crew_new (&config, dp_clock_ms ());
    assert_non_null (self->crew);
    self->tally = tally;
    self->last_p = &self->first;
    swarm_join (swarm, &self->member, &kind);
    return self;
}

void hand_destroy (hand_t **self_p)
{
    hand_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    swarm_leave (&self->member);
    tell_news (self, 0, false);
    crew_destroy (&self->crew);
    free (self->claimed);
    free (self);
}
