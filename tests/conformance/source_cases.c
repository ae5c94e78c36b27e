/* SPDX-License-Identifier: MPL-2.0 */
/* Where an imap draws its input from: how far ahead, what errors do, and what is left over at the end. */
#include "tests/conformance/conformance.h"

static dpool_imap_t *imap_from (fixture_t *f, counter_t *counter, size_t chunk_size)
{
    dpool_call_options_t options = chunks_of (chunk_size);
    return assert_made (dpool_imap (f->pool, "square", counter_source (counter), &options));
}

/* test_imap_handle_iterable_exception: three results, then the error, then the end. With larger chunks the
   reference loses what stands in the chunk with the error; here all that was drawn is delivered. */
static void delivers_what_was_drawn_before_an_error (void **state)
{
    fixture_t *f = *state;
    static const struct {
        int64_t at, end;
        size_t chunk_size;
    } rows[] = { { 3, 10, 1 }, { 7, 20, 2 }, { 7, 20, 4 }, { 0, 10, 1 }, { 7, 20, 0 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        counter_t counter = COUNTER_FAILING_AT (rows[i].at, rows[i].end, EIO);
        dpool_imap_t *imap = imap_from (f, &counter, rows[i].chunk_size);
        const dpool_value_t *value;
        for (int64_t x = 0; x < rows[i].at; x++) {
            assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 1);
            assert_number (value, x * x);
        }
        assert_fails (dpool_imap_next (imap, &value, PATIENCE_MS), EIO);
        assert_int_equal (dpool_last_error ()->pid, 0); /* no process had a part in it */
        assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 0);
        assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 0);
        dpool_imap_destroy (&imap);
        assert_int_equal (counter.n_released, 1);
    }
}

/* test_imap_unordered_handle_iterable_exception */
static void delivers_what_was_drawn_in_any_order_before_an_error (void **state)
{
    fixture_t *f = *state;
    counter_t counter = COUNTER_FAILING_AT (7, 20, EIO);
    bool is_seen[7] = { false };
    const dpool_value_t *value;
    dpool_imap_t *imap
        = assert_made (dpool_imap_unordered (f->pool, "square", counter_source (&counter), NULL));
    for (int n = 0; n < 7; n++) {
        assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 1);
        size_t index = dpool_imap_index (imap);
        assert_in_range (index, 0, 6);
        assert_false (is_seen[index]);
        is_seen[index] = true;
    }
    assert_fails (dpool_imap_next (imap, &value, PATIENCE_MS), EIO);
    assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 0);
    dpool_imap_destroy (&imap);
    assert_int_equal (counter.n_released, 1);
}

/* Better than the reference, which draws all of the input at once. How far ahead is the library's choice, but
   it does not grow: an endless source runs in constant memory. */
static void draws_an_endless_source_no_faster_than_results_are_taken (void **state)
{
    fixture_t *f = *state;
    enum { MOST_AHEAD = 65536 }; /* as many as a pool may have unfinished, by default */
    counter_t counter = COUNTER_TO (INT64_MAX);
    dpool_imap_t *imap = imap_from (f, &counter, 0);
    for (int64_t x = 0; x < 3 * MOST_AHEAD; x++) {
        const dpool_value_t *value;
        assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 1);
        assert_in_range (counter.next - x, 1, MOST_AHEAD);
        if (x % 1000 == 0)
            assert_number (value, x * x);
    }
    dpool_imap_destroy (&imap);
    assert_int_equal (counter.n_released, 1);
}

typedef struct gates_s {
    const char *gate;
    size_t n_drawn;
} gates_t;

static int draw_gate (void *state, dpool_items_t *item)
{
    gates_t *gates = state;
    gates->n_drawn++;
    return dpool_items_add (item, "s", gates->gate) < 0 ? -1 : 1;
}

static void draws_little_while_nothing_finishes (void **state)
{
    fixture_t *f = *state;
    gates_t gates = { f->gate, 0 };
    dpool_source_t source = { draw_gate, &gates, NULL };
    dpool_imap_t *imap = assert_made (dpool_imap (f->pool, "wait_for_file", source, NULL));
    for (int i = 0; i < 20; i++)
        assert_fails (dpool_imap_next (imap, NULL, 5), ETIMEDOUT);
    assert_in_range (gates.n_drawn, N_PROCESSES, 1000);
    dpool_imap_destroy (&imap);
}

/* Only inside the calls, never by a thread of the library. */
static void draws_only_when_it_is_called (void **state)
{
    fixture_t *f = *state;
    counter_t counter = COUNTER_TO (INT64_MAX);
    dpool_imap_t *imap = imap_from (f, &counter, 1);
    assert_int_equal (dpool_imap_next (imap, NULL, PATIENCE_MS), 1);
    int64_t drawn = counter.next;
    for (int i = 0; i < 50; i++)
        assert_ok (dpool_apply (f->pool, NULL, "square", DPOOL_V (i)));
    assert_int_equal (counter.next, drawn);
    dpool_imap_destroy (&imap);
}

/* A source that has something only now and then. */
typedef struct trickle_s {
    bool has_item;
    int64_t next;
} trickle_t;

