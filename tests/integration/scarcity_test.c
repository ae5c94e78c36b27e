/* SPDX-License-Identifier: MPL-2.0 */
/* Too few descriptors, processes that cannot be forked, memory that runs out: who is there goes on, and
 * errors are clear. */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

#define BROKER DPOOL_BIN_DIR "/dpool-broker"
#define WORKER DPOOL_BIN_DIR "/dpool-worker"
#define MODULE DPOOL_MODULE_DIR "/libtestwork.so"

/* Start a program behind a line of shell, such as "ulimit -n 40". */
static process_t *start_behind (const char *line, const char *log, const char *const argv[])
{
    enum { MOST = 16 };
    char script[768];
    const char *all[MOST + 1] = { "/bin/sh", "-c", script };
    size_t n = 3;
    snprintf (script, sizeof script, "%s && exec \"$0\" \"$@\"", line);
    while (*argv && n < MOST)
        all[n++] = *argv++;
    return process_new (all, log);
}

/* ---- Descriptors --------------------------------------------------------------------------------- */

static void too_few_descriptors_are_refused_at_the_start (void **state)
{
    (void) state;
    static const char *const broker[] = { BROKER, "--bind", "tcp://127.0.0.1:*", NULL };
    static const char *const worker[]
        = { WORKER, "--module", MODULE, "--processes", "16", "tcp://127.0.0.1:1", NULL };
    static const struct {
        const char *line, *const *argv;
    } rows[] = { { "ulimit -n 10", broker },
                 { "ulimit -n 20", broker },
                 { "ulimit -n 16", worker },
                 { "ulimit -n 60", worker } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        folder_t *folder = folder_new ();
        const char *log = folder_path (folder, "log");
        process_t *process = start_behind (rows[i].line, log, rows[i].argv);
        int status = process_wait (process);
        char *text = read_text (log);
        assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 1);
        assert_contains (text, "file descriptors");
        assert_contains (text, "ulimit -n");
        free (text);
        process_destroy (&process);
        folder_destroy (&folder);
    }
}

static int connect_to (const char *endpoint)
{
    int port = 0, fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal (sscanf (endpoint, "tcp://127.0.0.1:%d", &port), 1);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons ((uint16_t) port),
                                   .sin_addr = { htonl (INADDR_LOOPBACK) } };
    assert_true (fd >= 0);
    assert_int_equal (connect (fd, (struct sockaddr *) &address, sizeof address), 0);
    return fd;
}

static bool has_complained (void *path)
{
    char *text = read_text (path);
    bool is_told = strstr (text, "ulimit -n") != NULL;
    free (text);
    return is_told;
}

/* Those that are connected are served while more come than there are descriptors, and others afterwards. */
static void a_broker_without_descriptors_serves_whom_it_has (void **state)
{
    (void) state;
    enum { N = 100 };
    static const char *const argv[] = { BROKER, "--bind", "tcp://127.0.0.1:*", NULL };
    folder_t *folder = folder_new ();
    char line[256], path[256];
    int fds[N];
    snprintf (path, sizeof path, "%s", folder_path (folder, "log"));
    process_t *broker = start_behind ("ulimit -n 40", path, argv);
    assert_true (process_read_line (broker, line, sizeof line));
    const char *endpoint = strstr (line, "tcp://");
    assert_non_null (endpoint);
    const char *worker_argv[] = { WORKER, "--module", MODULE, "--processes", "1", endpoint, NULL };
    process_t *worker = process_new (worker_argv, NULL);
    dpool_t *pool = assert_opens (endpoint);
    assert_ok (dpool_wait_workers (pool, 1, PATIENCE_MS));
    for (int i = 0; i < N; i++)
        fds[i] = connect_to (endpoint);
    assert_true (wait_until (has_complained, path));
    for (int i = 0; i < 200; i++)
        assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (i)));
    for (int i = 0; i < N; i++)
        close (fds[i]);
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.connect_timeout_ms = PATIENCE_MS;
    dpool_t *other = assert_made (dpool_open (endpoint, &options));
    assert_ok (dpool_apply (other, NULL, "square", DPOOL_V (3)));
    assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (3)));
    dpool_destroy (&other);
    dpool_destroy (&pool);
    process_destroy (&worker);
    process_destroy (&broker);
    folder_destroy (&folder);
}

