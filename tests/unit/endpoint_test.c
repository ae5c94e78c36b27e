/* SPDX-License-Identifier: MPL-2.0 */
/* Where a broker can listen, and what it says where it cannot. */
#include "tests/support/test.h"

#include "broker/endpoint.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/support/check.h"
#include "tests/support/folder.h"
#include "tests/support/wait.h"

typedef struct fixture_s {
    void *context, *router, *other;
    folder_t *folder;
    char address[512];
} fixture_t;

static int set_up (void **state)
{
    fixture_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->context = zmq_ctx_new ();
    self->router = zmq_socket (self->context, ZMQ_ROUTER);
    self->other = zmq_socket (self->context, ZMQ_ROUTER);
    self->folder = folder_new ();
    snprintf (self->address, sizeof self->address, "ipc://%s", folder_path (self->folder, "socket"));
    *state = self;
    return 0;
}

static int tear_down (void **state)
{
    fixture_t *self = *state;
    zmq_close (self->router);
    zmq_close (self->other);
    zmq_ctx_term (self->context);
    folder_destroy (&self->folder);
    free (self);
    return 0;
}

static bool exists (fixture_t *self, const char *name)
{
    return access (folder_path (self->folder, name), F_OK) == 0;
}

static void tells_the_port_that_it_got (void **state)
{
    fixture_t *self = *state;
    endpoint_t *endpoint = assert_made (endpoint_bind (self->router, "tcp://127.0.0.1:*"));
    int port = 0;
    assert_int_equal (sscanf (endpoint_address (endpoint), "tcp://127.0.0.1:%d", &port), 1);
    assert_true (port > 0);
    endpoint_destroy (&endpoint);
    assert_null (endpoint);
    endpoint_destroy (&endpoint);

    endpoint = assert_made (endpoint_bind (self->router, "tcp://lo:0"));
    assert_int_equal (sscanf (endpoint_address (endpoint), "tcp://127.0.0.1:%d", &port), 1);
    endpoint_destroy (&endpoint);
}

static void can_be_reached_where_it_listens_on_all_addresses (void **state)
{
    fixture_t *self = *state;
    static const char *const all[] = { "tcp://*:*", "tcp://0.0.0.0:*" };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        endpoint_t *endpoint = assert_made (endpoint_bind (self->router, all[i]));
        int port = 0;
        assert_int_equal (sscanf (endpoint_way (endpoint), "tcp://127.0.0.1:%d", &port), 1);
        assert_string_equal (strrchr (endpoint_way (endpoint), ':'),
                             strrchr (endpoint_address (endpoint), ':'));
        endpoint_destroy (&endpoint);
    }
    endpoint_t *endpoint = assert_made (endpoint_bind (self->router, self->address));
    assert_string_equal (endpoint_way (endpoint), self->address);
    endpoint_destroy (&endpoint);
}

static void says_that_a_port_is_in_use (void **state)
{
    fixture_t *self = *state;
    endpoint_t *endpoint = assert_made (endpoint_bind (self->router, "tcp://127.0.0.1:*"));
    assert_not_made (endpoint_bind (self->other, endpoint_address (endpoint)), EADDRINUSE);
    assert_says (endpoint_address (endpoint));
    assert_says ("another dpool-broker");
    assert_says ("--bind");
    endpoint_destroy (&endpoint);
}

static void explains_what_is_no_endpoint (void **state)
{
    fixture_t *self = *state;
    static const char *const texts[] = { "",
                                         "nowhere",
                                         "tcp://",
                                         "tcp://127.0.0.1",
                                         "tcp://:5555",
                                         "tcp://127.0.0.1:",
                                         "tcp://127.0.0.1:99999",
                                         "tcp://127.0.0.1:5555x",
                                         "tcp://127.0.0.1:-1",
                                         "tcp://127.0.0.1:655360",
                                         "tcp://[::1",
                                         "udp://127.0.0.1:1",
                                         "127.0.0.1:5555",
                                         "inproc://" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_not_made (endpoint_bind (self->router, texts[i]), EINVAL);
        assert_says (texts[i]);
        assert_says ("tcp://HOST:PORT");
    }
    assert_not_made (endpoint_bind (self->router, "tcp://192.0.2.1:5555"), EADDRNOTAVAIL);
    assert_says ("not an address of this machine");
    assert_not_made (endpoint_bind (self->router, "tcp://host.invalid:5555"), ENODEV);
}

