/* SPDX-License-Identifier: MPL-2.0 */
/*
 * tree.h - which processes belong to whom. Each program is started with DPOOL_CHAOS_PARTY in its environment,
 * which all its descendants have too, whoever their parent is by then.
 */
#ifndef TREE_H_INCLUDED
#define TREE_H_INCLUDED

#include <stddef.h>
#include <sys/types.h>

#define TREE_VARIABLE "DPOOL_CHAOS_PARTY"

/* The names that the worker's processes give themselves. */
#define TREE_ZYGOTE "dpool-zygote"
#define TREE_CHILD "dpool-child"

/* The living processes whose variable begins with this text, and which are called so where name is not
   NULL. How many there are; at most max are stored. */
size_t tree_find (const char *party, const char *name, pid_t *pids, size_t max);

/* Bury the zombies whose parent is gone and that were left to this process. Call tree_adopt first. */
void tree_bury (void);

/* From now on orphans come to this process. */
void tree_adopt (void);

#endif
