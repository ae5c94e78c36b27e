/* SPDX-License-Identifier: MPL-2.0 */
/* stage_turn.c - a stage in the course of time: what is due, who leaves, and the end of all. */
#include "tests/support/test.h"

#include "tests/chaos/stage.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/chaos/record.h"
#include "tests/chaos/tree.h"

enum {
    GONE_MS = 10000,
    HURRY_MS = 15000,
    LAST_HURRY_MS = 3000,
    DRAINED_MS = 60000,
    CLIENTS_MS = 120000,
    TURN_MS = 10
};

/* ---- Those who leave ------------------------------------------------------------------------- */

static leaver_t *see_off (stage_t *self, const party_t *party, int64_t patience_ms)
{
    if (self->n_leavers == STAGE_MAX_LEAVERS)
        fail_msg ("more than %d processes are leaving", STAGE_MAX_LEAVERS);
    leaver_t *leaver = &self->leavers[self->n_leavers++];
    memset (leaver, 0, sizeof *leaver);
    memcpy (leaver->name, party->name, sizeof leaver->name);
    memcpy (leaver->tag, party->tag, sizeof leaver->tag);
    leaver->deadline_us = record_now_us () + patience_ms * 1000;
    leaver->hurry_us = INT64_MAX;
    return leaver;
}

void stage_kill (stage_t *self, party_t *party)
{
    party_kill (party);
    see_off (self, party, GONE_MS);
}

void stage_replace (stage_t *self, party_t *party)
{
    leaver_t *leaver = see_off (self, party, DRAINED_MS);
    leaver->hurry_us = record_now_us () + HURRY_MS * 1000;
    process_signal (party->process, SIGTERM);
    leaver->process = party->process;
    party->process = NULL;
    party->state = PARTY_DOWN;
    stage_revive (self, party);
}

void stage_restart (stage_t *self, party_t *party)
{
    process_signal (party->process, SIGTERM);
    int status = process_wait (party->process);
    self->gone_us = record_now_us ();
    if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
        stage_complain (self, "%s was asked to end, and its status was %#x", party->name, (unsigned) status);
    process_destroy (&party->process);
    party->state = PARTY_DOWN;
    stage_revive (self, party);
}

bool stage_has_leavers (const stage_t *self)
{
    return self->n_leavers > 0;
}

/* A worker may wait for a minute for somebody who wants the results that it has. */
static void hurry (stage_t *self, leaver_t *leaver)
{
    if (record_now_us () < leaver->hurry_us || !leaver->process
        || !process_lives (process_pid (leaver->process)))
        return;
    stage_note (self, "%s (%ld) is asked to end at once", leaver->name, (long) process_pid (leaver->process));
    process_signal (leaver->process, SIGTERM);
    leaver->hurry_us = INT64_MAX;
}

/* Has it ended, and is its whole tree gone? Complains about how it ended. */
static bool has_left (stage_t *self, leaver_t *leaver)
{
    if (leaver->process && process_lives (process_pid (leaver->process)))
        return false;
    if (leaver->process) {
        int status = process_wait (leaver->process);
        if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
            stage_complain (self, "%s was asked to end, and ended with %s %d", leaver->name,
                            WIFEXITED (status) ? "status" : "signal",
                            WIFEXITED (status) ? WEXITSTATUS (status) : WTERMSIG (status));
        process_destroy (&leaver->process);
    }
    tree_bury ();
    return tree_find (leaver->tag, NULL, NULL, 0) == 0;
}

static void look_after_leavers (stage_t *self)
{
    for (size_t i = 0; i < self->n_leavers;) {
        leaver_t *leaver = &self->leavers[i];
        hurry (self, leaver);
        bool is_gone = has_left (self, leaver), is_late = record_now_us () > leaver->deadline_us;
        if (!is_gone && !is_late) {
            i++;
            continue;
        }
        if (!is_gone) {
            pid_t pid = 0;
            size_t n = tree_find (leaver->tag, NULL, &pid, 1);
            stage_complain (self, "of %s %zu processes are left (such as %ld)", leaver->name, n, (long) pid);
            process_destroy (&leaver->process);
        }
        *leaver = self->leavers[--self->n_leavers];
    }
}

/* ---- The agenda ------------------------------------------------------------------------------ */

