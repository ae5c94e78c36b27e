/* SPDX-License-Identifier: MPL-2.0 */
/* crew_broker.c - what one broker is told, and what is kept for it. */
#include "worker/crew_internal.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

void crew_broker_init (crew_t *crew, crew_broker_t *self, size_t number, uint64_t seed, int64_t now_ms)
{
    (void) crew;
    self->number = number;
    dp_link_init (&self->link, 1, seed + number * 0x9e3779b97f4a7c15u, now_ms);
    dp_list_init (&self->runs);
    dp_list_init (&self->unsent);
    dp_list_init (&self->sent);
    dp_list_init (&self->parked);
    self->orphans_at_ms = DP_NEVER;
}

static void drop_batches (crew_broker_t *self)
{
    wire_batch_fini (&self->results);
    wire_batch_fini (&self->releases);
    wire_batch_fini (&self->progress);
    wire_batch_fini (&self->list);
}

/* Results of runs go back to their runs, those of forgotten ones are no more. */
static void drop_results (dp_list_t *queue)
{
    dp_list_t *node;
    while ((node = dp_list_pop (queue))) {
        crew_result_t *result = DP_CONTAINER (node, crew_result_t, in_broker);
        result->is_sent = false;
        if (!result->run)
            crew_result_free (result);
    }
}

static void drop_all_results (crew_broker_t *self)
{
    drop_results (&self->unsent);
    drop_results (&self->parked);
    drop_results (&self->sent);
    self->n_parked = self->told_parked = 0;
    self->parked_bytes = 0;
    self->sent_bytes = 0;
}

void crew_broker_fini (crew_broker_t *self)
{
    drop_batches (self);
    drop_all_results (self);
    dp_free (self->full);
}

bool crew_broker_is_up (const crew_broker_t *self)
{
    return self->link.state == LINK_UP && !self->has_left;
}

/* ---- Up and down ------------------------------------------------------------------------------- */

/* What was written for the old connection must not open the new one. */
static void purge_outbox (crew_t *crew, const crew_broker_t *self)
{
    dp_outbox_t kept = { 0 };
    dp_outgoing_t *message;
    while ((message = dp_outbox_take (&crew->outbox))) {
        if (message->to == self->number) {
            dp_outgoing_destroy (&message);
            continue;
        }
        dp_outbox_put (&kept, message);
    }
    crew->outbox = kept;
}

void crew_broker_down (crew_t *crew, int64_t now_ms, crew_broker_t *self)
{
    dp_link_broken (&self->link, now_ms);
    if (!self->is_open)
        return;
    self->is_open = false;
    purge_outbox (crew, self);
    drop_batches (self);
    drop_all_results (self);
    self->n_sent = self->n_acked = 0;
    DP_LIST_EACH (&self->runs, node) {
        crew_run_t *run = DP_CONTAINER (node, crew_run_t, in_broker);
        if (run->is_orphan)
            continue;
        run->is_orphan = true;
        run->is_revoked = false;
        run->orphaned_at_ms = now_ms;
        if (self->orphans_at_ms > now_ms + crew->orphan_ms)
            self->orphans_at_ms = now_ms + crew->orphan_ms;
    }
    if (self->bye_at_ms != 0)
        self->has_left = true;
}

static void drop_orphans (crew_t *crew, int64_t now_ms, crew_broker_t *self)
{
    if (now_ms >= self->orphans_at_ms) {
        self->orphans_at_ms = DP_NEVER;
        DP_LIST_EACH (&self->runs, node) {
            crew_run_t *run = DP_CONTAINER (node, crew_run_t, in_broker);
            if (!run->is_orphan || run->is_unwanted)
                continue;
            int64_t due_at_ms = run->orphaned_at_ms + crew->orphan_ms;
            if (now_ms >= due_at_ms)
                crew_drop_run (crew, now_ms, run);
            else if (due_at_ms < self->orphans_at_ms)
                self->orphans_at_ms = due_at_ms;
        }
    }
    crew_due (crew, self->orphans_at_ms);
}

static wire_text_t text_of (const char *text)
{
    return (wire_text_t) { text, strlen (text) };
}

