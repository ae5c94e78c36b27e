/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_fuzz.c - a scheduler that eight peers say anything to, in any order, while they come and go and
 * time passes. Its books must agree always, and what it sends must be readable.
 *
 * The first byte of the input chooses the configuration. A step of its own: 3 = a turn of the loop, 4 = what
 * came from there could not be decoded, 5 = the broker is about to end, 6 = with keys, another list of them.
 */
#include "tests/fuzz/fuzz.h"

#include "broker/access.h"
#include "tests/unit/scheduler_walk.h"

#include <stdio.h>

enum { N_PEERS = 8, MOST_STEPS = 400, N_KEYS = 4, N_LISTS = 4, WITH_KEYS = 32 };

typedef struct stage_s {
    scheduler_t *scheduler;
    int64_t now_ms;
    uint64_t connections[N_PEERS], last_connection;
    access_t *lists[N_LISTS]; /* with keys */
    const access_t *access;   /* that is in force, or NULL */
    size_t n_heard;           /* bytes */
} stage_t;

/* ---- Keys ---------------------------------------------------------------------------------------- */

/* Each is that of two peers; one more is unknown to all lists but the first. */
static const char *key_of (unsigned who)
{
    static const char *const keys[N_KEYS]
        = { "0000000000000000000000000000000000000000", "1111111111111111111111111111111111111111",
            "2222222222222222222222222222222222222222", "3333333333333333333333333333333333333333" };
    return keys[who % N_KEYS];
}

static void let_in (access_t *list, unsigned who, access_role_t role, const char *functions, quota_t quota)
{
    access_entry_t entry = { .role = role, .name = "somebody", .functions = functions, .quota = quota };
    snprintf (entry.key, sizeof entry.key, "%s", key_of (who));
    FUZZ_CHECK (access_add (list, &entry) == 0);
}

/* Lists that differ in who is let in, as what, with which functions and quotas. */
static void make_lists (stage_t *self)
{
    quota_t none = { .tasks = 0 },
            small = { .tasks = 2, .bytes = 1024, .sessions = 1, .hellos = 3, .queries = 1 };
    for (size_t i = 0; i < N_LISTS; i++)
        FUZZ_CHECK ((self->lists[i] = access_new ()) != NULL);
    let_in (self->lists[0], 0, ACCESS_ADMIN, NULL, none);
    let_in (self->lists[0], 1, ACCESS_CLIENT, NULL, none);
    let_in (self->lists[0], 2, ACCESS_WORKER, NULL, none);
    let_in (self->lists[0], 3, ACCESS_MONITOR, NULL, none);
    let_in (self->lists[1], 0, ACCESS_WORKER, "square\0", none);
    let_in (self->lists[1], 1, ACCESS_CLIENT, "square\0f\0", small);
    let_in (self->lists[1], 2, ACCESS_WORKER, "f\0", small);
    let_in (self->lists[2], 1, ACCESS_MONITOR, NULL, small);
    let_in (self->lists[2], 2, ACCESS_CLIENT, "f\0", none);
}

static void admit (stage_t *self, unsigned which)
{
    if (self->lists[0] == NULL)
        return;
    self->access = self->lists[which % N_LISTS];
    scheduler_admit (self->scheduler, self->now_ms, self->access);
}

/* As the broker does with what comes by its gate. */
static bool is_admitted (stage_t *self, unsigned who, uint64_t connection, const wire_message_t *message)
{
    char why[512];
    if (self->access == NULL)
        return true;
    wire_refusal_t refusal
        = access_judge (access_find (self->access, key_of (who)), message, why, sizeof why);
    if (refusal != 0)
        scheduler_deny (self->scheduler, self->now_ms, connection, refusal, why);
    else if (message->kind == WIRE_HELLO)
        scheduler_set_owner (self->scheduler, key_of (who));
    return refusal == 0;
}

/* ---- Steps --------------------------------------------------------------------------------------- */

static void forget_connection (stage_t *self, uint64_t connection)
{
    FUZZ_CHECK (connection <= self->last_connection);
    for (size_t i = 0; i < N_PEERS; i++)
        if (self->connections[i] == connection)
            self->connections[i] = 0;
}

