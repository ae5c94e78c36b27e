/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "net/address.h"

#include <string.h>

#include "tests/support/check.h"

static void finds_no_fault_in_good_addresses (void **state)
{
    (void) state;
    static const char *const good[]
        = { "tcp://127.0.0.1:1", "tcp://alpha:65535",   "tcp://node7.example:5555",
            "tcp://[::1]:5555",  "tcp://[fe80::1%2]:5", "tcp://eth0:0;beta:5555",
            "ipc://broker",      "ipc:///run/dpool/x",  "ipc://@abstract" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (dp_address_fault (good[i]) != NULL)
            fail_msg ("%s: %s", good[i], dp_address_fault (good[i]));
}

static void says_what_is_wrong_with_others (void **state)
{
    (void) state;
    char path[128] = "ipc://";
    memset (path + 6, 'x', 108);
    const struct {
        const char *address, *words;
    } rows[] = { { "", "write tcp://" },
                 { "alpha:5555", "write tcp://" },
                 { "udp://alpha:1", "ipc://" },
                 { "inproc://x", "write tcp://" },
                 { "TCP://alpha:1", "tcp://" },
                 { "tcp://", "HOST" },
                 { "tcp://:5555", "HOST" },
                 { "tcp://alpha", "port" },
                 { "tcp://alpha:", "port" },
                 { "tcp://alpha:0", "65535" },
                 { "tcp://alpha:65536", "65535" },
                 { "tcp://alpha:http", "port" },
                 { "tcp://alpha:5555/", "port" },
                 { "tcp://alpha:*", "port" },
                 { "tcp://[::1:5555", "HOST" },
                 { "tcp://[::1]", "port" },
                 { "ipc://", "PATH" },
                 { path, "108 bytes" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_non_null (dp_address_fault (rows[i].address));
        assert_contains (dp_address_fault (rows[i].address), rows[i].words);
    }
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (finds_no_fault_in_good_addresses),
        cmocka_unit_test (says_what_is_wrong_with_others),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