static int draw_trickle (void *state, dpool_items_t *item)
{
    trickle_t *trickle = state;
    if (!trickle->has_item) {
        errno = EAGAIN;
        return -1;
    }
    trickle->has_item = false;
    return dpool_items_add (item, "l", trickle->next++) < 0 ? -1 : 1;
}

static void tells_when_its_source_has_nothing_now (void **state)
{
    fixture_t *f = *state;
    trickle_t trickle = { false, 1 };
    dpool_source_t source = { draw_trickle, &trickle, NULL };
    const dpool_value_t *value;
    dpool_imap_t *imap = assert_made (dpool_imap (f->pool, "square", source, NULL));
    assert_fails (dpool_imap_next (imap, &value, PATIENCE_MS), EAGAIN);
    for (int64_t x = 1; x <= 3; x++) {
        trickle.has_item = true;
        assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 1);
        assert_number (value, x * x);
        assert_fails (dpool_imap_next (imap, &value, PATIENCE_MS), EAGAIN);
    }
    dpool_imap_destroy (&imap);
}

/* Sources that break the rules: an item that is none, two items in one go, an answer that is none. */
static int add_nothing (void *state, dpool_items_t *item)
{
    (void) state, (void) item;
    return 1;
}

static int add_two (void *state, dpool_items_t *item)
{
    (void) state;
    dpool_items_add (item, "i", 1);
    dpool_items_add (item, "i", 2);
    return 1;
}

static int answer_seven (void *state, dpool_items_t *item)
{
    (void) state;
    dpool_items_add (item, "i", 1);
    return 7;
}

static void names_a_source_that_breaks_its_contract (void **state)
{
    fixture_t *f = *state;
    static int (*const breakers[]) (void *, dpool_items_t *) = { add_nothing, add_two, answer_seven };
    for (size_t i = 0; i < sizeof breakers / sizeof breakers[0]; i++) {
        dpool_source_t source = { breakers[i], NULL, NULL };
        dpool_imap_t *imap = assert_made (dpool_imap (f->pool, "square", source, NULL));
        assert_fails (dpool_imap_next (imap, NULL, PATIENCE_MS), DPOOL_ESOURCE);
        assert_int_equal (dpool_imap_next (imap, NULL, PATIENCE_MS), 0);
        dpool_imap_destroy (&imap);
    }
    dpool_source_t none = { NULL, NULL, NULL };
    assert_not_made (dpool_imap (f->pool, "square", none, NULL), EINVAL);
}

/* Items that cannot be packed: a source may pass the failure on, or not notice it. */
static int add_no_text (void *state, dpool_items_t *item)
{
    int rc = dpool_items_add (item, "s", (const char *) NULL);
    return state ? 1 : rc;
}

static void tells_why_an_item_could_not_be_added (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *marked = numbers_from (0, 1);
    assert_fails (dpool_items_add (marked, "s", (const char *) NULL), DPOOL_EVALUE);
    const struct {
        dpool_source_t source;
        int code;
    } rows[] = { { { add_no_text, NULL, NULL }, DPOOL_EVALUE },
                 { { add_no_text, f, NULL }, DPOOL_ESOURCE },
                 { dpool_source_from_items (marked), DPOOL_EVALUE } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dpool_imap_t *imap = assert_made (dpool_imap (f->pool, "echo", rows[i].source, NULL));
        assert_fails (dpool_imap_next (imap, NULL, PATIENCE_MS), rows[i].code);
        assert_says ("NULL string");
        assert_int_equal (dpool_imap_next (imap, NULL, PATIENCE_MS), 0);
        dpool_imap_destroy (&imap);
    }
    dpool_items_destroy (&marked);
}

static void releases_its_source_also_when_it_is_refused (void **state)
{
    fixture_t *f = *state;
    counter_t counter = COUNTER_TO (10);
    assert_not_made (dpool_imap (f->pool, "no such name", counter_source (&counter), NULL), EINVAL);
    assert_int_equal (counter.n_released, 1);
    assert_ok (dpool_close (f->pool));
    assert_not_made (dpool_imap (f->pool, "square", counter_source (&counter), NULL), DPOOL_ECLOSED);
    assert_int_equal (counter.n_released, 2);
    assert_int_equal (counter.next, 0);
}

/* cpython gh-155477: a bounded imap that was read in part deadlocks close and join. Here join waits for what
   was drawn; it is delivered; and what is left of the input ends the iterator with an error. */
static void joins_after_an_iterator_was_read_in_part (void **state)
{
    fixture_t *f = *state;
    counter_t counter = COUNTER_TO (INT64_MAX);
    const dpool_value_t *value;
    dpool_imap_t *imap = imap_from (f, &counter, 1);
    int rc;
    for (int64_t x = 0; x < 3; x++)
        assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 1);
    assert_ok (dpool_close (f->pool));
    assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 1); /* one begun goes on */
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    int64_t drawn = counter.next, x = 4;
    for (; (rc = dpool_imap_next (imap, &value, PATIENCE_MS)) == 1; x++)
        assert_number (value, x * x);
    assert_int_equal (rc, -1); /* never a silent end */
    assert_int_equal (errno, DPOOL_ECLOSED);
    assert_int_equal (x, drawn);
    assert_int_equal (counter.next, drawn);
    dpool_imap_destroy (&imap);
}

