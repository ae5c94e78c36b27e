/* SPDX-License-Identifier: MPL-2.0 */
/*
 * dpool.h - submit work to a pool of processes, on this machine or on many.
 *
 * A pool is opened with dpool_open, given calls with dpool_apply, dpool_map, dpool_imap and their
 * kin, and freed with dpool_destroy. The functions that it runs are offered with <dpool/function.h>.
 *
 * Errors: a function that can fail returns -1 (a constructor NULL) and sets errno, to a system code
 * or to one of DPOOL_E… below; dpool_last_error () tells the whole story.
 * Objects: thing_destroy (&thing) accepts NULL, may be called twice and clears the pointer.
 *          What is returned as "const T *" is borrowed from the object that gave it.
 * Time:    "int timeout_ms" is in milliseconds: 0 does not wait, -1 waits for ever. A waiting call
 *          returns -1 with EINTR after a signal handler ran on its thread. pthread_cancel ends
 *          no wait: it takes effect behind it.
 * Threads: every call on a dpool_t or a dpool_async_result_t may be made from any thread; an
 *          iterator belongs to one thread at a time; values are immutable.
 */
#ifndef DPOOL_H_INCLUDED
#define DPOOL_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DPOOL_VERSION_MAJOR 0
#define DPOOL_VERSION_MINOR 2
#define DPOOL_VERSION_PATCH 0

#if defined(__GNUC__)
#define DPOOL_EXPORT __attribute__ ((visibility ("default")))
#define DPOOL_PRINTF(text, arguments) __attribute__ ((format (printf, text, arguments)))
#else
#define DPOOL_EXPORT
#define DPOOL_PRINTF(text, arguments)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Errors -------------------------------------------------------------------------------- */

#define DPOOL_ERRNO_BASE 0x64700000

enum {
    DPOOL_EVALUE = DPOOL_ERRNO_BASE + 1, /* picture and value do not fit */
    DPOOL_EFAILED,                       /* the function said so; user_code holds its own code */
    DPOOL_ECRASHED,                      /* the process running it died, as often as it may be retried */
    DPOOL_ETIMELIMIT,                    /* it ran longer than its time limit and was stopped */
    DPOOL_ECANCELLED,                    /* cancelled before it started: it never ran */
    DPOOL_EKILLED,                       /* cancelled after it may have started */
    DPOOL_ELOST,                         /* at most once, and its worker is gone: it may have run */
    DPOOL_ENOFUNCTION,                   /* no worker offers a function of this name */
    DPOOL_ETOOLARGE,                     /* an argument or a result is above the payload limit */
    DPOOL_ETERMINATED,                   /* the pool was terminated first */
    DPOOL_ECLOSED,                       /* the pool is closed */
    DPOOL_EINITIALIZER,                  /* the pool's initializer failed three times in a row */
    DPOOL_ESOURCE,                       /* the source of an imap broke its contract */
    DPOOL_EBROKERLOST,                   /* the broker is gone and did not return in time */
    DPOOL_ENOBROKER,                     /* nothing listens at the endpoint */
    DPOOL_ENOTDPOOL,                     /* something listens at the endpoint, but not a dpool broker */
    DPOOL_EVERSION,                      /* the broker speaks no protocol version that we speak */
    DPOOL_ESERVERKEY,                    /* the broker does not have the key that was expected */
    DPOOL_ECLIENTKEY,                    /* the broker does not know our key */
    DPOOL_EROLE,                         /* our key is known, but not for this role */
    DPOOL_EREFUSED,                      /* the broker refused; the message says why */
    DPOOL_EQUOTA                         /* a quota of the key is used up: later it may go */
};

