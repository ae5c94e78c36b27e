/* SPDX-License-Identifier: MPL-2.0 */
/* gearman.c - gearmand, by libgearman. It tells nothing of tasks that wait: a batch is run to its end. */
#include "bench/die.h"
#include "bench/peers/queue.h"

#include <libgearman-1.0/gearman.h>

#define FUNCTION "bench"

static gearman_return_t count_result (gearman_task_st *task)
{
    const job_t *job = gearman_task_context (task);
    if (job->result_len > 0 && gearman_task_data_size (task) != job->result_len)
        die ("gearman", "a result is not what was sent");
    return GEARMAN_SUCCESS;
}

static gearman_return_t give_up (gearman_task_st *task)
{
    die ("gearman", gearman_task_error (task));
}

static void *open_client (int port)
{
    gearman_client_st *client = gearman_client_create (NULL);
    if (!client || gearman_client_add_server (client, "127.0.0.1", (in_port_t) port) != GEARMAN_SUCCESS)
        die ("gearman", "cannot connect");
    gearman_client_add_options (client, GEARMAN_CLIENT_FREE_TASKS);
    gearman_client_set_complete_fn (client, count_result);
    gearman_client_set_fail_fn (client, give_up);
    return client;
}

static void run (void *client, const job_t *jobs, size_t n)
{
    gearman_return_t rc;
    for (size_t i = 0; i < n; i++) {
        /* Without a unique id of ours, it makes one. */
        gearman_client_add_task (client, NULL, (void *) &jobs[i], FUNCTION, NULL, jobs[i].argument,
                                 jobs[i].argument_len, &rc);
        if (rc != GEARMAN_SUCCESS)
            die ("gearman", gearman_client_error (client));
    }
    if (gearman_client_run_tasks (client) != GEARMAN_SUCCESS)
        die ("gearman", gearman_client_error (client));
}

static gearman_return_t do_job (gearman_job_st *job, void *result)
{
    size_t len = queue_do (gearman_job_workload (job), gearman_job_workload_size (job), result);
    return gearman_job_send_complete (job, result, len);
}

static void work (int port)
{
    gearman_worker_st *worker = gearman_worker_create (NULL);
    gearman_function_t function = gearman_function_create (do_job);
    void *result = malloc (MAX_JOB);
    if (!worker || !result
        || gearman_worker_add_server (worker, "127.0.0.1", (in_port_t) port) != GEARMAN_SUCCESS
        || gearman_worker_define_function (worker, FUNCTION, sizeof FUNCTION - 1, function, 0, result)
               != GEARMAN_SUCCESS)
        die ("gearman", "cannot be a worker");
    gearman_worker_add_options (worker, GEARMAN_WORKER_GRAB_UNIQ);
    while (gearman_worker_work (worker) == GEARMAN_SUCCESS) {
    }
}

int main (int argc, char **argv)
{
    const queue_t queue = { "gearman", 5, 2000, open_client, run, work };
    return queue_main (&queue, argc, argv);
}
