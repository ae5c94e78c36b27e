/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_fuzz.c - a scheduler that eight peers say anything to, in any order, while they come and go and
 * time passes. Its books must agree always, and what it sends must be readable.
 *
 * The first byte of the input chooses the configuration. A step of its own: 3 = a turn of the loop, 4 = what
 * came from there could not be decoded, 5 = the broker is about to end.
 */
#include "tests/fuzz/fuzz.h"

#include "tests/unit/scheduler_walk.h"

enum { N_PEERS = 8, MOST_STEPS = 400 };

typedef struct stage_s {
    scheduler_t *scheduler;
    int64_t now_ms;
    uint64_t connections[N_PEERS], last_connection;
} stage_t;

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
    if (wire_decode (&message, raw.frames, raw.n_frames, &why) == 0)
        scheduler_receive (self->scheduler, self->now_ms, connection, &message, raw.blobs);
    else
        scheduler_malformed (self->scheduler, self->now_ms, connection, why);
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
    stage.scheduler = scheduler_new (&config, stage.now_ms);
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
    return 0;
}