/* Why a call or an item failed. Only the library makes these; the struct grows at its end. */
typedef struct dpool_error_s {
    int code;                   /* DPOOL_E…, or a system errno for a call that failed */
    int user_code;              /* what dpool_call_fail was given; else 0 */
    const char *message;        /* what went wrong and what to do; never NULL */
    const char *function;       /* "" where no function is concerned */
    const char *host;           /* where it ran; "" when unknown */
    const char *stderr_tail;    /* the last lines its process wrote to stderr before it died; or "" */
    size_t index;               /* the item */
    unsigned attempts;          /* how often it was started, as far as known */
    pid_t pid;                  /* of the process that ran it; 0 when unknown */
    int signal;                 /* that ended the process; 0 = none */
    int exit_status;            /* of the process, where it exited; else 0 */
    bool out_of_memory;         /* the process was killed for lack of memory */
    uint64_t peak_memory_bytes; /* of the process; 0 when unknown */
    uint64_t cpu_time_us;       /* user and system, of the process; 0 when unknown */
    const char *history;        /* a line for each earlier attempt that crashed: how, and where; or "" */
} dpool_error_t;

/* A text for every code: DPOOL_E…, or whatever strerror knows. Static; never NULL. */
DPOOL_EXPORT const char *dpool_strerror (int code);

/* Why this thread's last dpool call gave -1 or NULL. Borrowed until this thread's next failing dpool
   call; never NULL (code 0 and message "" before the first failure). */
DPOOL_EXPORT const dpool_error_t *dpool_last_error (void);

/* The version of the library in use, such as "0.2.0". */
DPOOL_EXPORT const char *dpool_version (void);

/* ---- Values: a "picture" over msgpack ------------------------------------------------------ */
/*
 * A picture names C types, one letter a value:
 *
 *   letter  packs from                       unpacks to
 *   i       int                              int *
 *   l       int64_t                          int64_t *
 *   u       uint64_t                         uint64_t *
 *   d       double                           double * (an integer may be read as a double)
 *   ?       int (a truth value)              bool *
 *   n       nothing: nil                     nothing: must be nil
 *   s       const char *: UTF-8              const char **: NUL-ended, borrowed from the value
 *   b       const void *, size_t             const void **, size_t *: borrowed, any alignment
 *   B       const void *, size_t             void *, size_t: copied into the buffer, exact size
 *   m       const void *, size_t: packed     const void **, size_t *: one value, still packed
 *   o       const msgpack_object *           msgpack_object * (include <msgpack.h>)
 *
 * One letter is one bare value, several are an array of exactly that many, "" is nil. What does not
 * fit is DPOOL_EVALUE, never a silent cast. "o" is msgpack-c's tree of a value, of 24 bytes for each element
 * and more for maps: of a value of 64 MiB it may take 1.5 GiB. The others copy nothing that is borrowed.
 */

/* A received value. Immutable. */
typedef struct dpool_value_s dpool_value_t;

/* Read the value by its picture. 0, or -1 with DPOOL_EVALUE (dpool_last_error names the place). */
DPOOL_EXPORT int dpool_value_get (const dpool_value_t *self, const char *picture, ...);

/* The value's msgpack bytes and, where size is not NULL, how many there are. */
DPOOL_EXPORT const void *dpool_value_data (const dpool_value_t *self, size_t *size);

/* A value of your own with the same content (shared, so cheap). NULL with ENOMEM. Destroy it. */
DPOOL_EXPORT dpool_value_t *dpool_value_copy (const dpool_value_t *self);

/* Destroy a value that you own: from dpool_apply, dpool_async_result_take or dpool_value_copy. */
DPOOL_EXPORT void dpool_value_destroy (dpool_value_t **self_p);

/* A list of argument tuples, one an item. May be filled by one thread at a time. */
typedef struct dpool_items_s dpool_items_t;

/* A new, empty list. NULL with ENOMEM. Destroy it when done. */
DPOOL_EXPORT dpool_items_t *dpool_items_new (void);

/* Append one item. 0, or -1 with DPOOL_EVALUE (picture), ENOMEM, DPOOL_ETOOLARGE, or EBUSY once the
   list was given to a map. A failed add marks the list: submitting it fails with the same error. */
