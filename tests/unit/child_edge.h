/* SPDX-License-Identifier: MPL-2.0 */
/* child_edge.h - a child of the real zygote, and a loop made by hand in place of the worker's. */
#ifndef CHILD_EDGE_H_INCLUDED
#define CHILD_EDGE_H_INCLUDED

#include "tests/support/test.h"

#include "core/outcome.h"
#include "net/arena.h"
#include "worker/place.h"
#include "worker/zygote.h"

enum { MOST_OUTCOMES = 4096 };

typedef struct edge_s {
    zygote_client_t *zygote;
    dp_arena_t *arena;
    place_t *place;
    bool is_ready, is_gone;
    int unfit; /* status of a failed initializer */
    zygote_report_t end;
    size_t n_outcomes, n_blobs; /* blobs: of them, those that lay on the shelf */
    struct {
        uint64_t serial, item, run_us;
        outcome_status_t status;
        uint8_t *body;
        size_t body_len;
    } outcomes[MOST_OUTCOMES];
    dp_buffer_t texts;
} edge_t;

/* Start a child with an arena, if there may be one; and with an initializer (or NULL) of one argument. */
edge_t *edge_new (const char *initializer, int64_t argument);
void edge_destroy (edge_t **edge_p);

/* Wait until something happens, and take it in. */
void edge_turn (edge_t *edge);
void edge_await_outcomes (edge_t *edge, size_t n_outcomes);
void edge_await_end (edge_t *edge);

void edge_hand (edge_t *edge, uint64_t serial, const char *function, const void *payload, size_t len,
                uint64_t n_items);

/* Outcome number i, which is an error; valid until the next one is asked for. */
dpool_error_t edge_error_at (edge_t *edge, size_t i);

#endif
