/* SPDX-License-Identifier: MPL-2.0 */
/* open.c - dpool_open: options, endpoints, the first connection. */
#include "client/async_result.h"
#include "client/embedded.h"
#include "client/forks.h"
#include "client/io.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/name.h"
#include "net/address.h"
#include "net/clock.h"
#include "net/context.h"
#include "net/machine.h"
#include "net/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { CONNECT_TIMEOUT_MS = 5000, MAX_TASKS = 65536, MAX_BYTES = 256 << 20 };

/* ---- Options -------------------------------------------------------------------------------- */

/* The caller's options, as far as its struct reaches; the rest are defaults. */
static int take_options (dpool_options_t *self, const dpool_options_t *given)
{
    *self = (dpool_options_t) DPOOL_OPTIONS_INIT;
    if (given == NULL)
        return 0;
    if (given->size == 0)
        return dp_fail (EINVAL, "the options' size is 0: start from DPOOL_OPTIONS_INIT");
    memcpy (self, given, given->size < sizeof *self ? given->size : sizeof *self);
    if (self->processes < 0)
        return dp_fail (EINVAL, "processes is %d: use 0 for all usable CPUs, or a number from 1 on",
                        self->processes);
    if (self->max_tasks_per_child < 0)
        return dp_fail (EINVAL, "max_tasks_per_child is %d: use 0 for no limit, or a number from 1 on",
                        self->max_tasks_per_child);
    if (self->connect_timeout_ms < 0)
        return dp_fail (EINVAL, "connect_timeout_ms is %d: use 0 for the default, or milliseconds from 1 on",
                        self->connect_timeout_ms);
    if (self->broker_timeout_ms < 0)
        return dp_fail (EINVAL, "broker_timeout_ms is %d: use 0 for never, or milliseconds from 1 on",
                        self->broker_timeout_ms);
    if (self->submit_timeout_ms < -1)
        return dp_fail (EINVAL,
                        "submit_timeout_ms is %d: use -1 to wait, 0 not to, or milliseconds from 1 on",
                        self->submit_timeout_ms);
    if (self->initializer != NULL && !dp_name_is_valid (self->initializer, strlen (self->initializer)))
        return dp_fail (EINVAL, "'%s' is no name of an initializer: 1 to 64 of A-Z a-z 0-9 _ . : -",
                        self->initializer);
    if (self->initializer_args != NULL && self->initializer == NULL)
        return dp_fail (EINVAL, "initializer_args are given, but no initializer");
    if (self->initializer_args != NULL && dp_items_check (self->initializer_args) < 0)
        return -1;
    if (self->initializer_args != NULL && dpool_items_count (self->initializer_args) != 1)
        return dp_fail (EINVAL, "initializer_args holds %zu items: it must be exactly one",
                        dpool_items_count (self->initializer_args));
    return 0;
}

static const char *environment (const char *name)
{
    const char *text = secure_getenv (name);
    return text != NULL && *text != '\0' ? text : NULL;
}

/* Where no endpoint is given, that of the environment, with its keys. */
static const char *take_endpoint (const char *endpoint, dpool_options_t *options)
{
    if (endpoint != NULL || (endpoint = environment ("DPOOL_ENDPOINT")) == NULL)
        return endpoint;
    if (options->key_file == NULL)
        options->key_file = environment ("DPOOL_KEY_FILE");
    if (options->server_key == NULL)
        options->server_key = environment ("DPOOL_SERVER_KEY");
    return endpoint;
}

static bool is_local (const char *endpoint)
{
    return endpoint == NULL || strcmp (endpoint, "local") == 0;
}

/* A broker keeps them for each session, the embedded pool's are its program's own. */
static int check_args (const char *endpoint, const dpool_options_t *options)
{
    size_t len = options->initializer_args != NULL ? dp_items_longest (options->initializer_args) : 0;
    if (is_local (endpoint) || len <= WIRE_MAX_ARGS)
        return 0;
    return dp_fail (
        DPOOL_ETOOLARGE,
        "initializer_args have %zu bytes, more than the %u that a broker takes: pass the name of a "
        "file that workers can read, or send them with the calls",
        len, WIRE_MAX_ARGS);
}

/* Who asks for encryption must not get a connection without it. The embedded pool has none to encrypt. */
static int take_keys (dpool_t *self, const char *endpoint, const dpool_options_t *options)
{
    self->is_secure = !is_local (endpoint) && (options->key_file != NULL || options->server_key != NULL);
    if (!self->is_secure)
        return 0;
    return dp_keys_load_both (&self->keys, options->key_file, options->server_key);
}