static void say_hello (crew_t *crew, crew_broker_t *self)
{
    wire_hello_t hello = { .version_min = WIRE_VERSION_MIN,
                           .version_max = WIRE_VERSION,
                           .role = WIRE_ROLE_WORKER,
                           .id = crew->worker,
                           .connection = self->link.connection,
                           .host = text_of (crew->host),
                           .name = text_of (crew->name),
                           .pid = crew->pid,
                           .machine = crew->machine,
                           .initializer = text_of (""),
                           .processes = crew->processes,
                           .window_tasks = crew->is_draining ? 0 : crew_window (crew, self),
                           .window_bytes = crew->is_draining ? 0 : CREW_WINDOW_BYTES,
                           .is_draining = crew->is_draining,
                           .n_functions = crew->n_functions,
                           .n_labels = crew->n_labels };
    self->has_told_drain = crew->is_draining;
    wire_put_hello (&crew->outbox, self->number, &hello, (const char *const *) crew->functions,
                    (const char *const *) crew->labels);
}

static void carry_out (crew_t *crew, int64_t now_ms, crew_broker_t *self, dp_link_command_t command)
{
    crew_action_t *action;
    switch (command) {
    case LINK_OPEN:
        self->is_open = true;
        action = crew_want (crew, CREW_OPEN);
        action->broker = action->endpoint = action->place = self->number;
        say_hello (crew, self);
        break;
    case LINK_CLOSE:
        crew_broker_down (crew, now_ms, self);
        action = crew_want (crew, CREW_CLOSE);
        action->broker = action->endpoint = action->place = self->number;
        break;
    case LINK_PING:
        wire_put_bare (&crew->outbox, self->number, WIRE_PING, 0);
        break;
    default:
        break;
    }
}

void crew_broker_tick (crew_t *crew, int64_t now_ms, crew_broker_t *self)
{
    drop_orphans (crew, now_ms, self);
    dp_link_command_t command;
    if (self->has_left && self->link.state == LINK_DOWN && !self->link.must_close)
        return;
    if (self->has_left)
        dp_link_broken (&self->link, now_ms);
    while ((command = dp_link_tick (&self->link, now_ms)) != LINK_NOTHING) {
        carry_out (crew, now_ms, self, command);
        if (self->has_left)
            break;
    }
}

/* ---- Welcome ----------------------------------------------------------------------------------- */

static void list_run (crew_t *crew, crew_broker_t *self, const crew_run_t *run)
{
    static const wire_run_state_t states[]
        = { [RUN_WAITING] = WIRE_RUN_WAITING, [RUN_RUNNING] = WIRE_RUN_RUNNING, [RUN_DONE] = WIRE_RUN_DONE };
    if (run->is_unwanted)
        return;
    wire_run_t row = { .session = run->tenant->by_id.key, .id = run->id, .attempt = run->attempt };
    row.state = states[run->state];
    wire_add_run (&self->list, &crew->outbox, self->number, WIRE_RUNS, &row);
}

static bool is_same_broker (const crew_broker_t *self, const crew_broker_t *other)
{
    return self->epoch == other->epoch && self->epoch != 0;
}

/* Of two connections of one worker a broker ends the older, and so on in turns. */
static void leave_other_ways_to (crew_t *crew, int64_t now_ms, const crew_broker_t *self,
                                 const wire_welcome_t *welcome)
{
    for (size_t i = 0; i < crew->n_brokers; i++) {
        crew_broker_t *other = &crew->brokers[i];
        if (other == self || other->has_left || !is_same_broker (self, other))
            continue;
        crew_broker_down (crew, now_ms, other);
        crew_tenant_forget_broker (crew, other);
        other->has_left = true;
        crew_log_error (crew, "two endpoints lead to the same broker '%.*s': only one of them is used",
                        (int) welcome->name.len, welcome->name.data ? welcome->name.data : "");
    }
}

/* All that we have of it, and what other brokers, now gone, have left here (R7). */
void crew_broker_welcome (crew_t *crew, int64_t now_ms, crew_broker_t *self, const wire_welcome_t *welcome)
{
    if (self->link.state != LINK_GREETING)
        return;
    if (self->epoch != welcome->epoch)
        crew_tenant_forget_broker (crew, self);
    self->epoch = welcome->epoch;
    self->max_payload = welcome->max_payload;
    self->room = welcome->room;
    self->n_full = 0;
    dp_link_welcomed (&self->link, now_ms);
    leave_other_ways_to (crew, now_ms, self, welcome);
    for (size_t i = 0; i < crew->n_brokers; i++) {
        const crew_broker_t *other = &crew->brokers[i];
        if (other != self && !is_same_broker (self, other)
            && (crew_broker_is_up (other) || crew->is_draining))
            continue;
        DP_LIST_EACH (&other->runs, node) {
            crew_run_t *run = DP_CONTAINER (node, crew_run_t, in_broker);
            if (other != self && !run->is_orphan)
                continue;
            run->is_told_of |= other != self;
            list_run (crew, self, run);
        }
    }
    wire_end_list (&self->list, &crew->outbox, self->number, WIRE_RUNS, 0);
    dp_link_sent (&self->link, now_ms);
    crew_log (crew, "connected to broker %.*s", (int) welcome->name.len,
              welcome->name.data ? welcome->name.data : "");
}

