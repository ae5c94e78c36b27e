/* SPDX-License-Identifier: MPL-2.0 */
/* attack_peer.c - what those do that speak ZeroMQ, and clients that do not keep to the protocol. */
#include "tests/hostile/attack.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "core/memory.h"

enum { FEW = 16, MANY = 200, BATCH = 100, MAX_FRAMES = 5000, BIG = 4 << 20, RESULT_BYTES = 1000 };

/* ---- Without a HELLO ----------------------------------------------------------------------------- */

/* A handshake, or the try of one, and the end. */
static void come_and_go (scene_t *self, attack_role_t role)
{
    scene_next_dealer (self, role, MANY);
}

static void open_one (scene_t *self, attack_role_t role)
{
    self->client = scene_dealer (self, role);
}

static void send_random_frames (scene_t *self, attack_role_t role)
{
    uint64_t bytes[32];
    void *dealer = scene_next_dealer (self, role, FEW);
    for (size_t i = 0; i < 32; i++)
        bytes[i] = scene_random (self);
    for (int n = (int) (bytes[0] % 5); n >= 0; n--)
        zmq_send (dealer, bytes, bytes[n] % sizeof bytes, ZMQ_DONTWAIT | (n > 0 ? ZMQ_SNDMORE : 0));
}

/* Each is answered by WHO, which it reads. */
static void send_pings (scene_t *self, attack_role_t role)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    (void) role;
    for (int i = 0; i < BATCH; i++)
        wire_put_bare (&out, 0, WIRE_PING, 0);
    scene_send (self->client, &out);
    scene_drain (self->client);
}

static void send_many_frames (scene_t *self, attack_role_t role)
{
    (void) role;
    for (int i = MAX_FRAMES; i > 0; i--)
        zmq_send (self->client, "x", 1, ZMQ_DONTWAIT | (i > 1 ? ZMQ_SNDMORE : 0));
    scene_drain (self->client);
}

static void open_big (scene_t *self, attack_role_t role)
{
    open_one (self, role);
    self->n_bytes = BIG;
    self->bytes = dp_must_alloc (BIG);
}

/* Within the limit of a frame, and no message of ours. */
static void send_big_frames (scene_t *self, attack_role_t role)
{
    (void) role;
    if (scene_drain (self->client) > 0 || self->n_acts == 0) /* one at a time */
        zmq_send (self->client, self->bytes, self->n_bytes, ZMQ_DONTWAIT);
}

/* ---- HELLO --------------------------------------------------------------------------------------- */

/* A new client each time, which leaves without a word. */
static void flood_with_hellos (scene_t *self, attack_role_t role)
{
    scene_hello (self, scene_next_dealer (self, role, MANY), WIRE_ROLE_CLIENT, 0, 1, 0);
}

static void repeat_hello (scene_t *self, attack_role_t role)
{
    (void) role;
    for (int i = 0; i < BATCH; i++)
        scene_hello (self, self->client, WIRE_ROLE_CLIENT, 0, self->n_acts + 1, 0);
    scene_drain (self->client);
}

/* Nobody speaks that version: it is refused, and may be said anew on a new connection once hung up on. */
static void repeat_foreign_hello (scene_t *self, attack_role_t role)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_hello_t hello = { .version_min = 99,
                           .version_max = 99,
                           .role = WIRE_ROLE_CLIENT,
                           .id = 1 + self->n_acts,
                           .connection = 1,
                           .host = { "evil", 4 },
                           .name = { "evil", 4 } };
    (void) role;
    for (int i = 0; i < BATCH; i++)
        wire_put_hello (&out, 0, &hello, NULL, NULL);
    scene_send (self->client, &out);
    scene_drain (self->client);
}

/* Somebody else's session: only its own key may come back to it. */
static void claim_to_be_another (scene_t *self, attack_role_t role)
{
    void *dealer = scene_next_dealer (self, role, FEW);
    scene_hello (self, dealer, WIRE_ROLE_CLIENT, self->victim.session, 1000 + self->n_acts, 0);
    scene_list_nothing (dealer, WIRE_ROLE_CLIENT); /* which would drop all of its tasks */
}

/* ---- Clients ------------------------------------------------------------------------------------- */

static void open_client (scene_t *self, attack_role_t role)
{
    open_one (self, role);
    scene_hello (self, self->client, WIRE_ROLE_CLIENT, 0, 1, 0);
    scene_list_nothing (self->client, WIRE_ROLE_CLIENT);
}

