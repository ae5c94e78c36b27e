/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/chaos/netns.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct netns_s {
    char name[32], link[16], host[32];
};

/* A command of the shell, in silence. */
static bool __attribute__ ((format (printf, 1, 2))) command (const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start (arguments, format);
    int length = vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    snprintf (text + length, sizeof text - (size_t) length, " >/dev/null 2>&1");
    return system (text) == 0;
}

netns_t *netns_new (unsigned number, const char **reason)
{
    netns_t *self = calloc (1, sizeof *self);
    unsigned net = (unsigned) getpid () % 250 + 1;
    if (!self)
        abort ();
    snprintf (self->name, sizeof self->name, "dpool-%ld-%u", (long) getpid (), number);
    snprintf (self->link, sizeof self->link, "dp%u-%u", (unsigned) getpid () % 100000, number);
    snprintf (self->host, sizeof self->host, "10.%u.%u.1", net, number);
    *reason = NULL;
    if (geteuid () != 0)
        *reason = "only root may make network namespaces";
    else if (!command ("ip netns add %s", self->name))
        *reason = "'ip netns add' does not work here";
    else if (!command ("ip link add %s type veth peer name veth0 netns %s", self->link, self->name)
             || !command ("ip addr add %s/30 dev %s && ip link set %s up", self->host, self->link, self->link)
             || !command ("ip -n %s addr add 10.%u.%u.2/30 dev veth0 && ip -n %s link set veth0 up",
                          self->name, net, number, self->name))
        *reason = "a pair of veth cannot be made here";
    else if (!command ("ip netns exec %s iptables -A INPUT -j ACCEPT", self->name))
        *reason = "iptables does not work in a network namespace here";
    if (*reason)
        netns_destroy (&self);
    return self;
}

void netns_destroy (netns_t **self_p)
{
    netns_t *self = *self_p;
    if (!self)
        return;
    command ("ip link del %s", self->link);
    command ("ip netns del %s", self->name);
    free (self);
    *self_p = NULL;
}

const char *netns_name (const netns_t *self)
{
    return self->name;
}

const char *netns_host (const netns_t *self)
{
    return self->host;
}

void netns_drop (netns_t *self, bool comes_in, bool goes_out)
{
    command ("ip netns exec %s iptables -F", self->name);
    if (comes_in)
        command ("ip netns exec %s iptables -A INPUT -j DROP", self->name);
    if (goes_out)
        command ("ip netns exec %s iptables -A OUTPUT -j DROP", self->name);
}
