/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/sim_program.h"

#include "core/items.h"
#include "tests/simulation/sim.h"

static int64_t now_ms (const sim_client_t *self)
{
    return schedule_now_ms (&self->node.sim->schedule);
}

static dpool_items_t *make_list (const sim_client_t *self, const call_t *call)
{
    sim_t *sim = self->node.sim;
    dpool_items_t *list = dpool_items_new (), *hold = list;
    for (size_t i = 0; i < call->n_items; i++) {
        dp_blob_t *arguments = workload_arguments (&sim->workload, &call->items[i]);
        if (dp_items_add_packed (list, dp_blob_data (arguments), dp_blob_len (arguments)) < 0)
            sim_violate (sim, "a list takes items", "item %zu", i);
        dp_blob_release (&arguments);
    }
    dp_items_freeze (list);
    dpool_items_destroy (&hold);
    return list;
}

static void append_item (sim_client_t *self, call_t *call)
{
    dp_blob_t *arguments = workload_arguments (&self->node.sim->workload, &call->items[call->n_appended++]);
    if (job_append (call->job, arguments) < 0)
        sim_violate (self->node.sim, "a stream takes items", "call %zu", call->number);
    dp_blob_release (&arguments);
}

static void apply (sim_client_t *self, item_t *item, const job_spec_t *spec)
{
    dp_blob_t *arguments = workload_arguments (&self->node.sim->workload, item);
    argument_t packed;
    argument_init (&packed, arguments);
    item->job = session_call (self->session, spec, &packed, item, &item->place);
    if (item->job == NULL)
        sim_violate (self->node.sim, "a session takes calls", "call %zu", item->call->number);
    argument_fini (&packed);
    dp_blob_release (&arguments);
}

static void start_call (sim_client_t *self, call_t *call)
{
    static const char *const names[] = { "applies", "map", "imap", "imap_unordered" };
    job_spec_t spec = {
        .function = call->function,
        .require = call->require,
        .priority = call->priority,
        .time_limit_ms = call->limit_ms,
        .max_retries = call->max_retries,
        .is_at_most_once = call->is_at_most_once,
        .chunk_size = call->chunk_size,
        .items = call->kind == CALL_MAP ? make_list (self, call) : NULL,
        .is_unordered = call->kind == CALL_IMAP_UNORDERED,
        .is_calls = call->kind == CALL_APPLIES,
        .owner = call,
    };
    SIM_TELL (self->node.sim, self->node.name,
              "calls %s %s: call %zu, %zu items, chunks of %zu, limit %llu ms, %u retries%s",
              names[call->kind], call->function, call->number, call->n_items, call->chunk_size,
              (unsigned long long) call->limit_ms, call->max_retries,
              call->is_at_most_once ? ", at most once" : "");
    call->is_started = true;
    for (size_t i = 0; call->kind == CALL_APPLIES && i < call->n_items; i++)
        apply (self, &call->items[i], &spec);
    if (call->kind == CALL_APPLIES)
        return;
    call->job = job_new (&spec);
    session_add (self->session, call->job);
}

void program_draw (sim_client_t *self, call_t *call)
{
    job_t *job = call->job;
    if (call->kind < CALL_IMAP || job == NULL || job->is_ended)
        return;
    for (size_t n = job_appetite (job, session_processes (self->session)); n > 0; n--) {
        if (call->n_appended == call->n_items) {
            job->is_ended = job->is_eager = true;
            session_more (self->session, job);
            return;
        }
        append_item (self, call);
        job->is_eager = job->chunk_size <= 1;
        session_more (self->session, job);
    }
}

/* Take one result of an imap. Returns whether there was one. */
static bool take_one (sim_client_t *self, call_t *call)
{
    job_t *job = call->job;
    bool is_unordered = call->kind == CALL_IMAP_UNORDERED;
    size_t index = is_unordered ? job_next_finished (job) : call->n_taken;
    const job_item_t *item = job_item (job, index);
    if (item != NULL && item->state == ITEM_FINISHED) {
        call->n_taken++;
        judge_take (self->node.sim, call, index);
        job_forget (job, index);
        program_draw (self, call);
        return true;
    }
    bool is_wanted = is_unordered ? job->n_tasks == 0 : call->n_taken >= job->unsent;
    if (is_wanted && job->unsent < job->next && !job->is_eager) {
        job->is_eager = true;
        session_more (self->session, job);
    }
    return false;
}