static void own (crew_broker_t *self, crew_run_t *run)
{
    if (run->broker == self)
        return;
    if (run->state != RUN_DONE) {
        run->broker->n_unfinished--;
        self->n_unfinished++;
    }
    dp_list_remove (&run->in_broker);
    dp_list_append (&self->runs, &run->in_broker);
    run->broker = self;
}

/* A run that we cannot give to this broker: it is another's now, or was stopped. What may have started must
   not pass for a run that never did: its name would be used again. */
static void refuse_adoption (crew_t *crew, crew_broker_t *self, const wire_run_t *name, const crew_run_t *run)
{
    if (!run && !crew_has_parted_with (crew, name)) {
        crew_broker_say_released (crew, self, name->session, name->id, name->attempt);
        return;
    }
    crew_result_t *result = dp_must_alloc (sizeof *result);
    result->session = name->session;
    result->id = name->id;
    result->attempt = name->attempt;
    result->status = OUTCOME_KILLED;
    result->is_final = true;
    result->order = ++crew->last_result;
    dp_list_init (&result->in_run);
    dp_list_init (&result->in_broker);
    crew_broker_post (self, result);
}

void crew_broker_adopt (crew_t *crew, crew_broker_t *self, const wire_run_t *name)
{
    crew_run_t *run = crew_run_find (crew, name->session, name->id, name->attempt);
    if (!run || run->is_unwanted || (!run->is_orphan && run->broker != self)) {
        refuse_adoption (crew, self, name, run);
        return;
    }
    if (!run->is_orphan)
        return;
    own (self, run);
    run->is_orphan = false;
    /* A broker that has started anew may have lost even what it had acknowledged. */
    bool is_anew = run->epoch != self->epoch;
    run->epoch = self->epoch;
    DP_LIST_EACH (&run->parts, node) {
        crew_result_t *result = DP_CONTAINER (node, crew_result_t, in_run);
        if (is_anew)
            result->is_acked = false;
        if (!result->is_acked)
            crew_broker_post (self, result);
    }
}

/* ---- Results ----------------------------------------------------------------------------------- */

void crew_broker_post (crew_broker_t *self, crew_result_t *result)
{
    dp_list_t *before = &self->unsent; /* oldest first (R3) */
    while (before->previous != &self->unsent
           && DP_CONTAINER (before->previous, crew_result_t, in_broker)->order > result->order)
        before = before->previous;
    dp_list_append (before, &result->in_broker);
}

void crew_broker_acked (crew_t *crew, crew_broker_t *self, uint64_t n)
{
    while (self->n_acked < n && !dp_list_is_empty (&self->sent)) {
        crew_result_t *result = DP_CONTAINER (dp_list_pop (&self->sent), crew_result_t, in_broker);
        self->n_acked++;
        self->sent_bytes -= result->weight;
        result->is_sent = false;
        result->is_acked = true;
        if (!result->run)
            crew_result_free (result);
        else if (result->is_final)
            crew_run_free (crew, result->run);
    }
}

static int compare_sessions (const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *) a, other = *(const uint64_t *) b;
    return one < other ? -1 : one > other;
}

static bool is_full (const crew_broker_t *self, uint64_t session)
{
    return self->n_full > 0
           && bsearch (&session, self->full, self->n_full, sizeof session, compare_sessions) != NULL;
}

void crew_broker_make_room (crew_broker_t *self, wire_message_t *message)
{
    self->room = message->room;
    self->full = dp_must_realloc (self->full, (message->n_records + 1) * sizeof *self->full);
    self->n_full = 0;
    for (uint64_t session; wire_next_session (message, &session);)
        self->full[self->n_full++] = session;
    qsort (self->full, self->n_full, sizeof *self->full, compare_sessions);
    for (dp_list_t *node; (node = dp_list_pop (&self->parked)) != NULL;) /* those that are full park again */
        crew_broker_post (self, DP_CONTAINER (node, crew_result_t, in_broker));
    self->n_parked = 0;
    self->parked_bytes = 0;
}

/* Whoever has nothing under way may send anything. */
static bool has_room (const crew_broker_t *self, const crew_result_t *result)
{
    return self->room == 0 || self->sent_bytes == 0 || self->sent_bytes + result->weight <= self->room;
}

