/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/workload.h"

#include "core/memory.h"
#include "tests/simulation/sim.h"

#include <string.h>

enum {
    SHORT = 5,     /* bytes: a msgpack uint of 32 bits */
    LONG = 40000,  /* with a tail that makes them too long for an envelope */
    HUGE = 1300000 /* and for a message that is not announced */
};

/* ---- Drawing -------------------------------------------------------------------------------- */

static void draw_item (item_t *item, random_t *random, bool is_troubled, bool may_hang, int64_t scale_us)
{
    item->run_us = random_between (random, scale_us / 4, scale_us * 2);
    item->is_polite = random_happens (random, 40);
    item->is_stubborn = random_happens (random, 30);
    item->len = random_below (random, 3000) == 0 ? LONG : SHORT;
    if (!is_troubled)
        return;
    uint64_t roll = random_below (random, 100);
    if (roll < 10)
        item->deed = DEED_FAIL;
    else if (roll < 30) {
        item->deed = DEED_CRASH;
        item->n_crashes = roll < 20 ? 1 : 1000;
    } else if (roll < 50 && may_hang)
        item->deed = DEED_HANG;
}

static size_t draw_n_items (random_t *random, scenario_kind_t kind)
{
    uint64_t roll = random_below (random, 100);
    if (roll < 60)
        return random_below (random, 8);
    return kind == SCENARIO_WILD && roll > 90 ? random_below (random, 150) : random_below (random, 30);
}

static void draw_ends (call_t *call, random_t *random, int64_t scale_us)
{
    int64_t most_us = (int64_t) (call->n_items + 1) * scale_us + 20000;
    if (random_happens (random, 20))
        call->cancels_us = call->starts_us + random_between (random, 1, most_us);
    if (random_happens (random, 12))
        call->releases_us = call->starts_us + random_between (random, 1, 2 * most_us);
}

static void draw_call (call_t *call, sim_t *sim, int64_t *scale_us)
{
    static const int64_t scales_us[] = { 50, 300, 2000, 20000, 200000, 1000000 };
    static const size_t chunks[] = { 0, 0, 1, 3, 10, 50 };
    random_t *random = &sim->random;
    *scale_us = RANDOM_OF (random, scales_us);
    call->kind = (call_kind_t) random_below (random, 4);
    call->function = random_happens (random, 8) ? "rare" : random_happens (random, 3) ? "nobodys" : "work";
    call->require = random_happens (random, 6) ? "gpu" : NULL;
    call->n_items = draw_n_items (random, sim->scenario.kind);
    call->chunk_size = call->kind == CALL_APPLIES ? 0 : RANDOM_OF (random, chunks);
    call->priority = random_happens (random, 30) ? random_between (random, -2, 2) : 0;
    call->limit_ms = random_happens (random, 20) ? (uint64_t) (*scale_us * 3 / 1000 + 10) : 0;
    call->max_retries = (unsigned) random_below (random, 4);
    call->is_at_most_once = random_happens (random, 18);
    call->take_us = random_happens (random, 70) ? 0 : random_between (random, 100, 30000);
    call->starts_us = 1 + random_between (random, 0, random_happens (random, 50) ? 3000 : 2000000);
    draw_ends (call, random, *scale_us);
}

/* Three at most, since they take their time. */
static void draw_huge_items (workload_t *self, random_t *random)
{
    for (int i = 0; i < 3 && self->n_items > 0; i++)
        self->items[random_below (random, self->n_items)].len = HUGE;
}

static void init_steady (workload_t *self, sim_t *sim)
{
    *self = (workload_t) { .n_calls = 1, .n_items = sim->scenario.steady_items };
    call_t *call = self->calls = dp_must_alloc (sizeof *self->calls);
    *call = (call_t) { .client = &sim->clients[0],
                       .kind = CALL_MAP,
                       .function = "work",
                       .n_items = self->n_items,
                       .starts_us = 2000000 };
    call->items = self->items = dp_must_alloc (self->n_items * sizeof *self->items);
    for (size_t i = 0; i < self->n_items; i++)
        self->items[i]
            = (item_t) { .call = call, .index = i, .len = SHORT, .run_us = sim->scenario.steady_us };
}

