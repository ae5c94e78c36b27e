/* SPDX-License-Identifier: MPL-2.0 */
#include "client/cli/checkup.h"

#include "core/error.h"
#include "net/keys.h"
#include "net/segment.h"
#include "net/trust.h"

#include <czmq.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    FDS_OF_A_POOL = 24,
    FEW_FDS = 1024,
    FEW_PROCESSES = 64,
    SHARED_TEST = 1 << 20,
    SLOW_CLOCK_NS = 1000 * 1000
};

#define LITTLE_MEMORY (UINT64_C (256) << 20)  /* of a control group */
#define LITTLE_ADDRESSES (UINT64_C (2) << 30) /* an arena and a few shelves reserve as much */

/* ---- Limits ----------------------------------------------------------------------------------- */

/* UINT64_MAX: no limit. */
static uint64_t limit_of (__rlimit_resource_t resource)
{
    struct rlimit limit;
    if (getrlimit (resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur;
}

static void look_at_descriptors (findings_t *findings)
{
    static const char check[] = "descriptors";
    uint64_t most = limit_of (RLIMIT_NOFILE);
    if (most < FDS_OF_A_POOL)
        findings_add (findings, FINDING_FAILED, check,
                      "%llu open files are allowed, and a pool needs %d: raise it with ulimit -n",
                      (unsigned long long) most, FDS_OF_A_POOL);
    else if (most < FEW_FDS)
        findings_add (
            findings, FINDING_WARNING, check,
            "%llu open files are allowed: enough for a pool, but few for a worker or a broker, which "
            "needs one for each peer. Raise it with ulimit -n",
            (unsigned long long) most);
    else
        findings_add (findings, FINDING_OK, check, "%llu open files are allowed (ulimit -n)",
                      (unsigned long long) most);
}

static void look_at_processes (findings_t *findings)
{
    static const char check[] = "processes";
    uint64_t most = limit_of (RLIMIT_NPROC);
    if (most == UINT64_MAX)
        findings_add (findings, FINDING_OK, check, "as many as the system has room for");
    else
        findings_add (findings, most < FEW_PROCESSES ? FINDING_WARNING : FINDING_OK, check,
                      "%llu processes and threads of this user are allowed%s", (unsigned long long) most,
                      most < FEW_PROCESSES
                          ? ": few for a worker, which has one for each CPU and some threads. "
                            "Raise it with ulimit -u"
                          : " (ulimit -u)");
}

/* A number that stands alone in a file. False when it is not there, or no number, such as "max". */
static bool read_number (const char *path, uint64_t *number)
{
    char line[64], *end;
    FILE *file = fopen (path, "re");
    if (file == NULL)
        return false;
    bool is_read = fgets (line, sizeof line, file) != NULL;
    fclose (file);
    errno = 0;
    *number = is_read ? strtoull (line, &end, 10) : 0;
    return is_read && errno == 0 && end != line;
}

static void look_at_memory (findings_t *findings)
{
    static const char check[] = "memory";
    uint64_t addresses = limit_of (RLIMIT_AS), group = UINT64_MAX, policy = 0;
    if (!read_number ("/sys/fs/cgroup/memory.max", &group)
        && !read_number ("/sys/fs/cgroup/memory/memory.limit_in_bytes", &group))
        group = UINT64_MAX;
    read_number ("/proc/sys/vm/overcommit_memory", &policy);
    if (addresses < LITTLE_ADDRESSES)
        findings_add (
            findings, FINDING_WARNING, check,
            "%llu MiB of addresses are allowed (ulimit -v): shared memory may not fit, and payloads "
            "then go by sockets, slower. Raise it, or set DPOOL_SHARED_MEMORY lower",
            (unsigned long long) addresses >> 20);
    else if (group < LITTLE_MEMORY)
        findings_add (
            findings, FINDING_WARNING, check,
            "the control group has %llu MiB: the kernel kills processes that need more. Raise it, or "
            "give children less with dpool-worker --task-memory",
            (unsigned long long) group >> 20);
    else
        findings_add (findings, FINDING_OK, check, "no limit that is too low%s",
                      policy == 2 ? "; the system promises no more than it has (vm.overcommit_memory=2)"
                                  : "");
}

/* ---- Shared memory, the clock ----------------------------------------------------------------- */

static void look_at_shared_memory (findings_t *findings)
{
    static const char check[] = "shared memory";
    if (dp_segment_limit (1) == 0) {
        findings_add (findings, FINDING_WARNING, check,
                      "DPOOL_SHARED_MEMORY turns it off: long payloads go by sockets, slower");
        return;
    }
    int fd = dp_segment_make ("dpool-doctor", SHARED_TEST);
    if (fd < 0) {
        findings_add (findings, FINDING_WARNING, check,
                      "none can be had (%s), so long payloads go by sockets, slower: look at ulimit -f and "
                      "what the sandbox forbids (memfd_create)",
                      strerror (errno));
        return;
    }
    close (fd);
    findings_add (findings, FINDING_OK, check, "it can be had");
}

/* All times are differences of the monotonic clock, so that the date does not matter. */
static void look_at_clock (findings_t *findings)
{
    static const char check[] = "clock";
    struct timespec step;
    if (clock_getres (CLOCK_MONOTONIC, &step) < 0)
        findings_add (findings, FINDING_FAILED, check, "there is no monotonic clock: %s", strerror (errno));
    else if (step.tv_sec > 0 || step.tv_nsec > SLOW_CLOCK_NS)
        findings_add (findings, FINDING_WARNING, check,
                      "it has steps of %ld ms: heartbeats and time limits are as rough",
                      (long) step.tv_sec * 1000 + step.tv_nsec / 1000000);
    else
        findings_add (findings, FINDING_OK, check, "monotonic, in steps of less than a millisecond");
}

void checkup_machine (findings_t *findings)
{
    look_at_descriptors (findings);
    look_at_processes (findings);
    look_at_memory (findings);
    look_at_shared_memory (findings);
    look_at_clock (findings);
}

/* ---- Files ------------------------------------------------------------------------------------ */

void checkup_module (findings_t *findings, const char *path)
{
    char resolved[PATH_MAX];
    if (dp_trust_file (path, resolved) < 0)
        findings_add_failure (findings, "module");
    else
        findings_add (findings, FINDING_OK, "module", "only root and this user can change %s", resolved);
}

/* What dpool keygen was told that the key is for; "" where that is not said. */
static void read_role (const char *key_file, char *role, size_t size)
{
    zcert_t *certificate = zcert_load (key_file);
    const char *meta = certificate != NULL ? zcert_meta (certificate, "role") : NULL;
    snprintf (role, size, "%s", meta != NULL ? meta : "");
    zcert_destroy (&certificate);
}

bool checkup_keys (findings_t *findings, const char *key_file, const char *server_key)
{
    dp_keys_t keys;
    char role[32];
    if (key_file == NULL && server_key == NULL) {
        findings_add (findings, FINDING_OK, "own key",
                      "none: DPOOL_KEY_FILE is not set, nothing is encrypted");
        return true;
    }
    if (dp_keys_load_both (&keys, key_file, server_key) < 0) {
        findings_add_failure (findings, "own key");
        return false;
    }
    explicit_bzero (keys.secret_key, sizeof keys.secret_key);
    read_role (key_file, role, sizeof role);
    if (strcmp (role, "broker") == 0 || strcmp (role, "worker") == 0)
        findings_add (
            findings, FINDING_WARNING, "own key",
            "%s was made for a %s: a program that opens a pool needs one of dpool keygen --role client",
            key_file, role);
    else
        findings_add (findings, FINDING_OK, "own key", "%s, which only its owner can read%s%s: %s", key_file,
                      role[0] != '\0' ? ", for a " : "", role, keys.public_key);
    return true;
}