/* Split a comma-separated list. */
static int take_endpoints (dpool_t *self, const char *list)
{
    size_t n = 1;
    for (const char *c = list; *c != '\0'; c++)
        n += *c == ',';
    self->endpoints = dp_alloc (n * sizeof (char *));
    if (self->endpoints == NULL)
        return dp_fail (ENOMEM, "out of memory");
    for (const char *at = list; at != NULL;) {
        const char *comma = strchr (at, ',');
        size_t len = comma != NULL ? (size_t) (comma - at) : strlen (at);
        char *endpoint = dp_alloc (len + 1);
        if (endpoint == NULL)
            return dp_fail (ENOMEM, "out of memory");
        memcpy (endpoint, at, len);
        self->endpoints[self->n_endpoints++] = endpoint;
        const char *fault = dp_address_fault (endpoint);
        if (fault != NULL)
            return dp_fail (EINVAL, "'%s' is no endpoint: %s; \"local\" is the embedded pool", endpoint,
                            fault);
        at = comma != NULL ? comma + 1 : NULL;
    }
    return 0;
}

/* ---- Construction --------------------------------------------------------------------------- */

static int make_session (dpool_t *self, const dpool_options_t *options)
{
    char host[256] = "";
    gethostname (host, sizeof host - 1);
    session_config_t config = {
        .id = dp_random (),
        .n_endpoints = self->n_endpoints,
        .host = host,
        .name = program_invocation_short_name,
        .pid = (uint64_t) getpid (),
        .machine = self->inbox != NULL ? dp_machine () : 0,
        .initializer = options->initializer,
        .seed = options->seed != 0 ? options->seed : dp_random (),
        .max_tasks_per_child = (uint64_t) options->max_tasks_per_child,
        .max_tasks = self->max_applies,
        .max_bytes = self->max_bytes,
        .broker_timeout_ms = options->broker_timeout_ms,
    };
    if (options->initializer_args != NULL)
        config.initializer_args
            = dp_items_slice (options->initializer_args, 0, 1, &config.initializer_args_len);
    self->session = session_new (&config, dp_clock_ms ());
    return self->session != NULL ? 0 : dp_fail (ENOMEM, "out of memory");
}

/* Where ZeroMQ lacks a descriptor it aborts the program: see first whether there are enough. */
static int check_descriptors (const dpool_t *self)
{
    enum { NEEDED = 24 };
    int fds[NEEDED], n = 0;
    while (n < NEEDED && (fds[n] = fcntl (self->wake_fd, F_DUPFD_CLOEXEC, 0)) >= 0)
        n++;
    int code = errno;
    bool is_enough = n == NEEDED;
    while (n > 0)
        close (fds[--n]);
    return is_enough
               ? 0
               : dp_fail (code,
                          "a pool needs %d file descriptors: close some, or raise the limit (ulimit -n)",
                          NEEDED);
}

static int init (dpool_t *self, const char *endpoint, const dpool_options_t *options)
{
    pthread_mutex_init (&self->lock, NULL);
    pthread_cond_init (&self->rest, NULL);
    async_result_open (self);
    atomic_init (&self->n_holds, 1);
    dp_list_init (&self->waiters);
    self->calls.changed = async_result_calls_changed;
    self->generation = forks_generation ();
    self->submit_timeout_ms = options->submit_timeout_ms;
    self->max_applies = options->max_unfinished_tasks != 0 ? options->max_unfinished_tasks : MAX_TASKS;
    self->max_bytes = options->max_unfinished_bytes != 0 ? options->max_unfinished_bytes : MAX_BYTES;

    bool is_embedded = is_local (endpoint);
    if (take_keys (self, endpoint, options) < 0)
        return -1;
    if (is_embedded) {
        self->endpoints = dp_alloc (sizeof (char *));
        if (self->endpoints != NULL)
            self->endpoints[0] = dp_strdup (EMBEDDED_ENDPOINT);
        self->n_endpoints = self->endpoints != NULL ? 1 : 0;
        if (self->n_endpoints == 0 || self->endpoints[0] == NULL)
            return dp_fail (ENOMEM, "out of memory");
        /* The zygote must be forked before there is a context. */
        if (embedded_prepare () < 0)
            return -1;
    } else if (take_endpoints (self, endpoint) < 0)
        return -1;
    if (!is_embedded) {
        /* Also for the sake of memory that is used again. What is kept of it is the user's, and a fork's. */
        self->arena = dp_arena_new (DP_ARENA_PROGRAM);
        self->inbox = self->arena != NULL ? dp_arena_new_private () : NULL;
    }
    if (make_session (self, options) < 0)
        return -1;
    self->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->wake_fd < 0)
        return dp_fail_errno ("cannot open an eventfd");
    if (check_descriptors (self) < 0)
        return -1;
    if (is_embedded)
        self->embedded = embedded_new (options->processes);
    else
        self->context = dp_context_new ();
    if (self->embedded == NULL && self->context == NULL)
        return -1;
    if (is_embedded)
        self->arena = dp_arena_hold (embedded_arena (self->embedded));
    return io_start (self) == 0 ? 0 : dp_fail_errno ("cannot start a thread");
}

