/* SPDX-License-Identifier: MPL-2.0 */
/*
 * wire.h - the messages between client, broker and worker. docs/protocol.md is the reference.
 *
 * A message is an envelope (one msgpack array: kind, ack, fields …) and up to WIRE_MAX_FRAMES - 1 payload
 * frames. wire_decode checks the envelope whole, every record of it, before anything is acted upon;
 * after that the wire_next_… readers cannot fail. Nothing is allocated and nothing is copied: all
 * pointers lead into the message.
 */
#ifndef DP_WIRE_H_INCLUDED
#define DP_WIRE_H_INCLUDED

#include "core/blob.h"
#include "core/outcome.h"
#include "core/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_MAGIC "dpool"
#define WIRE_VERSION 1     /* the newest that we speak */
#define WIRE_VERSION_MIN 1 /* and the oldest */
#define WIRE_MAX_FRAMES 64 /* the envelope included */
#define WIRE_MAX_ENVELOPE (1024u * 1024)
#define WIRE_BATCH_BYTES (64u * 1024)   /* a batch is sent off when its envelope reaches this … */
#define WIRE_BATCH_RECORDS 1024u        /* … or this many records */
#define WIRE_INLINE_MAX (32u * 1024)    /* a longer payload travels in a frame of its own */
#define WIRE_LARGE_BYTES (1024u * 1024) /* a message whose frames have more is announced by LARGE (R11) */
#define WIRE_MAX_ARGS (1024u * 1024)    /* bytes of the arguments of a session's initializer */
#define WIRE_MAX_NAMES 4096u            /* functions, and labels, of a worker */
#define WIRE_MAX_FULL 65536u            /* sessions in a ROOM */
#define WIRE_MAX_ITEMS (1024u * 1024)   /* of one task */
#define WIRE_MAX_MEMBERS 64             /* of a map, unknown ones included */
#define WIRE_RECORD_BYTES 256u          /* what a task or a result counts for besides its payload (R9) */

typedef enum {
    WIRE_HELLO = 1,
    WIRE_WELCOME = 2,
    WIRE_WHO = 3,
    WIRE_REFUSED = 4,
    WIRE_PING = 5,
    WIRE_PONG = 6,
    WIRE_BYE = 7, /* both ways: the broker answers BYE with BYE */
    WIRE_ACK = 8,
    WIRE_SUBMIT = 9,       /* client → broker */
    WIRE_CLAIM = 10,       /* client → broker */
    WIRE_MISSING = 11,     /* broker → client */
    WIRE_RESULTS = 12,     /* worker → broker → client */
    WIRE_CANCEL = 13,      /* client → broker: ids; broker → worker: runs */
    WIRE_QUERY = 14,       /* client → broker */
    WIRE_ANSWER = 15,      /* broker → client */
    WIRE_WORKERS = 16,     /* broker → client */
    WIRE_PROGRESS = 17,    /* worker → broker → client */
    WIRE_TASKS = 18,       /* broker → worker */
    WIRE_SESSION = 19,     /* broker → worker, before the first task of a session */
    WIRE_SESSION_END = 20, /* broker → worker */
    WIRE_RUNS = 21,        /* worker → broker, after WELCOME */
    WIRE_ADOPT = 22,       /* broker → worker */
    WIRE_REVOKE = 23,      /* client → broker: ids; broker → worker: runs */
    WIRE_RELEASE = 24,     /* worker → broker */
    WIRE_DRAIN = 25,       /* both ways */
    WIRE_ROOM = 26,        /* broker → client, worker */
    WIRE_LARGE = 27,       /* both ways, in front of a large message */
    WIRE_MEMORY = 28,      /* both ways: the edges' own, the state machines never see it */
    WIRE_KINDS
} wire_kind_t;

/* "HELLO", … for logs and traces. Static; "?" of an unknown kind. */
const char *wire_kind_name (wire_kind_t kind);

typedef enum { WIRE_ROLE_CLIENT = 1, WIRE_ROLE_WORKER = 2 } wire_role_t;

/* Text inside a message: not NUL-ended. */
typedef struct wire_text_s {
    const char *data;
    size_t len;
} wire_text_t;

/* Bytes inside a message, or a whole frame of it. */
typedef struct wire_bytes_s {
    const uint8_t *data;
    size_t len;
    size_t frame; /* 0 = in the envelope, else the number of the frame that it is */
} wire_bytes_t;

/* Why a peer is refused (REFUSED's code). */
typedef enum {
    WIRE_REFUSED_MALFORMED = 1,
    WIRE_REFUSED_VERSION = 2,
    WIRE_REFUSED_ROLE = 3,
    WIRE_REFUSED_KIND = 4,
    WIRE_REFUSED_LIMIT = 5,
    WIRE_REFUSED_DUPLICATE = 6, /* another peer has this id */
    WIRE_REFUSED_OTHER = 7,
    WIRE_REFUSED_KEY = 8 /* the key that it came with is not let in, or no more */
} wire_refusal_t;

