/* SPDX-License-Identifier: MPL-2.0 */
/* shelf_map.c - the loop's side of a shelf, and what a fork of the program does to it. */
#include "core/list.h"
#include "core/memory.h"
#include "worker/shelf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

struct shelf_map_s {
    dp_list_t in_program;
    atomic_size_t n_holds;
    void *memory;
    size_t len;
    shelf_shared_t *shared;
    dp_segment_t segment;
    bool is_inherited; /* this process is a fork, and has nothing to give back */
};

/* All maps of this program. */
static struct {
    pthread_mutex_t lock;
    pthread_once_t once;
    dp_list_t maps;
} program = { .lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT };

/* ---- Forks ---------------------------------------------------------------------------------- */

static void before_fork (void)
{
    pthread_mutex_lock (&program.lock);
    for (dp_list_t *node = program.maps.next; node != &program.maps; node = node->next)
        atomic_store (&DP_CONTAINER (node, shelf_map_t, in_program)->shared->is_retired, 1);
}

static void after_fork_here (void)
{
    pthread_mutex_unlock (&program.lock);
}

static void after_fork_there (void)
{
    for (dp_list_t *node = program.maps.next; node != &program.maps; node = node->next)
        DP_CONTAINER (node, shelf_map_t, in_program)->is_inherited = true;
    pthread_mutex_unlock (&program.lock);
}

static void watch_forks (void)
{
    dp_list_init (&program.maps);
    pthread_atfork (before_fork, after_fork_here, after_fork_there);
}

/* ---- Maps ----------------------------------------------------------------------------------- */

shelf_map_t *shelf_map_new (void *memory, size_t len, shelf_shared_t *shared, size_t at)
{
    pthread_once (&program.once, watch_forks);
    shelf_map_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        return NULL;
    atomic_init (&self->n_holds, 1);
    self->memory = memory;
    self->len = len;
    self->shared = shared;
    self->segment
        = (dp_segment_t) { .data = (uint8_t *) memory + at, .len = len - at, .fd = -1, .kept = SHELF_KEPT };
    pthread_mutex_lock (&program.lock);
    dp_list_append (&program.maps, &self->in_program);
    pthread_mutex_unlock (&program.lock);
    return self;
}

void shelf_map_release (shelf_map_t **self_p)
{
    shelf_map_t *self = *self_p;
    *self_p = NULL;
    if (self == NULL || atomic_fetch_sub (&self->n_holds, 1) != 1)
        return;
    pthread_mutex_lock (&program.lock);
    dp_list_remove (&self->in_program);
    pthread_mutex_unlock (&program.lock);
    munmap (self->memory, self->len);
    dp_free (self);
}

/* ---- Outcomes ------------------------------------------------------------------------------- */

typedef struct loan_s {
    shelf_map_t *map;
    shelf_spot_t spot;
} loan_t;

static void give_back (shelf_map_t *self, const shelf_spot_t *spot)
{
    size_t unit = (size_t) spot->at / DP_SEGMENT_UNIT;
    if (self->is_inherited || atomic_load (&self->shared->is_retired) != 0)
        return;
    dp_segment_strip (&self->segment, (size_t) spot->at, (size_t) spot->len);
    atomic_fetch_or (&self->shared->returned[unit / 64], UINT64_C (1) << unit % 64);
}

static void end_loan (void *hint)
{
    loan_t *loan = hint;
    give_back (loan->map, &loan->spot);
    shelf_map_release (&loan->map);
    dp_free (loan);
}

/* What the child says is not believed. */
static bool is_there (const shelf_map_t *self, const shelf_spot_t *spot)
{
    return spot->at % DP_SEGMENT_UNIT == 0 && spot->len > 0 && spot->at < self->segment.len
           && spot->len <= self->segment.len - spot->at;
}

dp_blob_t *shelf_map_blob (shelf_map_t *self, const shelf_spot_t *spot)
{
    loan_t *loan = is_there (self, spot) ? dp_alloc (sizeof *loan) : NULL;
    if (loan == NULL)
        return NULL;
    loan->spot = *spot;
    dp_blob_t *blob = dp_blob_adopt (self->segment.data + spot->at, (size_t) spot->len, end_loan, loan);
    if (blob == NULL) {
        dp_free (loan);
        return NULL;
    }
    atomic_fetch_add (&self->n_holds, 1);
    loan->map = self;
    return blob;
}
