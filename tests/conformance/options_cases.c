/* SPDX-License-Identifier: MPL-2.0 */
/* The options of pools and of calls: what is refused, the window, priorities, labels, random numbers. */
#include "tests/conformance/conformance.h"

#include <stdint.h>

/* A wrong option is refused with EINVAL and a message that names it. */
#define assert_refuses_pool(member, value, words)                      \
    do {                                                               \
        dpool_options_t options_ = pool_options ();                    \
        options_.member = (value);                                     \
        assert_not_made (dpool_open (f->endpoint, &options_), EINVAL); \
        assert_says (words);                                           \
    } while (0)

#define assert_refuses_call(member, value, words)                                                     \
    do {                                                                                              \
        dpool_call_options_t options_ = DPOOL_CALL_OPTIONS_INIT;                                      \
        options_.member = (value);                                                                    \
        assert_not_made (dpool_apply_async_with (f->pool, &options_, "square", DPOOL_V (1)), EINVAL); \
        assert_says (words);                                                                          \
    } while (0)

static void refuses_wrong_options_of_a_pool (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *two = numbers_from (0, 2);
    assert_refuses_pool (size, 0, "DPOOL_OPTIONS_INIT");
    assert_refuses_pool (connect_timeout_ms, -7, "connect_timeout_ms");
    assert_refuses_pool (submit_timeout_ms, -7, "submit_timeout_ms");
    assert_refuses_pool (initializer, "no such name", "initializer");
    assert_refuses_pool (initializer_args, two, "initializer");
    dpool_options_t options = pool_options ();
    options.initializer = "set_initial";
    options.initializer_args = two;
    assert_not_made (dpool_open (f->endpoint, &options), EINVAL);
    assert_says ("initializer_args");
    dpool_items_destroy (&two);
    dpool_items_t *marked = numbers_from (0, 1);
    assert_fails (dpool_items_add (marked, "s", (const char *) NULL), DPOOL_EVALUE);
    options.initializer_args = marked;
    assert_not_made (dpool_open (f->endpoint, &options), DPOOL_EVALUE);
    assert_says ("NULL string");
    dpool_items_destroy (&marked);
}

static void refuses_wrong_options_of_a_call (void **state)
{
    fixture_t *f = *state;
    assert_refuses_call (size, 0, "DPOOL_CALL_OPTIONS_INIT");
    assert_refuses_call (time_limit_ms, -1, "time_limit_ms");
    assert_refuses_call (max_retries, -1, "max_retries");
    assert_refuses_call (require, "no such label", "no such label");
}

static void refuses_wrong_endpoints (void **state)
{
    (void) state;
    static const char *const endpoints[]
        = { "", "nowhere", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:port", "http://127.0.0.1:80", "," };
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        assert_not_made (dpool_open (endpoints[i], NULL), EINVAL);
        assert_string_not_equal (dpool_last_error ()->message, "");
    }
}

static void refuses_wrong_names_of_functions (void **state)
{
    fixture_t *f = *state;
    static const char *const names[]
        = { "", "two words", "a/b", "gr\xc3\xbc\xc3\x9f",
            "12345678901234567890123456789012345678901234567890123456789012345" };
    dpool_items_t *items = numbers_from (0, 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_fails (dpool_apply (f->pool, NULL, names[i], ""), EINVAL);
        assert_not_made (dpool_map_async (f->pool, names[i], items, NULL), EINVAL);
    }
    assert_fails (dpool_apply (f->pool, NULL, NULL, ""), EINVAL);
    assert_not_made (dpool_map (f->pool, "square", NULL, NULL), EINVAL);
    dpool_items_destroy (&items);
}

static void refuses_structs_of_no_size (void **state)
{
    fixture_t *f = *state;
    dpool_progress_t progress = DPOOL_PROGRESS_INIT;
    dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
    progress.size = 0;
    why.size = 0;
    dpool_async_result_t *result = assert_made (dpool_apply_async (f->pool, "square", DPOOL_V (1)));
    assert_fails (dpool_async_result_progress (result, &progress), EINVAL);
    assert_says ("DPOOL_PROGRESS_INIT");
    assert_fails (dpool_async_result_explain (result, &why), EINVAL);
    assert_says ("DPOOL_EXPLANATION_INIT");
    dpool_async_result_destroy (&result);
}

