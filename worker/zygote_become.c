/* SPDX-License-Identifier: MPL-2.0 */
/* zygote_become.c - how a fork of the program turns into the zygote. */
#include "worker/zygote_process.h"

#include "core/error.h"
#include "worker/call.h"
#include "worker/descriptors.h"
#include "worker/module.h"
#include "worker/offers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void write_all (int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write (fd, data, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            _exit (1); /* the program is gone */
        data += written;
        len -= (size_t) written;
    }
}

static void tell (int fd, char what, const char *text)
{
    write_all (fd, &what, 1);
    write_all (fd, text, strlen (text) + 1);
}

static _Noreturn void give_up (int fd, int code, const char *message)
{
    char *text;
    if (asprintf (&text, "%d %s", code, message) >= 0)
        tell (fd, ZYGOTE_FAILS, text);
    _exit (1);
}

static _Noreturn void give_up_by_last_error (int fd)
{
    give_up (fd, errno, dpool_last_error ()->message);
}

/* The program's signals, buffers and descriptors are none of ours. What stands in the buffers of its streams
   must reach no file a second time: those of stdin, stdout and stderr are dropped, all others go to
   /dev/null. */
static void leave_program (const zygote_birth_t *birth)
{
    const int keep[] = { birth->control_fd, birth->start_fd, birth->program_fd };
    sigset_t none;
    setsid ();
    prctl (PR_SET_NAME, "dpool-zygote");
    for (int number = 1; number < NSIG; number++)
        signal (number, SIG_DFL);
    signal (SIGPIPE, SIG_IGN);
    sigemptyset (&none);
    sigprocmask (SIG_SETMASK, &none, NULL);

    __fpurge (stdin);
    __fpurge (stdout);
    __fpurge (stderr);
    descriptors_silence (keep, sizeof keep / sizeof keep[0]);
    fflush (NULL);
    descriptors_close (keep, sizeof keep / sizeof keep[0]);
    descriptors_to_null (STDIN_FILENO);
}

/* Modules and preloads may take long and do not look at the control socket. So for that time its end is a
   signal, SIGIO, whose default action ends us. */
static void die_with_program (const zygote_birth_t *birth, bool by_signal)
{
    int flags = fcntl (birth->control_fd, F_GETFL);
    fcntl (birth->control_fd, F_SETOWN, by_signal ? getpid () : 0);
    fcntl (birth->control_fd, F_SETFL, by_signal ? flags | O_ASYNC : flags & ~O_ASYNC);
}

static void load_modules (const zygote_birth_t *birth)
{
    for (size_t i = 0; i < birth->n_modules; i++) {
        char *doing;
        if (asprintf (&doing, "loaded module %s", birth->modules[i]) < 0)
            give_up (birth->start_fd, ENOMEM, "no memory");
        tell (birth->start_fd, ZYGOTE_DOES, doing);
        free (doing);
        if (module_load (birth->modules[i]) < 0)
            give_up_by_last_error (birth->start_fd);
    }
}

static void run_preload (const zygote_birth_t *birth, const dpool_offer_t *offer)
{
    static const uint8_t nil = 0xc0;
    dpool_call_t call = { .function = offer->name, .arguments = &nil, .arguments_len = 1, .attempt = 1 };
    dp_buffer_t outcome = DP_BUFFER_INIT;
    char *text;
    if (asprintf (&text, "ran the preload '%s' of %s", offer->name, offer->file) < 0)
        give_up (birth->start_fd, ENOMEM, "no memory");
    tell (birth->start_fd, ZYGOTE_DOES, text);
    free (text);
    if (!call_run (&call, offer->function, OUTCOME_FAILED, &outcome)) {
        const dp_buffer_t *message = call.message.len > 0 ? &call.message : &call.complaint;
        if (asprintf (&text, "the preload '%s' of %s failed: %s", offer->name, offer->file,
                      (const char *) message->data)
            < 0)
            give_up (birth->start_fd, ENOMEM, "no memory");
        give_up (birth->start_fd, DPOOL_EINITIALIZER, text);
    }
    dp_buffer_fini (&outcome);
    call_fini (&call);
}

void zygote_become (const zygote_birth_t *birth)
{
    leave_program (birth);
    die_with_program (birth, true);
    load_modules (birth);
    if (offers_check () < 0)
        give_up_by_last_error (birth->start_fd);
    for (size_t i = 0; i < offers_count (DPOOL_KIND_PRELOAD); i++)
        run_preload (birth, offers_at (DPOOL_KIND_PRELOAD, i));
    fflush (stdout);
    fflush (stderr);
    die_with_program (birth, false);
    offers_close ();
    for (size_t i = 0; i < offers_count (DPOOL_KIND_FUNCTION); i++)
        tell (birth->start_fd, ZYGOTE_OFFERS, offers_at (DPOOL_KIND_FUNCTION, i)->name);
    tell (birth->start_fd, ZYGOTE_READY, "");
    close (birth->start_fd);
}