static void take_out (stage_t *self)
{
    uint64_t connection;
    const char *line;
    dp_outgoing_t *outgoing;
    while ((outgoing = dp_outbox_take (scheduler_outbox (self->scheduler))) != NULL) {
        FUZZ_CHECK (outgoing->to > 0 && outgoing->to <= self->last_connection);
        fuzz_check_outgoing (outgoing);
    }
    while (scheduler_next_dropped (self->scheduler, &connection))
        forget_connection (self, connection);
    while (scheduler_next_event (self->scheduler, &line))
        FUZZ_CHECK (line[0] != '\0');
}

/* Connections are never used twice. */
static uint64_t connection_of (stage_t *self, unsigned who)
{
    uint64_t *connection = &self->connections[who % N_PEERS];
    if (*connection == 0)
        *connection = ++self->last_connection;
    return *connection;
}

static void hear (stage_t *self, unsigned who, fuzz_input_t *input)
{
    static wire_message_t message;
    fuzz_message_t raw;
    const char *why;
    uint64_t connection = connection_of (self, who);
    fuzz_take_message (input, &raw);
    self->n_heard += raw.n_bytes;
    if (wire_decode (&message, raw.frames, raw.n_frames, &why) < 0)
        scheduler_malformed (self->scheduler, self->now_ms, connection, why);
    else if (is_admitted (self, who, connection, &message))
        scheduler_receive (self->scheduler, self->now_ms, connection, &message, raw.blobs);
    fuzz_message_fini (&raw);
}

static void step (stage_t *self, unsigned what, unsigned who, fuzz_input_t *input)
{
    uint64_t gone;
    switch (what) {
    case FUZZ_MESSAGE:
        hear (self, who, input);
        return;
    case FUZZ_TIME:
        self->now_ms += fuzz_ms (who);
        break;
    case FUZZ_BREAK:
        gone = connection_of (self, who);
        forget_connection (self, gone);
        scheduler_disconnected (self->scheduler, self->now_ms, gone);
        return;
    case FUZZ_OWN + 1:
        scheduler_malformed (self->scheduler, self->now_ms, connection_of (self, who), "it is not readable");
        return;
    case FUZZ_OWN + 2:
        scheduler_shutdown (self->scheduler, self->now_ms);
        return;
    case FUZZ_OWN + 3:
        admit (self, who);
        return;
    default:
        break;
    }
    FUZZ_CHECK (scheduler_tick (self->scheduler, self->now_ms) > 0);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    fuzz_input_t input = { data, data + size };
    stage_t stage = { .now_ms = 1000000 };
    uint8_t choice = fuzz_take_byte (&input);
    scheduler_config_t config = { .epoch = 7, .name = "fuzzed" };
    config.memory_limit_bytes = choice & 1 ? 1 << 20 : 0;
    config.least_room_bytes = choice & 1 ? 4096 : 0;
    config.grace_ms = choice & 2 ? 1 : 0;
    config.max_payload_bytes = choice & 4 ? 1024 : 0;
    config.is_embedded = choice & 8;
    if (choice & 16)
        config.quota = (quota_t) { .tasks = 4, .bytes = 4096, .sessions = 3, .hellos = 6, .queries = 2 };
    fuzz_bound_begin ();
    stage.scheduler = scheduler_new (&config, stage.now_ms);
    if (choice & WITH_KEYS) {
        make_lists (&stage);
        admit (&stage, 0);
    }
    unsigned what, who;
    for (int i = 0; i < MOST_STEPS && fuzz_next_step (&input, &what, &who); i++) {
        step (&stage, what, who, &input);
        take_out (&stage);
        walk_check (stage.scheduler);
    }
    scheduler_tick (stage.scheduler, stage.now_ms);
    take_out (&stage);
    walk_check (stage.scheduler);
    scheduler_destroy (&stage.scheduler);
    for (size_t i = 0; i < N_LISTS; i++)
        access_destroy (&stage.lists[i]);
    fuzz_bound_end_of_machine (size + stage.n_heard);
    return 0;
}