static size_t fill (int *fds, size_t n)
{
    while ((fds[n] = dup (STDOUT_FILENO)) >= 0)
        n++;
    return n;
}

/* The test as a client that has lost its broker and has no descriptor to reach another: 0 when it goes on
   once it has some again. */
static int reconnect_without_descriptors (const char *endpoint, const char *gate)
{
    static int fds[512];
    dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
    struct rlimit limit = { 256, 256 };
    size_t n = 0;
    setrlimit (RLIMIT_NOFILE, &limit);
    dpool_t *pool = dpool_open (endpoint, NULL);
    if (!pool || dpool_apply (pool, NULL, "square", DPOOL_V (2)) < 0)
        return 2;
    dpool_async_result_t *result = dpool_apply_async (pool, "wait_for_file", DPOOL_V (gate));
    n = fill (fds, n);
    puts ("full");
    fflush (stdout);
    while (why.reason != DPOOL_REASON_UNREACHABLE || why.since_ms < 1000)
        if (dpool_async_result_explain (result, &why) < 0 || dpool_async_result_ready (result))
            return 3;
    puts ("unreachable");
    fflush (stdout);
    while (why.since_ms < 3000) {
        n = fill (fds, n); /* also with what its attempts leave */
        if (dpool_async_result_explain (result, &why) < 0)
            return 4;
    }
    while (n > 0)
        close (fds[--n]);
    make_file (gate);
    int rc = dpool_async_result_get (result, PATIENCE_MS);
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
    return rc == 0 ? 0 : 5;
}

static const char *program_path;

static void a_client_without_descriptors_goes_on_when_it_has_some (void **state)
{
    (void) state;
    cluster_t *cluster = cluster_new (NULL);
    cluster_add_worker (cluster, 1, NULL, NULL);
    folder_t *folder = folder_new ();
    const char *argv[]
        = { program_path, "--reconnect", cluster_endpoint (cluster), folder_path (folder, "gate"), NULL };
    process_t *client = process_new (argv, NULL);
    char line[64];
    assert_true (process_read_line (client, line, sizeof line));
    assert_string_equal (line, "full");
    process_signal (cluster_broker (cluster), SIGKILL);
    assert_true (process_read_line (client, line, sizeof line));
    assert_string_equal (line, "unreachable");
    cluster_restart_broker (cluster);
    assert_int_equal (process_wait (client), 0);
    process_destroy (&client);
    cluster_destroy (&cluster);
    folder_destroy (&folder);
}

/* ---- Groups of processes ------------------------------------------------------------------------ */

/* A control group of version 1, below our own one, while a test runs. */
static char group[512];
static process_t *member; /* that runs in it */

static bool write_to_group (const char *name, const char *text)
{
    char path[768];
    snprintf (path, sizeof path, "%s/%s", group, name);
    FILE *file = fopen (path, "we");
    bool is_written = file && fputs (text, file) >= 0;
    return file && fclose (file) == 0 && is_written;
}

/* Our own group of a controller: the lines of /proc/self/cgroup are "number:controllers:path". */
static bool find_own (const char *controller, char *path, size_t size)
{
    char line[512];
    bool is_found = false;
    FILE *file = fopen ("/proc/self/cgroup", "re");
    while (file && !is_found && fgets (line, sizeof line, file)) {
        line[strcspn (line, "\n")] = '\0';
        char *word = strchr (line, ':'), *own = word ? strchr (word + 1, ':') : NULL;
        if (!own || (size_t) (own - word - 1) != strlen (controller)
            || strncmp (word + 1, controller, strlen (controller)) != 0)
            continue;
        snprintf (path, size, "/sys/fs/cgroup/%s%s", controller, strcmp (own + 1, "/") == 0 ? "" : own + 1);
        is_found = true;
    }
    if (file)
        fclose (file);
    return is_found;
}

