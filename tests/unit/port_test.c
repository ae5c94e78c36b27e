/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "net/port.h"

static void reads_ports_and_nothing_else (void **state)
{
    (void) state;
    static const struct {
        const char *text;
        int port;
    } rows[] = { { "0", 0 },      { "1", 1 },       { "05555", 5555 }, { "65535", 65535 }, { "65536", -1 },
                 { "99999", -1 }, { "100000", -1 }, { "", -1 },        { "*", -1 },        { "-1", -1 },
                 { "+1", -1 },    { " 1", -1 },     { "1 ", -1 },      { "1x", -1 },       { "//host", -1 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal (dp_port_parse (rows[i].text), rows[i].port);
}

int main (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (reads_ports_and_nothing_else) };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
