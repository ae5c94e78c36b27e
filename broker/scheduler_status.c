/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_status.c - the broker's state as JSON: docs/protocol.md lists the members. */
#include "broker/scheduler_internal.h"

#include <dpool/dpool.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_NAMES = 16 * 1024 }; /* bytes of one worker's functions and labels */

static void append (dp_buffer_t *buffer, const char *format, ...) DPOOL_PRINTF (2, 3);

/* Numbers and short words only: a line of 512 bytes has room for them. */
static void append (dp_buffer_t *buffer, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (line, sizeof line, format, arguments);
    va_end (arguments);
    dp_buffer_append (buffer, line, strlen (line));
}

/* A name in JSON: lines have no control characters, so quotes and backslashes are all there is to escape. */
static void append_name (dp_buffer_t *buffer, const char *name)
{
    append (buffer, "\"");
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\')
            append (buffer, "\\");
        dp_buffer_append (buffer, name, 1);
    }
    append (buffer, "\"");
}

/* As many as fit; their number is told beside them. */
static void append_offers (dp_buffer_t *buffer, const char *key, offer_t *const *offers, size_t n_offers)
{
    size_t end = buffer->len + MOST_NAMES;
    append (buffer, ",\"%s\":[", key);
    for (size_t i = 0; i < n_offers && buffer->len < end; i++) {
        append (buffer, i > 0 ? "," : "");
        append_name (buffer, offers[i]->name);
    }
    append (buffer, "]");
}

static const char *state_of (const worker_record_t *worker)
{
    return worker->peer.connection == 0 ? "away"
           : worker->is_draining        ? "draining"
           : worker->is_listing         ? "joining"
           : worker->is_suspect         ? "silent"
                                        : "ready";
}

static bool is_ready (const worker_record_t *worker)
{
    return worker->peer.connection != 0 && !worker->is_draining && !worker->is_listing && !worker->is_suspect;
}

static void append_worker (dp_buffer_t *buffer, int64_t now_ms, const worker_record_t *worker)
{
    uint64_t n_busy = worker->n_runs < worker->processes ? worker->n_runs : worker->processes;
    append (buffer, "{\"name\":");
    append_name (buffer, worker->peer.name);
    append (buffer, ",\"host\":");
    append_name (buffer, worker->peer.host);
    append (buffer,
            ",\"id\":\"%016llx\",\"pid\":%llu,\"processes\":%llu,\"runs\":%zu,\"busy\":%llu,\"waiting\":%llu,"
            "\"state\":\"%s\",\"draining\":%s,\"silent_ms\":%lld,\"n_functions\":%zu",
            (unsigned long long) worker->peer.id, (unsigned long long) worker->peer.pid,
            (unsigned long long) worker->processes, worker->n_runs, (unsigned long long) n_busy,
            (unsigned long long) (worker->n_runs - n_busy), state_of (worker),
            worker->is_draining ? "true" : "false", (long long) (now_ms - worker->peer.heard_at_ms),
            worker->n_functions);
    append_offers (buffer, "functions", worker->functions, worker->n_functions);
    append_offers (buffer, "labels", worker->labels, worker->n_labels);
    append (buffer, "}");
}

static void append_client (dp_buffer_t *buffer, int64_t now_ms, const session_record_t *session)
{
    append (buffer, "{\"name\":");
    append_name (buffer, session->peer.name);
    append (buffer, ",\"host\":");
    append_name (buffer, session->peer.host);
    append (buffer,
            ",\"pid\":%llu,\"queued\":%zu,\"assigned\":%zu,\"held_bytes\":%llu,\"connected\":%s,"
            "\"silent_ms\":%lld}",
            (unsigned long long) session->peer.pid, session->n_queued, session->n_assigned,
            (unsigned long long) session->held_bytes, session->peer.connection != 0 ? "true" : "false",
            (long long) (now_ms - session->peer.heard_at_ms));
}

/* A member of a quota; no limit is null. */
static void append_limit (dp_buffer_t *buffer, const char *name, uint64_t limit)
{
    if (limit == QUOTA_NONE)
        append (buffer, "\"%s\":null", name);
    else
        append (buffer, "\"%s\":%llu", name, (unsigned long long) limit);
}

