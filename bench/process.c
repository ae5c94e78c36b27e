/* SPDX-License-Identifier: MPL-2.0 */
#include "bench/process.h"

#include "bench/die.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: 0; in the parent: its id. */
static pid_t start (void)
{
    fflush (NULL);
    pid_t parent = getpid ();
    pid_t pid = fork ();
    if (pid < 0)
        die ("fork", strerror (errno));
    if (pid == 0) {
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        if (getppid () != parent)
            _exit (1); /* it had died before */
    }
    return pid;
}

process_t process_run (const char *const argv[])
{
    int ends[2];
    if (pipe (ends) < 0)
        die ("pipe", strerror (errno));
    pid_t pid = start ();
    if (pid == 0) {
        dup2 (ends[1], STDOUT_FILENO);
        close (ends[0]);
        close (ends[1]);
        execv (argv[0], (char *const *) argv);
        fprintf (stderr, "bench: %s: %s\n", argv[0], strerror (errno));
        _exit (127);
    }
    close (ends[1]);
    return (process_t) { .pid = pid, .out = ends[0] };
}

process_t process_fork (void (*body) (void *argument), void *argument)
{
    pid_t pid = start ();
    if (pid == 0) {
        body (argument);
        _exit (0);
    }
    return (process_t) { .pid = pid, .out = -1 };
}

void process_read_line (process_t *self, char *line, size_t size)
{
    size_t len = 0;
    char letter;
    while (read (self->out, &letter, 1) == 1) {
        if (letter == '\n') {
            line[len] = '\0';
            return;
        }
        if (len < size - 1)
            line[len++] = letter;
    }
    die ("process", "a program that the benchmark started ended too soon");
}

void process_wait (process_t *self)
{
    while (waitpid (self->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    if (self->out >= 0)
        close (self->out);
    self->pid = 0;
}

void process_end (process_t *self)
{
    if (self->pid == 0)
        return;
    kill (self->pid, SIGKILL);
    process_wait (self);
}
