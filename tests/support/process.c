/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "tests/support/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/wait.h"

struct process_s {
    pid_t pid;
    int output; /* the reading end of its stdout */
    bool is_reaped;
    int status;
    char name[64];
};

/* In the child: only what is safe after a fork. */
static void run_child (const char *const argv[], int output, int errors, pid_t parent)
{
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (getppid () != parent)
        _exit (126); /* the test was gone before the line above */
    dup2 (output, STDOUT_FILENO);
    if (errors >= 0)
        dup2 (errors, STDERR_FILENO);
    execv (argv[0], (char *const *) argv);
    _exit (127);
}

process_t *process_new (const char *const argv[], const char *stderr_path)
{
    process_t *self = calloc (1, sizeof *self);
    int pipe_ends[2], errors = -1;
    if (!self || pipe2 (pipe_ends, O_CLOEXEC) < 0)
        fail_msg ("%s: %s", argv[0], strerror (errno));
    if (stderr_path)
        errors = open (stderr_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (access (argv[0], X_OK) < 0)
        fail_msg ("%s: %s", argv[0], strerror (errno));
    const char *slash = strrchr (argv[0], '/');
    snprintf (self->name, sizeof self->name, "%s", slash ? slash + 1 : argv[0]);

    fflush (NULL);
    pid_t parent = getpid ();
    self->pid = fork ();
    if (self->pid < 0)
        fail_msg ("fork: %s", strerror (errno));
    if (self->pid == 0)
        run_child (argv, pipe_ends[1], errors, parent);
    close (pipe_ends[1]);
    if (errors >= 0)
        close (errors);
    self->output = pipe_ends[0];
    return self;
}

pid_t process_pid (const process_t *self)
{
    return self->pid;
}

/* One byte of its output: 1, or 0 at the end. */
static int read_byte (process_t *self, char *byte, int64_t end_ms)
{
    for (;;) {
        struct pollfd poller = { self->output, POLLIN, 0 };
        int64_t left = end_ms - now_ms ();
        if (left <= 0)
            fail_msg ("%s wrote nothing more for %d ms", self->name, PATIENCE_MS);
        if (poll (&poller, 1, (int) left) <= 0)
            continue;
        ssize_t n = read (self->output, byte, 1);
        if (n >= 0)
            return (int) n;
        if (errno != EINTR)
            fail_msg ("%s: %s", self->name, strerror (errno));
    }
}

bool process_read_line (process_t *self, char *line, size_t size)
{
    size_t length = 0;
    char byte;
    while (read_byte (self, &byte, now_ms () + PATIENCE_MS) == 1) {
        if (byte == '\n') {
            line[length] = '\0';
            return true;
        }
        if (length + 1 < size)
            line[length++] = byte;
    }
    line[length] = '\0';
    return length > 0;
}

void process_read_all (process_t *self, char *text, size_t size)
{
    size_t length = 0;
    char byte;
    int64_t end_ms = now_ms () + PATIENCE_MS;
    while (read_byte (self, &byte, end_ms) == 1) {
        if (length + 1 < size)
            text[length++] = byte;
    }
    text[length] = '\0';
}

void process_signal (process_t *self, int number)
{
    if (!self->is_reaped && kill (self->pid, number) < 0)
        fail_msg ("kill %s: %s", self->name, strerror (errno));
}

static bool has_ended (void *argument)
{
    process_t *self = argument;
    self->is_reaped = self->is_reaped || waitpid (self->pid, &self->status, WNOHANG) == self->pid;
    return self->is_reaped;
}

int process_wait (process_t *self)
{
    if (!wait_until (has_ended, self))
        fail_msg ("%s (%ld) does not end", self->name, (long) self->pid);
    return self->status;
}

void process_destroy (process_t **self_p)
{
    process_t *self = *self_p;
    if (!self)
        return;
    if (!self->is_reaped) {
        kill (self->pid, SIGKILL);
        waitpid (self->pid, &self->status, 0);
    }
    close (self->output);
    free (self);
    *self_p = NULL;
}

/* Its state, from the line after the name (which may hold spaces and brackets). */
static bool read_state (pid_t pid, char *state)
{
    char path[64], line[1024];
    snprintf (path, sizeof path, "/proc/%ld/stat", (long) pid);
    FILE *file = fopen (path, "re");
    if (!file)
        return false;
    size_t length = fread (line, 1, sizeof line - 1, file);
    fclose (file);
    line[length] = '\0';
    char *after_name = strrchr (line, ')');
    return after_name && sscanf (after_name + 1, " %c", state) == 1;
}

bool process_lives (pid_t pid)
{
    char state;
    return read_state (pid, &state) && state != 'Z' && state != 'X';
}