/* At the window a call waits, or is refused where the options say so; the items of a map never wait. */
static void holds_calls_back_at_the_window (void **state)
{
    fixture_t *f = *state;
    static const int timeouts_ms[] = { 0, 60 };
    for (size_t i = 0; i < 2; i++) {
        dpool_options_t options = pool_options ();
        options.max_unfinished_tasks = 6;
        options.submit_timeout_ms = timeouts_ms[i];
        dpool_t *pool = another_pool (f, &options);
        dpool_async_result_t *results[6];
        const char *gate = folder_path (f->folder, i == 0 ? "first" : "second");
        for (int j = 0; j < 6; j++)
            results[j] = assert_made (dpool_apply_async (pool, "wait_for_file", DPOOL_V (gate)));
        int64_t start = now_ms ();
        assert_not_made (dpool_apply_async (pool, "square", DPOOL_V (1)), EAGAIN);
        assert_true (now_ms () - start >= timeouts_ms[i]);
        dpool_items_t *items = numbers_from (0, 100);
        dpool_async_result_t *map = assert_made (dpool_map_async (pool, "square", items, NULL));
        make_file (gate);
        for (int j = 0; j < 6; j++) {
            assert_ok (dpool_async_result_get (results[j], PATIENCE_MS));
            dpool_async_result_destroy (&results[j]);
        }
        assert_ok (dpool_async_result_get (map, PATIENCE_MS));
        assert_squares (map, 0, 100);
        dpool_async_result_destroy (&map);
        dpool_items_destroy (&items);
        dpool_destroy (&pool);
    }
}

static void *open_gate_of (void *argument)
{
    fixture_t *f = argument;
    wait_for_size (f->started, 1);
    open_gate (f);
    return NULL;
}

static void waits_for_room_in_the_window (void **state)
{
    fixture_t *f = *state;
    pthread_t thread;
    dpool_options_t options = pool_options ();
    options.max_unfinished_tasks = 1;
    dpool_t *pool = another_pool (f, &options);
    dpool_async_result_t *first
        = assert_made (dpool_apply_async (pool, "touch_then_wait", DPOOL_V (f->started, f->gate)));
    assert_int_equal (pthread_create (&thread, NULL, open_gate_of, f), 0);
    dpool_async_result_t *second = assert_made (dpool_apply_async (pool, "square", DPOOL_V (4)));
    assert_true (size_of (f->started) == 1 && access (f->gate, F_OK) == 0); /* not before there was room */
    pthread_join (thread, NULL);
    assert_ok (dpool_async_result_get (second, PATIENCE_MS));
    assert_ok (dpool_async_result_get (first, PATIENCE_MS));
    dpool_async_result_destroy (&first);
    dpool_async_result_destroy (&second);
    dpool_destroy (&pool);
}

static void holds_calls_back_by_their_bytes (void **state)
{
    fixture_t *f = *state;
    static const char bytes[40000];
    dpool_options_t options = pool_options ();
    options.max_unfinished_bytes = 100000;
    options.submit_timeout_ms = 0;
    dpool_t *pool = another_pool (f, &options);
    dpool_async_result_t *results[8] = { NULL };
    int n = 0;
    dpool_async_result_t *gated[N_PROCESSES];
    for (int i = 0; i < N_PROCESSES; i++)
        gated[i] = assert_made (dpool_apply_async (pool, "touch_then_wait", DPOOL_V (f->started, f->gate)));
    wait_for_size (f->started, N_PROCESSES);
    while (n < 8 && (results[n] = dpool_apply_async (pool, "echo", "b", (const void *) bytes, sizeof bytes)))
        n++;
    assert_int_equal (errno, EAGAIN);
    assert_in_range (n, 1, 3);
    open_gate (f);
    for (int i = 0; i < N_PROCESSES; i++)
        dpool_async_result_destroy (&gated[i]);
    for (int i = 0; i < n; i++) {
        assert_ok (dpool_async_result_get (results[i], PATIENCE_MS));
        dpool_async_result_destroy (&results[i]);
    }
    dpool_destroy (&pool);
}

/* The run that appends to a file tells how many were before it. They take so long that none is handed to a
   process before it is free: behind one that has not got its CPU back, the early one would come late. */
