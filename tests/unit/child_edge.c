/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/unit/child_edge.h"

#include "tests/support/wait.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

static void take (edge_t *edge, const ring_record_t *record, const uint8_t *bytes, size_t len)
{
    dp_reader_t row;
    outcome_status_t status;
    const uint8_t *body;
    size_t body_len;
    if (record->kind == RECORD_READY) {
        edge->is_ready = true;
        return;
    }
    dp_reader_init (&row, bytes, len);
    assert_int_equal (outcome_next (&row, &status, &body, &body_len), 0);
    assert_true (dp_reader_is_done (&row));
    if (record->kind == RECORD_UNFIT)
        edge->unfit = (int) status;
    assert_true (edge->n_outcomes < MOST_OUTCOMES);
    size_t i = edge->n_outcomes++;
    edge->outcomes[i].serial = record->serial;
    edge->outcomes[i].item = record->item;
    edge->outcomes[i].status = status;
    edge->outcomes[i].body = malloc (body_len + 1);
    memcpy (edge->outcomes[i].body, body, body_len);
    edge->outcomes[i].body_len = body_len;
}

static void look (edge_t *edge)
{
    place_record_t record;
    place_receive (edge->place);
    while (place_next (edge->place, &record) > 0) {
        if (record.blob != NULL)
            take (edge, &record.head, dp_blob_data (record.blob), dp_blob_len (record.blob));
        else
            take (edge, &record.head, record.bytes, record.len);
        edge->n_blobs += record.blob != NULL;
        dp_blob_release (&record.blob);
    }
    place_release (edge->place);
    while (place_read_stderr (edge->place))
        edge->place->said_len = 0;
}

void edge_turn (edge_t *edge)
{
    place_flush (edge->place);
    bool may_sleep = edge->place->is_long_awaited || ring_sleep (&edge->place->ring, false);
    struct pollfd items[] = {
        { zygote_client_fd (edge->zygote), POLLIN, 0 },
        { edge->place->is_channel_over ? -1 : edge->place->channel_fd,
          (short) (POLLIN | (place_wants_to_write (edge->place) ? POLLOUT : 0)), 0 },
        { edge->place->is_stderr_over ? -1 : edge->place->stderr_fd, POLLIN, 0 },
    };
    assert_true (poll (items, 3, may_sleep ? PATIENCE_MS : 0) > 0 || !may_sleep);
    ring_stay_awake (&edge->place->ring);
    look (edge);
    zygote_report_t report;
    int rc;
    while ((rc = zygote_client_report (edge->zygote, &report)) > 0) {
        assert_int_equal (report.place, edge->place->number);
        if (report.kind == ZYGOTE_FORKED)
            edge->place->pid = report.pid;
        if (report.kind == ZYGOTE_EXITED) {
            edge->end = report;
            edge->is_gone = true;
            look (edge);
        }
    }
    assert_int_equal (rc, 0);
}

edge_t *edge_new (const char *initializer, int64_t argument)
{
    edge_t *edge = calloc (1, sizeof *edge);
    uint8_t packed[] = { (uint8_t) argument };
    crew_session_t session = { .session = 1,
                               .initializer = initializer,
                               .initializer_args = packed,
                               .initializer_args_len = 1,
                               .seed = 9 };
    edge->zygote = zygote_client_new ();
    assert_non_null (edge->zygote);
    edge->arena = dp_arena_new (DP_ARENA_PROGRAM);
    edge->place = place_new (3, edge->arena);
    assert_int_equal (place_open (edge->place, initializer != NULL ? &session : NULL), 0);
    assert_int_equal (place_fork (edge->place, edge->zygote), 0);
    return edge;
}

void edge_destroy (edge_t **edge_p)
{
    edge_t *edge = *edge_p;
    zygote_client_destroy (&edge->zygote);
    place_destroy (&edge->place);
    dp_arena_release (&edge->arena);
    for (size_t i = 0; i < edge->n_outcomes; i++)
        free (edge->outcomes[i].body);
    dp_buffer_fini (&edge->texts);
    free (edge);
    *edge_p = NULL;
}

void edge_hand (edge_t *edge, uint64_t serial, const char *function, const void *payload, size_t len,
                uint64_t n_items)
{
    crew_task_t task = { .function = function,
                         .session_seed = 5,
                         .job = 6,
                         .first = 10,
                         .n_items = n_items,
                         .attempt = 1002,
                         .payload = { payload, len, 0 } };
    place_hand (edge->place, serial, &task);
}

void edge_await_outcomes (edge_t *edge, size_t n_outcomes)
{
    while (edge->n_outcomes < n_outcomes && !edge->is_gone)
        edge_turn (edge);
    assert_int_equal (edge->n_outcomes, n_outcomes);
}

void edge_await_end (edge_t *edge)
{
    while (!edge->is_gone)
        edge_turn (edge);
}

dpool_error_t edge_error_at (edge_t *edge, size_t i)
{
    dpool_error_t error = { .message = "" };
    assert_int_equal (outcome_read_error (edge->outcomes[i].status, edge->outcomes[i].body,
                                          edge->outcomes[i].body_len, &edge->texts, &error),
                      0);
    return error;
}
