/* SPDX-License-Identifier: MPL-2.0 */
#include "core/link.h"

#include <string.h>

/* A step of a 64-bit xorshift generator: jitter needs no better one. */
static uint64_t next_random (dp_link_t *self)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random;
}

void dp_link_init (dp_link_t *self, size_t n_endpoints, uint64_t seed, int64_t now_ms)
{
    memset (self, 0, sizeof *self);
    self->n_endpoints = n_endpoints;
    self->random = seed != 0 ? seed : 0x9e3779b97f4a7c15u; /* zero would stay zero */
    self->retry_at_ms = self->down_since_ms = self->endpoint_since_ms = self->ticked_at_ms = now_ms;
}

void dp_link_welcomed (dp_link_t *self, int64_t now_ms)
{
    if (self->state != LINK_GREETING)
        return;
    self->state = LINK_UP;
    self->was_up = true;
    self->n_failures = 0;
    dp_link_received (self, now_ms);
}

void dp_link_received (dp_link_t *self, int64_t now_ms)
{
    self->received_at_ms = now_ms;
    self->pinged_at_ms = self->patience_ms = 0;
}

void dp_link_expect (dp_link_t *self, uint64_t bytes)
{
    self->patience_ms = (int64_t) (bytes / LINK_BYTES_A_MS);
}

/* Both times are cut to milliseconds: one of them may not have passed. The shortest sample counts, since an
   answer may have waited in queues. Were one to come that nobody asked for, while one is under way, a far
   broker would pass for a near one. */
void dp_link_answered (dp_link_t *self, int64_t now_ms)
{
    if (!self->is_asked)
        return;
    self->is_asked = false;
    self->answered_at_ms = now_ms;
    int64_t took_ms = now_ms > self->asked_at_ms ? now_ms - self->asked_at_ms - 1 : 0;
    if (took_ms > LINK_MAX_ROUND_TRIP_MS)
        took_ms = LINK_MAX_ROUND_TRIP_MS;
    if (self->n_samples++ == 0 || took_ms < self->round_trip_ms)
        self->round_trip_ms = took_ms;
}

void dp_link_sent (dp_link_t *self, int64_t now_ms)
{
    self->sent_at_ms = now_ms;
}

/* The endpoint stays while trouble with it is young, so that a broker that restarts keeps its peers. Who has
   had no broker yet has nothing to keep. */
static void choose_endpoint (dp_link_t *self, int64_t now_ms)
{
    bool is_over = self->was_up ? now_ms - self->endpoint_since_ms >= LINK_FAILOVER_MS : self->connection > 0;
    if (self->n_endpoints > 1 && is_over) {
        self->endpoint = (self->endpoint + 1) % self->n_endpoints;
        self->endpoint_since_ms = now_ms;
    }
}

void dp_link_broken (dp_link_t *self, int64_t now_ms)
{
    if (self->state == LINK_DOWN)
        return;
    if (self->state == LINK_UP)
        self->down_since_ms = self->endpoint_since_ms = now_ms;
    self->state = LINK_DOWN;
    self->must_close = true;

    /* Full jitter: a broker that comes back must not meet all its peers in the same millisecond. */
    int64_t ceiling_ms = 0;
    if (self->n_failures > 0) {
        unsigned doublings = self->n_failures < 5 ? self->n_failures - 1 : 4;
        ceiling_ms = LINK_MIN_BACKOFF_MS << doublings;
        if (ceiling_ms > LINK_MAX_BACKOFF_MS)
            ceiling_ms = LINK_MAX_BACKOFF_MS;
    }
    self->retry_at_ms = now_ms + (int64_t) (next_random (self) % (uint64_t) (ceiling_ms + 1));
    self->n_failures++;
}

