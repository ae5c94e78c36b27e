/* SPDX-License-Identifier: MPL-2.0 */
/* attack_worker.c - workers that lie. What an honest client's function is run by is not theirs. */
#include "tests/hostile/attack.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "core/buffer.h"
#include "core/outcome.h"
#include "net/message.h"

enum { FEW = 16, BATCH = 100, MAX_PAYLOAD = 64 << 20, LONG_TASK = 100 };

static void open_worker (scene_t *self, attack_role_t role)
{
    self->worker = scene_dealer (self, role);
    scene_hello (self, self->worker, WIRE_ROLE_WORKER, 0, 1, 1);
    scene_list_nothing (self->worker, WIRE_ROLE_WORKER);
}

/* A worker that takes all, and a client that gives it work: which is done never. */
static void open_greedy (scene_t *self, attack_role_t role)
{
    self->worker = scene_dealer (self, role);
    scene_hello (self, self->worker, WIRE_ROLE_WORKER, 0, 1, UINT64_C (1) << 60);
    scene_list_nothing (self->worker, WIRE_ROLE_WORKER);
    self->client = scene_dealer (self, AS_CLIENT);
    scene_hello (self, self->client, WIRE_ROLE_CLIENT, 0, 1, 0);
    scene_list_nothing (self->client, WIRE_ROLE_CLIENT);
}

static void submit_and_never_answer (scene_t *self, attack_role_t role)
{
    (void) role;
    scene_submit (self->client, 1 + self->n_acts * BATCH, BATCH, 100);
    scene_drain (self->client);
    scene_drain (self->worker);
}

static void note_run (scene_t *self, wire_message_t *message)
{
    wire_group_t group;
    wire_task_t task;
    while (message->kind == WIRE_TASKS && wire_next_group (message, &group))
        while (wire_next_task (message, &task))
            self->run = (wire_run_t) {
                .session = group.session, .id = task.id, .attempt = task.attempt, .state = WIRE_RUN_RUNNING
            };
}

/* Its worker takes the one task that its client submits, which reads nothing from then on. */
static bool has_run (scene_t *self)
{
    dp_incoming_t incoming;
    if (self->run.attempt == 0 && self->n_acts % BATCH == 0)
        scene_submit (self->client, 1, 1, LONG_TASK);
    while (dp_incoming_receive (&incoming, self->worker, false, MAX_PAYLOAD) > 0) {
        if (incoming.malformed == NULL)
            note_run (self, &incoming.message);
        dp_incoming_fini (&incoming);
    }
    return self->run.attempt > 0;
}

static void say_how_far_it_is (scene_t *self, attack_role_t role)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    (void) role;
    if (!has_run (self))
        return;
    for (int i = 0; i < 5 * BATCH; i++)
        wire_add_run (&batch, &out, 0, WIRE_PROGRESS, &self->run);
    wire_flush (&batch, &out, 0, 0, 0);
    scene_send (self->worker, &out);
}

/* The outcome of one item, which is not what it should be. */
static void put_lie (dp_buffer_t *outcome)
{
    outcome_put_value (outcome, "\xa3lie", 4);
}

static void add_result (wire_batch_t *batch, dp_outbox_t *out, wire_result_t *result)
{
    dp_buffer_t outcome = DP_BUFFER_INIT;
    put_lie (&outcome);
    result->n_items = 1;
    result->payload = (wire_bytes_t) { outcome.data, outcome.len, 0 };
    wire_add_result (batch, out, 0, result, NULL);
    dp_buffer_fini (&outcome);
}

/* Of the victim. */
static uint64_t any_task (scene_t *self)
{
    return self->victim.first + scene_random (self) % (self->victim.last - self->victim.first + 1);
}

/* Results of an honest client's tasks, which it was never given. */
static void answer_for_others (scene_t *self, attack_role_t role)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    (void) role;
    for (int i = 0; i < BATCH; i++) {
        wire_result_t result = { .session = self->victim.session,
                                 .id = any_task (self),
                                 .attempt = 1,
                                 .status = i % 4 == 3 ? OUTCOME_KILLED : OUTCOME_VALUE,
                                 .is_final = i % 3 != 0 };
        add_result (&batch, &out, &result);
    }
    wire_flush (&batch, &out, 0, 0, 0);
    scene_send (self->worker, &out);
    scene_drain (self->worker);
}

/* It says that it holds them, that it gives them back, that they go on. */
static void claim_others_runs (scene_t *self, attack_role_t role)
{
    static const wire_kind_t kinds[] = { WIRE_RUNS, WIRE_RELEASE, WIRE_PROGRESS };
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    (void) role;
    for (int i = 0; i < BATCH; i++) {
        wire_run_t run = {
            .session = self->victim.session, .id = any_task (self), .attempt = 1, .state = WIRE_RUN_DONE
        };
        wire_add_run (&batch, &out, 0, kinds[self->n_acts % 3], &run);
    }
    wire_flush (&batch, &out, 0, 0, 0);
    scene_send (self->worker, &out);
    scene_drain (self->worker);
}

