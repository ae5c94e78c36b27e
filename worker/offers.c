/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/offers.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/name.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* Offers come from constructors, before main and from whichever thread loads a library: nothing here needs a
   set-up, and what is wrong with an offer is kept until somebody can be told. */
static struct offers_s {
    pthread_mutex_t lock;
    const dpool_offer_t **offers;
    size_t n_offers, capacity;
    bool is_closed, is_out_of_memory;
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

void offers_lock (void)
{
    pthread_mutex_lock (&table.lock);
}

void offers_unlock (void)
{
    pthread_mutex_unlock (&table.lock);
}

static int append (const dpool_offer_t *offer)
{
    if (table.n_offers == table.capacity) {
        size_t capacity = table.capacity > 0 ? 2 * table.capacity : 16;
        const dpool_offer_t **offers = dp_realloc (table.offers, capacity * sizeof *offers);
        if (offers == NULL)
            return -1;
        table.offers = offers;
        table.capacity = capacity;
    }
    table.offers[table.n_offers++] = offer;
    return 0;
}

void dpool_offer (const dpool_offer_t *offer)
{
    offers_lock ();
    if (append (offer) < 0)
        table.is_out_of_memory = true;
    offers_unlock ();
}

static const dpool_offer_t *find (int kind, const char *name)
{
    for (size_t i = 0; i < table.n_offers; i++)
        if (table.offers[i]->kind == kind && table.offers[i]->name != NULL
            && strcmp (table.offers[i]->name, name) == 0)
            return table.offers[i];
    return NULL;
}

static bool is_name (const char *name)
{
    return name != NULL && dp_name_is_valid (name, strlen (name));
}

static int register_locked (const char *name, dpool_function_t *function)
{
    const dpool_offer_t *taken = find (DPOOL_KIND_FUNCTION, name);
    if (table.is_closed)
        return dp_fail (EBUSY,
                        "cannot register '%s': the pool's processes were prepared already; register before "
                        "the first dpool_open or dpool_prepare",
                        name);
    if (taken != NULL)
        return dp_fail (EEXIST, "a function '%s' is offered already, in %s", name, taken->file);
    size_t name_len = strlen (name) + 1;
    dpool_offer_t *offer = dp_alloc (sizeof *offer + name_len);
    if (offer == NULL)
        return dp_fail (ENOMEM, "no memory to register '%s'", name);
    char *copy = (char *) (offer + 1);
    memcpy (copy, name, name_len);
    *offer = (dpool_offer_t) { sizeof *offer, DPOOL_KIND_FUNCTION, copy, function, "dpool_register" };
    if (append (offer) < 0) {
        dp_free (offer);
        return dp_fail (ENOMEM, "no memory to register '%s'", name);
    }
    return 0;
}

int dpool_register (const char *name, dpool_function_t *function)
{
    if (!is_name (name))
        return dp_fail (EINVAL, "'%s' is no name for a function: use 1 to %d of A-Z a-z 0-9 _ . : -",
                        name != NULL ? name : "(NULL)", DP_NAME_MAX);
    if (function == NULL)
        return dp_fail (EINVAL, "cannot register '%s': the function is NULL", name);
    offers_lock ();
    int rc = register_locked (name, function);
    offers_unlock ();
    return rc;
}

static const char *kind_name (int kind)
{
    return kind == DPOOL_KIND_FUNCTION      ? "function"
           : kind == DPOOL_KIND_INITIALIZER ? "initializer"
                                            : "preload";
}

static int check (const dpool_offer_t *offer)
{
    if (offer->size < sizeof *offer || offer->function == NULL || offer->kind < DPOOL_KIND_FUNCTION
        || offer->kind > DPOOL_KIND_PRELOAD)
        return dp_fail (EINVAL,
                        "an offer does not fit libdpool %s: compile its source again with this libdpool's "
                        "headers",
                        dpool_version ());
    if (!is_name (offer->name))
        return dp_fail (EINVAL, "'%s' in %s is no name for a %s: use 1 to %d of A-Z a-z 0-9 _ . : -",
                        offer->name != NULL ? offer->name : "(NULL)", offer->file, kind_name (offer->kind),
                        DP_NAME_MAX);
    const dpool_offer_t *first = find (offer->kind, offer->name);
    if (first != offer)
        return dp_fail (EEXIST, "the %s '%s' is offered twice: in %s and in %s; rename one of them",
                        kind_name (offer->kind), offer->name, first->file, offer->file);
    return 0;
}

int offers_check (void)
{
    int rc = 0;
    offers_lock ();
    if (table.is_out_of_memory)
        rc = dp_fail (ENOMEM, "no memory for the table of functions");
    for (size_t i = 0; i < table.n_offers && rc == 0; i++)
        rc = check (table.offers[i]);
    offers_unlock ();
    return rc;
}

dpool_function_t *offers_find (int kind, const char *name)
{
    offers_lock ();
    const dpool_offer_t *offer = find (kind, name);
    offers_unlock ();
    return offer != NULL ? offer->function : NULL;
}

size_t offers_count (int kind)
{
    size_t n_found = 0;
    offers_lock ();
    for (size_t i = 0; i < table.n_offers; i++)
        n_found += table.offers[i]->kind == kind;
    offers_unlock ();
    return n_found;
}

const dpool_offer_t *offers_at (int kind, size_t i)
{
    const dpool_offer_t *found = NULL;
    offers_lock ();
    for (size_t k = 0; k < table.n_offers && found == NULL; k++)
        if (table.offers[k]->kind == kind && i-- == 0)
            found = table.offers[k];
    offers_unlock ();
    return found;
}

size_t offers_total (void)
{
    offers_lock ();
    size_t n_offers = table.n_offers;
    offers_unlock ();
    return n_offers;
}

void offers_close (void)
{
    offers_lock ();
    table.is_closed = true;
    offers_unlock ();
}
