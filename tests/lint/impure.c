/* SPDX-License-Identifier: MPL-2.0 */
/* Does everything that the pure parts must not do: it shows that lint.purity can fail. Never run. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int impure (void);

static void *run (void *unused)
{
    return unused;
}

int impure (void)
{
    struct timespec now;
    pthread_t thread;
    int sum = socket (AF_UNIX, SOCK_STREAM, 0) + open ("file", O_RDONLY) + (int) fork ();
    sum += clock_gettime (CLOCK_MONOTONIC, &now) + pthread_create (&thread, NULL, run, NULL);
    sum += printf ("%s", getenv ("HOME"));
    return sum;
}
