/* SPDX-License-Identifier: MPL-2.0 */
/* functions.c - a thousand functions that give back what they get, and a gate that keeps a worker busy. */
#include <dpool/function.h>

#include <unistd.h>

static int give_back (dpool_call_t *call)
{
    const void *value;
    size_t size;
    if (dpool_call_args (call, "m", &value, &size) < 0)
        return -1;
    return dpool_call_return (call, "m", value, size);
}

#define ONE(n)                   \
    DPOOL_FUNCTION (identity##n) \
    {                            \
        return give_back (call); \
    }
#define TEN(n) \
    ONE (n##0) \
    ONE (n##1) ONE (n##2) ONE (n##3) ONE (n##4) ONE (n##5) ONE (n##6) ONE (n##7) ONE (n##8) ONE (n##9)
#define HUNDRED(n) \
    TEN (n##0)     \
    TEN (n##1) TEN (n##2) TEN (n##3) TEN (n##4) TEN (n##5) TEN (n##6) TEN (n##7) TEN (n##8) TEN (n##9)

HUNDRED (0)
HUNDRED (1)
HUNDRED (2)
HUNDRED (3)
HUNDRED (4)
HUNDRED (5)
HUNDRED (6)
HUNDRED (7)
HUNDRED (8)
HUNDRED (9)

/* Runs for as long as the file is there. */
DPOOL_FUNCTION (gate)
{
    const char *path;
    if (dpool_call_args (call, "s", &path) < 0)
        return -1;
    while (access (path, F_OK) == 0)
        usleep (1000);
    return 0;
}