/* What each kind of message says is right; who says it, or when, is not. */
static void say_what_others_say (scene_t *self, attack_role_t role)
{
    static const wire_kind_t bare[] = { WIRE_WHO, WIRE_BYE, WIRE_DRAIN, WIRE_PONG, WIRE_ACK };
    void *dealer = scene_next_dealer (self, role, FEW);
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    wire_welcome_t welcome = { .version = 1, .epoch = 1 };
    wire_run_t run = { .session = self->victim.session, .id = 1, .attempt = 1, .state = WIRE_RUN_DONE };
    wire_range_t range = { 1, UINT32_MAX, false };
    uint64_t turn = self->n_acts % 10;
    if (self->n_acts % 3 == 0) /* else it says so to somebody who does not know it */
        scene_hello (self, dealer, WIRE_ROLE_CLIENT, 0, 1, 0);
    if (turn < 5)
        wire_put_bare (&out, 0, bare[turn], UINT64_MAX);
    else if (turn == 5)
        wire_put_welcome (&out, 0, &welcome);
    else if (turn == 6)
        wire_add_run (&batch, &out, 0, WIRE_RUNS, &run);
    else if (turn == 7)
        wire_add_range (&batch, &out, 0, WIRE_MISSING, &range);
    else if (turn == 8)
        wire_put_session_end (&out, 0, 0, self->victim.session);
    else
        wire_put_room (&out, 0, 0, UINT64_MAX, 0, &self->victim.session, 1);
    wire_flush (&batch, &out, 0, 0, 0);
    scene_send (dealer, &out);
    scene_submit (dealer, 1, 1, 10);
}

/* Cancel, revoke and ask about whatever there may be, under the numbers of others. */
static void reach_for_others_tasks (scene_t *self, attack_role_t role)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t cancels = { 0 }, revokes = { 0 };
    wire_range_t range = { 1, self->victim.last, false };
    wire_query_t query = { .query = self->n_acts, .question = WIRE_QUERY_EXPLAIN, .id = 1 + self->n_acts };
    (void) role;
    wire_add_range (&cancels, &out, 0, WIRE_CANCEL, &range);
    wire_add_range (&revokes, &out, 0, WIRE_REVOKE, &range);
    wire_flush (&cancels, &out, 0, 0, 0);
    wire_flush (&revokes, &out, 0, 0, 0);
    wire_put_query (&out, 0, 0, &query);
    scene_send (self->client, &out);
    scene_drain (self->client);
}

static void open_many_tasks (scene_t *self, attack_role_t role)
{
    open_client (self, role);
    for (uint64_t i = 0; i < MANY / 4; i++)
        scene_submit (self->client, 1 + i * BATCH, BATCH, 1);
}

/* Each message is some bytes, and names all of them. */
static void cancel_all_over_and_over (scene_t *self, attack_role_t role)
{
    (void) role;
    for (uint64_t i = 0; i < BATCH; i++) {
        dp_outbox_t out = { NULL, NULL, 0 };
        wire_batch_t batch = { 0 };
        wire_range_t range = { i, UINT64_MAX, false };
        wire_add_range (&batch, &out, 0, i % 2 == 0 ? WIRE_CANCEL : WIRE_REVOKE, &range);
        wire_flush (&batch, &out, 0, 0, 0);
        scene_send (self->client, &out);
    }
    scene_drain (self->client);
}

/* The same tasks again and again, as if an old message were sent once more. */
static void replay (scene_t *self, attack_role_t role)
{
    (void) role;
    scene_submit (self->client, 1, BATCH, 10);
    scene_drain (self->client);
}

/* Tasks whose results pile up, since it reads none; each function is unknown, so all fail at once. */
static void submit_and_never_read (scene_t *self, attack_role_t role)
{
    (void) role;
    scene_submit (self->client, 1 + self->n_acts * BATCH, BATCH, RESULT_BYTES);
}

/* There are none of these tasks, and each is said to be missing for itself. */
static void cancel_and_never_read (scene_t *self, attack_role_t role)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    (void) role;
    for (uint64_t i = 0; i < 10 * BATCH; i++) {
        uint64_t id = 2 * (1 + self->n_acts * 10 * BATCH + i);
        wire_range_t range = { id, id, false };
        wire_add_range (&batch, &out, 0, WIRE_CANCEL, &range);
    }
    wire_flush (&batch, &out, 0, 0, 0);
    scene_send (self->client, &out);
}

