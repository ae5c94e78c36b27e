/* SPDX-License-Identifier: MPL-2.0 */
/* zygote_process.h - the zygote itself, and how its users speak with it. */
#ifndef ZYGOTE_PROCESS_H_INCLUDED
#define ZYGOTE_PROCESS_H_INCLUDED

#include "worker/zygote.h"

/*
 * Three kinds of connections:
 *   start    a pipe: while it starts, the zygote writes lines of a letter and a text, each NUL-ended (below)
 *   control  SOCK_SEQPACKET, program → zygote: one byte and a client's socket in SCM_RIGHTS. Its end, or that
 * of the program, is the zygote's. client   SOCK_SEQPACKET: requests to the zygote, reports (zygote_report_t)
 * from it. Its end is that of its children; when they are reaped the zygote closes it too.
 */
enum {
    ZYGOTE_DOES = 'd',   /* what it does now: blamed when it dies in it */
    ZYGOTE_FAILS = 'e',  /* why it cannot start; the code in front of the text, and a blank */
    ZYGOTE_OFFERS = 'f', /* the name of a function */
    ZYGOTE_READY = 'r'   /* the last */
};

typedef enum { ZYGOTE_FORK = 1, ZYGOTE_SIGNAL = 2 } zygote_request_kind_t;

enum { ZYGOTE_FORK_FDS = 4 }; /* channel, memory, stderr, maybe the arena: in SCM_RIGHTS of ZYGOTE_FORK */

typedef struct zygote_request_s {
    zygote_request_kind_t kind;
    uint32_t place;
    int signal;
} zygote_request_t;

typedef struct zygote_birth_s {
    int control_fd, start_fd;
    int program_fd; /* pidfd of the program, or -1 */
    const char *const *modules;
    size_t n_modules;
} zygote_birth_t;

/* Be the zygote, in a fresh fork. */
_Noreturn void zygote_run (const zygote_birth_t *birth);

/* Its first part: become independent of the program, load the modules, run the preloads, and tell. Returns
 * when ready. */
void zygote_become (const zygote_birth_t *birth);

/* Hand a new client's socket to the zygote. 0, or -1 with the thread's last error. */
int zygote_introduce (int client_fd);

#endif