static void does_not_steal_an_ipc_path (void **state)
{
    fixture_t *self = *state;
    endpoint_t *endpoint = assert_made (endpoint_bind (self->router, self->address));
    assert_string_equal (endpoint_address (endpoint), self->address);
    assert_not_made (endpoint_bind (self->other, self->address), EADDRINUSE);
    assert_says ("in use");
    assert_true (exists (self, "socket"));
    endpoint_destroy (&endpoint);
    assert_false (exists (self, "socket")); /* and leaves nothing behind */
    assert_false (exists (self, "socket.lock"));
    endpoint = assert_made (endpoint_bind (self->other, self->address));
    endpoint_destroy (&endpoint);
}

static void takes_over_what_a_killed_broker_left (void **state)
{
    fixture_t *self = *state;
    assert_int_equal (zmq_bind (self->other, self->address), 0);
    make_file (folder_path (self->folder, "socket.lock"));
    assert_true (exists (self, "socket"));
    endpoint_t *endpoint = assert_made (endpoint_bind (self->router, self->address));
    endpoint_destroy (&endpoint);
}

static void does_not_remove_a_file_of_that_name (void **state)
{
    fixture_t *self = *state;
    make_file (folder_path (self->folder, "socket"));
    assert_not_made (endpoint_bind (self->router, self->address), EEXIST);
    assert_says (self->address);
    assert_true (exists (self, "socket"));
}

static void explains_ipc_paths_that_cannot_be (void **state)
{
    fixture_t *self = *state;
    char text[300] = "ipc:///tmp/";
    assert_not_made (endpoint_bind (self->router, "ipc://"), EINVAL);
    assert_not_made (endpoint_bind (self->router, "ipc:///nonexistent/folder/socket"), ENOENT);
    assert_says ("/nonexistent/folder/socket");
    assert_says ("its folder does not exist");
    memset (text + strlen (text), 'x', 200);
    assert_not_made (endpoint_bind (self->router, text), ENAMETOOLONG);
    assert_says ("205 bytes");
    assert_says ("107");
}

/* ---- Who can reach it -------------------------------------------------------------------------- */

static void keeps_to_this_machine_without_keys (void **state)
{
    (void) state;
    static const char *const private[] = { "tcp://127.0.0.1:5555", "tcp://127.1.2.3:*", "tcp://[::1]:5555",
                                           "tcp://lo:5555", "tcp://localhost:5555" };
    static const char *const open_to_others[]
        = { "tcp://*:5555",           "tcp://0.0.0.0:5555", "tcp://[::]:5555",
            "tcp://192.168.7.1:5555", "tcp://eth0:*",       "ipc://@dpool" };
    for (size_t i = 0; i < sizeof private / sizeof private[0]; i++)
        assert_ok (endpoint_check_privacy (private[i]));
    for (size_t i = 0; i < sizeof open_to_others / sizeof open_to_others[0]; i++) {
        assert_fails (endpoint_check_privacy (open_to_others[i]), EACCES);
        assert_says (open_to_others[i]);
        assert_says ("--key-file");
        assert_says ("--insecure");
    }
}

static void keeps_to_folders_of_its_own (void **state)
{
    fixture_t *self = *state;
    char folder[PATH_MAX];
    snprintf (folder, sizeof folder, "%s", folder_path (self->folder, "x"));
    *strrchr (folder, '/') = '\0';
    static const mode_t good[] = { 0700, 0755, 0711 }, bad[] = { 0770, 0777, 01777, 0702 };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal (chmod (folder, good[i]), 0);
        assert_ok (endpoint_check_privacy (self->address));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal (chmod (folder, bad[i]), 0);
        assert_fails (endpoint_check_privacy (self->address), EACCES);
        assert_says ("mkdir -m 700");
    }
    assert_int_equal (chmod (folder, 0700), 0);
    if (geteuid () != 0)
        return; /* only root can give a folder away */
    assert_int_equal (chown (folder, 12345, (gid_t) -1), 0);
    assert_fails (endpoint_check_privacy (self->address), EACCES);
    assert_says ("belongs to user 12345");
    assert_int_equal (chown (folder, 0, (gid_t) -1), 0);
}

