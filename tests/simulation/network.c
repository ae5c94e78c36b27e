/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/simulation/network.h"

#include "core/memory.h"

#include <string.h>

void network_init (network_t *self, random_t *random, schedule_t *schedule, network_deliver_t *deliver,
                   void *world)
{
    *self = (network_t) { .random = random, .schedule = schedule, .deliver = deliver, .world = world };
    dp_list_init (&self->connections);
}

/* ---- Connections ---------------------------------------------------------------------------- */

static void free_connection (connection_t *connection)
{
    dp_list_remove (&connection->in_network);
    for (int i = 0; i < 2; i++)
        schedule_cancel (connection->network->schedule, &connection->lanes[i].arrival);
    dp_free (connection);
}

/* Once both ends have closed it and nothing of it is under way. */
static void settle (connection_t *connection)
{
    const sim_lane_t *lanes = connection->lanes;
    if (!connection->is_open[TO_BROKER] && !connection->is_open[TO_PEER] && connection->n_inboxes == 0
        && dp_list_is_empty (&lanes[TO_BROKER].parcels) && dp_list_is_empty (&lanes[TO_PEER].parcels))
        free_connection (connection);
}

static void drop_parcel (parcel_t *parcel)
{
    dp_list_remove (&parcel->in_row);
    dp_outgoing_destroy (&parcel->message);
    dp_free (parcel);
}

void network_free_parcel (parcel_t *parcel)
{
    connection_t *connection = parcel->connection;
    drop_parcel (parcel);
    connection->n_inboxes--;
    settle (connection);
}

void network_fini (network_t *self)
{
    DP_LIST_EACH (&self->connections, node) {
        connection_t *connection = DP_CONTAINER (node, connection_t, in_network);
        for (int i = 0; i < 2; i++)
            DP_LIST_EACH (&connection->lanes[i].parcels, parcel)
                drop_parcel (DP_CONTAINER (parcel, parcel_t, in_row));
        free_connection (connection);
    }
}

/* ---- Lanes ---------------------------------------------------------------------------------- */

/* Until both ends have met, either way being blocked keeps everything back. */
static bool is_blocked (const connection_t *connection, direction_t direction)
{
    const network_t *network = connection->network;
    size_t peer = connection->peer, broker = connection->broker;
    if (network->blocks[direction][peer][broker] > 0)
        return true;
    return !connection->is_established && network->blocks[!direction][peer][broker] > 0;
}

static void meet (connection_t *connection)
{
    if (!is_blocked (connection, TO_BROKER) && !is_blocked (connection, TO_PEER))
        connection->is_established = true;
}

/* Wait for the first parcel, if it can come. */
static void watch (sim_lane_t *lane, direction_t direction)
{
    schedule_t *schedule = lane->connection->network->schedule;
    if (dp_list_is_empty (&lane->parcels) || is_blocked (lane->connection, direction))
        schedule_cancel (schedule, &lane->arrival);
    else
        schedule_at (schedule, &lane->arrival, DP_CONTAINER (lane->parcels.next, parcel_t, in_row)->at_us);
}

static void arrive (void *owner)
{
    sim_lane_t *lane = owner;
    connection_t *connection = lane->connection;
    direction_t direction = lane == &connection->lanes[TO_BROKER] ? TO_BROKER : TO_PEER;
    parcel_t *parcel = DP_CONTAINER (dp_list_pop (&lane->parcels), parcel_t, in_row);
    watch (lane, direction);
    connection->n_inboxes++;
    connection->network->deliver (connection->network->world, parcel, direction);
}

static int64_t draw_delay_us (const connection_t *connection)
{
    network_t *network = connection->network;
    return network->delay_us + network->slowness_us[connection->peer]
           + random_between (network->random, 0, network->jitter_us);
}

static size_t length_of (const dp_outgoing_t *message)
{
    size_t len = message->envelope.len;
    for (size_t i = 0; i < message->n_frames; i++)
        len += dp_blob_len (message->frames[i]);
    return len;
}

/* When the path has taken it: one message behind the other. */
static int64_t transfer (sim_lane_t *lane, const dp_outgoing_t *message)
{
    const network_t *network = lane->connection->network;
    int64_t bytes_per_ms = network->bytes_per_ms[lane->connection->peer];
    int64_t begins_us = network->schedule->now_us;
    if (bytes_per_ms == 0 || message == NULL)
        return begins_us;
    if (lane->busy_until_us > begins_us)
        begins_us = lane->busy_until_us;
    lane->busy_until_us = begins_us + (int64_t) length_of (message) * 1000 / bytes_per_ms;
    return lane->busy_until_us;
}

