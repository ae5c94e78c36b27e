/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/task.h"

#include <dpool/dpool.h>

/* Out of 1,000 tasks of a shape so many are of this kind; what is left is quick. */
static const struct {
    const char *name;
    unsigned weights[N_TASK_KINDS];
} shapes[N_SHAPES] = {
    [SHAPE_APPLY] = { "apply",
                      { [TASK_NAP] = 200,
                        [TASK_LONG] = 8,
                        [TASK_BULKY] = 30,
                        [TASK_FAIL] = 30,
                        [TASK_CRASH_ONCE] = 10,
                        [TASK_POISON] = 4,
                        [TASK_ENDLESS] = 8,
                        [TASK_ONCE] = 60,
                        [TASK_CANCELLED] = 15 } },
    [SHAPE_MAP] = { "map",
                    { [TASK_NAP] = 60,
                      [TASK_LONG] = 2,
                      [TASK_BULKY] = 10,
                      [TASK_FAIL] = 20,
                      [TASK_CRASH_ONCE] = 4,
                      [TASK_POISON] = 2 } },
    [SHAPE_IMAP]
    = { "imap", { [TASK_NAP] = 60, [TASK_BULKY] = 10, [TASK_FAIL] = 20, [TASK_CRASH_ONCE] = 4 } },
    [SHAPE_IMAP_UNORDERED]
    = { "imap_unordered", { [TASK_NAP] = 60, [TASK_LONG] = 2, [TASK_CRASH_ONCE] = 4, [TASK_POISON] = 2 } },
    [SHAPE_MAP_ONCE] = { "map_once", { [TASK_ONCE] = 1000 } },
    [SHAPE_MAP_CANCELLED] = { "map_cancelled", { [TASK_CANCELLED] = 1000 } },
};

static const char *const kinds[N_TASK_KINDS] = {
    [TASK_QUICK] = "quick",         [TASK_NAP] = "nap",         [TASK_LONG] = "long",
    [TASK_BULKY] = "bulky",         [TASK_FAIL] = "fail",       [TASK_CRASH_ONCE] = "crash_once",
    [TASK_POISON] = "poison",       [TASK_ENDLESS] = "endless", [TASK_ONCE] = "once",
    [TASK_CANCELLED] = "cancelled",
};

uint64_t task_hash (uint64_t seed)
{
    seed += 0x9e3779b97f4a7c15u;
    seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
    seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebu;
    return seed ^ (seed >> 31);
}

/* ---- The number ------------------------------------------------------------------------------ */

uint64_t task_number (unsigned client, task_shape_t shape, uint32_t index)
{
    return (uint64_t) client << 40 | (uint64_t) shape << 36 | index;
}

unsigned task_client (uint64_t number)
{
    return (unsigned) (number >> 40);
}

task_shape_t task_shape (uint64_t number)
{
    return (task_shape_t) (number >> 36 & 0xf);
}

uint32_t task_index (uint64_t number)
{
    return (uint32_t) number;
}

/* ---- What it does ---------------------------------------------------------------------------- */

task_kind_t task_kind (uint64_t number)
{
    const unsigned *weights = shapes[task_shape (number) % N_SHAPES].weights;
    unsigned lot = (unsigned) (task_hash (number) % 1000);
    for (int kind = 0; kind < N_TASK_KINDS; kind++) {
        if (lot < weights[kind])
            return (task_kind_t) kind;
        lot -= weights[kind];
    }
    return TASK_QUICK;
}

const char *task_shape_name (uint64_t number)
{
    return shapes[task_shape (number) % N_SHAPES].name;
}

const char *task_kind_name (uint64_t number)
{
    return kinds[task_kind (number)];
}

int64_t task_value (uint64_t number)
{
    return (int64_t) (task_hash (~number) >> 1);
}

unsigned task_sleep_ms (uint64_t number)
{
    unsigned lot = (unsigned) (task_hash (number) >> 32);
    switch (task_kind (number)) {
    case TASK_NAP:
        return 1 + lot % 16;
    case TASK_LONG:
        return 300 + lot % 1200;
    case TASK_ONCE:
        return lot % 8 == 0 ? lot % 400 : lot % 8; /* so that many a fault hits one */
    case TASK_CANCELLED:
        return task_shape (number) == SHAPE_APPLY ? 200 + lot % 1000 : lot % 40;
    default:
        return 0;
    }
}

size_t task_bytes (uint64_t number)
{
    size_t lot = (size_t) (task_hash (number) >> 32);
    if (task_kind (number) != TASK_BULKY)
        return 0;
    return lot % 32 == 0 ? lot % 6000000 : lot % 200000;
}

unsigned char task_byte (uint64_t number, size_t at)
{
    return (unsigned char) (number + at * 31 + (at >> 8));
}

/* ---- How it may end -------------------------------------------------------------------------- */

bool task_is_once (uint64_t number)
{
    return task_kind (number) == TASK_ONCE;
}

bool task_is_cancelled (uint64_t number)
{
    return task_kind (number) == TASK_CANCELLED;
}

bool task_may_end_as (uint64_t number, int code)
{
    switch (task_kind (number)) {
    case TASK_FAIL:
        return code == DPOOL_EFAILED;
    case TASK_POISON:
        return code == DPOOL_ECRASHED;
    case TASK_ENDLESS:
        return code == DPOOL_ETIMELIMIT;
    case TASK_ONCE:
        return code == 0 || code == DPOOL_ELOST || code == DPOOL_ECRASHED;
    case TASK_CANCELLED:
        return code == 0 || code == DPOOL_ECANCELLED || code == DPOOL_EKILLED;
    default:
        return code == 0;
    }
}