DPOOL_EXPORT int dpool_items_add (dpool_items_t *self, const char *picture, ...);

/* How many items the list has. */
DPOOL_EXPORT size_t dpool_items_count (const dpool_items_t *self);

/* Drop your hold; a map that uses the list keeps its own. */
DPOOL_EXPORT void dpool_items_destroy (dpool_items_t **self_p);

/* ---- Pools --------------------------------------------------------------------------------- */

typedef struct dpool_s dpool_t;
typedef struct dpool_async_result_s dpool_async_result_t;
typedef struct dpool_imap_s dpool_imap_t;

/* How a pool is opened. Start from DPOOL_OPTIONS_INIT. */
typedef struct dpool_options_s {
    size_t size;                           /* set by DPOOL_OPTIONS_INIT */
    int processes;                         /* child processes; 0 = usable CPUs. Ignored on a cluster. */
    int max_tasks_per_child;               /* items a child runs before it is replaced; 0 = no limit */
    const char *initializer;               /* a DPOOL_INITIALIZER's name, or NULL */
    const dpool_items_t *initializer_args; /* exactly one item, or NULL; on a cluster 1 MiB at most */
    uint64_t seed;                         /* of dpool_call_random; 0 = chosen at random */
    int connect_timeout_ms;                /* how long dpool_open looks for the broker; 0 = 5000 */
    int submit_timeout_ms;                 /* at the window: -1 waits (default), 0 = EAGAIN at once */
    size_t max_unfinished_tasks;           /* the window; 0 = default (65536) */
    size_t max_unfinished_bytes;           /* the window; 0 = default (256 MiB) */
    const char *key_file;                  /* CURVE: own certificate */
    const char *server_key;                /* CURVE: the broker's public key (Z85), or its file */
    int broker_timeout_ms;                 /* unfinished work ends as DPOOL_EBROKERLOST when no broker can be
                                              reached for so long; 0 = never: it waits for its return */
} dpool_options_t;

#define DPOOL_OPTIONS_INIT                                                        \
    {                                                                             \
        sizeof (dpool_options_t), 0, 0, NULL, NULL, 0, 0, -1, 0, 0, NULL, NULL, 0 \
    }

/* Open a pool. endpoint NULL or "local": the embedded pool, with one child process a usable CPU and
   nothing to install or start. "tcp://host:5555": a cluster; a comma-separated list names brokers to
   fail over to. Where NULL is given the environment's DPOOL_ENDPOINT (with DPOOL_KEY_FILE and
   DPOOL_SERVER_KEY) serves, if set. NULL with errno: EINVAL (options, endpoint), DPOOL_ENOBROKER,
   DPOOL_ENOTDPOOL, DPOOL_EVERSION, DPOOL_ESERVERKEY, DPOOL_ECLIENTKEY, DPOOL_EROLE, DPOOL_EREFUSED,
   DPOOL_EQUOTA, DPOOL_ETOOLARGE (initializer_args), EINTR, or what the system said; all within
   connect_timeout_ms. Destroy it when done.

   What the pool does to your process: it has threads of its own, which take no signals; it shares memory with
   what runs here (DPOOL_SHARED_MEMORY in the environment: so many MiB at most, or "off"); and some seconds
   after a burst of calls it has malloc give free pages back to the system (malloc_trim, which holds up all
   threads that allocate for some milliseconds for each 100 MiB). DPOOL_MALLOC_TRIM=off leaves malloc alone.
   A thread that waits in dpool_apply or for the result of the only unfinished call may do the work of the
   pool's thread at first. That takes less than 30 KiB of its stack: give it 64 KiB. Signals are held back
   while it works and let in while it sleeps, so that a handler ends the wait with EINTR as ever. Until the
   handler returns the pool may stand: a broker that hears nothing for long takes the program for dead. No
   handler may leave a wait by siglongjmp: the pool would stay without a thread. */
DPOOL_EXPORT dpool_t *dpool_open (const char *endpoint, const dpool_options_t *options);

