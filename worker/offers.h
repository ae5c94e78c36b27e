/* SPDX-License-Identifier: MPL-2.0 */
/*
 * offers.h - the table of functions, initializers and preloads that this process offers: filled by
 * the constructors of DPOOL_FUNCTION and its kin, and by dpool_register. Any thread.
 */
#ifndef OFFERS_H_INCLUDED
#define OFFERS_H_INCLUDED

#include <dpool/function.h>

/* 0 when every name is good and there is no double; else -1 with the thread's last error, naming both files.
 */
int offers_check (void);

/* The body of a name, of a DPOOL_KIND_…, or NULL. Linear: look once, not for each item. */
dpool_function_t *offers_find (int kind, const char *name);

/* How many there are of a kind, and the i-th of them, in the order of their coming (NULL behind the last). */
size_t offers_count (int kind);
const dpool_offer_t *offers_at (int kind, size_t i);

/* How many there are of all kinds. */
size_t offers_total (void);

/* No more dpool_register from now on (EBUSY): the zygote runs. */
void offers_close (void);

/* Hold the table still: around a fork, so that the copy is whole and its lock is free. */
void offers_lock (void);
void offers_unlock (void);

#endif
