/* SPDX-License-Identifier: MPL-2.0 */
/* main.c - the program dpool-worker: a worker whose functions all come from modules. */
#include <dpool/function.h>

int main (int argc, char **argv)
{
    return dpool_worker_main (argc, argv);
}
