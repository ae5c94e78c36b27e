/* SPDX-License-Identifier: MPL-2.0 */
/*
 * own_worker.c - a worker program with its functions linked in, in place of dpool-worker and a module.
 *
 * It shows the four things that a worker can offer: a function, a function under a name of your choice,
 * an initializer (once in each process, before its first task), and a preload (once a host, in the
 * process from which all others are forked: what it loads, all share).
 *
 * Build: cc own_worker.c -o own_worker $(pkg-config --cflags --libs dpool)
 * Run:   dpool-broker                          in a first terminal; listens at port 5555
 *        ./own_worker tcp://localhost:5555     in a second one, or on as many hosts as you have; it takes
 *                                              the options of dpool-worker: see ./own_worker --help
 *
 * and call it from any program, which needs to know nothing but the names:
 *
 *     dpool_options_t options = DPOOL_OPTIONS_INIT;
 *     dpool_items_t *language = dpool_items_new ();
 *     dpool_items_add (language, DPOOL_V ("de"));
 *     options.initializer = "speak";            // leave these two out: no initializer is called,
 *     options.initializer_args = language;      // and "greet" greets in English
 *     dpool_t *pool = dpool_open ("tcp://localhost:5555", &options);
 *
 *     dpool_value_t *value;
 *     const char *greeting;
 *     if (dpool_apply (pool, &value, "greet", DPOOL_V ("Ada")) == 0
 *         && dpool_value_get (value, "s", &greeting) == 0)
 *         puts (greeting);                      // Hallo Ada, hier ist node7, Prozess 4711
 *     dpool_value_destroy (&value);
 *
 *     bool is_prime;
 *     if (dpool_apply (pool, &value, "math.is_prime", DPOOL_V (1999993)) == 0
 *         && dpool_value_get (value, "?", &is_prime) == 0)
 *         puts (is_prime ? "prime" : "not prime");
 *     dpool_value_destroy (&value);
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dpool/function.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Once a host: a table that all processes share ------------------------------------------ */

#define PRIME_LIMIT 2000000

static unsigned char *is_composite; /* [PRIME_LIMIT + 1] */

/* Forked processes share the pages of the table as long as nobody writes to them. -1 stops the worker's
   start, so that nobody waits for results that cannot come. */
DPOOL_PRELOAD (sieve)
{
    is_composite = calloc (PRIME_LIMIT + 1, 1);
    if (!is_composite)
        return dpool_call_fail (call, ENOMEM, "no memory for the table of primes");
    is_composite[0] = is_composite[1] = 1;
    for (size_t p = 2; p * p <= PRIME_LIMIT; p++) {
        if (!is_composite[p])
            for (size_t multiple = p * p; multiple <= PRIME_LIMIT; multiple += p)
                is_composite[multiple] = 1;
    }
    return 0;
}

/* ---- Once a process: what the pool asked for ------------------------------------------------- */

static char greeting[16] = "Hello";
static char here_is[16] = "this is";
static char process[16] = "process";

/* Its argument is the one item of the pool's options.initializer_args. Globals set here stay for all
   tasks of the process; it runs one at a time, so they need no lock. */
DPOOL_INITIALIZER (speak)
{
    const char *language;
    if (dpool_call_args (call, "s", &language) < 0)
        return -1;
    if (strcmp (language, "en") == 0)
        return 0;
    if (strcmp (language, "de") != 0)
        return dpool_call_fail (call, EINVAL, "language '%s' is not known: use en or de", language);
    strcpy (greeting, "Hallo");
    strcpy (here_is, "hier ist");
    strcpy (process, "Prozess");
    return 0;
}

/* ---- The functions ---------------------------------------------------------------------------- */

DPOOL_FUNCTION (greet)
{
    const char *name; /* borrowed: good until the function returns */
    char host[HOST_NAME_MAX + 1] = "";
    char text[512];
    if (dpool_call_args (call, "s", &name) < 0)
        return -1;
    if (gethostname (host, sizeof host - 1) < 0)
        return dpool_call_fail (call, errno, "gethostname: %s", strerror (errno));
    int length = snprintf (text, sizeof text, "%s %s, %s %s, %s %ld", greeting, name, here_is, host, process,
                           (long) getpid ());
    if (length < 0 || (size_t) length >= sizeof text)
        return dpool_call_fail (call, EINVAL, "the name is too long");
    return dpool_call_return (call, "s", text);
}

/* The name that callers use may hold dots: a prefix keeps the names of several authors apart. */
DPOOL_FUNCTION_AS (is_prime, "math.is_prime")
{
    int64_t number;
    if (dpool_call_args (call, "l", &number) < 0)
        return -1;
    if (number < 0 || number > PRIME_LIMIT)
        return dpool_call_fail (call, ERANGE, "%" PRId64 " is not from 0 to %d", number, PRIME_LIMIT);
    return dpool_call_return (call, "?", !is_composite[number]);
}

int main (int argc, char **argv)
{
    return dpool_worker_main (argc, argv);
}
