/* SPDX-License-Identifier: MPL-2.0 */
/* interrupter.h - sends SIGUSR1 to a thread again and again, to see waiting calls return with EINTR. */
#ifndef INTERRUPTER_H_INCLUDED
#define INTERRUPTER_H_INCLUDED

#include <stdbool.h>

typedef struct interrupter_s interrupter_t;

/* Start to interrupt the calling thread, every few milliseconds. The handler does nothing; is_restarting
   says whether it is installed with SA_RESTART. Destroy it. */
interrupter_t *interrupter_new (bool is_restarting);

/* Stop, and restore what SIGUSR1 did before. */
void interrupter_destroy (interrupter_t **self_p);

#endif