bool program_has_result (const call_t *call)
{
    const job_t *job = call->job;
    if (call->kind < CALL_IMAP || job == NULL)
        return false;
    if (call->kind == CALL_IMAP_UNORDERED)
        return job->first_finished != JOB_NONE;
    const job_item_t *item = job_item (job, call->n_taken);
    return item != NULL && item->state == ITEM_FINISHED;
}

static void take_results (sim_client_t *self, call_t *call)
{
    if (call->kind < CALL_IMAP)
        return;
    bool is_more = take_one (self, call);
    while (is_more && call->take_us == 0)
        is_more = take_one (self, call);
}

static bool is_due (const sim_client_t *self, int64_t at_us)
{
    return at_us > 0 && self->node.sim->schedule.now_us >= SIM_BEGIN_US + at_us;
}

static void cancel_call (sim_client_t *self, call_t *call)
{
    SIM_TELL (self->node.sim, self->node.name, "cancels call %zu", call->number);
    call->is_cancelled = true;
    if (call->kind != CALL_APPLIES) {
        session_cancel (self->session, now_ms (self), call->job);
        return;
    }
    for (item_t *item = call->items; item < call->items + call->n_items; item++) {
        if (item->deed != DEED_HANG && random_happens (&self->node.sim->random, 50))
            continue;
        item->is_cancelled = true;
        if (item->job != NULL)
            session_cancel_call (self->session, now_ms (self), item->job, item->place);
    }
}

static void release_call (sim_client_t *self, call_t *call)
{
    SIM_TELL (self->node.sim, self->node.name, "releases call %zu", call->number);
    call->is_released = true;
    if (call->kind != CALL_APPLIES)
        session_release (self->session, now_ms (self), call->job);
    call->job = NULL;
    for (item_t *item = call->items; call->kind == CALL_APPLIES && item < call->items + call->n_items;
         item++) {
        if (item->job != NULL)
            session_release_call (self->session, now_ms (self), item->job, item->place);
        item->job = NULL;
    }
}

static const item_t *unfinished_apply (const call_t *call)
{
    for (const item_t *item = call->items + call->n_items; item-- > call->items;)
        if (item->job != NULL)
            return item;
    return NULL;
}

static bool is_under_way (const call_t *call)
{
    return call->job != NULL || (call->kind == CALL_APPLIES && unfinished_apply (call) != NULL);
}

/* Sometimes it asks why a call is not finished. What it is told is for people; that it is told counts here.
 */
static void ask (sim_client_t *self, const call_t *call)
{
    const item_t *item = call->kind == CALL_APPLIES ? unfinished_apply (call) : NULL;
    const job_t *job = item != NULL ? item->job : call->job;
    if (job == NULL || !random_happens (&self->node.sim->random, 10))
        return;
    if (self->is_asking)
        session_forget_question (&self->question);
    self->is_asking = true;
    session_explain (self->session, now_ms (self), job, item != NULL ? item->place : JOB_NONE,
                     &self->question);
}

void program_hear_answer (sim_client_t *self)
{
    if (!self->is_asking || !self->question.is_answered)
        return;
    self->is_asking = false;
    SIM_TELL (self->node.sim, self->node.name, "is told: %s", self->question.answer.sentence);
}

/* When the program looks at this call next of its own accord. */
static void plan_call (const sim_client_t *self, call_t *call)
{
    schedule_t *schedule = &self->node.sim->schedule;
    if (!is_under_way (call))
        return;
    if (!call->is_cancelled && call->cancels_us > 0)
        schedule_by (schedule, &call->event, SIM_BEGIN_US + call->cancels_us);
    if (call->releases_us > 0)
        schedule_by (schedule, &call->event, SIM_BEGIN_US + call->releases_us);
    if (program_has_result (call))
        schedule_by (schedule, &call->event, schedule->now_us + call->take_us);
}

void program_act (void *owner)
{
    call_t *call = owner;
    sim_client_t *self = call->client;
    schedule_t *schedule = &self->node.sim->schedule;
    if (node_is_paused (&self->node, schedule->now_us)) {
        schedule_at (schedule, &call->event, self->node.paused_until_us);
        return;
    }
    if (!call->is_started)
        start_call (self, call);
    else if (is_under_way (call) && !call->is_cancelled && is_due (self, call->cancels_us))
        cancel_call (self, call);
    else if (is_under_way (call) && is_due (self, call->releases_us))
        release_call (self, call);
    if (call->job != NULL) {
        take_results (self, call);
        program_draw (self, call);
    }
    ask (self, call);
    plan_call (self, call);
    node_wake (&self->node);
}
