/* SPDX-License-Identifier: MPL-2.0 */
/* What systemd hears of broker and worker, by a socket that plays systemd. */
#include "tests/support/test.h"

#include <dpool/dpool.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/folder.h"
#include "tests/support/wait.h"

#define WATCHDOG_US "600000"
enum { WATCHDOG_MS = 600 };

/* Where a service's notes arrive. */
typedef struct supervisor_s {
    folder_t *folder;
    struct sockaddr_un address;
    int fd;
} supervisor_t;

static void supervisor_init (supervisor_t *self)
{
    self->folder = folder_new ();
    self->address = (struct sockaddr_un) { .sun_family = AF_UNIX };
    snprintf (self->address.sun_path, sizeof self->address.sun_path, "%s",
              folder_path (self->folder, "notify"));
    self->fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true (self->fd >= 0);
    assert_int_equal (bind (self->fd, (struct sockaddr *) &self->address, sizeof self->address), 0);
}

static void supervisor_fini (supervisor_t *self)
{
    close (self->fd);
    folder_destroy (&self->folder);
}

/* As systemd starts a service of Type=notify with a watchdog. */
static process_t *start (supervisor_t *self, const char *const argv[])
{
    setenv ("NOTIFY_SOCKET", self->address.sun_path, 1);
    setenv ("WATCHDOG_USEC", WATCHDOG_US, 1);
    process_t *service = process_new (argv, folder_path (self->folder, "log"));
    unsetenv ("NOTIFY_SOCKET");
    unsetenv ("WATCHDOG_USEC");
    return service;
}

/* The next note within so many milliseconds; false when there is none. */
static bool receive (supervisor_t *self, int timeout_ms, char *note, size_t size)
{
    struct pollfd item = { self->fd, POLLIN, 0 };
    if (poll (&item, 1, timeout_ms) <= 0)
        return false;
    ssize_t len = recv (self->fd, note, size - 1, 0);
    assert_true (len >= 0);
    note[len] = '\0';
    return true;
}

/* The next note that says this; those before are passed over. */
static void wait_for (supervisor_t *self, const char *words, char *note, size_t size)
{
    int64_t until_ms = now_ms () + PATIENCE_MS;
    do {
        if (now_ms () > until_ms || !receive (self, PATIENCE_MS, note, size))
            fail_msg ("no note says '%s'; the service said: %s", words,
                      read_text (folder_path (self->folder, "log")));
    } while (strstr (note, words) == NULL);
}

/* It says that it lives, again and again, each time before the watchdog would bite. */
static void assert_lives (supervisor_t *self)
{
    char note[512];
    wait_for (self, "WATCHDOG=1", note, sizeof note);
    for (int i = 0; i < 4; i++) {
        int64_t before_ms = now_ms ();
        wait_for (self, "WATCHDOG=1", note, sizeof note);
        assert_null (strstr (note, "READY"));
        /* Where this machine keeps a test waiting for long, it keeps the service too. */
        assert_true (now_ms () - before_ms < 10 * WATCHDOG_MS);
    }
}

static void assert_ends (process_t **service_p)
{
    int status = process_wait (*service_p);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    process_destroy (service_p);
}

static void a_broker_tells_how_it_is (void **state)
{
    (void) state;
    supervisor_t supervisor;
    char line[256], note[512];
    supervisor_init (&supervisor);
    const char *argv[] = { DPOOL_BIN_DIR "/dpool-broker", "--bind", "tcp://127.0.0.1:*", NULL };
    process_t *broker = start (&supervisor, argv);
    wait_for (&supervisor, "READY=1", note, sizeof note);
    assert_contains (note, "STATUS=0 workers, 0 clients, 0 tasks running, 0 queued");
    assert_true (process_read_line (broker, line, sizeof line)); /* it listens: a client gets in */
    dpool_t *pool = assert_made (dpool_open (strstr (line, "tcp://"), NULL));
    wait_for (&supervisor, "STATUS=0 workers, 1 clients", note, sizeof note);
    dpool_destroy (&pool);
    wait_for (&supervisor, "STATUS=0 workers, 0 clients", note, sizeof note);
    assert_lives (&supervisor);
    process_signal (broker, SIGTERM);
    wait_for (&supervisor, "STOPPING=1", note, sizeof note);
    assert_ends (&broker);
    supervisor_fini (&supervisor);
}

