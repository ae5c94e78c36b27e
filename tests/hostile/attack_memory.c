/* SPDX-License-Identifier: MPL-2.0 */
/* attack_memory.c - what processes of the broker's own user do with the memory that they offer it, and refer
 * to. */
#include "tests/support/test.h"

#include "tests/hostile/attack.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/outcome.h"
#include "core/reference.h"
#include "net/arena.h"
#include "net/machine.h"
#include "net/message.h"
#include "net/segment.h"

enum {
    FEW = 16,
    MEMORIES = 2000,
    RESULTS = 5,
    PAYLOAD = 40000,
    MAX_PAYLOAD = 64 << 20,
    MEMORY = 0, /* of the descriptors: the memory itself … */
    VAST,       /* … the most that there may be … */
    OTHERS,     /* … and what is no memory */
    N_OTHERS = 6
};

#define ARENA (UINT64_C (64) << 20)
#define LARGEST (UINT64_C (4) << 30)
#define KEPT_SIZE (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* ---- What is offered ----------------------------------------------------------------------------- */

static dp_arena_tail_t *tail_of (const scene_t *self, uint64_t bytes)
{
    return (dp_arena_tail_t *) (void *) ((uint8_t *) self->mapped + bytes);
}

/* A file such as an arena has, which becomes the scene's memory in place of what was it. */
static int make_memory (scene_t *self, uint64_t bytes, int seals)
{
    int fd = memfd_create ("dpool-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (self->mapped != NULL)
        munmap (self->mapped, self->n_mapped);
    self->n_mapped = dp_arena_file_len (bytes);
    assert_true (fd >= 0 && ftruncate (fd, (off_t) self->n_mapped) == 0);
    assert_int_equal (fcntl (fd, F_ADD_SEALS, seals), 0);
    self->mapped = mmap (NULL, self->n_mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true (self->mapped != MAP_FAILED);
    dp_arena_tail_t *tail = tail_of (self, bytes);
    tail->magic = DP_ARENA_MAGIC;
    tail->secret[0] = tail->secret[1] = 7;
    tail->kind = DP_ARENA_PROGRAM;
    for (size_t i = 0; i < ARENA / DP_SEGMENT_UNIT; i++) {
        atomic_store (&tail->ranges[i].generation, 1);
        atomic_store (&tail->ranges[i].len, PAYLOAD);
    }
    return fd;
}

static wire_memory_t memory_at (int fd, uint64_t bytes)
{
    return (wire_memory_t) { .pid = (uint64_t) getpid (),
                             .fd = (uint64_t) fd,
                             .bytes = bytes,
                             .secret = 7,
                             .secret_2 = 7,
                             .is_mapped = true };
}

static void say_memory (void *dealer, const wire_memory_t *memory, int n)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    for (int i = 0; i < n; i++)
        wire_put_memory (&out, 0, memory);
    scene_send (dealer, &out);
}

/* A task whose payload is said to lie there. */
static void refer (void *dealer, uint64_t id, const dp_reference_t *reference)
{
    static const uint8_t bytes[WIRE_INLINE_MAX + 1];
    static const wire_group_t group = { .function = { ATTACK_FUNCTION, sizeof ATTACK_FUNCTION - 1 } };
    wire_task_t task
        = { .id = id, .job = 1, .first = id, .n_items = 1, .payload = { bytes, sizeof bytes, 0 } };
    dp_outbox_t out = { NULL, NULL, 0 };
    wire_batch_t batch = { 0 };
    uint8_t *written;
    dp_blob_t *blob = dp_blob_copy (bytes, sizeof bytes), *frame = dp_blob_new (DP_REFERENCE_LEN, &written);
    assert_true (blob != NULL && frame != NULL);
    dp_reference_write (reference, written);
    wire_add_task (&batch, &out, 0, WIRE_SUBMIT, &group, &task, blob);
    wire_flush (&batch, &out, 0, 0, 0);
    dp_blob_release (&blob);
    dp_blob_release (&out.first->frames[0]);
    out.first->frames[0] = frame;
    scene_send (dealer, &out);
}

static const dp_reference_t good = { .at = 0, .len = PAYLOAD, .generation = 1 };

/* A new client of this machine. */
static void *come (scene_t *self, attack_role_t role, uint64_t machine)
{
    void *dealer = scene_next_near_dealer (self, role, FEW);
    scene_hello_of (self, dealer, machine);
    scene_list_nothing (dealer, WIRE_ROLE_CLIENT);
    return dealer;
}

static void open_memory (scene_t *self, attack_role_t role)
{
    (void) role;
    scene_keep_fds (self, OTHERS + N_OTHERS);
    self->fds[MEMORY] = make_memory (self, ARENA, KEPT_SIZE);
}

/* ---- MEMORY that is not so ----------------------------------------------------------------------- */

/* What can be opened by /proc/pid/fd, but is no memory. */
static void open_others (scene_t *self)
{
    int *others = self->fds + OTHERS;
    char path[64];
    snprintf (path, sizeof path, "/tmp/dpool-arena.%ld", (long) getpid ());
    unlink (path);
    assert_int_equal (mkfifo (path, 0600), 0);
    others[0] = open (path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    unlink (path);
    others[1] = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    unlink (path);
    assert_int_equal (ftruncate (others[1], (off_t) dp_arena_file_len (ARENA)), 0);
    others[2] = open ("/dev/zero", O_RDONLY | O_CLOEXEC);
    others[3] = open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    others[4] = memfd_create ("another", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal (ftruncate (others[4], (off_t) dp_arena_file_len (ARENA)), 0);
    others[5] = dp_segment_make ("dpool-arena", dp_arena_file_len (ARENA)); /* with nothing in it */
    for (size_t i = 0; i < N_OTHERS; i++)
        assert_true (others[i] >= 0);
}

static void open_lies (scene_t *self, attack_role_t role)
{
    scene_keep_fds (self, OTHERS + N_OTHERS);
    self->fds[VAST] = make_memory (self, LARGEST, KEPT_SIZE);
    self->fds[MEMORY] = make_memory (self, ARENA, KEPT_SIZE);
    open_others (self);
    (void) role;
}

/* One of its numbers is another one. */
static void spoil (scene_t *self, wire_memory_t *memory)
{
    static const uint64_t numbers[]
        = { 0, 1, 2, 100, DP_SEGMENT_UNIT, INT32_MAX, UINT64_C (1) << 32, UINT64_C (1) << 40, UINT64_MAX };
    uint64_t *const members[]
        = { &memory->pid, &memory->fd, &memory->bytes, &memory->secret, &memory->secret_2 };
    uint64_t turn = scene_random (self);
    *members[turn % 5] = numbers[(turn >> 8) % (sizeof numbers / sizeof numbers[0])];
}

/* Memory that is not there, that is another's or none, of another machine, and of a size beyond all bounds.
 */
static void offer_what_is_none (scene_t *self, attack_role_t role)
{
    wire_memory_t memory = memory_at (self->fds[MEMORY], ARENA);
    uint64_t turn = self->n_acts % 8, machine = dp_machine ();
    if (turn < 2)
        spoil (self, &memory);
    else if (turn < 4)
        memory.fd = (uint64_t) self->fds[OTHERS + scene_random (self) % N_OTHERS];
    else if (turn == 4)
        memory.pid = (uint64_t) self->broker, memory.fd = scene_random (self) % 64;
    else if (turn == 5)
        machine = scene_random (self);
    else
        memory = memory_at (self->fds[VAST], turn == 6 ? LARGEST : UINT64_C (1) << 40);
    void *dealer = come (self, role, machine);
    say_memory (dealer, &memory, 1);
    refer (dealer, 1, &good);
}

static void open_nothing (scene_t *self, attack_role_t role)
{
    (void) role;
    scene_keep_fds (self, OTHERS);
}

/* It may shrink, which would end whoever reads it then by SIGBUS. */
static void offer_what_shrinks (scene_t *self, attack_role_t role)
{
    if (self->fds[MEMORY] >= 0)
        close (self->fds[MEMORY]);
    self->fds[MEMORY] = make_memory (self, ARENA, self->n_acts % 2 == 0 ? F_SEAL_GROW : 0);
    wire_memory_t memory = memory_at (self->fds[MEMORY], ARENA);
    void *dealer = come (self, role, dp_machine ());
    say_memory (dealer, &memory, 1);
    refer (dealer, 1, &good);
    usleep ((useconds_t) (scene_random (self) % 2000));
    assert_int_equal (ftruncate (self->fds[MEMORY], 0), 0);
    refer (dealer, 2, &good);
}

/* On one connection: what is right, and what is not; and asking for the broker's. */
static void open_chatty (scene_t *self, attack_role_t role)
{
    open_memory (self, role);
    self->client = scene_dealer (self, role);
    scene_hello_of (self, self->client, dp_machine ());
    scene_list_nothing (self->client, WIRE_ROLE_CLIENT);
}

static void offer_over_and_over (scene_t *self, attack_role_t role)
{
    static const wire_memory_t nothing = { 0 };
    wire_memory_t memory = memory_at (self->fds[MEMORY], ARENA), other = memory;
    (void) role;
    other.secret = self->n_acts;
    other.counter = UINT64_MAX;
    say_memory (self->client,
                self->n_acts % 3 == 0   ? &nothing
                : self->n_acts % 3 == 1 ? &other
                                        : &memory,
                MEMORIES);
    scene_drain (self->client);
}

/* ---- References ---------------------------------------------------------------------------------- */

/* It leads nowhere, or to what is not lent; before MEMORY, after all was agreed, and after that has ended. */
static void refer_wrongly (scene_t *self, attack_role_t role)
{
    static const uint64_t numbers[]
        = { 0,           1,       DP_SEGMENT_UNIT - 1, DP_SEGMENT_UNIT, PAYLOAD + 1, ARENA - 1, ARENA,
            MAX_PAYLOAD, LARGEST, UINT64_MAX - 1,      ARENA * 1000,    UINT64_MAX };
    dp_reference_t reference = good;
    uint64_t *const members[] = { &reference.at, &reference.len, &reference.generation };
    wire_memory_t memory = memory_at (self->fds[MEMORY], ARENA);
    uint64_t turn = scene_random (self);
    *members[turn % 3] = numbers[(turn >> 8) % (sizeof numbers / sizeof numbers[0])];
    void *dealer = scene_next_near_dealer (self, role, FEW);
    if (self->n_acts % 4 == 0)
        refer (dealer, 1, &good);
    scene_hello_of (self, dealer, dp_machine ());
    if (self->n_acts % 4 == 1)
        refer (dealer, 2, &good);
    say_memory (dealer, &memory, 1);
    refer (dealer, 3, &good);
    refer (dealer, 4, &good); /* the same again: it overlaps what was read */
    refer (dealer, 5, &reference);
    refer (dealer, 6, &good);
}

/* The length, the generation and the bytes change all the time, and so do those that lie in its midst. */
static void refer_to_what_changes (scene_t *self, attack_role_t role)
{
    wire_memory_t memory = memory_at (self->fds[MEMORY], ARENA);
    dp_arena_range_t *range = tail_of (self, ARENA)->ranges;
    static const uint64_t lengths[] = { 0, 1, PAYLOAD, UINT64_C (1) << 40, UINT64_MAX };
    void *dealer = come (self, role, dp_machine ());
    say_memory (dealer, &memory, 1);
    for (uint64_t i = 0; i < 8; i++) {
        dp_reference_t reference
            = { .at = 0, .len = (uint64_t) PAYLOAD << i % 4, .generation = range->generation };
        refer (dealer, 1 + i, &reference);
        memset (self->mapped, (int) i, PAYLOAD);
        atomic_store (&range->len, lengths[scene_random (self) % 5]);
        if (i % 3 == 0)
            atomic_fetch_add (&range->generation, 1);
    }
    atomic_store (&range->len, PAYLOAD);
}

/* ---- What is lent to it -------------------------------------------------------------------------- */

/* A worker that gives long results, and a client that gets them. */
static void open_borrower (scene_t *self, attack_role_t role)
{
    open_memory (self, role);
    wire_memory_t memory = memory_at (self->fds[MEMORY], ARENA);
    self->worker = scene_dealer (self, AS_WORKER);
    scene_hello (self, self->worker, WIRE_ROLE_WORKER, 0, 1, 1);
    scene_list_nothing (self->worker, WIRE_ROLE_WORKER);
    self->client = scene_dealer (self, role);
    scene_hello_of (self, self->client, dp_machine ());
    scene_list_nothing (self->client, WIRE_ROLE_CLIENT);
    say_memory (self->client, &memory, 1);
}

static void answer_at_length (const scene_t *self, dp_incoming_t *incoming, dp_outbox_t *out)
{
    wire_batch_t batch = { 0 };
    wire_group_t group;
    wire_task_t task;
    while (incoming->message.kind == WIRE_TASKS && wire_next_group (&incoming->message, &group))
        while (wire_next_task (&incoming->message, &task)) {
            dp_blob_t *blob = dp_blob_copy (self->mapped, PAYLOAD);
            wire_result_t result = { .session = group.session,
                                     .id = task.id,
                                     .attempt = task.attempt,
                                     .n_items = 1,
                                     .status = OUTCOME_VALUE,
                                     .is_final = true,
                                     .payload = { dp_blob_data (blob), PAYLOAD, 0 } };
            wire_add_result (&batch, out, 0, &result, blob);
            dp_blob_release (&blob);
        }
    wire_flush (&batch, out, 0, 64, UINT64_C (1) << 40);
}

/* Have long results made, take them, and say so: by ACK, but its counter stays as it is. */
static void have_results (scene_t *self)
{
    dp_outbox_t out = { NULL, NULL, 0 };
    dp_incoming_t incoming;
    scene_submit (self->client, 1 + self->n_acts * RESULTS, RESULTS, 10);
    for (int n = 0; n < RESULTS && dp_incoming_receive (&incoming, self->worker, false, MAX_PAYLOAD) > 0;
         n++) {
        if (incoming.malformed == NULL)
            answer_at_length (self, &incoming, &out);
        dp_incoming_fini (&incoming);
    }
    scene_send (self->worker, &out);
    scene_drain (self->client);
    wire_put_bare (&out, 0, WIRE_ACK, UINT64_MAX);
    scene_send (self->client, &out);
}

/* At first its counter stands, and all that it was lent stays lent; then it runs to and fro. */
static void count_wrongly (scene_t *self, attack_role_t role)
{
    static const uint64_t counts[] = { UINT64_MAX, 0, 1, 1000, INT64_MAX };
    (void) role;
    for (size_t i = 0; i < DP_ARENA_COUNTERS && self->n_acts % 64 > 32; i++)
        atomic_store (&tail_of (self, ARENA)->counters[i], counts[(self->n_acts + i) % 5]);
    have_results (self);
}

const attack_t attack_memory_table[] = {
    { .name = "memory that is none",
      .role = AS_CLIENT,
      .begin = open_lies,
      .act = offer_what_is_none,
      .most_per_s = 300,
      .most_mib = 128 },
    { .name = "memory that shrinks",
      .role = AS_CLIENT,
      .begin = open_nothing,
      .act = offer_what_shrinks,
      .most_per_s = 300,
      .most_mib = 128 },
    { .name = "memory told of 2,000 times",
      .role = AS_CLIENT,
      .begin = open_chatty,
      .act = offer_over_and_over },
    { .name = "memory referred to wrongly",
      .role = AS_CLIENT,
      .begin = open_memory,
      .act = refer_wrongly,
      .most_per_s = 200,
      .most_mib = 256, /* what was read are tasks, which wait until the lease of each session is over */
      .left_mib = 128 },
    { .name = "memory that changes",
      .role = AS_CLIENT,
      .begin = open_memory,
      .act = refer_to_what_changes,
      .most_per_s = 100,
      .most_mib = 128 },
    { .name = "memory never given back",
      .role = AS_CLIENT,
      .begin = open_borrower,
      .act = count_wrongly,
      .most_per_s = 200,
      .most_mib = 256 },
    { .name = NULL },
};