/* Give each task that comes several answers: twice, of a wrong run, of items that it has not. */
static void lie_about (dp_incoming_t *incoming, dp_outbox_t *out)
{
    wire_batch_t batch = { 0 };
    wire_group_t group;
    wire_task_t task;
    while (incoming->message.kind == WIRE_TASKS && wire_next_group (&incoming->message, &group))
        while (wire_next_task (&incoming->message, &task)) {
            wire_result_t result = { .session = group.session,
                                     .id = task.id,
                                     .attempt = task.attempt + 7,
                                     .first = 1000,
                                     .status = OUTCOME_VALUE,
                                     .is_final = true };
            add_result (&batch, out, &result);
            result.first = 0;
            result.status = OUTCOME_CRASHED;
            add_result (&batch, out, &result);
            result.attempt = task.attempt;
            result.status = OUTCOME_NOT_STARTED;
            add_result (&batch, out, &result);
            add_result (&batch, out, &result);
        }
    wire_flush (&batch, out, 0, 0, 0);
}

static void answer_wrongly (scene_t *self, attack_role_t role)
{
    dp_incoming_t incoming;
    dp_outbox_t out = { NULL, NULL, 0 };
    (void) role;
    scene_submit (self->client, 1 + self->n_acts * BATCH, BATCH, 100);
    for (int n = 0; n < BATCH && dp_incoming_receive (&incoming, self->worker, false, MAX_PAYLOAD) > 0; n++) {
        if (incoming.malformed == NULL)
            lie_about (&incoming, &out);
        dp_incoming_fini (&incoming);
    }
    scene_send (self->worker, &out);
    scene_drain (self->client);
}

/* A run that goes on for ever: the same item again and again, and items that it has not. */
static void answer_without_end (scene_t *self, attack_role_t role)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    (void) role;
    if (!has_run (self))
        return;
    for (uint64_t i = 0; i < BATCH; i++) {
        wire_result_t result = { .session = self->run.session,
                                 .id = self->run.id,
                                 .attempt = self->run.attempt,
                                 .first = i % 2 == 0 ? 0 : self->n_acts * BATCH + i,
                                 .status = OUTCOME_VALUE };
        add_result (&batch, &out, &result);
    }
    wire_flush (&batch, &out, 0, 0, 0);
    scene_send (self->worker, &out);
}

/* Outcomes that are none: the client finds that out, not the broker. */
static void answer_garbage (scene_t *self, attack_role_t role)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    uint64_t bytes[16];
    (void) role;
    for (size_t i = 0; i < 16; i++)
        bytes[i] = scene_random (self);
    for (int i = 0; i < BATCH; i++) {
        wire_result_t result = { .session = i % 2 ? self->victim.session : bytes[0],
                                 .id = any_task (self),
                                 .attempt = bytes[2] % 3000,
                                 .status = (outcome_status_t) (bytes[3] % OUTCOME_COUNT),
                                 .is_final = bytes[4] % 2,
                                 .first = bytes[5],
                                 .n_items = bytes[6] % 5,
                                 .run_us = bytes[7],
                                 .payload = { (uint8_t *) bytes, bytes[8] % sizeof bytes, 0 } };
        wire_add_result (&batch, &out, 0, &result, NULL);
    }
    wire_flush (&batch, &out, bytes[9], bytes[10], bytes[11]);
    scene_send (self->worker, &out);
    scene_drain (self->worker);
}

/* A new worker each time, with a capacity beyond all bounds, that is gone at once. */
static void flood_with_hellos (scene_t *self, attack_role_t role)
{
    scene_hello (self, scene_next_dealer (self, role, FEW), WIRE_ROLE_WORKER, 0, 1, UINT64_MAX / 4);
}

static void claim_to_be_another (scene_t *self, attack_role_t role)
{
    void *dealer = scene_next_dealer (self, role, FEW);
    scene_hello (self, dealer, WIRE_ROLE_WORKER, self->victim.worker, 1000 + self->n_acts, 1);
    scene_list_nothing (dealer, WIRE_ROLE_WORKER); /* which would have all of its tasks run again */
}

const attack_t attack_worker_table[] = {
    { .name = "results of others' tasks", .role = AS_WORKER, .begin = open_worker, .act = answer_for_others },
    { .name = "runs of others", .role = AS_WORKER, .begin = open_worker, .act = claim_others_runs },
    { .name = "garbage for results", .role = AS_WORKER, .begin = open_worker, .act = answer_garbage },
    { .name = "wrong answers, and twice",
      .role = AS_WORKER,
      .begin = open_greedy,
      .act = answer_wrongly,
      .most_mib = 256,
      .left_mib = 128 },
    { .name = "takes all and never answers",
      .role = AS_WORKER,
      .begin = open_greedy,
      .act = submit_and_never_answer,
      .most_mib = 256,
      .left_mib = 128 },
    { .name = "a run that goes on for ever",
      .role = AS_WORKER,
      .begin = open_greedy,
      .act = answer_without_end },
    { .name = "progress without end", .role = AS_WORKER, .begin = open_greedy, .act = say_how_far_it_is },
    { .name = "workers that come and go",
      .role = AS_WORKER,
      .act = flood_with_hellos,
      .most_per_s = 300,
      .most_mib = 256 },
    { .name = "another's worker id",
      .role = AS_WORKER,
      .act = claim_to_be_another,
      .most_per_s = 300,
      .needs_keys = true },
    { .name = NULL },
};
