/* SPDX-License-Identifier: MPL-2.0 */
/*
 * function.h - offer work: the functions that a pool's processes run.
 *
 *     DPOOL_FUNCTION (square)
 *     {
 *         int64_t x;
 *         if (dpool_call_args (call, "l", &x) < 0)
 *             return -1;
 *         return dpool_call_return (call, "l", x * x);
 *     }
 *
 * The same source serves linked into a program (embedded pool), built as a shared module
 * (dpool-worker --module ./libwork.so), or linked into a worker of your own (dpool_worker_main).
 * Pictures are explained in dpool.h.
 */
#ifndef DPOOL_FUNCTION_H_INCLUDED
#define DPOOL_FUNCTION_H_INCLUDED

#include <dpool/dpool.h>

#ifdef __cplusplus
#include <exception>
extern "C" {
#endif

/* One call of a function: its arguments, and where its result goes. Belongs to the running function. */
typedef struct dpool_call_s dpool_call_t;

/* The body of a function: 0 = succeeded (nil where it returned nothing), -1 = failed. */
typedef int (dpool_function_t) (dpool_call_t *call);

/* Read the arguments by a picture. 0, or -1: the caller gets the reason, so just return -1. */
DPOOL_EXPORT int dpool_call_args (dpool_call_t *call, const char *picture, ...);

/* Give the result. 0, or -1: the caller gets the reason. A second one fails the call. */
DPOOL_EXPORT int dpool_call_return (dpool_call_t *call, const char *picture, ...);

/* Fail with a code of your own and a message. Always returns -1. */
DPOOL_EXPORT int dpool_call_fail (dpool_call_t *call, int code, const char *format, ...) DPOOL_PRINTF (3, 4);

/* Has the caller cancelled it? A function that returns soon after is not killed. */
DPOOL_EXPORT bool dpool_call_cancelled (dpool_call_t *call);

/* Tell how far it is, for dpool_async_result_progress. Cheap: call it as often as you like. 0. */
DPOOL_EXPORT int dpool_call_progress (dpool_call_t *call, uint64_t done, uint64_t total);

/* 1, 2, …: rises with each retry of the same item: a fencing number. */
DPOOL_EXPORT unsigned dpool_call_attempt (dpool_call_t *call);

/* The next of a row of random numbers that is the same for the same (pool seed, job, item), wherever
   and however often the item runs. */
DPOOL_EXPORT uint64_t dpool_call_random (dpool_call_t *call);

/* Offer a function under a name: for code in static archives, whose DPOOL_FUNCTIONs the linker may
   drop. 0, or -1 with EINVAL (name), EEXIST (taken), EBUSY once the pool's processes were prepared. */
DPOOL_EXPORT int dpool_register (const char *name, dpool_function_t *function);

/* Fork this program's one zygote, from which all children of embedded pools are forked, now. Call it
   first in main if you start threads, OpenMP or CUDA. The first embedded dpool_open does it otherwise.
   Children see memory as it was then. 0 (also when done before), or -1 with errno. */
DPOOL_EXPORT int dpool_prepare (void);

/* The main of a worker program of your own: the same options as dpool-worker. Returns its exit status. */
DPOOL_EXPORT int dpool_worker_main (int argc, char **argv);

/* ---- What the macros below stand on --------------------------------------------------------- */

enum { DPOOL_KIND_FUNCTION, DPOOL_KIND_INITIALIZER, DPOOL_KIND_PRELOAD };

typedef struct dpool_offer_s {
    size_t size;
    int kind; /* DPOOL_KIND_… */
    const char *name;
    dpool_function_t *function;
    const char *file; /* where it is defined, for error messages */
} dpool_offer_t;

/* Take an offer into the table of this program. Called by constructors, so it cannot fail: bad or
   double names fail the next dpool_open, or the worker's start, naming both files. */
DPOOL_EXPORT void dpool_offer (const dpool_offer_t *offer);

#ifdef __cplusplus
}
/* Exceptions must not cross into C: they fail the call instead. */
template <dpool_function_t *body> inline int dpool_call_guarded (dpool_call_t *call)
{
    try {
        return body (call);
    } catch (const std::exception &exception) {
        return dpool_call_fail (call, 0, "exception: %s", exception.what ());
    } catch (...) {
        return dpool_call_fail (call, 0, "exception of an unknown type");
    }
}
#define DPOOL_GUARDED(body) dpool_call_guarded<body>
#else
#define DPOOL_GUARDED(body) body
#endif

#define DPOOL_OFFER(id, name, kind)                                                             \
    static int dpool_body_of_##id (dpool_call_t *call);                                         \
    static const dpool_offer_t dpool_offer_of_##id                                              \
        = { sizeof (dpool_offer_t), kind, name, DPOOL_GUARDED (dpool_body_of_##id), __FILE__ }; \
    __attribute__ ((constructor)) static void dpool_offers_##id (void)                          \
    {                                                                                           \
        dpool_offer (&dpool_offer_of_##id);                                                     \
    }                                                                                           \
    static int dpool_body_of_##id (__attribute__ ((unused)) dpool_call_t *call)

/* Define a function and offer it: DPOOL_FUNCTION (square) { … } under the name "square". */
#define DPOOL_FUNCTION(id) DPOOL_OFFER (id, #id, DPOOL_KIND_FUNCTION)

/* The same under any name of 1 to 64 of [A-Za-z0-9_.:-]: DPOOL_FUNCTION_AS (area, "geo.area") { … } */
#define DPOOL_FUNCTION_AS(id, name) DPOOL_OFFER (id, name, DPOOL_KIND_FUNCTION)

/* Runs in each of a pool's processes before its first task, where the pool's options name it. */
#define DPOOL_INITIALIZER(id) DPOOL_OFFER (id, #id, DPOOL_KIND_INITIALIZER)

/* Runs once a host, in the zygote: what it loads is shared copy-on-write by all children. */
#define DPOOL_PRELOAD(id) DPOOL_OFFER (id, #id, DPOOL_KIND_PRELOAD)

#endif