typedef struct wire_hello_s {
    uint64_t version_min, version_max;
    wire_role_t role;
    uint64_t id;         /* session or worker, 64 random bits */
    uint64_t connection; /* counts the peer's connections, from 1: the highest owns the peer (R1) */
    wire_text_t host, name;
    uint64_t pid;
    /* of a client: what its children are like */
    wire_text_t initializer; /* "" = none */
    wire_bytes_t initializer_args;
    uint64_t seed, max_tasks_per_child;
    bool is_watcher;  /* it only asks: it is neither counted nor logged, and may have no tasks */
    bool heeds_drain; /* a client: it knows what to do when the broker says DRAIN */
    uint64_t machine; /* whose processes may share memory with it: see MEMORY; 0 = none */
    /* of a worker */
    uint64_t processes, window_tasks, window_bytes;
    bool is_draining;
    dp_reader_t functions, labels; /* rows of names: wire_next_name */
    size_t n_functions, n_labels;
} wire_hello_t;

/* Do we speak one of its versions? If not, they are all that was read of it. */
static inline bool wire_is_spoken (const wire_hello_t *hello)
{
    return hello->version_min <= WIRE_VERSION && hello->version_max >= WIRE_VERSION_MIN;
}

typedef struct wire_welcome_s {
    uint64_t version, epoch;
    bool is_session_kept; /* the broker knew this peer already (R6) */
    uint64_t max_payload, heartbeat_ms;
    uint64_t processes;  /* of all workers now: as in WORKERS */
    wire_text_t name;    /* of the broker, for logs and errors */
    uint64_t room;       /* as in ROOM; 0 = no limit */
    uint64_t most_tasks; /* likewise */
} wire_welcome_t;

typedef struct wire_refused_s {
    wire_refusal_t code;
    wire_text_t text;
} wire_refused_t;

/* What the tasks of one group have in common. */
typedef struct wire_group_s {
    uint64_t session; /* TASKS only; 0 in SUBMIT */
    wire_text_t function;
    wire_text_t require; /* "" = any worker */
    int64_t priority;
    uint64_t time_limit_ms; /* of one item; 0 = none */
    bool is_at_most_once;
    bool is_loose; /* items are calls of their own: those behind a slow one may come back unstarted */
    size_t n_tasks;
} wire_group_t;

/* A task: n items of a job, from item "first" on; their packed arguments stand behind one another. */
typedef struct wire_task_s {
    uint64_t id;
    uint64_t attempt; /* SUBMIT: the base, 1,000 × earlier submissions (R7); TASKS: of this run */
    uint64_t job, first, n_items;
    wire_bytes_t payload;
} wire_task_t;

typedef struct wire_result_s {
    uint64_t session; /* 0 from broker to client */
    uint64_t id, attempt;
    outcome_status_t status; /* of the task: VALUE = each item has a value or a failure of its own */
    bool is_final;           /* false: the first finished items of a chunk that goes on */
    uint64_t first, n_items; /* the items that the payload has outcomes of: first counts inside the task */
    uint64_t run_us;
    wire_bytes_t payload; /* n_items outcomes: see outcome.h */
} wire_result_t;

/* A run: one attempt of a task. The states are those of RUNS. */
typedef enum { WIRE_RUN_WAITING = 1, WIRE_RUN_RUNNING = 2, WIRE_RUN_DONE = 3 } wire_run_state_t;
typedef struct wire_run_s {
    uint64_t session, id, attempt;
    wire_run_state_t state; /* RUNS, PROGRESS */
    uint64_t item;          /* PROGRESS: the item of the task that runs */
    uint64_t done, steps;   /* PROGRESS: what dpool_call_progress said */
    uint64_t since_ms;      /* PROGRESS: how long the run has been running */
    wire_text_t worker;     /* PROGRESS to the client: where */
} wire_run_t;

/* Ids first … last, both included. */
typedef struct wire_range_s {
    uint64_t first, last;
    bool is_at_most_once; /* CLAIM (R6) */
} wire_range_t;

typedef struct wire_session_s {
    uint64_t session, seed, max_tasks_per_child;
    wire_text_t initializer;
    wire_bytes_t initializer_args;
    bool has_own_children;
} wire_session_t;

/* Reasons of an ANSWER that no dpool_reason_t is: the question is not answered, since too many were asked;
   the function is one that the asker's key may not call. */
#define WIRE_REASON_QUOTA 64
#define WIRE_REASON_FORBIDDEN 65