static void send_results (crew_t *crew, crew_broker_t *self)
{
    while (!dp_list_is_empty (&self->unsent)) {
        crew_result_t *result = DP_CONTAINER (self->unsent.next, crew_result_t, in_broker);
        if (is_full (self, result->session)) {
            dp_list_remove (&result->in_broker);
            dp_list_append (&self->parked, &result->in_broker);
            self->n_parked += result->is_final;
            self->parked_bytes += result->is_final && result->run ? result->run->payload_len : 0;
            continue;
        }
        result->weight = WIRE_RECORD_BYTES + (result->outcomes ? dp_blob_len (result->outcomes) : 0);
        if (!has_room (self, result))
            return;
        dp_list_remove (&result->in_broker);
        self->sent_bytes += result->weight;
        wire_result_t row = { .session = result->session, .id = result->id, .attempt = result->attempt };
        row.status = result->status;
        row.is_final = result->is_final;
        row.first = result->first;
        row.n_items = result->n_items;
        row.run_us = result->run_us;
        row.payload.data = (const uint8_t *) "";
        if (result->outcomes) {
            row.payload.data = dp_blob_data (result->outcomes);
            row.payload.len = dp_blob_len (result->outcomes);
        }
        wire_add_result (&self->results, &crew->outbox, self->number, &row, result->outcomes);
        result->is_sent = true;
        self->n_sent++;
        dp_list_append (&self->sent, &result->in_broker);
    }
}

void crew_broker_say_released (crew_t *crew, crew_broker_t *self, uint64_t session, uint64_t id,
                               uint64_t attempt)
{
    wire_run_t row = { .session = session, .id = id, .attempt = attempt };
    wire_add_run (&self->releases, &crew->outbox, self->number, WIRE_RELEASE, &row);
}

void crew_broker_tell_drain (crew_t *crew, crew_broker_t *self)
{
    if (!crew->is_draining || self->has_told_drain || !crew_broker_is_up (self))
        return;
    wire_put_bare (&crew->outbox, self->number, WIRE_DRAIN, 0);
    self->has_told_drain = true;
}

void crew_broker_flush (crew_t *crew, int64_t now_ms, crew_broker_t *self)
{
    if (!crew_broker_is_up (self))
        return;
    size_t n_before = crew->outbox.count;
    crew_broker_tell_drain (crew, self);
    wire_flush (&self->progress, &crew->outbox, 0, 0, 0); /* "started" before its result */
    send_results (crew, self);
    uint64_t window = crew_window (crew, self) + (crew->is_draining ? 0 : self->n_parked);
    uint64_t bytes = CREW_WINDOW_BYTES + self->parked_bytes;
    if (self->told_parked != self->n_parked && !self->results.message && !self->releases.message)
        wire_put_window (&crew->outbox, self->number, 0, window, bytes);
    self->told_parked = self->n_parked;
    wire_flush (&self->results, &crew->outbox, 0, window, bytes);
    wire_flush (&self->releases, &crew->outbox, 0, window, bytes);
    if (crew->outbox.count > n_before)
        dp_link_sent (&self->link, now_ms);
}

void crew_broker_part (crew_t *crew, int64_t now_ms, crew_broker_t *self)
{
    if (!crew->is_draining || self->has_left)
        return;
    bool is_empty = dp_list_is_empty (&self->runs) && dp_list_is_empty (&self->unsent)
                    && dp_list_is_empty (&self->parked) && dp_list_is_empty (&self->sent);
    if (crew_broker_is_up (self) && is_empty && self->bye_at_ms == 0) {
        wire_put_bare (&crew->outbox, self->number, WIRE_BYE, 0);
        dp_link_sent (&self->link, now_ms);
        self->bye_at_ms = now_ms;
    }
    int64_t waits_since_ms = DP_NEVER;
    if (self->bye_at_ms != 0)
        waits_since_ms = self->bye_at_ms;
    else if (crew->finished_at_ms != 0 && (!crew_broker_is_up (self) || crew->is_killing))
        /* Since it was lost, not since the last attempt to reach it again. */
        waits_since_ms = crew->finished_at_ms > self->link.down_since_ms ? crew->finished_at_ms
                                                                         : self->link.down_since_ms;
    if (waits_since_ms == DP_NEVER)
        return;
    if (now_ms - waits_since_ms >= CREW_BYE_MS) {
        self->has_left = true;
        crew_due (crew, now_ms);
    } else
        crew_due (crew, waits_since_ms + CREW_BYE_MS);
}
