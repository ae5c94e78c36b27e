/* SPDX-License-Identifier: MPL-2.0 */
/* secure.c - the pool over tcp where client, broker and workers have keys: what CURVE costs. */
#include "bench/die.h"
#include "bench/pool.h"
#include "bench/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define KEY_SIZE 41 /* of a key in Z85, with its end */
#define KEY_FILE "DPOOL_KEY_FILE"
#define SERVER_KEY "DPOOL_SERVER_KEY"

enum { BROKER, CLIENT, WORKER, N_KEYS };

typedef struct {
    char folder[32];
    char files[N_KEYS][64], allowlist[64];
    char public_keys[N_KEYS][KEY_SIZE];
} keys_t;

/* Of the system that is open: there is one at a time. */
static keys_t keys;

static const workload_t workloads[] = {
    { "w1", "us", "one tiny task, submitted and awaited: dpool_apply", tiny_run_apply, 0, false },
    { "w2", "tasks/s", "100,000 tiny tasks, one dpool_apply_async each", tiny_run_apply_async, 0, true },
    { "map", "tasks/s", "one dpool_map of 1,000,000 tiny items, default settings", tiny_run_map, 0, true },
    { "w4", "ms", "the README's table of calls: how much longer than its sleeps it takes", table_run, 4,
      false },
    { "w6", "ms", "from the start of a program to its first result", start_run, 0, false },
    { "w3", "MiB/s", "1 MiB there and back, 500 times, 16 at a time", payload_run_1m, 0, true },
    { "64k", "MiB/s", "64 KiB there and back, 4,000 times, 64 at a time", payload_run_64k, 0, true },
    { NULL, NULL, NULL, NULL, 0, false },
};
enum { LONG_PAYLOADS = 5 }; /* from here on */

/* Writes a file for this user only, from what is printed into it. */
static FILE *create (const char *path)
{
    int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen (fd, "w");
    if (!file)
        die (path, strerror (errno));
    return file;
}

static void make_key (keys_t *self, int i)
{
    static const char *const names[N_KEYS] = { "broker", "client", "worker" };
    char secret_key[KEY_SIZE];
    if (zmq_curve_keypair (self->public_keys[i], secret_key) < 0)
        die ("zmq_curve_keypair", zmq_strerror (zmq_errno ()));
    snprintf (self->files[i], sizeof self->files[i], "%s/%s.key", self->folder, names[i]);
    FILE *file = create (self->files[i]);
    fprintf (file, "curve\n    public-key = \"%s\"\n    secret-key = \"%s\"\n", self->public_keys[i],
             secret_key);
    fclose (file);
}

static void make_keys (keys_t *self)
{
    snprintf (self->folder, sizeof self->folder, "/tmp/dpool-bench-XXXXXX");
    if (!mkdtemp (self->folder))
        die ("mkdtemp", strerror (errno));
    for (int i = 0; i < N_KEYS; i++)
        make_key (self, i);
    snprintf (self->allowlist, sizeof self->allowlist, "%s/allowlist", self->folder);
    FILE *file = create (self->allowlist);
    fprintf (file, "client\n    key = \"%s\"\n    role = client\n", self->public_keys[CLIENT]);
    fprintf (file, "worker\n    key = \"%s\"\n    role = worker\n", self->public_keys[WORKER]);
    fclose (file);
}

static void remove_keys (const keys_t *self)
{
    for (int i = 0; i < N_KEYS; i++)
        unlink (self->files[i]);
    unlink (self->allowlist);
    rmdir (self->folder);
}

static void *open_with_keys (int n_workers, bool is_apart)
{
    make_keys (&keys);
    const char *const broker[] = { "--key-file", keys.files[BROKER], "--allowlist", keys.allowlist, NULL };
    const char *const worker[]
        = { "--key-file", keys.files[WORKER], "--server-key", keys.public_keys[BROKER], NULL };
    const setup_options_t more = { broker, worker, is_apart };
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    options.key_file = keys.files[CLIENT];
    options.server_key = keys.public_keys[BROKER];
    setup_t *setup = setup_open_with ("tcp://127.0.0.1:*", n_workers, &more, &options);
    setenv (KEY_FILE, options.key_file, 1); /* for the programs that w6 starts */
    setenv (SERVER_KEY, options.server_key, 1);
    return setup;
}

static void *open_curve (int n_workers)
{
    return open_with_keys (n_workers, false);
}

static void *open_far (int n_workers)
{
    return open_with_keys (n_workers, true);
}

static void close_setup (void *setup)
{
    setup_close (setup);
    unsetenv (KEY_FILE);
    unsetenv (SERVER_KEY);
    remove_keys (&keys);
}

const system_t curve_system
    = { "curve", "dpool: a broker and two workers with one process each, over tcp, with keys", open_curve,
        close_setup, workloads };
const system_t curve_far_system
    = { "curve-far", "dpool: the same without shared memory between programs, as between hosts", open_far,
        close_setup, workloads + LONG_PAYLOADS };
