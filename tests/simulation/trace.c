/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/trace.h"

#include <stdarg.h>

void trace_init (trace_t *self, trace_mode_t mode)
{
    self->mode = mode;
    self->is_over = false;
    self->n_lines = 0;
}

static void put_line (trace_t *self, const char *line)
{
    if (self->mode == TRACE_ALL)
        puts (line);
    else
        snprintf (self->lines[self->n_lines % TRACE_KEPT], TRACE_LINE, "%s", line);
    self->n_lines++;
}

void trace_line (trace_t *self, int64_t now_us, const char *who, const char *format, ...)
{
    if (self->mode == TRACE_OFF || self->is_over)
        return;
    char line[TRACE_LINE];
    int len = snprintf (line, sizeof line, "%5lld.%06lld  %-9s ", (long long) (now_us / 1000000),
                        (long long) (now_us % 1000000), who);
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (line + len, sizeof line - (size_t) len, format, arguments);
    va_end (arguments);
    put_line (self, line);
}

void trace_print (const trace_t *self, FILE *file)
{
    if (self->mode != TRACE_LAST)
        return;
    size_t n = self->n_lines < TRACE_KEPT ? self->n_lines : TRACE_KEPT;
    if (self->n_lines > n)
        fprintf (file, "    … %zu lines before; see them with --trace\n", self->n_lines - n);
    for (size_t i = self->n_lines - n; i < self->n_lines; i++)
        fprintf (file, "%s\n", self->lines[i % TRACE_KEPT]);
}

/* ---- Messages ------------------------------------------------------------------------------- */

typedef struct text_s {
    char data[160];
    size_t len;
} text_t;

DPOOL_PRINTF (2, 3) static void add (text_t *self, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    int n = vsnprintf (self->data + self->len, sizeof self->data - self->len, format, arguments);
    va_end (arguments);
    if (n > 0)
        self->len
            += (size_t) n < sizeof self->data - self->len ? (size_t) n : sizeof self->data - self->len - 1;
}

/* A session's lowest byte is its client's number; clients are not told their own. */
static void add_run (text_t *text, uint64_t session, uint64_t id, uint64_t attempt)
{
    if (session != 0)
        add (text, " c%u.%llu#%llu", (unsigned) (session & 0xff), (unsigned long long) id,
             (unsigned long long) attempt);
    else
        add (text, " %llu#%llu", (unsigned long long) id, (unsigned long long) attempt);
}

static void add_groups (text_t *text, wire_message_t *message)
{
    wire_group_t group;
    wire_task_t task;
    while (wire_next_group (message, &group))
        while (wire_next_task (message, &task)) {
            add_run (text, group.session, task.id, task.attempt);
            add (text, " j%llu[%llu+%llu]", (unsigned long long) task.job, (unsigned long long) task.first,
                 (unsigned long long) task.n_items);
        }
}

static void add_results (text_t *text, wire_message_t *message)
{
    wire_result_t result;
    if (message->window_tasks > 0)
        add (text, " window %llu", (unsigned long long) message->window_tasks);
    while (wire_next_result (message, &result)) {
        add_run (text, result.session, result.id, result.attempt);
        add (text, " %s%s %llu+%llu", outcome_name (result.status), result.is_final ? " final" : "",
             (unsigned long long) result.first, (unsigned long long) result.n_items);
    }
}

static void add_runs (text_t *text, wire_message_t *message)
{
    static const char *const states[] = { "", " waiting", " running", " done" };
    wire_run_t run;
    while (wire_next_run (message, &run)) {
        add_run (text, run.session, run.id, run.attempt);
        add (text, "%s", run.state <= WIRE_RUN_DONE ? states[run.state] : "");
    }
    if (message->kind == WIRE_RUNS && message->is_last)
        add (text, " (all)");
}

static void add_ranges (text_t *text, wire_message_t *message)
{
    wire_range_t range;
    while (wire_next_range (message, &range))
        add (text, " %llu-%llu%s", (unsigned long long) range.first, (unsigned long long) range.last,
             range.is_at_most_once ? " once" : "");
    if (message->kind == WIRE_CLAIM && message->is_last)
        add (text, " (all)");
}

static void add_body (text_t *text, wire_message_t *message)
{
    switch (message->kind) {
    case WIRE_HELLO:
        add (text, " connection %llu window %llu%s", (unsigned long long) message->hello.connection,
             (unsigned long long) message->hello.window_tasks, message->hello.is_draining ? " draining" : "");
        return;
    case WIRE_WELCOME:
        add (text, " epoch %llx%s", (unsigned long long) message->welcome.epoch,
             message->welcome.is_session_kept ? " kept" : "");
        return;
    case WIRE_REFUSED:
        add (text, " %.*s", (int) message->refused.text.len, message->refused.text.data);
        return;
    case WIRE_SESSION:
    case WIRE_SESSION_END:
        add (text, " c%u", (unsigned) (message->session.session & 0xff));
        return;
    case WIRE_SUBMIT:
    case WIRE_TASKS:
        add_groups (text, message);
        return;
    case WIRE_RESULTS:
        add_results (text, message);
        return;
    case WIRE_CANCEL:
    case WIRE_REVOKE:
        message->has_ranges ? add_ranges (text, message) : add_runs (text, message);
        return;
    case WIRE_CLAIM:
    case WIRE_MISSING:
        add_ranges (text, message);
        return;
    case WIRE_RUNS:
    case WIRE_ADOPT:
    case WIRE_RELEASE:
    case WIRE_PROGRESS:
        add_runs (text, message);
        return;
    default:
        return;
    }
}

void trace_message (trace_t *self, int64_t now_us, const char *from, const char *to,
                    const wire_message_t *message)
{
    if (self->mode == TRACE_OFF || self->is_over)
        return;
    char who[16];
    text_t text = { .len = 0 };
    wire_message_t copy = *message;
    if (copy.ack > 0)
        add (&text, " ack %llu", (unsigned long long) copy.ack);
    add_body (&text, &copy);
    snprintf (who, sizeof who, "%s > %s", from, to);
    trace_line (self, now_us, who, "%-9s%s", wire_kind_name (message->kind), text.data);
}
