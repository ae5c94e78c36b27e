/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "net/standard.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_null_device (int fd)
{
    struct stat opened, device;
    return fstat (fd, &opened) == 0 && stat ("/dev/null", &device) == 0 && opened.st_rdev == device.st_rdev;
}

/* Bit n of "closed" stands for descriptor n. 0 when all of them, and no other, are filled. */
static int fill (unsigned closed)
{
    int n_filled = 0;
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        close (fd);
        if (open ("/", O_RDONLY) != fd)
            return 1;
    }
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if ((closed & 1u << fd) != 0)
            close (fd);
    if (dp_standard_fill () != 0)
        return 2;
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        n_filled += is_null_device (fd) == ((closed & 1u << fd) != 0);
    return n_filled == 3 ? 0 : 3;
}

static void fills_those_that_are_closed_and_no_others (void **state)
{
    (void) state;
    for (unsigned closed = 0; closed < 8; closed++) {
        int status;
        fflush (NULL);
        pid_t pid = fork ();
        assert_true (pid >= 0);
        if (pid == 0)
            _exit (fill (closed));
        assert_int_equal (waitpid (pid, &status, 0), pid);
        assert_int_equal (status, 0);
    }
}

static void raises_the_limit_of_descriptors_to_what_is_allowed (void **state)
{
    (void) state;
    struct rlimit before, limit;
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = 64;
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
    assert_int_equal (dp_standard_raise_limit (64), 0);
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
    assert_int_equal (limit.rlim_cur, before.rlim_max);
    assert_true (dp_standard_limit () == limit.rlim_cur || limit.rlim_cur == RLIM_INFINITY);
    assert_int_equal (dp_standard_raise_limit (before.rlim_max), 0);
    if (before.rlim_max != RLIM_INFINITY)
        assert_int_equal (dp_standard_raise_limit (before.rlim_max + 1), -1);
    setrlimit (RLIMIT_NOFILE, &before);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (fills_those_that_are_closed_and_no_others),
        cmocka_unit_test (raises_the_limit_of_descriptors_to_what_is_allowed),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