/* Make the group, or skip the test. */
static void make_group (const char *controller, const char *file, const char *limit)
{
    char own[384];
    const char *reason = NULL;
    if (geteuid () != 0)
        reason = "only root may make control groups";
    else if (!find_own (controller, own, sizeof own) || access (own, W_OK) < 0)
        reason = "there are no control groups of version 1 here";
    if (!reason) {
        snprintf (group, sizeof group, "%s/dpool-test-%ld", own, (long) getpid ());
        if (mkdir (group, 0700) < 0 || !write_to_group (file, limit))
            reason = "a control group cannot be made here";
    }
    if (!reason)
        return;
    print_message ("           left out: %s\n", reason);
    skip ();
}

static bool is_group_gone (void *ignored)
{
    (void) ignored;
    return rmdir (group) == 0 || errno == ENOENT;
}

static int remove_group (void **state)
{
    (void) state;
    process_destroy (&member);
    bool is_gone = group[0] == '\0' || wait_until (is_group_gone, NULL);
    group[0] = '\0';
    return is_gone ? 0 : -1;
}

static void start_in_group (const char *const argv[])
{
    char line[640];
    snprintf (line, sizeof line, "echo $$ >'%s/cgroup.procs'", group);
    member = start_behind (line, NULL, argv);
}

/* The kernel ends the child that takes too much, and the error says so. */
static void a_child_that_takes_all_memory_is_named (void **state)
{
    (void) state;
    enum { LIMIT = 64 << 20 };
    make_group ("memory", "memory.limit_in_bytes", "67108864");
    cluster_t *cluster = cluster_new (NULL);
    const char *argv[] = { WORKER, "--module", MODULE, "--processes", "2", cluster_endpoint (cluster), NULL };
    start_in_group (argv);
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    dpool_call_options_t once = DPOOL_CALL_OPTIONS_INIT;
    once.max_retries = 0;
    dpool_async_result_t *result = assert_made (
        dpool_apply_async_with (pool, &once, "work_then_crash", "uu", (uint64_t) 4 * LIMIT, (uint64_t) 0));
    assert_fails (dpool_async_result_get (result, PATIENCE_MS), DPOOL_ECRASHED);
    const dpool_error_t *error = dpool_async_result_error (result, 0);
    print_message ("           %s; at most %llu MiB\n", error->message,
                   (unsigned long long) error->peak_memory_bytes >> 20);
    assert_true (error->out_of_memory);
    assert_int_equal (error->signal, SIGKILL);
    assert_contains (error->message, "memory ran out");
    assert_in_range (error->peak_memory_bytes, LIMIT / 2, 2 * LIMIT);
    assert_ok (dpool_apply (pool, NULL, "square", DPOOL_V (3))); /* the worker lives */
    for (int i = 0; i < 4; i++) { /* also those that were there before the one that took too much */
        assert_fails (dpool_apply (pool, NULL, "crash", DPOOL_V (SIGKILL)), DPOOL_ECRASHED);
        assert_false (dpool_last_error ()->out_of_memory);
    }
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
    cluster_destroy (&cluster);
}

