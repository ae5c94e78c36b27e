/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/fault.h"

#include <signal.h>
#include <string.h>

#include "tests/chaos/tree.h"

enum { MAX_CHILDREN = 64 };

/* ---- Processes ------------------------------------------------------------------------------- */

/* Send the signal to one of a worker's processes of this name. */
static void hit_one (const party_t *party, const char *name, uint64_t lot, int number)
{
    pid_t pids[MAX_CHILDREN];
    size_t n = tree_find (party->tag, name, pids, MAX_CHILDREN);
    if (n > 0 && n <= MAX_CHILDREN)
        kill (pids[lot % n], number);
}

static void kill_child (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    hit_one (party, TREE_CHILD, lot, SIGKILL);
}

static void stop_child (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    hit_one (party, TREE_CHILD, lot, SIGSTOP);
}

static void continue_children (stage_t *stage, party_t *party)
{
    pid_t pids[MAX_CHILDREN];
    size_t n = tree_find (party->tag, TREE_CHILD, pids, MAX_CHILDREN);
    (void) stage;
    for (size_t i = 0; i < n && i < MAX_CHILDREN; i++)
        kill (pids[i], SIGCONT);
}

/* A worker cannot do without, and ends; whoever keeps it running starts it again. */
static void kill_zygote (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    party->is_doomed = true;
    hit_one (party, TREE_ZYGOTE, lot, SIGKILL);
}

static void kill_party (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) lot;
    if (party->role == ROLE_CLIENT)
        history_forgive (stage->history, party->client);
    stage_kill (stage, party);
}

static void abort_broker (stage_t *stage, party_t *party, uint64_t lot)
{
    process_signal (party->process, SIGABRT);
    process_wait (party->process);
    kill_party (stage, party, lot);
}

static void replace_worker (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) lot;
    stage_replace (stage, party);
}

static void stop_party (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    (void) lot;
    party_stop (party);
}

static void continue_party (stage_t *stage, party_t *party)
{
    (void) stage;
    if (party->state == PARTY_STOPPED)
        party_continue (party);
}

/* ---- Networks -------------------------------------------------------------------------------- */

static void set_weather (party_t *party, proxy_weather_t weather)
{
    for (size_t i = 0; i < PARTY_MAX_BROKERS; i++) {
        if (party->proxies[i])
            proxy_set (party->proxies[i], &weather);
    }
    party->is_spoiled = true;
}

static void heal_network (stage_t *stage, party_t *party)
{
    (void) stage;
    set_weather (party, (proxy_weather_t) { 0 });
    if (party->netns)
        netns_drop (party->netns, false, false);
    party->is_spoiled = false;
}

static void delay (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    set_weather (party, (proxy_weather_t) { .delay_ms = 20 + (unsigned) (lot % 300) });
}

static void trickle (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    set_weather (party, (proxy_weather_t) { .bytes_per_s = 20000 + (unsigned) (lot % 200000) });
}

static void swallow (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    (void) lot;
    set_weather (party, (proxy_weather_t) { .is_swallowing = { true, true } });
}

static void swallow_forth (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    (void) lot;
    set_weather (party, (proxy_weather_t) { .is_swallowing = { true, false } });
}

static void swallow_back (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    (void) lot;
    set_weather (party, (proxy_weather_t) { .is_swallowing = { false, true } });
}

static void cut (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    (void) lot;
    for (size_t i = 0; i < PARTY_MAX_BROKERS; i++) {
        if (party->proxies[i])
            proxy_cut (party->proxies[i]);
    }
}

static void half_close (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    for (size_t i = 0; i < PARTY_MAX_BROKERS; i++) {
        if (party->proxies[i])
            proxy_half_close (party->proxies[i], lot % 2 ? PROXY_FORTH : PROXY_BACK);
    }
}

static void drop (party_t *party, bool comes_in, bool goes_out)
{
    netns_drop (party->netns, comes_in, goes_out);
    party->is_spoiled = true;
}

static void partition (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    (void) lot;
    drop (party, true, true);
}

static void partition_in (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    (void) lot;
    drop (party, true, false);
}

static void partition_out (stage_t *stage, party_t *party, uint64_t lot)
{
    (void) stage;
    (void) lot;
    drop (party, false, true);
}

/* ---- The kinds ------------------------------------------------------------------------------- */

/* Whom a fault can hit. */
enum { ON_BROKER = 1, ON_WORKER = 2, ON_CLIENT = 4, ON_PROXY = 8, ON_NETNS = 16 };

