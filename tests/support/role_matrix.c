/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/support/role_matrix.h"

const role_row_t role_matrix[] = {
    { "HELLO as a client", WIRE_HELLO, WIRE_ROLE_CLIENT, "cma" },
    { "HELLO as a worker", WIRE_HELLO, WIRE_ROLE_WORKER, "w" },
    { "PING", WIRE_PING, 0, "cwma" },
    { "PONG", WIRE_PONG, 0, "cwma" },
    { "ACK", WIRE_ACK, 0, "cwma" },
    { "BYE", WIRE_BYE, 0, "cwma" },
    { "LARGE", WIRE_LARGE, 0, "cwma" },
    { "MEMORY", WIRE_MEMORY, 0, "cwma" },
    { "CLAIM of nothing", WIRE_CLAIM, 0, "cma" },
    { "CLAIM of ids", WIRE_CLAIM, 1, "ca" },
    { "SUBMIT", WIRE_SUBMIT, 0, "ca" },
    { "CANCEL", WIRE_CANCEL, 0, "ca" },
    { "REVOKE", WIRE_REVOKE, 0, "ca" },
    { "QUERY about a task", WIRE_QUERY, WIRE_QUERY_EXPLAIN, "ca" },
    { "QUERY whether a function is offered", WIRE_QUERY, WIRE_QUERY_FUNCTION, "cma" },
    { "QUERY about the broker's state", WIRE_QUERY, WIRE_QUERY_STATUS, "ma" },
    { "QUERY that has a worker drain", WIRE_QUERY, WIRE_QUERY_DRAIN, "a" },
    { "RESULTS", WIRE_RESULTS, 0, "w" },
    { "PROGRESS", WIRE_PROGRESS, 0, "w" },
    { "RUNS", WIRE_RUNS, 0, "w" },
    { "RELEASE", WIRE_RELEASE, 0, "w" },
    { "DRAIN", WIRE_DRAIN, 0, "cwma" },
    /* What a broker says. */
    { "WELCOME", WIRE_WELCOME, 0, "" },
    { "WHO", WIRE_WHO, 0, "" },
    { "REFUSED", WIRE_REFUSED, 0, "" },
    { "MISSING", WIRE_MISSING, 0, "" },
    { "ANSWER", WIRE_ANSWER, 0, "" },
    { "WORKERS", WIRE_WORKERS, 0, "" },
    { "TASKS", WIRE_TASKS, 0, "" },
    { "SESSION", WIRE_SESSION, 0, "" },
    { "SESSION_END", WIRE_SESSION_END, 0, "" },
    { "ADOPT", WIRE_ADOPT, 0, "" },
    { "ROOM", WIRE_ROOM, 0, "" },
};

const size_t n_role_matrix = sizeof role_matrix / sizeof role_matrix[0];
