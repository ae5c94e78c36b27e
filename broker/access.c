/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/access.h"

#include "core/memory.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

struct access_s {
    void *tree; /* of libc's tsearch: entries, by their keys, with which each begins */
    size_t count;
};

/* ---- Roles ---------------------------------------------------------------------------------- */

static const char *const role_names[ACCESS_ROLES] = {
    [ACCESS_CLIENT] = "client",
    [ACCESS_WORKER] = "worker",
    [ACCESS_MONITOR] = "monitor",
    [ACCESS_ADMIN] = "admin",
};

const char *access_role_name (access_role_t role)
{
    return role < ACCESS_ROLES ? role_names[role] : "?";
}

access_role_t access_role_of (const char *name)
{
    access_role_t role = ACCESS_CLIENT;
    while (role < ACCESS_ROLES && strcmp (role_names[role], name) != 0)
        role++;
    return role;
}

/* ---- The list ------------------------------------------------------------------------------- */

access_t *access_new (void)
{
    access_t *self = dp_alloc (sizeof *self);
    if (self == NULL)
        errno = ENOMEM;
    return self;
}

void access_destroy (access_t **self_p)
{
    access_t *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    tdestroy (self->tree, dp_free);
    dp_free (self);
}

/* Of two keys, or entries. */
static int compare (const void *left, const void *right)
{
    return strcmp (left, right);
}

/* In one block, which tdestroy can free. */
static access_entry_t *copy_entry (const access_entry_t *entry)
{
    size_t name_size = strlen (entry->name) + 1, functions_size = 1;
    ACCESS_EACH_FUNCTION (entry, function)
        functions_size += strlen (function) + 1;
    access_entry_t *copy = dp_alloc (sizeof *copy + name_size + functions_size);
    if (copy == NULL)
        return NULL;
    char *name = (char *) (copy + 1), *functions = name + name_size;
    *copy = *entry;
    copy->name = memcpy (name, entry->name, name_size);
    copy->functions = functions; /* zero so far */
    if (functions_size > 1)
        memcpy (functions, entry->functions, functions_size);
    return copy;
}

static int fail (int code)
{
    errno = code;
    return -1;
}

int access_add (access_t *self, const access_entry_t *entry)
{
    if (access_find (self, entry->key) != NULL)
        return fail (EEXIST);
    access_entry_t *copy = copy_entry (entry);
    if (copy == NULL || tsearch (copy, &self->tree, compare) == NULL) {
        dp_free (copy);
        return fail (ENOMEM);
    }
    self->count++;
    return 0;
}

const access_entry_t *access_find (const access_t *self, const char *key)
{
    access_entry_t *const *node = tfind (key, &self->tree, compare);
    return node != NULL ? *node : NULL;
}

size_t access_count (const access_t *self)
{
    return self->count;
}

/* ---- The table ------------------------------------------------------------------------------ */

#define BIT(role) (1u << ACCESS_##role)
#define ASKING (BIT (CLIENT) | BIT (MONITOR) | BIT (ADMIN)) /* those that say HELLO as a client */
#define CALLING (BIT (CLIENT) | BIT (ADMIN))
#define ALL (ASKING | BIT (WORKER))

/* Which roles may say what. What is not listed, nobody may. CLAIM is how a client's greeting goes on, so
   that monitors say it too, of nothing. */
static const unsigned may_say[WIRE_KINDS] = {
    [WIRE_HELLO] = ALL, /* as what: see hello */
    [WIRE_PING] = ALL,
    [WIRE_PONG] = ALL,
    [WIRE_BYE] = ALL,
    [WIRE_ACK] = ALL,
    [WIRE_LARGE] = ALL,
    [WIRE_MEMORY] = ALL,
    [WIRE_CLAIM] = ASKING,
    [WIRE_QUERY] = ASKING, /* about what: see query */
    [WIRE_SUBMIT] = CALLING,
    [WIRE_CANCEL] = CALLING,
    [WIRE_REVOKE] = CALLING,
    [WIRE_RESULTS] = BIT (WORKER),
    [WIRE_PROGRESS] = BIT (WORKER),
    [WIRE_RUNS] = BIT (WORKER),
    [WIRE_RELEASE] = BIT (WORKER),
    [WIRE_DRAIN] = ALL, /* of a client it is an answer */
};

bool access_may_send_payloads (const access_entry_t *entry)
{
    return entry != NULL && ((may_say[WIRE_SUBMIT] | may_say[WIRE_RESULTS]) & (1u << entry->role)) != 0;
}

/* ---- What stands in a message --------------------------------------------------------------- */

static bool may_use_all (const access_entry_t *entry)
{
    return entry->functions == NULL || *entry->functions == '\0';
}

