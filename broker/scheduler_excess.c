/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_excess.c - what a client submits beyond the room that it has here (R9). It is not kept, since its
 * client has it: that is told that it is missing, and submits it again when it has room. So an honest client,
 * which had not heard yet that its room became less, loses nothing but a while, and one that does not heed it
 * has nothing more here.
 *
 * It is told a little later, with all that came meanwhile: whoever thinks that he has room while we do not
 * shall not send the same as fast as he can.
 */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

enum { MOST_RANGES = 1024 }; /* that wait to be said */

void scheduler_turn_away (scheduler_t *self, session_record_t *session, uint64_t id)
{
    if (session->n_excess == MOST_RANGES)
        scheduler_say_excess (self, session);
    if (session->excess == NULL)
        session->excess = dp_must_alloc (MOST_RANGES * sizeof *session->excess);
    wire_range_t *next = &session->excess[session->n_excess];
    if (session->n_excess > 0 && id == next[-1].last + 1)
        next[-1].last = id;
    else {
        *next = (wire_range_t) { id, id, false };
        session->n_excess++;
    }
}

void scheduler_say_excess (scheduler_t *self, session_record_t *session)
{
    const wire_range_t *ranges = session->excess;
    for (size_t i = 0; ranges != NULL && i < session->n_excess; i++)
        scheduler_say_missing (self, session, ranges[i].first, ranges[i].last);
    scheduler_forget_excess (session);
}

void scheduler_forget_excess (session_record_t *session)
{
    dp_free (session->excess);
    session->excess = NULL;
    session->n_excess = 0;
}
