/* SPDX-License-Identifier: MPL-2.0 */
#include "net/address.h"

#include "net/port.h"

#include <stddef.h>
#include <string.h>
#include <sys/un.h>

static const char *tcp_fault (const char *host)
{
    const char *colon = strrchr (host, ':');
    if (*host == '\0' || colon == host || (*host == '[' && strchr (host, ']') == NULL))
        return "write tcp://HOST:PORT";
    if (colon == NULL || colon[-1] == ':' || dp_port_parse (colon + 1) <= 0)
        return "its port must be a number from 1 to 65535, as in tcp://HOST:PORT";
    return NULL;
}

static const char *ipc_fault (const char *path)
{
    if (*path == '\0')
        return "write ipc://PATH";
    return strlen (path) < sizeof ((struct sockaddr_un *) 0)->sun_path ? NULL
                                                                       : "its path must be below 108 bytes";
}

const char *dp_address_fault (const char *address)
{
    static const size_t scheme_len = sizeof "tcp://" - 1;
    if (strncmp (address, "tcp://", scheme_len) == 0)
        return tcp_fault (address + scheme_len);
    if (strncmp (address, "ipc://", scheme_len) == 0)
        return ipc_fault (address + scheme_len);
    return "write tcp://HOST:PORT or ipc://PATH";
}