/* Refuse new calls; iterators already begun go on drawing. 0. */
DPOOL_EXPORT int dpool_close (dpool_t *self);

/* After close or terminate (else EINVAL): wait for what has been drawn and submitted; then drawing
   stops, and input that is left ends its iterator with -1 DPOOL_ECLOSED. 0, or -1 with ETIMEDOUT,
   EINTR or (in a callback) EDEADLK. */
DPOOL_EXPORT int dpool_join (dpool_t *self, int timeout_ms);

/* Drop what is queued, kill what runs; unfinished results end with DPOOL_ETERMINATED. 0. */
DPOOL_EXPORT int dpool_terminate (dpool_t *self);

/* Terminate what still runs, then free the pool. Results and iterators outlive it. In a callback it
   does nothing but set errno to EDEADLK. */
DPOOL_EXPORT void dpool_destroy (dpool_t **self_p);

/* The child processes that can take this pool's tasks now; -1 with errno. */
DPOOL_EXPORT int dpool_workers (dpool_t *self);

/* Wait until there are at least count of them. 0, or -1 with ETIMEDOUT, EINTR, DPOOL_ECLOSED. */
DPOOL_EXPORT int dpool_wait_workers (dpool_t *self, int count, int timeout_ms);

/* ---- Calls --------------------------------------------------------------------------------- */

/* Called on the pool's callback thread, never under a lock; the result is finished and readable in
   it. It may destroy its result. */
typedef void (dpool_callback_t) (dpool_async_result_t *result, void *user_data);

/* How a call is made. Start from DPOOL_CALL_OPTIONS_INIT. */
typedef struct dpool_call_options_s {
    size_t size;                      /* set by DPOOL_CALL_OPTIONS_INIT */
    size_t chunk_size;                /* items a chunk, 1,048,576 at most; 0 = automatic */
    int time_limit_ms;                /* of one item's run, enforced, not retried; 0 = none */
    int max_retries;                  /* after a crash; default 2 */
    bool at_most_once;                /* never run twice: a loss is DPOOL_ELOST instead */
    int priority;                     /* higher first, within this pool */
    const char *require;              /* a worker's label, such as "gpu"; NULL = any worker */
    dpool_callback_t *callback;       /* called once, when all succeeded */
    dpool_callback_t *error_callback; /* called once, when finished and something failed */
    void *user_data;                  /* for the callbacks */
} dpool_call_options_t;

#define DPOOL_CALL_OPTIONS_INIT                                                  \
    {                                                                            \
        sizeof (dpool_call_options_t), 0, 0, 2, false, 0, NULL, NULL, NULL, NULL \
    }

/* Call and wait. 0 and, where value is not NULL, the result (destroy it); or -1 with the call's error,
   or EINTR after a signal (the call is then cancelled), and *value NULL. */
DPOOL_EXPORT int dpool_apply (dpool_t *self, dpool_value_t **value, const char *function, const char *picture,
                              ...);

/* Call and go on. A handle (destroy or detach it), or NULL with EINVAL, DPOOL_EVALUE, DPOOL_ETOOLARGE,
   DPOOL_ECLOSED, EAGAIN or EINTR (at the window), ENOMEM. */
DPOOL_EXPORT dpool_async_result_t *dpool_apply_async (dpool_t *self, const char *function,
                                                      const char *picture, ...);
DPOOL_EXPORT dpool_async_result_t *dpool_apply_async_with (dpool_t *self, const dpool_call_options_t *options,
                                                           const char *function, const char *picture, ...);

/* One call an item; results in the order of the items. A handle whenever it was submitted, whatever
   its items do: see dpool_async_result_get. dpool_map waits until all are finished; NULL with EINTR
   after a signal (the work is then cancelled). options may be NULL. */
DPOOL_EXPORT dpool_async_result_t *dpool_map (dpool_t *self, const char *function, dpool_items_t *items,
                                              const dpool_call_options_t *options);
