/* SPDX-License-Identifier: MPL-2.0 */
/*
 * notify.h - a program's word to the supervisor that started it, systemd: that it is ready, what it does,
 * that it is alive, that it stops. Where none asks for it (NOTIFY_SOCKET), and in a build without libsystemd,
 * nothing happens. For the thread of the program's loop.
 */
#ifndef NOTIFY_H_INCLUDED
#define NOTIFY_H_INCLUDED

/* It serves, and does what status says: a line. To be called from its loop, again whenever as many
   milliseconds have passed as the last call returned, so that a loop that hangs is noticed; 0 = never again.
   The first call tells that it is ready, and a status is sent only when it has changed. */
int notify_serving (const char *status);

/* It is about to end. Returns as notify_serving does. */
int notify_stopping (void);

#endif