/* As long as there are too many processes a child that died is not replaced; the others work. */
static void a_worker_that_may_not_fork_goes_on (void **state)
{
    (void) state;
    make_group ("pids", "pids.max", "max");
    cluster_t *cluster = cluster_new (NULL);
    const char *argv[] = { WORKER, "--module", MODULE, "--processes", "2", cluster_endpoint (cluster), NULL };
    start_in_group (argv);
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    folder_t *folder = folder_new ();
    const char *started = folder_path (folder, "started"), *there = folder_path (folder, "there"),
               *gate = folder_path (folder, "gate");
    long pid;
    assert_ok (dpool_wait_workers (pool, 2, PATIENCE_MS));
    dpool_async_result_t *result = assert_made (dpool_apply_async (pool, "spin", DPOOL_V (started)));
    wait_for_numbers (started, &pid, 1);
    dpool_async_result_t *other
        = assert_made (dpool_apply_async (pool, "touch_then_wait", DPOOL_V (there, gate)));
    wait_for_path (there); /* by the other child: it has been forked, too */
    make_file (gate);
    assert_ok (dpool_async_result_get (other, PATIENCE_MS));
    dpool_async_result_destroy (&other);
    assert_true (write_to_group ("pids.max", "1"));
    assert_int_equal (kill ((pid_t) pid, SIGKILL), 0);
    wait_for_numbers (started, (long[2]) { 0 }, 2); /* by the other child */
    dpool_async_result_t *waiting = assert_made (dpool_apply_async (pool, "square", DPOOL_V (3)));
    assert_fails (dpool_async_result_get (waiting, 500), ETIMEDOUT);
    assert_true (write_to_group ("pids.max", "max"));
    assert_ok (dpool_async_result_get (waiting, PATIENCE_MS));
    dpool_async_result_destroy (&waiting);
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
    cluster_destroy (&cluster);
    folder_destroy (&folder);
}

/* ---- The embedded pool -------------------------------------------------------------------------- */

/* The test as a program with an embedded pool that may not fork: 0 when that is told as it should. */
static int open_without_forks (const char *endpoint)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.connect_timeout_ms = 2000;
    dpool_t *pool = dpool_open (*endpoint ? endpoint : NULL, &options);
    printf ("%s\n", pool ? "opened" : dpool_last_error ()->message);
    fflush (stdout);
    return pool == NULL && dpool_last_error ()->code == EAGAIN ? 0 : 1;
}

static void assert_not_opened (const char *endpoint, const char *most)
{
    const char *argv[] = { program_path, "--open", endpoint, NULL };
    char line[512];
    assert_true (write_to_group ("pids.max", most));
    start_in_group (argv);
    assert_true (process_read_line (member, line, sizeof line));
    int status = process_wait (member);
    if (status != 0)
        fail_msg ("'%s' with %s processes ended with %d: %s", endpoint, most, status, line);
    process_destroy (&member);
}

/* Neither processes nor threads, of which ZeroMQ wants some. */
static void a_pool_without_processes_is_not_opened (void **state)
{
    (void) state;
    static const char *const mosts[] = { "1", "2", "3", "4", "5" };
#ifdef __SANITIZE_THREAD__
    skip (); /* it has a thread of its own, and cannot start without */
#endif
    make_group ("pids", "pids.max", "1");
    for (size_t i = 0; i < sizeof mosts / sizeof mosts[0]; i++) {
        if (i < 2) /* an embedded pool has no threads of ZeroMQ, and waits until it may fork children */
            assert_not_opened ("", mosts[i]);
        assert_not_opened ("tcp://127.0.0.1:1", mosts[i]);
    }
}

int main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (too_few_descriptors_are_refused_at_the_start),
        cmocka_unit_test (a_broker_without_descriptors_serves_whom_it_has),
        cmocka_unit_test (a_client_without_descriptors_goes_on_when_it_has_some),
        cmocka_unit_test_teardown (a_child_that_takes_all_memory_is_named, remove_group),
        cmocka_unit_test_teardown (a_worker_that_may_not_fork_goes_on, remove_group),
        cmocka_unit_test_teardown (a_pool_without_processes_is_not_opened, remove_group),
    };
    if (argc == 3 && strcmp (argv[1], "--open") == 0)
        _exit (open_without_forks (argv[2])); /* LeakSanitizer would need a thread */
    if (argc == 4 && strcmp (argv[1], "--reconnect") == 0)
        return reconnect_without_descriptors (argv[2], argv[3]);
    program_path = argv[0];
    setvbuf (stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