void workload_init (workload_t *self, sim_t *sim)
{
    if (sim->scenario.steady_items > 0) {
        init_steady (self, sim);
        return;
    }
    random_t *random = &sim->random;
    const scenario_t *scenario = &sim->scenario;
    size_t n_each[SCENARIO_CLIENTS] = { 0 };
    *self = (workload_t) { .n_calls = 0 };
    for (size_t i = 0; i < scenario->n_clients; i++)
        self->n_calls += n_each[i] = 1 + random_below (random, scenario->kind == SCENARIO_WILD ? 5 : 3);
    self->calls = dp_must_alloc (self->n_calls * sizeof *self->calls);
    int64_t scales_us[SCENARIO_CLIENTS * 5];
    call_t *call = self->calls;
    for (size_t client = 0; client < scenario->n_clients; client++)
        for (size_t i = 0; i < n_each[client]; i++, call++) {
            call->client = &sim->clients[client];
            call->number = (size_t) (call - self->calls);
            draw_call (call, sim, &scales_us[call->number]);
            self->n_items += call->n_items;
        }
    self->items = dp_must_alloc ((self->n_items + 1) * sizeof *self->items);
    item_t *item = self->items;
    for (call = self->calls; call < self->calls + self->n_calls; call++) {
        bool is_troubled = random_happens (random, 30);
        bool may_hang = call->limit_ms > 0 || call->cancels_us > 0
                        || sim->scenario.clients[call->client - sim->clients].terminates_us > 0;
        call->items = item;
        for (size_t i = 0; i < call->n_items; i++, item++) {
            item->call = call;
            item->index = i;
            draw_item (item, random, is_troubled, may_hang, scales_us[call->number]);
            self->has_culprits |= item->deed == DEED_CRASH || item->deed == DEED_HANG;
        }
    }
    if (scenario->has_huge_items)
        draw_huge_items (self, random);
}

void workload_fini (workload_t *self)
{
    dp_free (self->calls);
    dp_free (self->items);
}

size_t workload_place (const item_t *item)
{
    return item->call->kind == CALL_APPLIES ? item->place : item->index;
}

bool workload_is_unwanted (const item_t *item)
{
    const call_t *call = item->call;
    return item->is_cancelled || call->is_released || (call->is_cancelled && call->kind != CALL_APPLIES);
}

/* ---- Arguments and values ------------------------------------------------------------------- */

static void put_32 (uint8_t *target, uint64_t number)
{
    for (int i = 0; i < 4; i++)
        target[i] = (uint8_t) (number >> (24 - 8 * i));
}

dp_blob_t *workload_arguments (const workload_t *self, const item_t *item)
{
    uint8_t *data;
    dp_blob_t *blob = dp_blob_new (item->len, &data);
    if (blob == NULL)
        dp_no_memory (item->len);
    if (item->len > SHORT) { /* bin of 32 bits of length, with the number in front */
        memset (data, 0, item->len);
        data[0] = 0xc6;
        put_32 (data + 1, item->len - 5);
        put_32 (data + 5, (uint64_t) (item - self->items));
    } else {
        data[0] = 0xce;
        put_32 (data + 1, (uint64_t) (item - self->items));
    }
    return blob;
}

item_t *workload_item (const workload_t *self, dp_reader_t *arguments)
{
    size_t len;
    const uint8_t *data = dp_reader_skip (arguments, &len);
    if (data == NULL || len < SHORT)
        return NULL;
    const uint8_t *at = len == SHORT ? data + 1 : data + 5;
    uint32_t number = (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3];
    return number < self->n_items && self->items[number].len == len ? &self->items[number] : NULL;
}

void workload_value (const workload_t *self, const item_t *item, uint8_t *value)
{
    uint64_t number = (uint64_t) (item - self->items) * UINT64_C (0x9e3779b97f4a7c15) + 1;
    value[0] = 0xcf;
    put_32 (value + 1, number >> 32);
    put_32 (value + 5, number);
}