typedef enum {
    WIRE_QUERY_EXPLAIN = 1,
    WIRE_QUERY_STATUS = 2,
    WIRE_QUERY_DRAIN = 3,
    WIRE_QUERY_FUNCTION = 4
} wire_question_t;
typedef struct wire_query_s {
    uint64_t query; /* chosen by the asker, repeated in the answer */
    wire_question_t question;
    uint64_t id;      /* EXPLAIN: the task; DRAIN: the worker */
    wire_text_t name; /* FUNCTION: of which it is asked who offers it, and whether the asker may call it */
} wire_query_t;

typedef struct wire_answer_s {
    uint64_t query;
    uint64_t reason; /* dpool_reason_t */
    uint64_t ahead, since_ms, attempt;
    wire_text_t worker, text; /* text: a sentence, or the status as JSON */
} wire_answer_t;

/* The memory that the sender lets its peer read. */
typedef struct wire_memory_s {
    uint64_t pid, fd;          /* where to open it: /proc/pid/fd/fd */
    uint64_t bytes;            /* of its payloads */
    uint64_t secret, secret_2; /* which stand in it, too: so it is the one that is meant */
    uint64_t counter;          /* the sender counts there how many payloads of this peer it has copied */
    bool is_mapped;            /* the sender can read the peer's: it may refer to it from now on */
} wire_memory_t;

/* A decoded message. Which members are set depends on the kind. */
typedef struct wire_message_s {
    wire_kind_t kind;
    uint64_t ack; /* how many results the sender has taken over on this connection (R3) */
    union {
        wire_hello_t hello;
        wire_welcome_t welcome;
        wire_refused_t refused;
        wire_session_t session; /* SESSION; of SESSION_END only .session */
        wire_query_t query;
        wire_answer_t answer;
        uint64_t workers; /* WORKERS: processes of all workers now */
        uint64_t room;    /* ROOM: bytes that may be under way (R9); its records are the full sessions */
        uint64_t large;   /* LARGE: bytes of the message behind it */
        wire_memory_t memory;
    };
    uint64_t most_tasks;   /* ROOM: tasks that may be under way, 0 = no limit */
    bool is_last;          /* CLAIM, RUNS: the list ends here */
    uint64_t window_tasks; /* worker's RESULTS, RELEASE: its window now; 0 = unchanged */
    uint64_t window_bytes;
    dp_reader_t records; /* the rows that the wire_next_… functions read */
    size_t n_records;    /* groups, results, runs or ranges that are left */
    size_t n_tasks;      /* tasks left in the current group */
    size_t n_extra;      /* of this file's own use: what a later version added to the current group */
    bool has_ranges;     /* CANCEL, REVOKE: its records are ranges of ids (a client's), else runs */
    wire_bytes_t frames[WIRE_MAX_FRAMES]; /* [0] is the envelope */
    size_t n_frames;
} wire_message_t;

/* Decode and check a message of n_frames frames (frames[i].frame need not be set). 0, or -1 and *why, a
   static text for a REFUSED. Unknown map keys and further array elements are skipped; trailing bytes,
   an unknown kind, a bad name, too deep nesting, a count beyond the bytes left are errors. The message
   points into the frames. */
int wire_decode (wire_message_t *message, const wire_bytes_t *frames, size_t n_frames, const char **why);

/* Read the next record; false at the end. SUBMIT, TASKS: groups, and after each its tasks. */
bool wire_next_group (wire_message_t *message, wire_group_t *group);
bool wire_next_task (wire_message_t *message, wire_task_t *task);
bool wire_next_result (wire_message_t *message, wire_result_t *result); /* RESULTS */
bool wire_next_run (wire_message_t *message,
                    wire_run_t *run); /* PROGRESS, RUNS, ADOPT, RELEASE, a worker's CANCEL and REVOKE */
/* CLAIM, MISSING, a client's CANCEL and REVOKE */
bool wire_next_range (wire_message_t *message, wire_range_t *range);
bool wire_next_session (wire_message_t *message, uint64_t *session); /* ROOM */
bool wire_next_name (dp_reader_t *names, size_t *n_left, wire_text_t *name);

/* ---- Writing -------------------------------------------------------------------------------- */

/* A finished message, in a list. Owned by whoever takes it out of an outbox. */
typedef struct dp_outgoing_s {
    struct dp_outgoing_s *next;
    uint64_t to; /* the peer: as the machine that wrote it names its peers */
    wire_kind_t kind;
    dp_buffer_t envelope;
    dp_blob_t *frames[WIRE_MAX_FRAMES - 1]; /* payload frames, held */
    size_t n_frames;                        /* of them */
} dp_outgoing_t;

void dp_outgoing_destroy (dp_outgoing_t **self_p);

/* Finished messages, oldest first. All-zero = empty. */
typedef struct dp_outbox_s {
    dp_outgoing_t *first, *last;
    size_t count;
} dp_outbox_t;