DPOOL_EXPORT dpool_async_result_t *dpool_map_async (dpool_t *self, const char *function, dpool_items_t *items,
                                                    const dpool_call_options_t *options);

/* Where an imap draws its input from. */
typedef struct dpool_source_s {
    /* 1: added exactly one item; 0: the end; -1: errno says why, EAGAIN = nothing now. */
    int (*next) (void *state, dpool_items_t *item);
    void *state;
    void (*release) (void *state); /* or NULL; called once, also when dpool_imap fails */
} dpool_source_t;

/* A source over a list of items; takes a hold of its own. */
DPOOL_EXPORT dpool_source_t dpool_source_from_items (dpool_items_t *items);

/* Call one at a time, the input drawn only as fast as the results are taken, so that an endless
   source runs in constant memory. dpool_imap gives results in the order of the items,
   dpool_imap_unordered as they finish. "next" runs only inside these and dpool_imap_next, on the
   caller's thread. Callbacks in the options are refused with EINVAL. NULL with errno. */
DPOOL_EXPORT dpool_imap_t *dpool_imap (dpool_t *self, const char *function, dpool_source_t source,
                                       const dpool_call_options_t *options);
DPOOL_EXPORT dpool_imap_t *dpool_imap_unordered (dpool_t *self, const char *function, dpool_source_t source,
                                                 const dpool_call_options_t *options);

/* ---- AsyncResult: of an apply (count 1) or of a map (count n) ------------------------------ */

/* Wait until finished. 0, or -1 with ETIMEDOUT or EINTR, which mean "not finished, call again". */
DPOOL_EXPORT int dpool_async_result_wait (dpool_async_result_t *self, int timeout_ms);

/* Wait, then 0 if all succeeded; -1 with ETIMEDOUT or EINTR as above, or with the code of the lowest
   failed index, and dpool_last_error telling all of it. May be repeated. */
DPOOL_EXPORT int dpool_async_result_get (dpool_async_result_t *self, int timeout_ms);

/* Finished? */
DPOOL_EXPORT bool dpool_async_result_ready (const dpool_async_result_t *self);

/* Finished, and all succeeded? false with errno EAGAIN while not finished, 0 when something failed. */
DPOOL_EXPORT bool dpool_async_result_successful (const dpool_async_result_t *self);

/* How many items: 1 for an apply. */
DPOOL_EXPORT size_t dpool_async_result_count (const dpool_async_result_t *self);

/* The value of one item, borrowed until it is taken or the result destroyed. NULL with EAGAIN (not
   finished), ERANGE, or the code of the item's error. Items of a map may be read as they finish. */
DPOOL_EXPORT const dpool_value_t *dpool_async_result_value (const dpool_async_result_t *self, size_t index);

/* The error of one item, borrowed from the result. NULL with errno 0 when it succeeded, else EAGAIN or
   ERANGE. */
DPOOL_EXPORT const dpool_error_t *dpool_async_result_error (const dpool_async_result_t *self, size_t index);

/* The value of one item, yours from now on (destroy it): frees a map as you read it. A second take is
   ENOENT; else as dpool_async_result_value. */
DPOOL_EXPORT dpool_value_t *dpool_async_result_take (dpool_async_result_t *self, size_t index);

typedef struct dpool_progress_s {
    size_t size;     /* set by DPOOL_PROGRESS_INIT */
    size_t total;    /* items */
    size_t finished; /* of them, the failed ones included */
    size_t failed;
    size_t running;
    size_t waiting;
    uint64_t done; /* sums of what running items told dpool_call_progress */
    uint64_t steps;
} dpool_progress_t;

#define DPOOL_PROGRESS_INIT                            \
    {                                                  \
        sizeof (dpool_progress_t), 0, 0, 0, 0, 0, 0, 0 \
    }