static void ask (scene_t *self, wire_question_t question)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    for (uint64_t i = 0; i < BATCH; i++) {
        wire_query_t query = { .query = i, .question = question, .id = i };
        if (question == WIRE_QUERY_FUNCTION)
            query.name = (wire_text_t) { ATTACK_FUNCTION, sizeof ATTACK_FUNCTION - 1 };
        wire_put_query (&out, 0, 0, &query);
    }
    scene_send (self->client, &out);
}

/* Questions about nothing, whose answers it does not read. */
static void ask_and_never_read (scene_t *self, attack_role_t role)
{
    (void) role;
    ask (self, WIRE_QUERY_EXPLAIN);
}

/* Again and again as somebody else, since the one before will have been hung up on. */
static void come_back (scene_t *self, attack_role_t role)
{
    if (self->n_acts % MANY != 0)
        return;
    self->client = scene_next_dealer (self, role, FEW);
    scene_hello (self, self->client, WIRE_ROLE_CLIENT, 0, 1, 0);
    scene_list_nothing (self->client, WIRE_ROLE_CLIENT);
}

static void ask_for_functions (scene_t *self, attack_role_t role)
{
    come_back (self, role);
    ask (self, WIRE_QUERY_FUNCTION);
    scene_drain (self->client);
}

/* Where there are keys a client's may not ask that. */
static void ask_for_status (scene_t *self, attack_role_t role)
{
    come_back (self, role);
    ask (self, WIRE_QUERY_STATUS);
    scene_drain (self->client);
}

static void ping_as_a_client (scene_t *self, attack_role_t role)
{
    come_back (self, role);
    send_pings (self, role);
}

const attack_t attack_peer_table[] = {
    { .name = "connections that come and go",
      .role = AS_STRANGER,
      .act = come_and_go,
      .most_per_s = 300,
      .most_mib = 128 },
    { .name = "random frames",
      .role = AS_CLIENT,
      .act = send_random_frames,
      .most_per_s = 500,
      .most_mib = 128 },
    { .name = "PING without HELLO", .role = AS_CLIENT, .begin = open_one, .act = send_pings },
    { .name = "5,000 frames a message", .role = AS_CLIENT, .begin = open_one, .act = send_many_frames },
    { .name = "4 MiB of nonsense a message",
      .role = AS_CLIENT,
      .begin = open_big,
      .act = send_big_frames,
      .most_mib = 256 },
    { .name = "HELLO and away",
      .role = AS_CLIENT,
      .act = flood_with_hellos,
      .most_per_s = 300,
      .most_mib = 256 },
    { .name = "HELLO over and over", .role = AS_CLIENT, .begin = open_one, .act = repeat_hello },
    { .name = "HELLO of version 99 over and over",
      .role = AS_CLIENT,
      .begin = open_one,
      .act = repeat_foreign_hello },
    { .name = "another's session",
      .role = AS_CLIENT,
      .act = claim_to_be_another,
      .most_per_s = 300,
      .needs_keys = true },
    { .name = "words of others, too early",
      .role = AS_CLIENT,
      .act = say_what_others_say,
      .most_per_s = 300,
      .most_mib = 128 },
    { .name = "others' tasks", .role = AS_CLIENT, .begin = open_client, .act = reach_for_others_tasks },
    { .name = "all cancelled over and over",
      .role = AS_CLIENT,
      .begin = open_many_tasks,
      .act = cancel_all_over_and_over },
    { .name = "a message replayed", .role = AS_CLIENT, .begin = open_client, .act = replay },
    { .name = "tasks, and never reads",
      .role = AS_CLIENT,
      .begin = open_client,
      .act = submit_and_never_read,
      .most_mib = 256,
      .left_mib = 128 },
    { .name = "cancels, and never reads",
      .role = AS_CLIENT,
      .begin = open_client,
      .act = cancel_and_never_read,
      .most_mib = 160 }, /* answers that wait until it is hung up on */
    { .name = "questions, and never reads",
      .role = AS_CLIENT,
      .begin = open_client,
      .act = ask_and_never_read },
    { .name = "questions about functions", .role = AS_CLIENT, .act = ask_for_functions },
    { .name = "questions about the state",
      .role = AS_CLIENT,
      .act = ask_for_status,
      .left_mib = 64 }, /* malloc's, of long answers that waited for whoever did not read them in time */
    { .name = "PING over and over", .role = AS_CLIENT, .act = ping_as_a_client },
    { .name = NULL },
};