/* Who can exchange the folder can do so with all that is in it; in a sticky one like /tmp nobody else can. */
static void looks_at_the_folders_above_its_own (void **state)
{
    fixture_t *self = *state;
    char folder[PATH_MAX], inner[PATH_MAX], address[PATH_MAX + 64];
    snprintf (folder, sizeof folder, "%s", folder_path (self->folder, "x"));
    *strrchr (folder, '/') = '\0';
    snprintf (inner, sizeof inner, "%s", folder_path (self->folder, "inner"));
    assert_int_equal (mkdir (inner, 0700), 0);
    snprintf (address, sizeof address, "ipc://%s/socket", inner);
    static const mode_t good[] = { 0700, 0755, 01777 }, bad[] = { 0770, 0702, 0777 };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal (chmod (folder, good[i]), 0);
        assert_ok (endpoint_check_privacy (address));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal (chmod (folder, bad[i]), 0);
        assert_fails (endpoint_check_privacy (address), EACCES);
        assert_says (folder);
        assert_says ("--insecure");
    }
    assert_int_equal (chmod (folder, 0700), 0);
    rmdir (inner);
}

/* Whoever can exchange a link on the way says where the socket is, at each moment anew. */
static void keeps_to_links_of_its_own (void **state)
{
    fixture_t *self = *state;
    char inner[PATH_MAX], open[PATH_MAX], link[PATH_MAX + 8], address[PATH_MAX + 64];
    snprintf (inner, sizeof inner, "%s", folder_path (self->folder, "inner"));
    snprintf (open, sizeof open, "%s", folder_path (self->folder, "open"));
    snprintf (link, sizeof link, "%s/link", open);
    snprintf (address, sizeof address, "ipc://%s/../link/socket", link);
    assert_int_equal (mkdir (inner, 0700), 0);
    assert_int_equal (mkdir (open, 0700), 0);
    assert_int_equal (symlink ("../inner", link), 0);
    assert_fails (endpoint_check_privacy (address),
                  ENOENT); /* ".." of where the link leads: it has no "link" */
    snprintf (address, sizeof address, "ipc://%s/../open/link/socket", link);
    static const mode_t good[] = { 0700, 0755, 01777 }, bad[] = { 0770, 0702, 0777 };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal (chmod (open, good[i]), 0);
        assert_ok (endpoint_check_privacy (address));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal (chmod (open, bad[i]), 0);
        assert_fails (endpoint_check_privacy (address), EACCES);
        assert_says (open);
    }
    if (geteuid () == 0) { /* only root can give a link away */
        assert_int_equal (chmod (open, 01777), 0);
        assert_int_equal (lchown (link, 12345, (gid_t) -1), 0);
        assert_fails (endpoint_check_privacy (address), EACCES);
        assert_says ("belongs to user 12345");
    }
    unlink (link);
    assert_int_equal (symlink ("link", link), 0);
    assert_int_equal (chmod (open, 0700), 0);
    assert_fails (endpoint_check_privacy (address), ELOOP);
    unlink (link);
    rmdir (open);
    rmdir (inner);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (tells_the_port_that_it_got, set_up, tear_down),
        cmocka_unit_test_setup_teardown (can_be_reached_where_it_listens_on_all_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown (says_that_a_port_is_in_use, set_up, tear_down),
        cmocka_unit_test_setup_teardown (explains_what_is_no_endpoint, set_up, tear_down),
        cmocka_unit_test_setup_teardown (does_not_steal_an_ipc_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown (takes_over_what_a_killed_broker_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown (does_not_remove_a_file_of_that_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown (explains_ipc_paths_that_cannot_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown (keeps_to_this_machine_without_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown (keeps_to_folders_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown (looks_at_the_folders_above_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown (keeps_to_links_of_its_own, set_up, tear_down),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