static process_t *start_worker (supervisor_t *supervisor, const char *endpoint)
{
    const char *argv[] = { DPOOL_BIN_DIR "/dpool-worker",
                           "--module",
                           DPOOL_MODULE_DIR "/libtestwork.so",
                           "--processes",
                           "1",
                           endpoint,
                           NULL };
    return start (supervisor, argv);
}

static void a_worker_is_ready_when_a_broker_has_taken_it (void **state)
{
    (void) state;
    supervisor_t supervisor;
    char note[512];
    supervisor_init (&supervisor);
    cluster_t *cluster = cluster_new (NULL);
    process_t *worker = start_worker (&supervisor, cluster_endpoint (cluster));
    wait_for (&supervisor, "READY=1", note, sizeof note);
    assert_contains (note, "STATUS=1 of 1 brokers, 0 of 1 processes busy");
    assert_lives (&supervisor);

    const char *gate = folder_path (supervisor.folder, "gate");
    dpool_t *pool = assert_opens (cluster_endpoint (cluster));
    dpool_async_result_t *result = assert_made (dpool_apply_async (pool, "wait_for_file", "s", gate));
    wait_for (&supervisor, "1 of 1 processes busy", note, sizeof note);
    process_signal (worker, SIGTERM);
    wait_for (&supervisor, "STOPPING=1", note, sizeof note);
    assert_lives (&supervisor); /* while what runs is finished */
    make_file (gate);
    assert_ok (dpool_async_result_get (result, PATIENCE_MS));
    assert_ends (&worker);
    dpool_async_result_destroy (&result);
    dpool_destroy (&pool);
    cluster_destroy (&cluster);
    supervisor_fini (&supervisor);
}

/* Else a worker that starts before its broker would be taken for one that does not start. */
static void a_worker_without_a_broker_is_ready_and_says_so (void **state)
{
    (void) state;
    supervisor_t supervisor;
    char note[512];
    supervisor_init (&supervisor);
    process_t *worker = start_worker (&supervisor, "tcp://127.0.0.1:9");
    wait_for (&supervisor, "READY=1", note, sizeof note);
    assert_contains (note, "STATUS=0 of 1 brokers, 0 of 1 processes busy");
    process_signal (worker, SIGTERM);
    wait_for (&supervisor, "STOPPING=1", note, sizeof note);
    assert_ends (&worker);
    supervisor_fini (&supervisor);
}

static void wait_until_stopped (pid_t pid)
{
    siginfo_t info;
    while (waitid (P_PID, (id_t) pid, &info, WSTOPPED | WNOWAIT) < 0)
        assert_int_equal (errno, EINTR);
}

static void one_that_is_stopped_says_nothing (void **state)
{
    (void) state;
    supervisor_t supervisor;
    char note[512];
    supervisor_init (&supervisor);
    const char *argv[] = { DPOOL_BIN_DIR "/dpool-broker", "--bind", "tcp://127.0.0.1:*", NULL };
    process_t *services[2] = { start (&supervisor, argv) };
    wait_for (&supervisor, "READY=1", note, sizeof note);
    for (int i = 0; i < 2; i++) {
        if (i == 1) {
            services[1] = start_worker (&supervisor, "tcp://127.0.0.1:9");
            wait_for (&supervisor, "READY=1", note, sizeof note);
        }
        process_signal (services[i], SIGSTOP);
        wait_until_stopped (process_pid (services[i]));
        while (receive (&supervisor, 0, note, sizeof note))
            ;
        assert_false (receive (&supervisor, 2 * WATCHDOG_MS, note, sizeof note));
        process_signal (services[i], SIGCONT);
        assert_lives (&supervisor);
        process_signal (services[i], SIGTERM);
        assert_ends (&services[i]);
    }
    supervisor_fini (&supervisor);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_broker_tells_how_it_is),
        cmocka_unit_test (a_worker_is_ready_when_a_broker_has_taken_it),
        cmocka_unit_test (a_worker_without_a_broker_is_ready_and_says_so),
        cmocka_unit_test (one_that_is_stopped_says_nothing),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