/* What waits in a chunk that is not full belongs to what was drawn. */
static void joins_while_a_chunk_is_not_full (void **state)
{
    fixture_t *f = *state;
    for (size_t chunk_size = 7; chunk_size < 1000; chunk_size = chunk_size * 3 + 1) {
        counter_t counter = COUNTER_TO (INT64_MAX);
        const dpool_value_t *value;
        dpool_t *pool = another_pool (f, NULL);
        dpool_call_options_t options = chunks_of (chunk_size);
        dpool_imap_t *imap
            = assert_made (dpool_imap_unordered (pool, "square", counter_source (&counter), &options));
        for (int i = 0; i < 3; i++)
            assert_int_equal (dpool_imap_next (imap, NULL, PATIENCE_MS), 1);
        assert_ok (dpool_close (pool));
        assert_ok (dpool_join (pool, PATIENCE_MS));
        int64_t n = 3;
        while (dpool_imap_next (imap, &value, 0) == 1)
            n++;
        assert_int_equal (errno, DPOOL_ECLOSED);
        assert_int_equal (n, counter.next);
        dpool_imap_destroy (&imap);
        dpool_destroy (&pool);
    }
}

static void *read_to_the_end (void *imap)
{
    int *code = malloc (sizeof *code);
    while (dpool_imap_next (imap, NULL, PATIENCE_MS) == 1)
        continue;
    *code = errno;
    return code;
}

/* The reader has always something under way: join stops it all the same. */
static void joins_while_another_thread_reads_an_endless_iterator (void **state)
{
    fixture_t *f = *state;
    counter_t counter = COUNTER_TO (INT64_MAX);
    dpool_imap_t *imap = assert_made (dpool_imap (f->pool, "square", counter_source (&counter), NULL));
    for (int i = 0; i < 1000; i++)
        assert_int_equal (dpool_imap_next (imap, NULL, PATIENCE_MS), 1);
    pthread_t reader;
    void *code;
    assert_int_equal (pthread_create (&reader, NULL, read_to_the_end, imap), 0);
    assert_ok (dpool_close (f->pool));
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    assert_int_equal (pthread_join (reader, &code), 0);
    assert_int_equal (*(int *) code, DPOOL_ECLOSED);
    free (code);
    dpool_imap_destroy (&imap);
}

static void joins_an_iterator_whose_input_was_drawn_to_the_end (void **state)
{
    fixture_t *f = *state;
    counter_t counter = COUNTER_TO (3);
    const dpool_value_t *value;
    dpool_imap_t *imap = imap_from (f, &counter, 1);
    assert_ok (dpool_close (f->pool));
    for (int64_t x = 0; x < 3; x++) {
        assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 1);
        assert_number (value, x * x);
    }
    assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 0);
    assert_ok (dpool_join (f->pool, PATIENCE_MS));
    assert_int_equal (dpool_imap_next (imap, &value, PATIENCE_MS), 0);
    dpool_imap_destroy (&imap);
}

static void ends_an_iterator_when_the_pool_is_terminated (void **state)
{
    fixture_t *f = *state;
    dpool_items_t *items = same_texts (20, f->gate, NULL);
    dpool_imap_t *imap
        = assert_made (dpool_imap (f->pool, "wait_for_file", dpool_source_from_items (items), NULL));
    assert_ok (dpool_terminate (f->pool));
    assert_fails (dpool_imap_next (imap, NULL, PATIENCE_MS), DPOOL_ETERMINATED);
    int rc, n = 0;
    while ((rc = dpool_imap_next (imap, NULL, PATIENCE_MS)) == -1 && errno == DPOOL_ETERMINATED)
        assert_in_range (++n, 1, 20);
    assert_true (rc == 0 || errno == DPOOL_ECLOSED);
    dpool_destroy (&f->pool);
    dpool_imap_destroy (&imap); /* outlives its pool */
    dpool_items_destroy (&items);
}

static const struct CMUnitTest cases[] = {
    CASE (delivers_what_was_drawn_before_an_error),
    CASE (delivers_what_was_drawn_in_any_order_before_an_error),
    CASE (draws_an_endless_source_no_faster_than_results_are_taken),
    CASE (draws_little_while_nothing_finishes),
    CASE (draws_only_when_it_is_called),
    CASE (tells_when_its_source_has_nothing_now),
    CASE (names_a_source_that_breaks_its_contract),
    CASE (tells_why_an_item_could_not_be_added),
    CASE (releases_its_source_also_when_it_is_refused),
    CASE (joins_after_an_iterator_was_read_in_part),
    CASE (joins_while_a_chunk_is_not_full),
    CASE (joins_while_another_thread_reads_an_endless_iterator),
    CASE (joins_an_iterator_whose_input_was_drawn_to_the_end),
    CASE (ends_an_iterator_when_the_pool_is_terminated),
};

THEME (source, cases);