/* A turn of our own loop that came late says nothing about the peer. */
static void forgive_lag (dp_link_t *self, int64_t now_ms)
{
    int64_t lag_ms = now_ms - self->ticked_at_ms - LINK_MAX_LAG_MS;
    if (lag_ms > 0) {
        self->received_at_ms += lag_ms;
        self->opened_at_ms += lag_ms;
    }
    self->ticked_at_ms = now_ms;
}

static dp_link_command_t open_link (dp_link_t *self, int64_t now_ms)
{
    choose_endpoint (self, now_ms);
    self->state = LINK_GREETING;
    self->connection++;
    self->opened_at_ms = self->sent_at_ms = self->received_at_ms = now_ms;
    self->pinged_at_ms = self->patience_ms = 0;
    self->is_asked = false;
    self->n_samples = 0;
    self->round_trip_ms = 0;
    return LINK_OPEN;
}

/* When to ask how far the broker is: as soon as it has said WELCOME, and a few times more if it seems far.
   Heartbeats are timed, too, but there are none on a connection that is busy. */
static int64_t measure_at_ms (const dp_link_t *self)
{
    if (self->is_asked || self->n_samples >= LINK_SAMPLES)
        return DP_NEVER;
    if (self->n_samples == 0)
        return self->opened_at_ms;
    return self->round_trip_ms > 0 ? self->answered_at_ms + LINK_HEARTBEAT_MS : DP_NEVER;
}

/* One PING for each second without sending, and one for each second without an answer. */
static bool is_ping_due (const dp_link_t *self, int64_t now_ms)
{
    if (now_ms >= measure_at_ms (self))
        return true;
    if (now_ms - self->sent_at_ms >= LINK_HEARTBEAT_MS)
        return true;
    int64_t asked_at_ms
        = self->pinged_at_ms > self->received_at_ms ? self->pinged_at_ms : self->received_at_ms;
    return now_ms - asked_at_ms >= LINK_HEARTBEAT_MS;
}

dp_link_command_t dp_link_tick (dp_link_t *self, int64_t now_ms)
{
    forgive_lag (self, now_ms);
    if (self->state == LINK_GREETING && now_ms - self->opened_at_ms >= LINK_WELCOME_MS)
        dp_link_broken (self, now_ms);
    if (self->state == LINK_UP && now_ms - self->received_at_ms >= LINK_SILENCE_MS + self->patience_ms)
        dp_link_broken (self, now_ms);
    if (self->must_close) {
        self->must_close = false;
        return LINK_CLOSE;
    }
    if (self->state == LINK_DOWN)
        return now_ms >= self->retry_at_ms ? open_link (self, now_ms) : LINK_NOTHING;
    if (self->state == LINK_UP && is_ping_due (self, now_ms)) {
        self->sent_at_ms = self->pinged_at_ms = now_ms;
        if (!self->is_asked)
            self->asked_at_ms = now_ms;
        self->is_asked = true;
        return LINK_PING;
    }
    return LINK_NOTHING;
}

int64_t dp_link_deadline_ms (const dp_link_t *self)
{
    if (self->must_close)
        return 0;
    if (self->state == LINK_DOWN)
        return self->retry_at_ms;
    if (self->state == LINK_GREETING) {
        /* Not in one go: a tick that comes later than LINK_MAX_LAG_MS after the last one passes for lag. */
        int64_t end_ms = self->opened_at_ms + LINK_WELCOME_MS, next_ms = self->ticked_at_ms + LINK_MAX_LAG_MS;
        return next_ms < end_ms ? next_ms : end_ms;
    }
    int64_t asked_at_ms
        = self->pinged_at_ms > self->received_at_ms ? self->pinged_at_ms : self->received_at_ms;
    int64_t first_ms = asked_at_ms < self->sent_at_ms ? asked_at_ms : self->sent_at_ms;
    int64_t ping_ms = first_ms + LINK_HEARTBEAT_MS, measure_ms = measure_at_ms (self);
    return measure_ms < ping_ms ? measure_ms : ping_ms;
}