static void append_account (dp_buffer_t *buffer, const account_t *account)
{
    const struct {
        const char *name;
        uint64_t limit;
    } limits[] = { { "tasks", account->quota.tasks },       { "bytes", account->quota.bytes },
                   { "sessions", account->quota.sessions }, { "workers", account->quota.workers },
                   { "hellos", account->quota.hellos },     { "queries", account->quota.queries } };
    append (buffer, "{\"name\":");
    append_name (buffer, account->entry->name);
    append (buffer,
            ",\"role\":\"%s\",\"peers\":%zu,\"sessions\":%zu,\"tasks\":%llu,\"bytes\":%llu,\"quota\":",
            access_role_name (account->entry->role), account->n_peers, account->n_sessions,
            (unsigned long long) account->n_tasks, (unsigned long long) account->bytes);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        append (buffer, i == 0 ? "{" : ",");
        append_limit (buffer, limits[i].name, limits[i].limit);
    }
    append (buffer, "}}");
}

/* Those that are in use, where there are keys. */
static void append_accounts (const scheduler_t *self, dp_buffer_t *buffer, size_t end)
{
    const char *comma = "";
    append (buffer, ",\"keys\":[");
    DP_LIST_EACH (&self->all_accounts, node) {
        const account_t *account = DP_CONTAINER (node, account_t, in_accounts);
        if (buffer->len > end)
            break;
        if (account->n_peers == 0 || account->entry == NULL)
            continue;
        append (buffer, "%s", comma);
        append_account (buffer, account);
        comma = ",";
    }
    append (buffer, "]");
}

static void append_broker (const scheduler_t *self, int64_t now_ms, dp_buffer_t *buffer)
{
    size_t n_ready = 0;
    DP_LIST_EACH (&self->all_workers, node)
        n_ready += is_ready (DP_CONTAINER (node, worker_record_t, in_workers));
    append (buffer, "{\"broker\":");
    append_name (buffer, self->name);
    append (
        buffer,
        ",\"version\":\"%d.%d.%d\",\"uptime_ms\":%lld,\"queued\":%llu,\"assigned\":%llu,\"processes\":%llu,"
        "\"n_workers\":%zu,\"n_ready\":%zu,\"n_clients\":%zu",
        DPOOL_VERSION_MAJOR, DPOOL_VERSION_MINOR, DPOOL_VERSION_PATCH,
        (long long) (now_ms - self->started_at_ms), (unsigned long long) self->stats.n_queued,
        (unsigned long long) self->stats.n_assigned, (unsigned long long) self->n_processes,
        self->workers.count, n_ready, self->sessions.count - self->n_watchers);
    append (buffer, ",\"submitted\":%llu,\"results\":%llu,\"requeued\":%llu,\"payload_bytes\":%llu",
            (unsigned long long) self->stats.total_submitted, (unsigned long long) self->stats.total_results,
            (unsigned long long) self->stats.total_requeued, (unsigned long long) self->stats.payload_bytes);
    append (buffer, ",\"shared_in\":%llu,\"shared_out\":%llu", (unsigned long long) self->stats.shared_in,
            (unsigned long long) self->stats.shared_out);
}

/* Of very many peers those that fit into a message: half of it for the workers, the
   most of the rest for the clients. */
void scheduler_write_status (const scheduler_t *self, int64_t now_ms, dp_buffer_t *buffer)
{
    enum { MOST_BYTES = SCHEDULER_MAX_STATUS - 2 * MOST_NAMES - 4096 }; /* the last one may reach beyond */
    const char *comma = "";
    dp_buffer_reset (buffer);
    append_broker (self, now_ms, buffer);
    append (buffer, ",\"workers\":[");
    DP_LIST_EACH (&self->all_workers, node) {
        if (buffer->len > MOST_BYTES / 2)
            break;
        append (buffer, "%s", comma);
        append_worker (buffer, now_ms, DP_CONTAINER (node, worker_record_t, in_workers));
        comma = ",";
    }
    append (buffer, "],\"clients\":[");
    comma = "";
    for (dp_map_node_t *node = dp_map_first (&self->sessions);
         node != NULL && buffer->len < MOST_BYTES / 8 * 7; node = dp_map_next (&self->sessions, node)) {
        const session_record_t *session = DP_CONTAINER (node, session_record_t, peer.by_id);
        if (session->is_watcher)
            continue;
        append (buffer, "%s", comma);
        append_client (buffer, now_ms, session);
        comma = ",";
    }
    append (buffer, "]");
    if (self->access != NULL)
        append_accounts (self, buffer, MOST_BYTES);
    append (buffer, "}");
}
