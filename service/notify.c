/* SPDX-License-Identifier: MPL-2.0 */
#include "service/notify.h"

#ifdef DPOOL_HAS_SYSTEMD

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

enum { STATUS_MS = 1000, SHARE_OF_WATCHDOG = 3 };

static bool is_ready, is_stopping;
static char last_status[256];

/* Well within the watchdog's time, and as soon as a new status may be there. 0 = nobody listens. */
static int interval_ms (void)
{
    uint64_t watchdog_us = 0;
    if (getenv ("NOTIFY_SOCKET") == NULL)
        return 0;
    if (sd_watchdog_enabled (0, &watchdog_us) <= 0)
        return STATUS_MS;
    uint64_t ms = watchdog_us / 1000 / SHARE_OF_WATCHDOG;
    return ms >= STATUS_MS ? STATUS_MS : ms > 0 ? (int) ms : 1;
}

/* What it says of itself is not worth an error where it cannot be said. */
int notify_serving (const char *status)
{
    int wait_ms = interval_ms ();
    if (wait_ms == 0)
        return 0;
    bool is_changed = strncmp (status, last_status, sizeof last_status - 1) != 0;
    if (is_changed)
        snprintf (last_status, sizeof last_status, "%s", status);
    sd_notifyf (0, "%sWATCHDOG=1%s%s", is_ready ? "" : "READY=1\n", is_changed ? "\nSTATUS=" : "",
                is_changed ? last_status : "");
    is_ready = true;
    return wait_ms;
}

int notify_stopping (void)
{
    int wait_ms = interval_ms ();
    if (wait_ms == 0)
        return 0;
    sd_notify (0, is_stopping ? "WATCHDOG=1" : "STOPPING=1\nSTATUS=ending\nWATCHDOG=1");
    is_stopping = true;
    return wait_ms;
}

#else

int notify_serving (const char *status)
{
    (void) status;
    return 0;
}

int notify_stopping (void)
{
    return 0;
}

#endif
