/* SPDX-License-Identifier: MPL-2.0 */
/*
 * session_fuzz.c - a client's session that a broker says anything to, in any order, while the connection
 * breaks and time passes, and its user maps, streams, calls, asks, cancels and lets go. Whatever the broker
 * says, each item has at most one outcome, which can be read, and in the end nothing is left.
 *
 * Steps of its own: 3 = a job or a call comes, 4 = one is cancelled, 5 = its owner lets go of it, 6 = he asks
 * why it is not finished, 7 = he takes what has finished. Of 3 a byte follows that says of which kind.
 */
#include "tests/fuzz/fuzz.h"

#include "client/session.h"

#include <string.h>

enum { MOST_JOBS = 12, MOST_CALLS = 32, MOST_STEPS = 400 };

typedef struct call_s {
    job_t *job; /* NULL: none, or it is over */
    size_t index;
} call_t;

typedef struct stage_s {
    session_t *session;
    int64_t now_ms;
    bool is_open;
    job_t *jobs[MOST_JOBS]; /* lists and streams; NULL once let go */
    size_t n_jobs, taken[MOST_JOBS];
    call_t calls[MOST_CALLS];
    size_t n_calls;
    size_t n_heard; /* bytes */
} stage_t;

/* ---- What became of items ------------------------------------------------------------------------ */

static void check_item (const job_t *job, size_t index)
{
    const job_item_t *item = job_item (job, index);
    if (item == NULL || item->state != ITEM_FINISHED)
        return;
    size_t len = 0;
    const uint8_t *data = dpool_value_data (&item->value, &len);
    FUZZ_CHECK ((data != NULL) != (item->error != NULL));
    dp_reader_t reader;
    if (data == NULL) {
        FUZZ_CHECK (item->error->code != 0 && item->error->message != NULL);
        FUZZ_CHECK (strlen (item->error->host) + strlen (item->error->stderr_tail) < WIRE_MAX_ENVELOPE);
        return;
    }
    dp_reader_init (&reader, data, len);
    dp_reader_skip (&reader, &len);
    FUZZ_CHECK (dp_reader_is_done (&reader));
}

static void take_calls (stage_t *self, job_t *job)
{
    size_t index;
    bool is_over = false;
    while (!is_over && (index = job_next_finished (job)) != JOB_NONE) {
        call_t *call = job_call (job, index)->owner;
        FUZZ_CHECK (call == NULL || (call->job == job && call->index == index));
        check_item (job, index);
        if (call != NULL)
            call->job = NULL;
        is_over = session_forget_call (self->session, job, index);
    }
}

static void take (stage_t *self, size_t i)
{
    job_t *job = self->jobs[i];
    if (job == NULL)
        return;
    if (!job->is_stream) {
        for (size_t k = 0; k < job->next; k++)
            check_item (job, k);
        return;
    }
    for (size_t k; (k = job->is_unordered ? job_next_finished (job) : self->taken[i]) != JOB_NONE;) {
        const job_item_t *item = job_item (job, k);
        if (item == NULL || item->state != ITEM_FINISHED)
            return;
        check_item (job, k);
        job_forget (job, k);
        self->taken[i]++;
    }
}

static void deliver (stage_t *self)
{
    for (job_t *job; (job = session_next_changed (self->session)) != NULL;)
        if (job->is_calls)
            take_calls (self, job);
}

/* ---- The user ------------------------------------------------------------------------------------ */

static job_spec_t spec_of (uint8_t how)
{
    job_spec_t spec = { .function = "square", .priority = how & 3 };
    spec.is_at_most_once = how & 4;
    spec.max_retries = how & 8 ? 2 : 0;
    spec.chunk_size = how & 16 ? 3 : 0;
    spec.time_limit_ms = how & 32 ? 100 : 0;
    return spec;
}

static void add_list (stage_t *self, job_spec_t spec, size_t n)
{
    dpool_items_t *items = dpool_items_new ();
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK (dpool_items_add (items, "i", (int) i) == 0);
    FUZZ_CHECK (dp_items_freeze (items) == 0);
    spec.items = items;
    job_t *job = job_new (&spec);
    dpool_items_destroy (&items);
    self->jobs[self->n_jobs++] = job;
    session_add (self->session, job);
}

static void add_stream (stage_t *self, job_spec_t spec, size_t n)
{
    dp_blob_t *argument = dp_blob_copy ("\x07", 1);
    spec.is_unordered = n & 1;
    job_t *job = job_new (&spec);
    self->jobs[self->n_jobs++] = job;
    session_add (self->session, job);
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK (job_append (job, argument) == 0);
    job->is_ended = n & 2;
    job->is_eager = true;
    session_more (self->session, job);
    dp_blob_release (&argument);
}

static void add_call (stage_t *self, job_spec_t spec)
{
    argument_t argument;
    FUZZ_CHECK (argument_init_brief (&argument, (const uint8_t *) "\x07", 1));
    call_t *call = &self->calls[self->n_calls++];
    spec.is_calls = true;
    call->job = session_call (self->session, &spec, &argument, call, &call->index);
    FUZZ_CHECK (call->job != NULL);
}

