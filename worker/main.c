/* SPDX-License-Identifier: MPL-2.0 */
/* main.c - the program dpool-worker: a worker whose functions all come from modules. */
#include "service/notify.h"
#include "service/settings_file.h"

#include <dpool/worker.h>

#include <malloc.h>
#include <stdio.h>

/* Large payloads come and go: their memory is used again, rather than fetched from the system for each, which
   takes longer than to copy one. 32 MiB is the most that malloc takes for it. */
enum { OWN_UP_TO = 32 << 20, KEEP = 64 << 20 };

static int tell (const dpool_worker_news_t *news)
{
    char status[128];
    if (news->phase == DPOOL_WORKER_STOPPING)
        return notify_stopping ();
    snprintf (status, sizeof status, "%zu of %zu brokers, %zu of %zu processes busy", news->n_connected,
              news->n_brokers, news->n_busy, news->n_processes);
    return notify_serving (status);
}

int main (int argc, char **argv)
{
    dpool_worker_host_t host = DPOOL_WORKER_HOST_INIT;
    host.read_settings = settings_file_read;
    host.tell = tell;
    mallopt (M_MMAP_THRESHOLD, OWN_UP_TO);
    mallopt (M_TRIM_THRESHOLD, KEEP);
    return dpool_worker_main_with (argc, argv, &host);
}