/* How far it is. 0, or -1 with EINVAL (use DPOOL_PROGRESS_INIT). */
DPOOL_EXPORT int dpool_async_result_progress (const dpool_async_result_t *self, dpool_progress_t *progress);

/* Cancel what is not finished: what is queued never runs (DPOOL_ECANCELLED); what runs has its process
   group killed after a grace (DPOOL_EKILLED). Does not wait. 0. */
DPOOL_EXPORT int dpool_async_result_cancel (dpool_async_result_t *self);

typedef enum {
    DPOOL_REASON_FINISHED,    /* it is finished */
    DPOOL_REASON_SUBMITTING,  /* waits in this program for room in the window */
    DPOOL_REASON_QUEUED,      /* at the broker, behind "ahead" others */
    DPOOL_REASON_NO_WORKER,   /* no worker is there at all */
    DPOOL_REASON_NO_FUNCTION, /* workers are there, but none offers the function with that label */
    DPOOL_REASON_DRAINING,    /* all workers that could run it are draining */
    DPOOL_REASON_RUNNING,     /* on "worker", since "since_ms" */
    DPOOL_REASON_RETRYING,    /* attempt "attempt", after a crash or a loss */
    DPOOL_REASON_UNREACHABLE  /* no connection to the broker, since "since_ms" */
} dpool_reason_t;

typedef struct dpool_explanation_s {
    size_t size; /* set by DPOOL_EXPLANATION_INIT */
    dpool_reason_t reason;
    char sentence[256]; /* for people */
    char worker[64];    /* where it runs; or "" */
    size_t ahead;       /* tasks in front of it; of many thousands about so many */
    int64_t since_ms;   /* how long it has been so */
    unsigned attempt;   /* 1, 2, … */
} dpool_explanation_t;

#define DPOOL_EXPLANATION_INIT                                                     \
    {                                                                              \
        sizeof (dpool_explanation_t), DPOOL_REASON_FINISHED, { 0 }, { 0 }, 0, 0, 0 \
    }

/* Why is it not finished? Tells of its first unfinished item. Asks the broker, for 1 s at most.
   0, or -1 with EINVAL (use DPOOL_EXPLANATION_INIT) or EINTR. */
DPOOL_EXPORT int dpool_async_result_explain (dpool_async_result_t *self, dpool_explanation_t *why);

/* A descriptor that is readable once it is finished, for the user's own event loop. Owned by the
   result: poll it, do not read or close it. -1 with errno. */
DPOOL_EXPORT int dpool_async_result_fd (dpool_async_result_t *self);

/* Let go: the work goes on, its callback is called, then it is freed. */
DPOOL_EXPORT void dpool_async_result_detach (dpool_async_result_t **self_p);

/* Cancel what is unfinished of it and free it. Waits for a running callback of it; inside a callback it waits
   for none, and the callback of another result that is destroyed there is not called any more. */
DPOOL_EXPORT void dpool_async_result_destroy (dpool_async_result_t **self_p);

/* ---- IMapIterator -------------------------------------------------------------------------- */

/* The next result. 1: *value is set, until the next call; 0: the end, for ever; -1: ETIMEDOUT or EINTR
   (call again), this item's error (the next call goes on), EAGAIN (the source has nothing now and nothing
   is unfinished), the source's own error, or DPOOL_ECLOSED (the pool stopped drawing). value may be NULL. */
DPOOL_EXPORT int dpool_imap_next (dpool_imap_t *self, const dpool_value_t **value, int timeout_ms);

/* Which item the last answer was for. */
DPOOL_EXPORT size_t dpool_imap_index (const dpool_imap_t *self);

/* The error of the last answer, borrowed until the next call; NULL when it was a value. */
DPOOL_EXPORT const dpool_error_t *dpool_imap_error (const dpool_imap_t *self);

/* Cancel what it drew, release the source, free it. */
DPOOL_EXPORT void dpool_imap_destroy (dpool_imap_t **self_p);

#ifdef __cplusplus
}
#endif

#include <dpool/picture.h>

#endif