static void add (stage_t *self, unsigned who, uint8_t how)
{
    job_spec_t spec = spec_of (how);
    if (how & 128 && self->n_calls < MOST_CALLS)
        add_call (self, spec);
    else if (self->n_jobs < MOST_JOBS && how & 64)
        add_stream (self, spec, who);
    else if (self->n_jobs < MOST_JOBS)
        add_list (self, spec, who);
}

/* One of what there is: calls first. */
static void cancel (stage_t *self, unsigned who, bool is_let_go)
{
    call_t *call = &self->calls[who % MOST_CALLS];
    job_t **job = &self->jobs[who % MOST_JOBS];
    if (call->job != NULL && is_let_go) {
        job_t *of = call->job;
        call->job = NULL;
        session_release_call (self->session, self->now_ms, of, call->index);
    } else if (call->job != NULL)
        session_cancel_call (self->session, self->now_ms, call->job, call->index);
    else if (*job != NULL && is_let_go) {
        session_release (self->session, self->now_ms, *job);
        *job = NULL;
    } else if (*job != NULL)
        session_cancel (self->session, self->now_ms, *job);
}

/* ---- The broker and the loop --------------------------------------------------------------------- */

static void turn (stage_t *self)
{
    session_tick (self->session, self->now_ms);
    for (dp_link_command_t command; (command = session_next_command (self->session)) != LINK_NOTHING;)
        self->is_open = command == LINK_OPEN || (command != LINK_CLOSE && self->is_open);
    deliver (self);
    for (dp_outgoing_t *outgoing; (outgoing = dp_outbox_take (session_outbox (self->session))) != NULL;)
        fuzz_check_outgoing (outgoing);
}

static void break_off (stage_t *self)
{
    session_broken (self->session, self->now_ms);
    self->is_open = false;
}

static void hear (stage_t *self, fuzz_input_t *input)
{
    static wire_message_t message;
    fuzz_message_t raw;
    const char *why;
    fuzz_take_message (input, &raw);
    self->n_heard += raw.n_bytes;
    if (wire_decode (&message, raw.frames, raw.n_frames, &why) < 0)
        break_off (self);
    else if (self->is_open)
        session_receive (self->session, self->now_ms, &message, raw.blobs);
    fuzz_message_fini (&raw);
    deliver (self);
}

/* The next message may be the answer. */
static void ask (stage_t *self, unsigned who, fuzz_input_t *input)
{
    const call_t *call = &self->calls[who % MOST_CALLS];
    const job_t *job = call->job != NULL ? call->job : self->jobs[who % MOST_JOBS];
    session_question_t question = { .number = 0 };
    if (job == NULL)
        return;
    if (!session_explain (self->session, self->now_ms, job, call->job != NULL ? call->index : JOB_NONE,
                          &question)) {
        turn (self);
        hear (self, input);
        session_forget_question (&question);
    }
    FUZZ_CHECK (memchr (question.answer.sentence, '\0', sizeof question.answer.sentence) != NULL);
}

static void step (stage_t *self, unsigned what, unsigned who, fuzz_input_t *input)
{
    switch (what) {
    case FUZZ_MESSAGE:
        hear (self, input);
        return;
    case FUZZ_TIME:
        self->now_ms += fuzz_ms (who);
        turn (self);
        return;
    case FUZZ_BREAK:
        break_off (self);
        return;
    case FUZZ_OWN:
        add (self, who, fuzz_take_byte (input));
        break;
    case FUZZ_OWN + 1:
        cancel (self, who, false);
        break;
    case FUZZ_OWN + 2:
        cancel (self, who, true);
        break;
    case FUZZ_OWN + 3:
        ask (self, who, input);
        break;
    default:
        take (self, who % MOST_JOBS);
        break;
    }
    deliver (self);
}

/* All is terminated: each item has its outcome now, each call too. */
static void end (stage_t *self)
{
    session_terminate (self->session, self->now_ms);
    turn (self);
    FUZZ_CHECK (session_is_idle (self->session));
    for (size_t i = 0; i < self->n_calls; i++)
        FUZZ_CHECK (self->calls[i].job == NULL);
    for (size_t i = 0; i < self->n_jobs; i++) {
        take (self, i);
        if (self->jobs[i] != NULL)
            session_release (self->session, self->now_ms, self->jobs[i]);
    }
    session_leave (self->session);
    turn (self);
    session_destroy (&self->session);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static stage_t stage;
    fuzz_input_t input = { data, data + size };
    session_config_t config = { .id = 77,
                                .n_endpoints = 2,
                                .host = "here",
                                .name = "fuzzed",
                                .pid = 1,
                                .max_tasks = 20,
                                .max_bytes = 1 << 16,
                                .broker_timeout_ms = 60000 };
    memset (&stage, 0, sizeof stage);
    stage.now_ms = 1000000;
    fuzz_bound_begin ();
    stage.session = session_new (&config, stage.now_ms);
    FUZZ_CHECK (stage.session != NULL);
    turn (&stage);
    unsigned what, who;
    for (int i = 0; i < MOST_STEPS && fuzz_next_step (&input, &what, &who); i++)
        step (&stage, what, who, &input);
    end (&stage);
    fuzz_bound_end_of_machine (size + stage.n_heard);
    return 0;
}
