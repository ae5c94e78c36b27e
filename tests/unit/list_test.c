/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "core/list.h"

typedef struct thing_s {
    int number;
    dp_list_t node;
} thing_t;

/* The numbers of a list's elements as one: 1, 2, 3 is 123. */
static int digits (dp_list_t *head)
{
    int x = 0;
    DP_LIST_EACH (head, node)
        x = x * 10 + DP_CONTAINER (node, thing_t, node)->number;
    return x;
}

static void setup_three (dp_list_t *head, thing_t things[3])
{
    dp_list_init (head);
    for (int i = 0; i < 3; i++) {
        things[i].number = i + 1;
        dp_list_init (&things[i].node);
        dp_list_append (head, &things[i].node);
    }
}

static void starts_empty (void **state)
{
    (void) state;
    dp_list_t head;
    dp_list_init (&head);
    assert_true (dp_list_is_empty (&head));
    assert_null (dp_list_pop (&head));
    assert_int_equal (digits (&head), 0);
}

static void keeps_the_order_of_appends (void **state)
{
    (void) state;
    dp_list_t head;
    thing_t things[3];
    setup_three (&head, things);
    assert_int_equal (digits (&head), 123);
}

static void prepends_first (void **state)
{
    (void) state;
    dp_list_t head;
    thing_t things[3];
    setup_three (&head, things);
    dp_list_remove (&things[2].node);
    dp_list_prepend (&head, &things[2].node);
    assert_int_equal (digits (&head), 312);
}

static void inserts_before_an_element (void **state)
{
    (void) state;
    dp_list_t head;
    thing_t things[3], four = { .number = 4 };
    setup_three (&head, things);
    dp_list_append (&things[1].node, &four.node);
    assert_int_equal (digits (&head), 1423);
}

static void removes_any_and_twice (void **state)
{
    (void) state;
    dp_list_t head;
    thing_t things[3];
    setup_three (&head, things);
    dp_list_remove (&things[1].node);
    dp_list_remove (&things[1].node);
    assert_int_equal (digits (&head), 13);
    assert_true (dp_list_is_empty (&things[1].node));
}

static void lets_a_walk_remove_its_node (void **state)
{
    (void) state;
    dp_list_t head;
    thing_t things[3];
    setup_three (&head, things);
    DP_LIST_EACH (&head, node)
        if (DP_CONTAINER (node, thing_t, node)->number != 2)
            dp_list_remove (node);
    assert_int_equal (digits (&head), 2);
}

static void pops_oldest_first (void **state)
{
    (void) state;
    dp_list_t head;
    thing_t things[3];
    setup_three (&head, things);
    assert_ptr_equal (dp_list_pop (&head), &things[0].node);
    assert_ptr_equal (dp_list_pop (&head), &things[1].node);
    assert_ptr_equal (dp_list_pop (&head), &things[2].node);
    assert_null (dp_list_pop (&head));
    assert_true (dp_list_is_empty (&things[0].node));
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (starts_empty),          cmocka_unit_test (keeps_the_order_of_appends),
        cmocka_unit_test (prepends_first),        cmocka_unit_test (inserts_before_an_element),
        cmocka_unit_test (removes_any_and_twice), cmocka_unit_test (lets_a_walk_remove_its_node),
        cmocka_unit_test (pops_oldest_first),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