bool access_may_use (const access_entry_t *entry, wire_text_t function)
{
    ACCESS_EACH_FUNCTION (entry, allowed)
        if (strlen (allowed) == function.len && memcmp (allowed, function.data, function.len) == 0)
            return true;
    return may_use_all (entry);
}

void access_explain_function (const access_entry_t *entry, const char *deed, wire_text_t function, char *why,
                              size_t size)
{
    snprintf (why, size, "the key of '%s' may not %s '%.*s': its functions are in the broker's allowlist",
              entry->name, deed, (int) function.len, function.data);
}

static wire_refusal_t refuse_function (const access_entry_t *entry, const char *deed, wire_text_t function,
                                       char *why, size_t size)
{
    access_explain_function (entry, deed, function, why, size);
    return WIRE_REFUSED_ROLE;
}

static wire_refusal_t judge_hello (const access_entry_t *entry, const wire_hello_t *hello, char *why,
                                   size_t size)
{
    if (!wire_is_spoken (hello))
        return 0; /* its role was not read: it is refused for its version */
    bool is_worker = hello->role == WIRE_ROLE_WORKER;
    if (is_worker != (entry->role == ACCESS_WORKER)) {
        snprintf (why, size,
                  "the key of '%s' has the role %s and may not come as a %s: take a key of that role",
                  entry->name, access_role_name (entry->role), is_worker ? "worker" : "client");
        return WIRE_REFUSED_ROLE;
    }
    if (entry->role == ACCESS_MONITOR && hello->initializer.len > 0) {
        snprintf (why, size,
                  "the key of '%s' has the role %s and may have nothing done, so it may name no initializer",
                  entry->name, access_role_name (entry->role));
        return WIRE_REFUSED_ROLE;
    }
    if (may_use_all (entry))
        return 0;
    if (!is_worker)
        return hello->initializer.len == 0 || access_may_use (entry, hello->initializer)
                   ? 0
                   : refuse_function (entry, "call", hello->initializer, why, size);
    if (hello->n_functions > WIRE_MAX_NAMES)
        return 0; /* it is refused for that */
    dp_reader_t functions = hello->functions;
    size_t n_left = hello->n_functions;
    wire_text_t function;
    while (wire_next_name (&functions, &n_left, &function))
        if (!access_may_use (entry, function))
            return refuse_function (entry, "offer", function, why, size);
    return 0;
}

/* Of ids, only by who may have tasks. */
static wire_refusal_t judge_claim (const access_entry_t *entry, const wire_message_t *message, char *why,
                                   size_t size)
{
    if (message->n_records == 0 || (CALLING & (1u << entry->role)) != 0)
        return 0;
    snprintf (why, size, "the key of '%s' has the role %s and can have no tasks, so its CLAIM is to be empty",
              entry->name, access_role_name (entry->role));
    return WIRE_REFUSED_ROLE;
}

/* Which roles may ask what; what is not listed, only an admin. */
static wire_refusal_t judge_query (const access_entry_t *entry, const wire_query_t *query, char *why,
                                   size_t size)
{
    static const struct {
        unsigned roles;
        const char *what;
    } questions[] = {
        [WIRE_QUERY_EXPLAIN] = { CALLING, "what becomes of a task" },
        [WIRE_QUERY_STATUS] = { BIT (MONITOR) | BIT (ADMIN), "the broker's state" },
        [WIRE_QUERY_DRAIN] = { BIT (ADMIN), "the end of a worker" },
        [WIRE_QUERY_FUNCTION] = { ASKING, "a function" },
    };
    size_t number = (size_t) query->question;
    bool is_listed = number < sizeof questions / sizeof questions[0] && questions[number].what != NULL;
    unsigned roles = is_listed ? questions[number].roles : BIT (ADMIN);
    if ((roles & (1u << entry->role)) != 0)
        return 0;
    snprintf (why, size, "the key of '%s' has the role %s and may not ask for %s", entry->name,
              access_role_name (entry->role), is_listed ? questions[number].what : "this");
    return WIRE_REFUSED_ROLE;
}

wire_refusal_t access_judge (const access_entry_t *entry, const wire_message_t *message, char *why,
                             size_t size)
{
    if (entry == NULL) {
        snprintf (why, size, "the broker does not know the key, or no more: have it put into its allowlist");
        return WIRE_REFUSED_KEY;
    }
    if ((may_say[message->kind] & (1u << entry->role)) == 0) {
        snprintf (why, size, "the key of '%s' has the role %s and may not send %s", entry->name,
                  access_role_name (entry->role), wire_kind_name (message->kind));
        return WIRE_REFUSED_ROLE;
    }
    switch (message->kind) {
    case WIRE_CLAIM:
        return judge_claim (entry, message, why, size);
    case WIRE_HELLO:
        return judge_hello (entry, &message->hello, why, size);
    case WIRE_QUERY:
        return judge_query (entry, &message->query, why, size);
    default:
        return 0;
    }
}
