/* SPDX-License-Identifier: MPL-2.0 */
/* main.c - the program dpool-worker: a worker whose functions all come from modules. */
#include <dpool/function.h>

#include <malloc.h>

/* Large payloads come and go: their memory is used again, rather than fetched from the system for each, which
   takes longer than to copy one. 32 MiB is the most that malloc takes for it. */
enum { OWN_UP_TO = 32 << 20, KEEP = 64 << 20 };

int main (int argc, char **argv)
{
    mallopt (M_MMAP_THRESHOLD, OWN_UP_TO);
    mallopt (M_TRIM_THRESHOLD, KEEP);
    return dpool_worker_main (argc, argv);
}