static const struct {
    const char *name;
    unsigned on;
    int64_t shortest_ms, longest_ms;
    void (*strike) (stage_t *stage, party_t *party, uint64_t lot);
    stage_action_t *heal;
} kinds[] = {
    { "child-kill", ON_WORKER, 0, 0, kill_child, NULL },
    { "child-stop", ON_WORKER, 200, 4000, stop_child, continue_children },
    { "zygote-kill", ON_WORKER, 0, 0, kill_zygote, NULL },
    { "worker-kill", ON_WORKER, 50, 2500, kill_party, stage_revive },
    { "worker-stop", ON_WORKER, 500, 8000, stop_party, continue_party },
    { "worker-drain", ON_WORKER, 0, 0, replace_worker, NULL },
    { "broker-kill", ON_BROKER, 20, 1500, kill_party, stage_revive },
    { "broker-abort", ON_BROKER, 20, 500, abort_broker, stage_revive },
    { "broker-outage", ON_BROKER, 3500, 7000, kill_party, stage_revive },
    { "broker-stop", ON_BROKER, 300, 7000, stop_party, continue_party },
    { "client-kill", ON_CLIENT, 50, 1000, kill_party, stage_revive },
    { "client-stop", ON_CLIENT, 300, 8000, stop_party, continue_party },
    { "net-delay", ON_PROXY, 1000, 5000, delay, heal_network },
    { "net-trickle", ON_PROXY, 1000, 5000, trickle, heal_network },
    { "net-cut", ON_PROXY, 0, 0, cut, NULL },
    { "net-half-close", ON_PROXY, 0, 0, half_close, NULL },
    { "net-swallow", ON_PROXY, 500, 8000, swallow, heal_network },
    { "net-swallow-forth", ON_PROXY, 500, 8000, swallow_forth, heal_network },
    { "net-swallow-back", ON_PROXY, 500, 8000, swallow_back, heal_network },
    { "partition", ON_NETNS, 500, 8000, partition, heal_network },
    { "partition-in", ON_NETNS, 500, 8000, partition_in, heal_network },
    { "partition-out", ON_NETNS, 500, 8000, partition_out, heal_network },
};

size_t fault_kinds (void)
{
    return sizeof kinds / sizeof kinds[0];
}

const char *fault_name (size_t kind)
{
    return kinds[kind].name;
}

/* Of this sort at all, and, unless it only might be, well now. */
static bool is_target (const party_t *party, unsigned on, bool must_be_well)
{
    static const unsigned roles[N_ROLES] = { ON_BROKER, ON_WORKER, ON_CLIENT };
    if (party->name[0] == '\0')
        return false;
    if (on == ON_PROXY)
        return party->proxies[0] && !(must_be_well && party->is_spoiled);
    if (on == ON_NETNS)
        return party->netns && !(must_be_well && party->is_spoiled);
    return (roles[party->role] & on) != 0 && !(must_be_well && party->state != PARTY_UP);
}

static size_t find_targets (stage_t *stage, unsigned on, bool must_be_well, party_t **targets)
{
    size_t n = 0;
    for (int role = 0; role < N_ROLES; role++) {
        for (size_t i = 0; i < STAGE_MAX_PARTIES; i++) {
            party_t *party = &stage->parties[role][i];
            if (is_target (party, on, must_be_well))
                targets[n++] = party;
        }
    }
    return n;
}

bool fault_is_possible (stage_t *stage, size_t kind)
{
    party_t *targets[N_ROLES * STAGE_MAX_PARTIES];
    return find_targets (stage, kinds[kind].on, false, targets) > 0;
}

bool fault_strike (stage_t *stage, const planned_t *planned)
{
    party_t *targets[N_ROLES * STAGE_MAX_PARTIES];
    size_t n = find_targets (stage, kinds[planned->kind].on, true, targets);
    if (n == 0)
        return false;
    party_t *party = targets[planned->target % n];
    int64_t shortest_ms = kinds[planned->kind].shortest_ms, longest_ms = kinds[planned->kind].longest_ms;
    int64_t length_ms = shortest_ms + (int64_t) ((double) (longest_ms - shortest_ms) * planned->length);
    stage_note (stage, "%s of %s for %lld ms", kinds[planned->kind].name, party->name, (long long) length_ms);
    kinds[planned->kind].strike (stage, party, planned->target >> 32);
    if (kinds[planned->kind].heal)
        stage_later (stage, length_ms, kinds[planned->kind].heal, party);
    return true;
}
