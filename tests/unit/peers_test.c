/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/test.h"

#include "broker/peers.h"
#include "core/memory.h"

#include <stdbool.h>
#include <string.h>

static uint64_t nobody;

/* Meet the peer with ZeroMQ's routing id number n. */
static uint64_t meet (peers_t *peers, int64_t now_ms, uint32_t n, int fd, uint64_t *gone)
{
    uint8_t id[5] = { 0, (uint8_t) (n >> 24), (uint8_t) (n >> 16), (uint8_t) (n >> 8), (uint8_t) n };
    return peers_meet (peers, now_ms, id, sizeof id, fd, "", gone);
}

static void another_key_with_the_same_routing_id_is_another (void **state)
{
    (void) state;
    peers_t *peers = peers_new (100);
    uint64_t gone, alice = peers_meet (peers, 1, "id", 2, 3, "alice", &gone);
    assert_int_equal (peers_meet (peers, 2, "id", 2, 3, "alice", &gone), alice);
    assert_int_equal (gone, 0);
    uint64_t bob = peers_meet (peers, 3, "id", 2, 3, "bob", &gone); /* alice's descriptor was free again */
    assert_true (bob != 0 && bob != alice);
    assert_int_equal (gone, alice);
    assert_int_equal (peers_count (peers), 1);
    peers_destroy (&peers);
}

static void gives_each_peer_a_number_that_stays (void **state)
{
    (void) state;
    peers_t *peers = peers_new (100);
    uint64_t one = meet (peers, 1, 7, 3, &nobody), two = meet (peers, 1, 8, 4, &nobody);
    assert_true (one != 0 && two != 0 && one != two);
    assert_int_equal (meet (peers, 2, 7, 3, &nobody), one);
    assert_int_equal (meet (peers, 2, 8, -1, &nobody), two); /* not every message tells its descriptor */
    assert_int_equal (nobody, 0);
    assert_int_equal (peers_count (peers), 2);
    peers_destroy (&peers);
    assert_null (peers);
    peers_destroy (&peers);
}

static void finds_the_routing_id_again (void **state)
{
    (void) state;
    peers_t *peers = peers_new (100);
    size_t len = 0;
    uint64_t one = peers_meet (peers, 1, "\0abcd", 5, 3, "", &nobody);
    const uint8_t *id = peers_routing_id (peers, one, &len);
    assert_non_null (id);
    assert_int_equal (len, 5);
    assert_memory_equal (id, "\0abcd", 5);
    assert_int_equal (peers_fd (peers, one), 3);
    assert_null (peers_routing_id (peers, one + 1, &len));
    assert_int_equal (peers_fd (peers, one + 1), -1);
    assert_null (peers_routing_id (peers, 0, &len));
    peers_destroy (&peers);
}

static void never_uses_a_number_twice (void **state)
{
    (void) state;
    peers_t *peers = peers_new (100);
    uint64_t before = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t connection = meet (peers, i, 7, 3, &nobody);
        assert_true (connection > before);
        before = connection;
        peers_forget (peers, connection);
        peers_forget (peers, connection); /* harmless */
    }
    assert_int_equal (peers_count (peers), 0);
    peers_destroy (&peers);
}

static void keeps_routing_ids_of_any_length_apart (void **state)
{
    (void) state;
    peers_t *peers = peers_new (1000);
    uint8_t id[255];
    uint64_t connections[256] = { 0 };
    memset (id, 'x', sizeof id);
    for (size_t len = 0; len <= 255; len++) {
        connections[len] = peers_meet (peers, 1, id, len, -1, "", &nobody);
        assert_int_equal (connections[len], len + 1);
    }
    for (size_t len = 0; len <= 255; len++) {
        size_t its_len = 0;
        assert_int_equal (peers_meet (peers, 2, id, len, -1, "", &nobody), connections[len]);
        assert_non_null (peers_routing_id (peers, connections[len], &its_len));
        assert_int_equal (its_len, len);
    }
    for (size_t len = 0; len <= 255; len += 2)
        peers_forget (peers, connections[len]);
    for (size_t len = 1; len <= 255; len += 2)
        assert_int_equal (peers_meet (peers, 2, id, len, -1, "", &nobody), connections[len]);
    assert_int_equal (peers_count (peers), 128);
    peers_destroy (&peers);
}

