/* SPDX-License-Identifier: MPL-2.0 */
/* listener.h - a plain TCP server, which speaks nothing. */
#ifndef LISTENER_H_INCLUDED
#define LISTENER_H_INCLUDED

#include <stddef.h>

/* Listens at a free port of 127.0.0.1: a descriptor to accept from and to close, and its endpoint. Fails the
   running test where it cannot. */
int listen_tcp (char *endpoint, size_t size);

#endif