static void put (connection_t *connection, direction_t direction, dp_outgoing_t *message)
{
    sim_lane_t *lane = &connection->lanes[direction];
    parcel_t *parcel = dp_must_alloc (sizeof *parcel);
    dp_list_init (&parcel->in_row);
    parcel->connection = connection;
    parcel->message = message;
    parcel->at_us = transfer (lane, message) + draw_delay_us (connection);
    if (parcel->at_us < lane->last_us)
        parcel->at_us = lane->last_us;
    lane->last_us = parcel->at_us;
    dp_list_append (&lane->parcels, &parcel->in_row);
    if (lane->parcels.next == &parcel->in_row)
        watch (lane, direction);
}

/* What is under way is lost from some point on; news of the end is not. */
static void lose_tail (sim_lane_t *lane, direction_t direction)
{
    if (lane->is_closed)
        return;
    random_t *random = lane->connection->network->random;
    while (!dp_list_is_empty (&lane->parcels) && random_happens (random, 50))
        drop_parcel (DP_CONTAINER (lane->parcels.previous, parcel_t, in_row));
    watch (lane, direction);
}

static void lose_all (sim_lane_t *lane, direction_t direction)
{
    while (!dp_list_is_empty (&lane->parcels))
        drop_parcel (DP_CONTAINER (lane->parcels.previous, parcel_t, in_row));
    watch (lane, direction);
}

/* ---- What nodes do -------------------------------------------------------------------------- */

connection_t *network_open (network_t *self, size_t peer, size_t broker, size_t slot)
{
    connection_t *connection = dp_must_alloc (sizeof *connection);
    dp_list_init (&connection->in_network);
    dp_list_append (&self->connections, &connection->in_network);
    self->n_opened++;
    connection->network = self;
    connection->peer = peer;
    connection->broker = broker;
    connection->slot = slot;
    for (int i = 0; i < 2; i++) {
        sim_lane_t *lane = &connection->lanes[i];
        lane->connection = connection;
        dp_list_init (&lane->parcels);
        event_init (&lane->arrival, arrive, lane);
        connection->is_open[i] = true;
    }
    meet (connection);
    return connection;
}

static bool is_chatter (wire_kind_t kind)
{
    return kind == WIRE_PING || kind == WIRE_PONG || kind == WIRE_ACK;
}

void network_send (connection_t *connection, direction_t direction, dp_outgoing_t *message)
{
    connection->network->n_messages += !is_chatter (message->kind);
    if (connection->is_open[direction] && !connection->lanes[direction].is_closed)
        put (connection, direction, message);
    else
        dp_outgoing_destroy (&message);
}

/* Tell the other end, unless that has closed it too. */
static void tell_end (connection_t *connection, direction_t direction)
{
    sim_lane_t *lane = &connection->lanes[direction];
    if (!lane->is_closed && connection->is_open[!direction])
        put (connection, direction, NULL);
    lane->is_closed = true;
}

static void close_end (connection_t *connection, direction_t direction)
{
    connection->is_open[direction] = false;
    lose_all (&connection->lanes[!direction], !direction);
    if (!connection->is_established)
        lose_all (&connection->lanes[direction], direction);
    tell_end (connection, direction);
    settle (connection);
}

void network_close (connection_t *connection, direction_t direction)
{
    if (!connection->is_open[direction])
        return;
    lose_tail (&connection->lanes[direction], direction);
    close_end (connection, direction);
}

void network_finish (connection_t *connection, direction_t direction)
{
    if (connection->is_open[direction])
        close_end (connection, direction);
}

void network_cut (connection_t *connection)
{
    connection->network->n_broken++;
    for (int i = 0; i < 2; i++) {
        lose_tail (&connection->lanes[i], (direction_t) i);
        tell_end (connection, (direction_t) i);
    }
}

/* ---- Partitions ----------------------------------------------------------------------------- */

static void watch_all (network_t *self, size_t peer, size_t broker)
{
    DP_LIST_EACH (&self->connections, node) {
        connection_t *connection = DP_CONTAINER (node, connection_t, in_network);
        if (connection->peer != peer || connection->broker != broker)
            continue;
        meet (connection);
        watch (&connection->lanes[TO_BROKER], TO_BROKER);
        watch (&connection->lanes[TO_PEER], TO_PEER);
    }
}

void network_block (network_t *self, direction_t direction, size_t peer, size_t broker)
{
    self->blocks[direction][peer][broker]++;
    watch_all (self, peer, broker);
}

void network_unblock (network_t *self, direction_t direction, size_t peer, size_t broker)
{
    self->blocks[direction][peer][broker]--;
    watch_all (self, peer, broker);
}
