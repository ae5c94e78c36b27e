/* SPDX-License-Identifier: MPL-2.0 */
/* session_explain.c - why a job is not finished: what is known here, and what the broker answers. */
#include "client/session_internal.h"

#include "core/utf8.h"

#include <stdio.h>
#include <string.h>

static void say (dpool_explanation_t *why, dpool_reason_t reason, int64_t since_ms, const char *sentence)
{
    why->reason = reason;
    why->since_ms = since_ms;
    snprintf (why->sentence, sizeof why->sentence, "%s", sentence);
}

static void say_unreachable (dpool_explanation_t *why, int64_t since_ms)
{
    say (why, DPOOL_REASON_UNREACHABLE, since_ms, "the broker is not reachable; it is being tried again");
}

static const job_task_t *oldest_task (const job_t *job)
{
    const job_task_t *oldest = NULL;
    for (const dp_list_t *node = job->tasks.next; node != &job->tasks; node = node->next) {
        const job_task_t *task = DP_CONTAINER (node, job_task_t, in_job);
        if (task->is_sent && (oldest == NULL || task->first < oldest->first))
            oldest = task;
    }
    return oldest;
}

/* The call's, or else the one that stands last in front of it. */
static const job_task_t *task_before (const job_t *job, size_t index, size_t *n_before)
{
    const job_task_t *task = job_call (job, index)->task;
    *n_before = 0;
    for (const dp_list_t *node = job->tasks.previous; node != &job->tasks && (task == NULL || !task->is_sent);
         node = node->previous)
        task = DP_CONTAINER (node, job_task_t, in_job);
    if (task == NULL || !task->is_sent)
        return NULL;
    if (job_call (job, index)->task != task)
        *n_before = index >= task->first + task->n ? index - task->first - task->n + 1 : 1;
    return task;
}

static void ask (session_t *self, const job_task_t *task, session_question_t *question)
{
    question->number = ++self->last_query;
    question->task = task->id;
    question->is_answered = false;
    dp_list_append (&self->questions, &question->in_questions);
    wire_query_t query = { .query = question->number, .question = WIRE_QUERY_EXPLAIN, .id = task->id };
    wire_put_query (&self->outbox, 0, self->acks.n_received, &query);
}

static bool is_done (const job_t *job, size_t index)
{
    const job_item_t *item = index == JOB_NONE ? NULL : job_item (job, index);
    return index == JOB_NONE ? job_is_finished (job) : item == NULL || item->state == ITEM_FINISHED;
}

bool session_explain (session_t *self, int64_t now_ms, const job_t *job, size_t index,
                      session_question_t *question)
{
    dpool_explanation_t *why = &question->answer;
    *why = (dpool_explanation_t) DPOOL_EXPLANATION_INIT;
    dp_list_init (&question->in_questions);
    question->is_answered = true;
    question->index = index;
    question->n_before = 0;
    if (is_done (job, index)) {
        say (why, DPOOL_REASON_FINISHED, 0, "it is finished");
        return true;
    }
    const job_task_t *task
        = index == JOB_NONE ? oldest_task (job) : task_before (job, index, &question->n_before);
    if (self->link.state != LINK_UP)
        say_unreachable (why, now_ms - self->link.down_since_ms);
    else if (task == NULL && job->n_finished == job->next)
        say (why, DPOOL_REASON_SUBMITTING, 0, "it waits for its source's next item");
    else if (task == NULL)
        say (why, DPOOL_REASON_SUBMITTING, 0, "it waits in this program for room in the pool's window");
    else
        ask (self, task, question);
    return question->is_answered;
}

void session_end_questions (session_t *self)
{
    DP_LIST_EACH (&self->questions, node) {
        session_question_t *question = DP_CONTAINER (node, session_question_t, in_questions);
        say_unreachable (&question->answer, 0);
        question->is_answered = true;
        session_forget_question (question);
    }
}

void session_forget_question (session_question_t *question)
{
    dp_list_remove (&question->in_questions);
}

static void copy_text (char *target, size_t size, wire_text_t text)
{
    size_t len = dp_utf8_cut (text.data, text.len, size - 1);
    memcpy (target, text.data, len);
    target[len] = '\0';
}

/* What the broker said of a task in front of the call. Why no worker takes that one is true of the call too.
 */
static void tell_of_those_before (size_t n_before, dpool_explanation_t *why)
{
    why->ahead += n_before;
    why->attempt = 1;
    if (why->reason != DPOOL_REASON_RUNNING && why->reason != DPOOL_REASON_QUEUED
        && why->reason != DPOOL_REASON_FINISHED)
        return;
    why->reason = DPOOL_REASON_QUEUED;
    why->worker[0] = '\0';
    why->since_ms = 0;
    snprintf (why->sentence, sizeof why->sentence,
              "it waits behind %zu of this program's calls of its function", n_before);
}

/* The broker does not know what earlier attempts ended by, nor those under other ids. */
static void add_what_is_known (const job_task_t *task, size_t index, uint64_t attempt,
                               dpool_explanation_t *why)
{
    uint64_t n_starts = session_starts_of (task, attempt);
    why->attempt = (unsigned) (why->worker[0] != '\0' ? n_starts : n_starts + 1);
    size_t i = index == JOB_NONE ? task->first : index;
    while (index == JOB_NONE && i + 1 < task->first + task->n
           && (job_item (task->job, i) == NULL || job_item (task->job, i)->state == ITEM_FINISHED))
        i++;
    const job_item_t *item = job_item (task->job, i);
    if (item == NULL || item->state == ITEM_FINISHED || item->error == NULL)
        return;
    if (why->reason == DPOOL_REASON_RUNNING || why->reason == DPOOL_REASON_QUEUED)
        why->reason = DPOOL_REASON_RETRYING;
    size_t len = strlen (why->sentence);
    snprintf (why->sentence + len, sizeof why->sentence - len, "; attempt %u: %s", item->error->attempts,
              item->error->message);
    why->sentence[dp_utf8_cut (why->sentence, strlen (why->sentence), sizeof why->sentence - 1)] = '\0';
}

static void answer_question (const session_t *self, session_question_t *question, const wire_answer_t *answer)
{
    dpool_explanation_t *why = &question->answer;
    why->reason
        = answer->reason <= DPOOL_REASON_UNREACHABLE ? (dpool_reason_t) answer->reason : DPOOL_REASON_QUEUED;
    why->ahead = (size_t) answer->ahead;
    why->since_ms = (int64_t) answer->since_ms;
    copy_text (why->worker, sizeof why->worker, answer->worker);
    copy_text (why->sentence, sizeof why->sentence, answer->text);
    const job_task_t *task = session_find_task (self, question->task);
    if (question->n_before > 0)
        tell_of_those_before (question->n_before, why);
    else if (task != NULL && why->reason != DPOOL_REASON_FINISHED)
        add_what_is_known (task, question->index, answer->attempt, why);
    question->is_answered = true;
}

void session_receive_answer (session_t *self, int64_t now_ms, wire_message_t *message)
{
    (void) now_ms;
    DP_LIST_EACH (&self->questions, node) {
        session_question_t *question = DP_CONTAINER (node, session_question_t, in_questions);
        if (question->number != message->answer.query)
            continue;
        answer_question (self, question, &message->answer);
        session_forget_question (question);
    }
}
