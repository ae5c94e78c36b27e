/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "client/cli/table.h"

#include <stdlib.h>

static void columns_are_as_wide_as_what_stands_in_them (void **state)
{
    (void) state;
    char *text = NULL;
    size_t size;
    table_t *table = table_new ("NAME +BUSY STATE");
    FILE *stream = open_memstream (&text, &size);
    table_add (table, "w\xc3\xb6rker");
    table_add (table, "%d", 12345);
    table_add (table, "ready");
    table_add (table, "b");
    table_add (table, "%d", 1);
    table_add (table, "away");
    table_add (table, "a row that is not complete");
    table_print (table, stream);
    fclose (stream);
    assert_string_equal (text, "NAME     BUSY  STATE\n"
                               "w\xc3\xb6rker  12345  ready\n"
                               "b           1  away\n");
    free (text);
    table_destroy (&table);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (columns_are_as_wide_as_what_stands_in_them),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
