/* SPDX-License-Identifier: MPL-2.0 */
/* scheduler_keys.c - the list of keys changes: who is here and may not be any more is refused at once,
   whether he says anything or not. */
#include "broker/scheduler_internal.h"

#include <string.h>

enum { REFUSAL = 512 }; /* room for the reason */

/* Bytes, and words as their values: brokers on machines of another byte order get the same. */
uint64_t scheduler_own_id (const scheduler_t *self, const wire_hello_t *hello)
{
    const dp_hash_key_t *secret = &self->config.cluster_secret;
    if (self->owner[0] == '\0')
        return hello->id;
    const uint64_t words[]
        = { dp_hash_bytes (secret, self->owner, strlen (self->owner)), hello->role, hello->id,
            dp_hash_bytes (secret, hello->initializer.data, hello->initializer.len) };
    uint64_t id = dp_hash (secret, words, sizeof words / sizeof words[0]);
    return id != 0 ? id : 1;
}

/* What a HELLO in that role, with that initializer, would be answered now: 0, or the code of its refusal. */
static wire_refusal_t judge (const peer_t *peer, wire_text_t initializer, char *why, size_t size)
{
    const wire_message_t hello = { .kind = WIRE_HELLO,
                                   .hello = { .version_min = WIRE_VERSION_MIN,
                                              .version_max = WIRE_VERSION,
                                              .role = peer->role,
                                              .initializer = initializer } };
    return access_judge (peer->account->entry, &hello, why, size);
}

/* A session has the initializer of its first HELLO, whatever later ones say. And a key that may only look now
   has nothing done any more. */
static wire_refusal_t judge_session (const session_record_t *session, char *why, size_t size)
{
    const wire_message_t submit = { .kind = WIRE_SUBMIT };
    wire_refusal_t refusal = judge (&session->peer, session->config.initializer, why, size);
    if (refusal == 0 && session->tasks.count > 0)
        refusal = access_judge (session->peer.account->entry, &submit, why, size);
    return refusal;
}

static void refuse (scheduler_t *self, int64_t now_ms, const peer_t *peer, wire_refusal_t code,
                    const char *why)
{
    if (peer->connection != 0)
        scheduler_refuse (self, now_ms, peer->connection, code, why);
}

/* Its tasks end with it: what is queued does not start, what runs is stopped. */
static void shut_out_sessions (scheduler_t *self, int64_t now_ms)
{
    char why[REFUSAL];
    for (dp_map_node_t *node = dp_map_first (&self->sessions), *next; node != NULL; node = next) {
        next = dp_map_next (&self->sessions, node);
        session_record_t *session = DP_CONTAINER (node, session_record_t, peer.by_id);
        wire_refusal_t refusal = judge_session (session, why, sizeof why);
        if (refusal == 0)
            continue;
        refuse (self, now_ms, &session->peer, refusal, why);
        scheduler_end_session (self, session, "is not let in any more");
    }
}

/* What it had runs elsewhere. Whose key has other functions now than before is to say again which it offers.
 */
static void shut_out_workers (scheduler_t *self, int64_t now_ms)
{
    char why[REFUSAL];
    DP_LIST_EACH (&self->all_workers, node) {
        worker_record_t *worker = DP_CONTAINER (node, worker_record_t, in_workers);
        wire_refusal_t refusal = judge (&worker->peer, (wire_text_t) { "", 0 }, why, sizeof why);
        if (refusal == 0 && worker->peer.account->is_changed)
            scheduler_ask_anew (self, now_ms, &worker->peer);
        if (refusal == 0)
            continue;
        refuse (self, now_ms, &worker->peer, refusal, why);
        scheduler_lose_worker (self, now_ms, worker, "is not let in any more");
    }
}

void scheduler_admit (scheduler_t *self, int64_t now_ms, const access_t *access)
{
    self->access = access;
    self->is_sharing_room = true;
    scheduler_renew_accounts (self);
    if (access == NULL)
        return;
    shut_out_workers (self, now_ms);
    shut_out_sessions (self, now_ms);
}