static void prefers_the_higher_priority (void **state)
{
    fixture_t *f = *state;
    const char *order = folder_path (f->folder, "order");
    enum { N = 200 };
    dpool_async_result_t *gated = occupy (f, N_PROCESSES);
    dpool_call_options_t low = chunks_of (1), high = chunks_of (1);
    low.priority = -5;
    high.priority = 5;
    dpool_items_t *items = assert_made (dpool_items_new ());
    for (int i = 0; i < N; i++)
        assert_ok (dpool_items_add (items, DPOOL_V (order, 0.005)));
    dpool_async_result_t *late = assert_made (dpool_map_async (f->pool, "touch_then_sleep", items, &low));
    dpool_async_result_t *early
        = assert_made (dpool_apply_async_with (f->pool, &high, "touch_then_sleep", DPOOL_V (order, 0.005)));
    open_gate (f);
    assert_ok (dpool_async_result_get (early, PATIENCE_MS));
    assert_ok (dpool_async_result_get (late, PATIENCE_MS));
    int64_t place;
    assert_ok (dpool_value_get (dpool_async_result_value (early, 0), "l", &place));
    assert_in_range (place, 0, N / 2); /* not behind all that was there before it */
    dpool_async_result_destroy (&gated);
    dpool_async_result_destroy (&early);
    dpool_async_result_destroy (&late);
    dpool_items_destroy (&items);
}

/* No worker has this label, so the call cannot run: it says so, at once or when asked. */
static void tells_when_no_worker_has_the_label (void **state)
{
    fixture_t *f = *state;
    dpool_call_options_t options = DPOOL_CALL_OPTIONS_INIT;
    options.require = "gpu";
    dpool_async_result_t *result
        = assert_made (dpool_apply_async_with (f->pool, &options, "square", DPOOL_V (1)));
    if (dpool_async_result_get (result, 2000) < 0 && errno == ETIMEDOUT) {
        dpool_explanation_t why = DPOOL_EXPLANATION_INIT;
        assert_ok (dpool_async_result_explain (result, &why));
        assert_int_equal (why.reason, DPOOL_REASON_NO_FUNCTION);
        assert_contains (why.sentence, "gpu");
    } else {
        assert_fails (dpool_async_result_get (result, 0), DPOOL_ENOFUNCTION);
        assert_says ("gpu");
    }
    dpool_async_result_destroy (&result);
}

static void draw_random (dpool_t *pool, const char *function, const char *text, uint64_t numbers[2])
{
    dpool_value_t *value;
    assert_ok (text ? dpool_apply (pool, &value, function, "s", text)
                    : dpool_apply (pool, &value, function, ""));
    assert_ok (dpool_value_get (value, "uu", &numbers[0], &numbers[1]));
    dpool_value_destroy (&value);
}

/* Same pool seed, job and item: same numbers, whatever process runs it and in whatever attempt. */
static void repeats_random_numbers_of_a_seed (void **state)
{
    fixture_t *f = *state;
    static const uint64_t seeds[] = { 42, 42, 43 };
    uint64_t first[3][2], second[3][2], crashed[3][2];
    static const char *const markers[] = { "one", "two", "three" };
    for (size_t i = 0; i < 3; i++) {
        dpool_options_t options = pool_options ();
        options.seed = seeds[i];
        dpool_t *pool = another_pool (f, &options);
        draw_random (pool, "random", NULL, first[i]);
        draw_random (pool, "random", NULL, second[i]);
        if (i == 1) /* the marker is there: no crash */
            make_file (folder_path (f->folder, markers[i]));
        draw_random (pool, "random_after_crash", folder_path (f->folder, markers[i]), crashed[i]);
        dpool_destroy (&pool);
    }
    assert_memory_equal (first[0], first[1], sizeof first[0]);
    assert_memory_equal (second[0], second[1], sizeof second[0]);
    assert_memory_equal (crashed[0], crashed[1], sizeof crashed[0]);
    assert_memory_not_equal (first[0], first[2], sizeof first[0]);
    assert_memory_not_equal (first[0], second[0], sizeof first[0]);
    assert_true (first[0][0] != first[0][1]);
}

static const struct CMUnitTest cases[] = {
    CASE (refuses_wrong_options_of_a_pool),  CASE (refuses_wrong_options_of_a_call),
    CASE (refuses_wrong_endpoints),          CASE (refuses_wrong_names_of_functions),
    CASE (refuses_structs_of_no_size),       CASE (holds_calls_back_at_the_window),
    CASE (waits_for_room_in_the_window),     CASE (holds_calls_back_by_their_bytes),
    CASE (prefers_the_higher_priority),      CASE (tells_when_no_worker_has_the_label),
    CASE (repeats_random_numbers_of_a_seed),
};

THEME (options, cases);