/* ---- The first connection ------------------------------------------------------------------- */

static int fail_connect (const dpool_t *self)
{
    const char *endpoint = self->endpoints[session_endpoint (self->session)];
    dp_reach_t reach = self->rejection != 0 ? self->rejection : self->reach;
    const dp_keys_t *keys = self->is_secure ? &self->keys : NULL;
    return dp_reach_fail (reach, endpoint, keys, self->context);
}

static int fail_refused (wire_refusal_t refusal, const char *text)
{
    return dp_fail (dp_refusal_code (refusal), "the broker refused the connection: %s", text);
}

/* A port that is closed, or not ours, will hardly change in five seconds; a host that boots may. */
static bool is_hopeless (const dpool_t *self, int64_t now_ms, int64_t hopeless_at_ms)
{
    if (self->rejection != 0 && self->n_endpoints == 1)
        return true; /* it said so: no other answer will come */
    return session_has_tried_all (self->session) && now_ms >= hopeless_at_ms;
}

static int wait_for_welcome (dpool_t *self, const dpool_options_t *options)
{
    int connect_timeout_ms = options->connect_timeout_ms;
    int64_t start_ms = dp_clock_ms ();
    int64_t deadline_ms = start_ms + (connect_timeout_ms != 0 ? connect_timeout_ms : CONNECT_TIMEOUT_MS);
    int rc = 0;
    pool_lock (self);
    while (rc == 0 && !session_is_connected (self->session)) {
        const char *text;
        wire_refusal_t refusal = session_refusal (self->session, &text);
        int64_t now_ms = dp_clock_ms (), hopeless_at_ms = start_ms + dp_reach_patience_ms (self->reach);
        if (connect_timeout_ms != 0 || hopeless_at_ms > deadline_ms)
            hopeless_at_ms = deadline_ms;
        if (self->failure != 0)
            rc = dp_fail (self->failure, "%s", self->failure_text);
        else if (refusal != 0)
            rc = fail_refused (refusal, text);
        else if (now_ms >= deadline_ms || is_hopeless (self, now_ms, hopeless_at_ms))
            rc = fail_connect (self);
        else if (waiter_wait (&self->waiters, &self->lock,
                              now_ms < hopeless_at_ms ? hopeless_at_ms : deadline_ms)
                     < 0
                 && errno != ETIMEDOUT)
            rc = dp_fail (errno, errno == EINTR ? "interrupted by a signal" : "cannot wait");
    }
    pool_unlock (self);
    return rc;
}

dpool_t *dpool_open (const char *endpoint, const dpool_options_t *options)
{
    dpool_options_t taken;
    if (take_options (&taken, options) < 0)
        return NULL;
    endpoint = take_endpoint (endpoint, &taken);
    if (check_args (endpoint, &taken) < 0)
        return NULL;
    dpool_t *self = dp_alloc (sizeof *self);
    if (self == NULL) {
        dp_fail (ENOMEM, "out of memory");
        return NULL;
    }
    self->tidy = dp_tidy_new ();
    if (init (self, endpoint, &taken) < 0 || wait_for_welcome (self, &taken) < 0) {
        /* Destruction must not hide why. */
        dpool_error_t *error = dp_error_copy (dpool_last_error ());
        if (self->session != NULL)
            dpool_destroy (&self);
        else
            pool_release (self);
        if (error != NULL)
            dp_fail_with (error);
        dp_free (error);
        return NULL;
    }
    return self;
}
