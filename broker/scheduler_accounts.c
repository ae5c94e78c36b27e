/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scheduler_accounts.c - what each key has at the broker, and its quotas. Where there are no keys each
 * session, and each worker, has an account of its own.
 *
 * What is above a quota is refused with the reason: a task ends with it, a HELLO is answered by REFUSED, a
 * question by an answer that says so. Nothing else of the peer suffers.
 */
#include "broker/scheduler_internal.h"

#include "core/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TOLD_EVERY_MS = 60000 };

static const quota_t none = { QUOTA_NONE, QUOTA_NONE, QUOTA_NONE, QUOTA_NONE, QUOTA_NONE, QUOTA_NONE };

/* ---- Life ----------------------------------------------------------------------------------- */

/* The entry before this one may be gone. */
static uint64_t hash_functions (const scheduler_t *self, const access_entry_t *entry)
{
    uint64_t hashes[2] = { 0, 0 };
    if (entry == NULL)
        return 0;
    ACCESS_EACH_FUNCTION (entry, function) {
        hashes[1] = dp_hash_bytes (&self->config.secret, function, strlen (function));
        hashes[0] = dp_hash (&self->config.secret, hashes, 2);
    }
    return hashes[0];
}

/* What holds for it now: its own quota, and the broker's where that says nothing. */
static void set_quota (const scheduler_t *self, account_t *account)
{
    account->entry = self->access != NULL ? access_find (self->access, account->owner) : NULL;
    uint64_t functions = hash_functions (self, account->entry);
    account->is_changed = functions != account->functions;
    account->functions = functions;
    account->quota = account->entry != NULL ? account->entry->quota : (quota_t) { 0 };
    quota_complete (&account->quota, &self->config.quota);
    quota_complete (&account->quota, &none);
}

static account_t *new_account (const scheduler_t *self, const char *owner)
{
    account_t *account = dp_must_alloc (sizeof *account);
    dp_list_init (&account->in_accounts);
    memcpy (account->owner, owner, strlen (owner) + 1);
    set_quota (self, account);
    return account;
}

static uint64_t hash_of (const scheduler_t *self, const char *owner)
{
    uint64_t words[(SCHEDULER_OWNER + 7) / 8] = { 0 };
    memcpy (words, owner, strlen (owner));
    return dp_hash (&self->config.secret, words, sizeof words / sizeof words[0]);
}

/* Of the key that says HELLO: it stays when its peers are gone, since it knows how often they came. */
static account_t *account_of_key (scheduler_t *self, const char *owner)
{
    uint64_t hash = hash_of (self, owner);
    for (dp_map_node_t *node = dp_map_get (&self->accounts, hash); node != NULL;
         node = dp_map_next_same (node)) {
        account_t *account = DP_CONTAINER (node, account_t, by_owner);
        if (strcmp (account->owner, owner) == 0)
            return account;
    }
    account_t *account = new_account (self, owner);
    dp_map_put (&self->accounts, hash, &account->by_owner);
    dp_list_append (&self->all_accounts, &account->in_accounts);
    return account;
}

static void free_account (scheduler_t *self, account_t *account)
{
    if (account->owner[0] != '\0') {
        dp_map_remove (&self->accounts, &account->by_owner);
        dp_list_remove (&account->in_accounts);
    }
    dp_free (account);
}

/* NULL: a peer without a key that is not known yet. */
static account_t *find_account (scheduler_t *self, const peer_t *known)
{
    if (self->owner[0] != '\0')
        return account_of_key (self, self->owner);
    return known != NULL && known->owner[0] == '\0' ? known->account : NULL;
}

void scheduler_join_account (scheduler_t *self, peer_t *peer)
{
    if (peer->account != NULL)
        return;
    account_t *account = find_account (self, NULL);
    peer->account = account != NULL ? account : new_account (self, "");
    peer->account->n_peers++;
    peer->account->n_sessions += peer->role == WIRE_ROLE_CLIENT;
    if (peer->role == WIRE_ROLE_CLIENT)
        scheduler_weigh_args (DP_CONTAINER (peer, session_record_t, peer), true);
}

void scheduler_leave_account (scheduler_t *self, peer_t *peer)
{
    account_t *account = peer->account;
    if (account == NULL)
        return;
    if (peer->role == WIRE_ROLE_CLIENT)
        scheduler_weigh_args (DP_CONTAINER (peer, session_record_t, peer), false);
    peer->account = NULL;
    account->n_sessions -= peer->role == WIRE_ROLE_CLIENT;
    bool is_wanted = account->owner[0] != '\0' && account->entry != NULL;
    if (--account->n_peers == 0 && !is_wanted)
        free_account (self, account);
}