static void takes_a_routing_id_on_another_descriptor_for_a_new_connection (void **state)
{
    (void) state;
    peers_t *peers = peers_new (100);
    uint64_t gone = 0, one = meet (peers, 1, 7, 3, &nobody), two = meet (peers, 2, 7, 4, &gone);
    assert_true (two > one);
    assert_int_equal (gone, one);
    assert_int_equal (peers_count (peers), 1);
    assert_int_equal (peers_on_fd (peers, 3, NULL, 0), 0);
    peers_destroy (&peers);
}

static void knows_who_was_heard_on_a_descriptor (void **state)
{
    (void) state;
    peers_t *peers = peers_new (100);
    uint64_t found[4] = { 0 };
    uint64_t one = meet (peers, 1, 1, 9, &nobody), two = meet (peers, 1, 2, 9, &nobody);
    uint64_t three = meet (peers, 1, 3, 9, &nobody);
    meet (peers, 1, 4, 5000, &nobody);
    meet (peers, 1, 5, -1, &nobody);
    assert_int_equal (peers_on_fd (peers, 9, found, 4), 0); /* strangers */
    for (uint64_t connection = 1; connection <= 5; connection++)
        peers_greet (peers, connection);
    assert_int_equal (peers_on_fd (peers, 9, found, 4), 3);
    assert_true (found[0] + found[1] + found[2] == one + two + three && found[3] == 0);
    assert_int_equal (peers_on_fd (peers, 9, found, 1), 3); /* how many there are, not how many fit */
    peers_forget (peers, two);
    assert_int_equal (peers_on_fd (peers, 9, found, 4), 2);
    assert_true (found[0] + found[1] == one + three);
    peers_forget (peers, three);
    peers_forget (peers, one);
    assert_int_equal (peers_on_fd (peers, 9, found, 4), 0);
    assert_int_equal (peers_on_fd (peers, 5000, found, 4), 1);
    assert_int_equal (peers_on_fd (peers, -1, found, 4), 0);
    assert_int_equal (peers_on_fd (peers, 1000000000, found, 4), 0);
    peers_destroy (&peers);
}

static void calls_those_strangers_that_said_no_hello (void **state)
{
    (void) state;
    peers_t *peers = peers_new (100);
    int64_t met_at_ms = 0;
    assert_int_equal (peers_first_stranger (peers, &met_at_ms), 0);
    uint64_t one = meet (peers, 10, 1, 1, &nobody), two = meet (peers, 20, 2, 2, &nobody);
    uint64_t three = meet (peers, 30, 3, 3, &nobody);
    meet (peers, 40, 1, 1, &nobody); /* more words do not make it less of a stranger */
    assert_int_equal (peers_first_stranger (peers, &met_at_ms), one);
    assert_int_equal (met_at_ms, 10);
    assert_true (peers_is_stranger (peers, one) && peers_is_stranger (peers, two));
    peers_greet (peers, one);
    assert_false (peers_is_stranger (peers, one) || peers_is_stranger (peers, 12345));
    peers_greet (peers, one);
    peers_greet (peers, 12345);
    assert_int_equal (peers_first_stranger (peers, &met_at_ms), two);
    peers_forget (peers, two);
    assert_int_equal (peers_first_stranger (peers, &met_at_ms), three);
    assert_int_equal (met_at_ms, 30);
    peers_destroy (&peers);
}

