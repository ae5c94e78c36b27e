/* SPDX-License-Identifier: MPL-2.0 */
/*
 * zygote.h - the one process from which all children are forked.
 *
 * It is forked before there is any thread or ZeroMQ context of ours, is single-threaded, in a session of its
 * own, loads the modules, runs the DPOOL_PRELOADs, and from then on only forks, reaps and reports. It ends,
 * and takes all children with it, when its program is gone. Where children are confined (limits.h) it also
 * adopts what they leave behind, and ends that with them. One a program: all embedded pools share it.
 */
#ifndef ZYGOTE_H_INCLUDED
#define ZYGOTE_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Fork it, if there is none, and wait until it is ready: modules loaded, preloads run. n_modules 0 = only
   what is linked into the program. 0, or -1 with the thread's last error, which names the module, or the
   names that are offered twice. Thread-safe. */
int zygote_start (const char *const *modules, size_t n_modules);
bool zygote_is_running (void);

/* The functions that it offers, as it said when it was ready: valid until the program ends. */
size_t zygote_functions (const char *const **names);

/* What the child gets, and what happens to it. Each user of the zygote (worker edge) is a client with a
 * number. */
typedef struct zygote_client_s zygote_client_t;

/* A connection of one worker edge to the zygote. NULL with the thread's last error. Belongs to one thread. */
zygote_client_t *zygote_client_new (void);
/* Ends it: the zygote kills and reaps all children of this client. */
void zygote_client_destroy (zygote_client_t **self_p);

/* Readable when there are reports. */
int zygote_client_fd (const zygote_client_t *self);

/* Ask for a child at "place", with these descriptors (passed over; the caller closes its own copies
   afterwards): its channel, the memory that it shares with us, its stderr, and the arena or -1. 0 or -1 with
   errno. */
int zygote_client_fork (zygote_client_t *self, uint32_t place, int channel_fd, int memory_fd, int stderr_fd,
                        int arena_fd);

/* Send a signal to the process group of the child at "place", if it is still there. 0 or -1. */
int zygote_client_signal (zygote_client_t *self, uint32_t place, int number);

typedef struct zygote_report_s {
    enum { ZYGOTE_FORKED, ZYGOTE_EXITED, ZYGOTE_FORK_FAILED } kind;
    uint32_t place;
    pid_t pid;
    int signal, exit_status, code; /* code: errno of a failed fork */
    uint64_t peak_memory_bytes, cpu_time_us;
} zygote_report_t;

/* The next report, without waiting. 1, 0 = none now, -1 = the zygote is gone. */
int zygote_client_report (zygote_client_t *self, zygote_report_t *report);

#endif
