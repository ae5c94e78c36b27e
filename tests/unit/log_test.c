/* SPDX-License-Identifier: MPL-2.0 */
/* The broker's log with a pipe for its stderr. */
#include "tests/support/test.h"

#include "broker/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/check.h"

typedef struct fixture_s {
    int reader, real_stderr;
    char text[16384];
} fixture_t;

static fixture_t fixture;

static int set_up (void **state)
{
    int fds[2];
    assert_int_equal (pipe2 (fds, O_CLOEXEC), 0);
    fixture.reader = fds[0];
    assert_int_equal (fcntl (fds[0], F_SETFL, O_NONBLOCK), 0);
    fixture.real_stderr = dup (STDERR_FILENO);
    assert_int_equal (dup2 (fds[1], STDERR_FILENO), STDERR_FILENO);
    close (fds[1]);
    *state = &fixture;
    return 0;
}

static int tear_down (void **state)
{
    (void) state;
    dup2 (fixture.real_stderr, STDERR_FILENO);
    close (fixture.real_stderr);
    close (fixture.reader);
    return 0;
}

/* What was written up to now, as far as it fits. */
static const char *written (void)
{
    char rest[4096];
    ssize_t n = read (fixture.reader, fixture.text, sizeof fixture.text - 1);
    fixture.text[n > 0 ? n : 0] = '\0';
    while (read (fixture.reader, rest, sizeof rest) > 0)
        continue;
    return fixture.text;
}

static void writes_a_line_with_the_time_and_without_control_characters (void **state)
{
    (void) state;
    log_line ("bell \a and line\nend");
    assert_contains (written (), "Z bell ? and line?end\n");
}

/* A reader that stopped would else stop the broker, and with it the cluster. */
static void goes_on_while_nobody_reads (void **state)
{
    (void) state;
    char filler[512];
    memset (filler, 'x', sizeof filler);
    assert_int_equal (fcntl (STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
    while (write (STDERR_FILENO, filler, sizeof filler) > 0)
        continue;
    assert_int_equal (fcntl (STDERR_FILENO, F_SETFL, 0), 0);
    log_line ("nobody reads this");
    log_line ("nor this");
    written ();
    log_line ("but this");
    const char *text = written ();
    assert_contains (text, "(2 lines left out)\n");
    assert_contains (text, "Z but this\n");
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (writes_a_line_with_the_time_and_without_control_characters, set_up,
                                         tear_down),
        cmocka_unit_test_setup_teardown (goes_on_while_nobody_reads, set_up, tear_down),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
