/* SPDX-License-Identifier: MPL-2.0 */
/* A broker that anybody could reach does not start, and says what to do. */
#include "tests/support/test.h"

#include "tests/support/check.h"
#include "tests/support/folder.h"
#include "tests/support/keyring.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

#include <stdlib.h>
#include <sys/wait.h>

/* A broker that does not start with these arguments. What it said; free it. */
static char *complaint_about (const char *const arguments[])
{
    const char *argv[12] = { DPOOL_BIN_DIR "/dpool-broker" };
    folder_t *folder = folder_new ();
    const char *log = folder_path (folder, "log");
    for (size_t n = 1; *arguments != NULL; n++)
        argv[n] = *arguments++;
    process_t *broker = process_new (argv, log);
    int status = process_wait (broker);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) != 0);
    char *text = read_text (log);
    process_destroy (&broker);
    folder_destroy (&folder);
    return text;
}

static void assert_does_not_start (const char *const arguments[], const char *words)
{
    char *text = complaint_about (arguments);
    assert_contains (text, words);
    free (text);
}

static void does_not_start_without_keys_where_others_can_reach_it (void **state)
{
    (void) state;
    assert_does_not_start ((const char *const[]) { "--bind", "tcp://0.0.0.0:*", NULL }, "--insecure");
    assert_does_not_start ((const char *const[]) { "--bind", "tcp://*:*", NULL }, "--key-file");
    assert_does_not_start ((const char *const[]) { "--bind", "ipc:///tmp/dpool-open-to-all", NULL },
                           "mkdir -m 700");
}

static void does_not_start_with_a_key_and_without_a_list (void **state)
{
    (void) state;
    keyring_t *keyring = keyring_new ();
    const char *key_file = keyring_add (keyring, "broker");
    assert_does_not_start ((const char *const[]) { "--bind", "tcp://127.0.0.1:*", "--key-file", key_file,
                                                   NULL },
                           "--allowlist");
    keyring_destroy (&keyring);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (does_not_start_without_keys_where_others_can_reach_it),
        cmocka_unit_test (does_not_start_with_a_key_and_without_a_list),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
