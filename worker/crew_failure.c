/* SPDX-License-Identifier: MPL-2.0 */
/* crew_failure.c - how a child ended, in words. */
#include "worker/crew_internal.h"

#include <signal.h>
#include <stdio.h>

/* strsignal depends on the locale and is no one's constant; these are the ones that a function dies of. */
static const struct {
    int number;
    const char *name;
} signals[] = {
    { SIGSEGV, "Segmentation fault" },
    { SIGABRT, "Aborted" },
    { SIGBUS, "Bus error" },
    { SIGFPE, "Arithmetic exception" },
    { SIGILL, "Illegal instruction" },
    { SIGKILL, "Killed" },
    { SIGTERM, "Terminated" },
    { SIGINT, "Interrupt" },
    { SIGQUIT, "Quit" },
    { SIGHUP, "Hangup" },
    { SIGPIPE, "Broken pipe" },
    { SIGALRM, "Alarm clock" },
    { SIGTRAP, "Trace trap" },
    { SIGSYS, "Bad system call" },
    { SIGXCPU, "CPU time limit exceeded" },
    { SIGXFSZ, "File size limit exceeded" },
    { SIGUSR1, "User signal 1" },
    { SIGUSR2, "User signal 2" },
};

static const char *signal_name (int number)
{
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (signals[i].number == number)
            return signals[i].name;
    return "no common one";
}

void crew_failure_text (char *text, size_t size, const crew_exit_t *exit)
{
    if (exit->is_out_of_memory)
        snprintf (text, size, "its process was killed because the memory ran out (signal %d)", exit->signal);
    else if (exit->signal != 0)
        snprintf (text, size, "its process was killed by signal %d (%s)", exit->signal,
                  signal_name (exit->signal));
    else
        snprintf (text, size, "its process ended in mid-task: it called exit (%d)", exit->exit_status);
}
