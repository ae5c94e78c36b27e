/* SPDX-License-Identifier: MPL-2.0 */
/*
 * chaoswork.c - the functions that workers run in the chaos tests. Each notes its start and its end in
 * the file that DPOOL_CHAOS_RUNS names.
 */
#include "tests/chaos/record.h"
#include "tests/chaos/task.h"

#include <dpool/function.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CODE_FAILED = 7, CODE_DAMAGED = 99 };

static int note (dpool_call_t *call, record_kind_t kind, uint64_t number)
{
    static int fd = -1;
    const char *path = getenv ("DPOOL_CHAOS_RUNS");
    if (fd < 0)
        fd = path ? record_open (path) : -1;
    if (fd < 0 || record_write (fd, kind, number, (int64_t) dpool_call_attempt (call), 0) < 0)
        return dpool_call_fail (call, CODE_DAMAGED, "cannot note the run: %s", strerror (errno));
    return 0;
}

static void rest (uint64_t ms)
{
    struct timespec left = { (time_t) (ms / 1000), (long) (ms % 1000) * 1000000 };
    while (nanosleep (&left, &left) < 0 && errno == EINTR)
        continue;
}

static _Noreturn void stay (void)
{
    for (;;)
        pause ();
}

static _Noreturn void crash (void)
{
    kill (getpid (), SIGKILL);
    stay ();
}

static int check_bytes (dpool_call_t *call, uint64_t number, const unsigned char *bytes, size_t size)
{
    size_t at = 0;
    while (size == task_bytes (number) && at < size && bytes[at] == task_byte (number, at))
        at++;
    return at == task_bytes (number) ? 0 : dpool_call_fail (call, CODE_DAMAGED, "damaged at byte %zu", at);
}

DPOOL_FUNCTION_AS (work, TASK_FUNCTION)
{
    uint64_t number;
    const void *bytes;
    size_t size;
    if (dpool_call_args (call, "ub", &number, &bytes, &size) < 0 || note (call, RECORD_START, number) < 0
        || check_bytes (call, number, bytes, size) < 0)
        return -1;
    task_kind_t kind = task_kind (number);
    if (kind == TASK_POISON || (kind == TASK_CRASH_ONCE && dpool_call_attempt (call) == 1))
        crash ();
    if (kind == TASK_ENDLESS)
        stay ();
    rest (task_sleep_ms (number));
    if (note (call, RECORD_END, number) < 0)
        return -1;
    if (kind == TASK_FAIL)
        return dpool_call_fail (call, CODE_FAILED, "as it should");
    return dpool_call_return (call, "lb", task_value (number), bytes, size);
}

/* For the measurements: runs for so many milliseconds and gives the number. */
DPOOL_FUNCTION_AS (hold, "chaos.hold")
{
    uint64_t number, ms;
    if (dpool_call_args (call, "uu", &number, &ms) < 0 || note (call, RECORD_START, number) < 0)
        return -1;
    rest (ms);
    if (note (call, RECORD_END, number) < 0)
        return -1;
    return dpool_call_return (call, "u", number);
}