/* Append a message, which is the outbox's from now on. */
void dp_outbox_put (dp_outbox_t *self, dp_outgoing_t *message);
/* Take the oldest message; NULL when there is none. Caller owns it. */
dp_outgoing_t *dp_outbox_take (dp_outbox_t *self);
void dp_outbox_fini (dp_outbox_t *self);

/* Write one message without records. Out of memory aborts (dp_must_alloc), in all writers. */
void wire_put_hello (
    dp_outbox_t *out, uint64_t to, const wire_hello_t *hello, const char *const *functions,
    const char *const *labels); /* as many as hello->n_functions, n_labels; its readers are not used */
void wire_put_welcome (dp_outbox_t *out, uint64_t to, const wire_welcome_t *welcome);
void wire_put_refused (dp_outbox_t *out, uint64_t to, wire_refusal_t code, const char *text);
void wire_put_bare (dp_outbox_t *out, uint64_t to, wire_kind_t kind,
                    uint64_t ack); /* WHO PING PONG BYE ACK DRAIN */
void wire_put_number (dp_outbox_t *out, uint64_t to, wire_kind_t kind /* WORKERS SESSION_END LARGE */,
                      uint64_t ack, uint64_t number);
void wire_put_workers (dp_outbox_t *out, uint64_t to, uint64_t ack, uint64_t processes);
/* sessions: the full ones, WIRE_MAX_FULL at most. most_tasks: to a client; 0 = no limit. */
void wire_put_room (dp_outbox_t *out, uint64_t to, uint64_t ack, uint64_t bytes, uint64_t most_tasks,
                    const uint64_t *sessions, size_t n_sessions);
/* args: as the blob of wire_add_task, for initializer_args; or NULL. */
void wire_put_session (dp_outbox_t *out, uint64_t to, uint64_t ack, const wire_session_t *session,
                       dp_blob_t *args);
void wire_put_session_end (dp_outbox_t *out, uint64_t to, uint64_t ack, uint64_t session);
void wire_put_query (dp_outbox_t *out, uint64_t to, uint64_t ack, const wire_query_t *query);
void wire_put_memory (dp_outbox_t *out, uint64_t to, const wire_memory_t *memory);
/* RESULTS without results: a worker that only has a new window to tell. */
void wire_put_window (dp_outbox_t *out, uint64_t to, uint64_t ack, uint64_t window_tasks,
                      uint64_t window_bytes);
void wire_put_answer (dp_outbox_t *out, uint64_t to, uint64_t ack, const wire_answer_t *answer);

/* A message of records that is being written: one for each peer and kind. Embedded by value; all-zero =
   closed. Records are added until the batch is flushed into the outbox; it flushes itself when it is full. */
typedef struct wire_batch_s {
    dp_outgoing_t *message; /* NULL = nothing written yet */
    size_t n_records, count_at, n_tasks, tasks_at;
    size_t n_total;     /* bytes of its payload frames */
    size_t n_groups;    /* SUBMIT, TASKS */
    bool has_ranges;    /* CANCEL, REVOKE */
    wire_group_t group; /* the open group; its texts live in group_names */
    char group_names[2][64];
} wire_batch_t;

/* Each opens the batch if need be (for peer "to"), then adds one record. "blob", where not NULL, is what the
   payload's bytes lie in: a payload that is too long for the envelope becomes a frame that holds it, provided
   that it is the whole blob; any other long payload is copied into a frame of its own. */
void wire_add_task (wire_batch_t *batch, dp_outbox_t *out, uint64_t to,
                    wire_kind_t kind /* SUBMIT or TASKS */, const wire_group_t *group,
                    const wire_task_t *task, dp_blob_t *blob);
void wire_add_result (wire_batch_t *batch, dp_outbox_t *out, uint64_t to, const wire_result_t *result,
                      dp_blob_t *blob);
void wire_add_run (wire_batch_t *batch, dp_outbox_t *out, uint64_t to, wire_kind_t kind,
                   const wire_run_t *run);
void wire_add_range (wire_batch_t *batch, dp_outbox_t *out, uint64_t to, wire_kind_t kind,
                     const wire_range_t *range);

/* Mark an open (or, for an empty list, a new) batch of CLAIM or RUNS as the last, and flush it. */
void wire_end_list (wire_batch_t *batch, dp_outbox_t *out, uint64_t to, wire_kind_t kind, uint64_t ack);

/* Close the batch into the outbox with these acks and windows (0 where the kind has none). Nothing when
   empty. Where a batch flushes itself they are 0, "nothing new": receivers keep the highest ack. */
void wire_flush (wire_batch_t *batch, dp_outbox_t *out, uint64_t ack, uint64_t window_tasks,
                 uint64_t window_bytes);

/* Drop what was written. */
void wire_batch_fini (wire_batch_t *batch);

#endif