static void makes_room_at_the_expense_of_strangers_only (void **state)
{
    (void) state;
    peers_t *peers = peers_new (3);
    uint64_t gone = 0;
    size_t len;
    uint64_t friend = meet (peers, 1, 1, 1, &gone);
    peers_greet (peers, friend);
    uint64_t stranger = meet (peers, 2, 2, 2, &gone);
    meet (peers, 3, 3, 3, &gone);
    for (uint32_t n = 0; n < 1000; n++) {
        uint64_t connection = meet (peers, 4, 100 + n, 4, &gone);
        assert_true (connection != 0 && gone != 0 && gone != friend);
        assert_true (n != 0 || gone == stranger);
        assert_int_equal (peers_count (peers), 3);
    }
    assert_non_null (peers_routing_id (peers, friend, &len));

    while ((gone = peers_first_stranger (peers, &(int64_t) { 0 })) != 0)
        peers_greet (peers, gone);
    assert_int_equal (meet (peers, 5, 5, 5, &gone), 0); /* all are known: no room */
    assert_int_equal (gone, 0);
    assert_int_equal (meet (peers, 5, 1, 1, &gone), friend);
    peers_destroy (&peers);
}

static void counts_faults_until_the_connection_is_gone (void **state)
{
    (void) state;
    peers_t *peers = peers_new (100);
    for (unsigned i = 1; i <= 20; i++)
        assert_int_equal (peers_blame (peers, 1000, 3), i * 3);
    assert_int_equal (peers_blame (peers, 5, 1), 1);
    peers_absolve (peers, 1000);
    assert_int_equal (peers_blame (peers, 1000, 1), 1);
    assert_int_equal (peers_blame (peers, 5, 1), 2);
    assert_int_equal (peers_blame (peers, -1, 1), 0); /* unknown */
    peers_absolve (peers, -1);
    peers_absolve (peers, 1 << 20);
    peers_destroy (&peers);
}

static void survives_a_lack_of_memory (void **state)
{
    (void) state;
    uint64_t gone;
    for (long n = 1; n <= 30; n++) {
        dp_memory_fail_nth (n);
        peers_t *peers = peers_new (100);
        for (uint32_t i = 0; i < 40 && peers != NULL; i++) {
            uint64_t connection = meet (peers, 1, i, (int) i * 10, &gone);
            if (connection == 0)
                connection = meet (peers, 1, i, (int) i * 10, &gone);
            assert_true (connection != 0);
        }
        dp_memory_fail_nth (0);
        if (peers != NULL)
            assert_int_equal (peers_count (peers), 40);
        peers_destroy (&peers);
    }
}

static void stays_quick_with_many_peers (void **state)
{
    (void) state;
    enum { MANY = 65536 };
    peers_t *peers = peers_new (MANY);
    uint64_t gone = 0;
    for (uint32_t n = 0; n < MANY; n++)
        meet (peers, n, n * 2654435761u, (int) n, &gone);
    assert_int_equal (peers_count (peers), MANY);
    assert_int_equal (gone, 0);
    for (uint32_t n = 0; n < 3 * MANY; n++)
        assert_true (meet (peers, n, n * 2654435761u, (int) (n % MANY), &gone) != 0);
    assert_int_equal (peers_count (peers), MANY);
    peers_destroy (&peers);
}

int main (void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test (gives_each_peer_a_number_that_stays),
        cmocka_unit_test (another_key_with_the_same_routing_id_is_another),
        cmocka_unit_test (finds_the_routing_id_again),
        cmocka_unit_test (never_uses_a_number_twice),
        cmocka_unit_test (keeps_routing_ids_of_any_length_apart),
        cmocka_unit_test (takes_a_routing_id_on_another_descriptor_for_a_new_connection),
        cmocka_unit_test (knows_who_was_heard_on_a_descriptor),
        cmocka_unit_test (calls_those_strangers_that_said_no_hello),
        cmocka_unit_test (makes_room_at_the_expense_of_strangers_only),
        cmocka_unit_test (counts_faults_until_the_connection_is_gone),
        cmocka_unit_test (survives_a_lack_of_memory),
        cmocka_unit_test (stays_quick_with_many_peers),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
