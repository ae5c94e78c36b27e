/* SPDX-License-Identifier: MPL-2.0 */
#ifndef DP_PORT_H_INCLUDED
#define DP_PORT_H_INCLUDED

/* The number of a TCP port, 0 to 65535, that is all of the text, in decimal digits; -1 when it is none.
   ZeroMQ itself takes a port modulo 65536 and ignores what stands behind it. */
int dp_port_parse (const char *text);

#endif
