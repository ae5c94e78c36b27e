/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "worker/slot.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static void shows_the_item_that_runs (void **state)
{
    slot_t slot;
    slot_view_t view;
    (void) state;
    memset (&slot, 0, sizeof slot);
    assert_true (slot_read (&slot, false, &view));
    assert_int_equal (view.number, 0);
    assert_true (slot_claim (&slot, 4));
    slot_begin (&slot, 4, 1000);
    slot_progress (&slot, 3, 10);
    assert_true (slot_read (&slot, false, &view));
    assert_int_equal (view.number, 4);
    assert_int_equal (view.started_at_ms, 1000);
    assert_int_equal (view.done, 3);
    assert_int_equal (view.steps, 10);
}

static void blames_a_claimed_item_that_was_not_begun_yet (void **state)
{
    slot_t slot;
    slot_view_t view;
    (void) state;
    memset (&slot, 0, sizeof slot);
    slot_claim (&slot, 4);
    slot_begin (&slot, 4, 1000);
    slot_progress (&slot, 3, 10);
    slot_claim (&slot, 5);
    assert_true (slot_read (&slot, true, &view));
    assert_int_equal (view.number, 5);
    assert_int_equal (view.done, 0);
}

static void flags_one_run_only (void **state)
{
    slot_t slot;
    (void) state;
    memset (&slot, 0, sizeof slot);
    assert_false (slot_is_cancelled (&slot, 0));
    slot_cancel (&slot, 3);
    assert_true (slot_is_cancelled (&slot, 3));
    assert_false (slot_is_cancelled (&slot, 4));
}

static void takes_back_what_was_not_claimed (void **state)
{
    slot_t slot;
    uint64_t mark;
    (void) state;
    memset (&slot, 0, sizeof slot);
    assert_true (slot_claim (&slot, 1));
    assert_int_equal (slot_take_back (&slot, 3, &mark), 3);
    assert_true (slot_claim (&slot, 2));
    assert_false (slot_claim (&slot, 3));
    slot_open_gate (&slot, mark);
    assert_true (slot_claim (&slot, 4));
}

static void cuts_a_run_behind_the_item_that_was_claimed_last (void **state)
{
    slot_t slot;
    uint64_t mark;
    (void) state;
    memset (&slot, 0, sizeof slot);
    assert_true (slot_claim (&slot, 1));
    assert_true (slot_claim (&slot, 2));
    assert_int_equal (slot_take_back (&slot, 1, &mark), 3);
    assert_false (slot_claim (&slot, 3));
    slot_open_gate (&slot, mark);
    assert_true (slot_claim (&slot, 6));
}

static void does_not_take_back_what_was_claimed (void **state)
{
    slot_t slot;
    uint64_t mark;
    (void) state;
    memset (&slot, 0, sizeof slot);
    assert_true (slot_claim (&slot, 7));
    assert_int_equal (slot_take_back (&slot, 3, &mark), 8);
}

static void a_second_closing_outlives_the_mark_of_the_first (void **state)
{
    slot_t slot;
    uint64_t first_mark, second_mark;
    (void) state;
    memset (&slot, 0, sizeof slot);
    assert_true (slot_claim (&slot, 1));
    assert_int_equal (slot_take_back (&slot, 2, &first_mark), 2); /* 2 … 4 are in the channel */
    /* 5 and 6 are sent behind the first mark, and 6 is wanted back: 5 comes with it */
    assert_true (slot_take_back (&slot, 6, &second_mark) <= 5);
    assert_false (slot_claim (&slot, 2));
    slot_open_gate (&slot, first_mark);
    assert_false (slot_claim (&slot, 5));
    slot_open_gate (&slot, second_mark);
    assert_true (slot_claim (&slot, 7));
}

/* ---- Two threads: each item is either started or taken back ----------------------------------- */

enum { MANY = 100000, MOST_ITEMS = 5 };

typedef struct frame_s {
    uint64_t serial, n_items; /* no items: a mark */
} frame_t;

typedef struct channel_s {
    slot_t slot;
    _Atomic uint64_t n_sent; /* frames */
    frame_t frames[2 * MANY];
    _Atomic int is_over;
    unsigned char started[MANY + MOST_ITEMS]; /* by number */
} channel_t;

static void run (channel_t *channel, const frame_t *frame)
{
    for (uint64_t i = 0; i < frame->n_items; i++) {
        if (!slot_claim (&channel->slot, frame->serial + i))
            return;
        channel->started[frame->serial + i]++;
        slot_begin (&channel->slot, frame->serial + i, (int64_t) (frame->serial + i));
    }
}

static void *be_the_child (void *argument)
{
    channel_t *channel = argument;
    for (uint64_t at = 0;;) {
        bool is_over = atomic_load (&channel->is_over);
        if (at == atomic_load (&channel->n_sent)) {
            if (is_over)
                return NULL;
            continue;
        }
        const frame_t *frame = &channel->frames[at++];
        if (frame->n_items == 0)
            slot_open_gate (&channel->slot, frame->serial);
        else
            run (channel, frame);
    }
}

static void send_frame (channel_t *channel, uint64_t serial, uint64_t n_items)
{
    uint64_t n_sent = atomic_load (&channel->n_sent);
    channel->frames[n_sent] = (frame_t) { serial, n_items };
    atomic_store (&channel->n_sent, n_sent + 1);
}

static void each_item_is_started_or_taken_back (void **state)
{
    channel_t *channel = aligned_alloc (64, (sizeof *channel + 63) / 64 * 64);
    unsigned char *taken = calloc (MANY + MOST_ITEMS, 1);
    pthread_t thread;
    uint64_t next = 1, lowest_open = 1; /* numbers */
    (void) state;
    assert_non_null (channel);
    assert_non_null (taken);
    memset (channel, 0, sizeof *channel);
    srand (1);
    assert_int_equal (pthread_create (&thread, NULL, be_the_child, channel), 0);
    while (next < MANY) {
        uint64_t n_items = 1 + (uint64_t) (rand () % MOST_ITEMS);
        send_frame (channel, next, n_items);
        next += n_items;
        if (rand () % 7 == 0) {
            uint64_t mark, wanted = next - 1 - (uint64_t) (rand () % 8);
            if (wanted < lowest_open || wanted > next)
                wanted = lowest_open;
            uint64_t first = slot_take_back (&channel->slot, wanted, &mark);
            for (uint64_t i = first > lowest_open ? first : lowest_open; i < next; i++)
                taken[i]++;
            lowest_open = next;
            send_frame (channel, mark, 0);
        }
        slot_view_t view;
        if (slot_read (&channel->slot, false, &view))
            assert_int_equal (view.started_at_ms, view.number);
    }
    atomic_store (&channel->is_over, 1);
    pthread_join (thread, NULL);
    for (uint64_t i = 1; i < next; i++)
        if (channel->started[i] + taken[i] != 1)
            fail_msg ("item %llu was started %d times and taken back %d times", (unsigned long long) i,
                      channel->started[i], taken[i]);
    free (taken);
    free (channel);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (shows_the_item_that_runs),
        cmocka_unit_test (blames_a_claimed_item_that_was_not_begun_yet),
        cmocka_unit_test (flags_one_run_only),
        cmocka_unit_test (takes_back_what_was_not_claimed),
        cmocka_unit_test (cuts_a_run_behind_the_item_that_was_claimed_last),
        cmocka_unit_test (does_not_take_back_what_was_claimed),
        cmocka_unit_test (a_second_closing_outlives_the_mark_of_the_first),
        cmocka_unit_test (each_item_is_started_or_taken_back),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