void scheduler_free_accounts (scheduler_t *self)
{
    DP_LIST_EACH (&self->all_accounts, node)
        free_account (self, DP_CONTAINER (node, account_t, in_accounts));
    dp_map_fini (&self->accounts);
}

void scheduler_renew_accounts (scheduler_t *self)
{
    DP_LIST_EACH (&self->all_accounts, node) {
        account_t *account = DP_CONTAINER (node, account_t, in_accounts);
        set_quota (self, account);
        if (account->n_peers == 0 && account->entry == NULL)
            free_account (self, account);
    }
}

/* ---- What is told --------------------------------------------------------------------------- */

/* Clients are told to keep to what their key may have, so that only what goes beyond that is refused. All its
   sessions share it, and half of its bytes are for results. */
uint64_t scheduler_tasks_allowed (const quota_t *quota, size_t n_sessions)
{
    uint64_t most = quota->tasks / (n_sessions > 0 ? n_sessions : 1);
    return quota->tasks == QUOTA_NONE ? 0 : most > 0 ? most : 1;
}

uint64_t scheduler_bytes_allowed (const quota_t *quota, uint64_t kept, size_t n_sessions)
{
    uint64_t left = kept < quota->bytes ? quota->bytes - kept : 0;
    uint64_t most = left / 2 / (n_sessions > 0 ? n_sessions : 1);
    return quota->bytes == QUOTA_NONE ? 0 : most > 0 ? most : 1;
}

/* A first word on it, since WELCOME comes before HELLO takes effect (R1). */
void scheduler_allow (scheduler_t *self, const peer_t *known, const wire_hello_t *hello,
                      wire_welcome_t *welcome)
{
    const account_t *account = find_account (self, known);
    quota_t quota = account != NULL ? account->quota : self->config.quota;
    quota_complete (&quota, &none);
    size_t n_sessions = (account != NULL ? account->n_sessions : 0) + (known == NULL);
    uint64_t kept
        = (account != NULL ? account->kept_bytes : 0) + (known == NULL ? scheduler_args_len (hello) : 0);
    uint64_t bytes = scheduler_bytes_allowed (&quota, kept, n_sessions);
    welcome->most_tasks = scheduler_tasks_allowed (&quota, n_sessions);
    if (bytes != 0 && welcome->room > bytes)
        welcome->room = bytes;
}

/* ---- What is refused ------------------------------------------------------------------------ */

/* As much of a sentence as all refusals have in common; the numbers and what to do are put in by each. */
static const char *say (char *text, size_t size, const account_t *account, const char *format, ...)
    DPOOL_PRINTF (4, 5);

static const char *say (char *text, size_t size, const account_t *account, const char *format, ...)
{
    char what[400];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (what, sizeof what, format, arguments);
    va_end (arguments);
    if (account->entry != NULL)
        snprintf (text, size, "the key of '%s' %s, or have its quota raised in the broker's allowlist",
                  account->entry->name, what);
    else
        snprintf (text, size, "this peer %s, or have the broker's --quota raised", what);
    return text;
}

/* The operator hears of it once a minute and account. */
static const char *tell (scheduler_t *self, int64_t now_ms, account_t *account, const char *why)
{
    if (account->told_at_ms == 0 || now_ms - account->told_at_ms >= TOLD_EVERY_MS) {
        account->told_at_ms = now_ms;
        scheduler_log (self, "a quota is used up: %s", why);
    }
    return why;
}

const char *scheduler_over_tasks (scheduler_t *self, int64_t now_ms, account_t *account, size_t payload_len,
                                  char *text, size_t size)
{
    const quota_t *quota = &account->quota;
    uint64_t bytes = (uint64_t) payload_len + WIRE_RECORD_BYTES;
    if (account->n_tasks >= quota->tasks)
        say (text, size, account,
             "has %llu tasks queued or running, all that its quota allows (tasks=%llu): wait until some have "
             "finished, submit fewer at a time (max_unfinished_tasks)",
             (unsigned long long) account->n_tasks, (unsigned long long) quota->tasks);
    else if (bytes > quota->bytes || account->bytes > quota->bytes - bytes)
        say (text, size, account,
             "has %llu bytes of arguments and results at the broker, and %llu more are above its quota "
             "(bytes=%llu): take results, submit less at a time (max_unfinished_bytes)",
             (unsigned long long) account->bytes, (unsigned long long) bytes,
             (unsigned long long) quota->bytes);
    else
        return NULL;
    return tell (self, now_ms, account, text);
}