void stage_later (stage_t *self, int64_t delay_ms, stage_action_t *action, party_t *party)
{
    if (self->n_agenda == STAGE_MAX_AGENDA)
        fail_msg ("more than %d things are to be done", STAGE_MAX_AGENDA);
    self->agenda[self->n_agenda++] = (appointment_t) { record_now_us () + delay_ms * 1000, action, party };
}

/* What is due at this time; all of it where the time is INT64_MAX. */
static void keep_appointments (stage_t *self, int64_t until_us)
{
    for (size_t i = 0; i < self->n_agenda;) {
        appointment_t due = self->agenda[i];
        if (due.at_us > until_us) {
            i++;
            continue;
        }
        self->agenda[i] = self->agenda[--self->n_agenda];
        due.action (self, due.party);
    }
}

static void see_who_lives (stage_t *self)
{
    for (int role = 0; role < N_ROLES; role++) {
        for (size_t i = 0; i < STAGE_MAX_PARTIES; i++) {
            party_t *party = &self->parties[role][i];
            if (!party->process || process_lives (process_pid (party->process)))
                continue;
            int status = process_wait (party->process);
            bool is_foreseen = party->is_doomed && WIFEXITED (status) && WEXITSTATUS (status) == 1;
            void (*tell) (stage_t *, const char *, ...) = is_foreseen ? stage_note : stage_complain;
            tell (self, "%s ended by itself with %s %d, see its log", party->name,
                  WIFEXITED (status) ? "status" : "signal",
                  WIFEXITED (status) ? WEXITSTATUS (status) : WTERMSIG (status));
            stage_kill (self, party);
            stage_revive (self, party);
        }
    }
}

static volatile sig_atomic_t is_interrupted;
static pid_t own_pid;

static void on_signal (int number)
{
    (void) number;
    if (getpid () != own_pid)
        _exit (0); /* a fork that has not become its program yet */
    is_interrupted = 1;
}

void stage_take_signals (void)
{
    own_pid = getpid ();
    signal (SIGINT, on_signal);
    signal (SIGTERM, on_signal);
}

void stage_turn (stage_t *self)
{
    if (is_interrupted)
        exit (3);
    keep_appointments (self, record_now_us ());
    see_who_lives (self);
    nanosleep (&(struct timespec) { 0, TURN_MS * 1000000 }, NULL);
}

void stage_turn_for (stage_t *self, int64_t ms)
{
    int64_t end_us = record_now_us () + ms * 1000, looked_us = 0;
    do {
        stage_turn (self);
        if (record_now_us () > looked_us + 250000) {
            look_after_leavers (self);
            looked_us = record_now_us ();
        }
    } while (record_now_us () < end_us);
}

/* ---- The end --------------------------------------------------------------------------------- */

static bool is_leaving (const stage_t *self, party_role_t role)
{
    char name[sizeof self->leavers[0].name];
    party_t like;
    party_init (&like, role, 0);
    size_t length = strcspn (like.name, "0123456789");
    memcpy (name, like.name, length);
    for (size_t i = 0; i < self->n_leavers; i++) {
        if (strncmp (self->leavers[i].name, name, length) == 0)
            return true;
    }
    return false;
}

/* Ask all of a role to end, and wait until they have. */
static void dismiss (stage_t *self, party_role_t role, int64_t patience_ms)
{
    for (size_t i = 0; i < STAGE_MAX_PARTIES; i++) {
        party_t *party = &self->parties[role][i];
        if (!party->process)
            continue;
        leaver_t *leaver = see_off (self, party, patience_ms);
        process_signal (party->process, SIGTERM);
        leaver->process = party->process;
        party->process = NULL;
        party->state = PARTY_DOWN;
    }
    for (size_t i = 0; i < self->n_leavers && role == ROLE_WORKER; i++)
        self->leavers[i].hurry_us = record_now_us () + LAST_HURRY_MS * 1000;
    int64_t worry_us = record_now_us () + patience_ms * 900;
    while (is_leaving (self, role)) {
        stage_turn_for (self, 50);
        if (record_now_us () > worry_us) {
            stage_report (self);
            worry_us = INT64_MAX;
        }
    }
}

void stage_close (stage_t *self)
{
    keep_appointments (self, INT64_MAX);
    stage_note (self, "all is healed, the clients finish");
    dismiss (self, ROLE_CLIENT, CLIENTS_MS);
    stage_note (self, "the clients have ended");
    dismiss (self, ROLE_WORKER, DRAINED_MS);
    dismiss (self, ROLE_BROKER, GONE_MS);
    stage_note (self, "all have ended");
    tree_bury ();
}
