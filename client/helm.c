/* SPDX-License-Identifier: MPL-2.0 */
#include "client/helm.h"

helm_wake_t helm_call (helm_t *self)
{
    self->is_told = true;
    if (!self->is_asleep || !self->has_thread)
        return HELM_NOBODY;
    self->is_asleep = false;
    if (self->is_driven)
        return HELM_POLL;
    self->is_wanted = true;
    return self->is_resting ? HELM_REST : HELM_POLL;
}

void helm_step_done (helm_t *self)
{
    self->is_asleep = true;
    self->is_told = false;
}

void helm_wake_up (helm_t *self)
{
    self->is_asleep = false;
}

bool helm_is_free (const helm_t *self)
{
    return self->has_thread && (self->is_polling || self->is_resting) && !self->is_driven && !self->is_wanted;
}

void helm_take (helm_t *self)
{
    self->is_driven = true;
    self->n_drives++;
}

bool helm_is_claimed (const helm_t *self)
{
    return self->is_wanted;
}

helm_wake_t helm_give_back (helm_t *self, bool is_quiet)
{
    self->is_driven = false;
    self->is_asleep = true;
    if (!is_quiet || self->is_told || self->is_wanted)
        return helm_call (self);
    /* What its poll was woken by may have been dealt with: it is to rest all the same. */
    return self->is_polling ? HELM_POLL : HELM_NOBODY;
}

unsigned helm_sleep (helm_t *self, bool may_be_taken)
{
    self->is_polling = may_be_taken;
    return self->n_drives;
}

bool helm_rise (helm_t *self, unsigned n_drives)
{
    self->is_polling = false;
    return n_drives == self->n_drives;
}

helm_rest_t helm_begin_rest (helm_t *self, unsigned n_drives, int64_t now_ms)
{
    self->is_resting = true;
    return (helm_rest_t) { n_drives, now_ms + HELM_REST_MS };
}

helm_step_t helm_look (helm_t *self, helm_rest_t *rest, int64_t now_ms)
{
    bool is_same = rest->n_drives == self->n_drives; /* as when it looked last */
    rest->n_drives = self->n_drives;
    if (!self->is_driven)
        return self->is_wanted || is_same || now_ms >= rest->end_ms ? HELM_GO : HELM_LOOK_LATER;
    if (self->is_wanted)
        return HELM_WAIT;
    if (!is_same && now_ms < rest->end_ms)
        return HELM_LOOK_LATER;
    self->is_wanted = true;
    return HELM_CLAIM;
}

void helm_end_rest (helm_t *self)
{
    self->is_resting = false;
    self->is_wanted = false;
    self->is_asleep = false;
}