const char *scheduler_over_hellos (scheduler_t *self, int64_t now_ms, const peer_t *known, wire_role_t role,
                                   char *text, size_t size)
{
    account_t *account = find_account (self, known);
    if (account == NULL)
        return NULL; /* its first HELLO, and its first session */
    const quota_t *quota = &account->quota;
    if (!quota_take (&account->hellos, quota->hellos, now_ms))
        say (text, size, account,
             "connects more often than its quota allows (hellos=%llu a minute): wait, keep pools open for "
             "longer",
             (unsigned long long) quota->hellos);
    else if (known == NULL && role == WIRE_ROLE_CLIENT && account->n_sessions >= quota->sessions)
        say (text, size, account,
             "has %llu sessions, all that its quota allows (sessions=%llu): close pools that are not needed "
             "(one whose program died counts for %lld s more)",
             (unsigned long long) account->n_sessions, (unsigned long long) quota->sessions,
             (long long) self->config.client_lease_ms / 1000);
    else if (known == NULL && role == WIRE_ROLE_WORKER
             && account->n_peers - account->n_sessions >= quota->workers)
        say (text, size, account,
             "has %zu workers, all that its quota allows (workers=%llu): stop some, or give those that are "
             "there more processes",
             account->n_peers - account->n_sessions, (unsigned long long) quota->workers);
    else
        return NULL;
    return tell (self, now_ms, account, text);
}

/* On their own they may have as much as the quota says: whoever is within it with his tasks is so with them.
 */
const char *scheduler_over_claims (scheduler_t *self, int64_t now_ms, account_t *account, size_t n_ranges,
                                   char *text, size_t size)
{
    uint64_t bytes = (uint64_t) (account->n_claims + n_ranges) * sizeof (wire_range_t);
    if (bytes <= account->quota.bytes)
        return NULL;
    say (text, size, account,
         "claims %zu ranges of ids, which is more than its quota has room for (bytes=%llu): have fewer tasks "
         "unfinished at a time (max_unfinished_tasks)",
         account->n_claims + n_ranges, (unsigned long long) account->quota.bytes);
    return tell (self, now_ms, account, text);
}

const char *scheduler_over_names (const scheduler_t *self, const wire_hello_t *hello, char *text, size_t size)
{
    bool is_within = hello->n_functions <= WIRE_MAX_NAMES && hello->n_labels <= WIRE_MAX_NAMES;
    if (is_within || self->config.is_embedded)
        return NULL;
    snprintf (
        text, size,
        "it offers %zu functions and has %zu labels, and a broker takes %u of each: start several workers, "
        "each with some of the modules",
        hello->n_functions, hello->n_labels, WIRE_MAX_NAMES);
    return text;
}

const char *scheduler_over_args (scheduler_t *self, int64_t now_ms, const peer_t *known,
                                 const wire_hello_t *hello, char *text, size_t size)
{
    account_t nobody = { .quota = self->config.quota }, *account = find_account (self, known);
    size_t len = scheduler_args_len (hello);
    if (known != NULL || len == 0 || self->config.is_embedded)
        return NULL;
    if (len > WIRE_MAX_ARGS) {
        snprintf (
            text, size,
            "the arguments of its initializer have %zu bytes, more than the %u that a broker takes: pass "
            "the name of a file that workers can read, or send them with the calls",
            len, WIRE_MAX_ARGS);
        return text;
    }
    if (account == NULL) {
        quota_complete (&nobody.quota, &none);
        account = &nobody;
    }
    const quota_t *quota = &account->quota;
    if (len <= quota->bytes && account->bytes <= quota->bytes - len)
        return NULL;
    say (text, size, account,
         "has %llu bytes at the broker, and %zu more, the arguments of an initializer, are above its quota "
         "(bytes=%llu): make these shorter, close pools that are not needed",
         (unsigned long long) account->bytes, len, (unsigned long long) quota->bytes);
    return tell (self, now_ms, account, text);
}

const char *scheduler_over_queries (scheduler_t *self, int64_t now_ms, account_t *account, char *text,
                                    size_t size)
{
    if (quota_take (&account->queries, account->quota.queries, now_ms))
        return NULL;
    say (text, size, account,
         "asks for the broker's state more often than its quota allows (queries=%llu a minute): ask less "
         "often",
         (unsigned long long) account->quota.queries);
    return tell (self, now_ms, account, text);
}
