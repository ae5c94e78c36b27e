/* SPDX-License-Identifier: MPL-2.0 */
/*
 * place.h - the loop's end of one child: channel, shared memory and stderr. No call waits.
 *
 *   EMPTY ──place_open──▶ WANTED ──place_fork──▶ ALIVE ──place_close──▶ EMPTY
 */
#ifndef PLACE_H_INCLUDED
#define PLACE_H_INCLUDED

#include "core/buffer.h"
#include "net/arena.h"
#include "worker/crew.h"
#include "worker/frame.h"
#include "worker/zygote.h"

#include <sys/types.h>

#define PLACE_TAIL 4096 /* of a child's stderr are kept for the error that tells of its death */

typedef enum { PLACE_EMPTY, PLACE_WANTED, PLACE_ALIVE, PLACE_FAILED } place_state_t;

/* Arguments that the child reads where they lie. */
typedef struct place_loan_s {
    uint64_t serial, end; /* of the run: the number of its first item, and the one behind its last */
    dp_blob_t *payload;
} place_loan_t;

/* A record of the child: its bytes, until the next call of place_next; or the long outcome that it tells of.
 */
typedef struct place_record_s {
    ring_record_t head; /* of several that were gathered the last one's */
    const uint8_t *bytes;
    size_t len;
    size_t n;        /* outcomes that it has, one behind another */
    uint64_t run_us; /* how long they ran in all */
    dp_blob_t *blob; /* NULL, or the outcome, which is the caller's to release; then there are no bytes */
} place_record_t;

typedef struct place_s {
    place_state_t state;
    uint32_t number;
    pid_t pid;
    int channel_fd, stderr_fd; /* -1 = closed */
    int child_fds[3];          /* what the zygote gets: channel, memory, stderr */
    dp_arena_t *arena;         /* NULL = none */
    bool reads_arena;          /* the child has said that it can */
    place_loan_t *loans;       /* in the order of their serials */
    size_t n_loans, loans_capacity;
    uint64_t done_until; /* the number behind that of the last item that finished */
    shared_t *shared;
    shelf_map_t *shelf; /* NULL: the child has none */
    ring_t ring;
    dp_buffer_t row;    /* outcomes that were gathered */
    dp_buffer_t output; /* that the channel did not take yet */
    size_t output_at;
    bool is_ending;          /* close the channel for writing when the output is gone */
    bool is_corrupt;         /* it has written nonsense */
    bool has_work;           /* was handed a run: its slot is of interest */
    int killed_by;           /* the last signal that we sent */
    uint64_t oom_kills;      /* when it was started */
    int64_t failed_until_ms; /* FAILED: no sooner is it told that it could not be forked */
    int fork_error;
    int owed_signal;                          /* that the zygote could not be told yet; 0 = none */
    bool is_channel_over, is_stderr_over;     /* their other ends are closed */
    uint32_t watched_channel, watched_stderr; /* the edge's: what it asks the kernel for */
    /* an outcome that comes by the channel */
    dp_buffer_t long_outcome;
    uint64_t long_len;
    uint8_t long_head[9];
    size_t long_head_len;
    bool is_long_awaited; /* the ring's next record is this one */
    bool is_long_whole, is_long_given;
    /* stderr */
    char tail[2 * PLACE_TAIL];
    size_t tail_len;
    uint8_t said[PLACE_TAIL]; /* not passed on yet */
    size_t said_len;
} place_t;

/* With an arena long arguments go by it; it is the caller's, and outlives the place. */
place_t *place_new (uint32_t number, dp_arena_t *arena);
void place_destroy (place_t **self_p);

/* Make what a child needs. 0, or -1 with errno. */
int place_open (place_t *self, const crew_session_t *session);

/* Ask the zygote for it. 0; or -1 with EAGAIN (later) or another errno. */
int place_fork (place_t *self, zygote_client_t *zygote);

void place_hand (place_t *self, uint64_t serial, const crew_task_t *task);
/* Returns the number of the first item that the child will not start. */
uint64_t place_take_back (place_t *self, uint64_t number);
void place_flag (place_t *self, uint64_t serial);
void place_end (place_t *self);

/* Write what is due to the channel. */
void place_flush (place_t *self);
bool place_wants_to_write (const place_t *self);

/* Read what the channel has: wake-ups, and outcomes too long for the ring. */
void place_receive (place_t *self);

/* The child's next record: 1, 0 none, -1 it has written nonsense. */
int place_next (place_t *self, place_record_t *record);
/* Take in what follows a short outcome and is of the same run, as far as it is there. */
void place_gather (place_t *self, place_record_t *record);
/* Give the ring's room back, after a row of place_next. */
void place_release (place_t *self);

/* Read of its stderr what said has room for. False when there is nothing to be had now. */
bool place_read_stderr (place_t *self);
/* The last of its stderr, NUL-ended, from the beginning of a line where it was cut. */
const char *place_tail (place_t *self);

/* The child is gone and everything of it was read. */
void place_close (place_t *self);

#endif
