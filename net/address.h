/* SPDX-License-Identifier: MPL-2.0 */
#ifndef DP_ADDRESS_H_INCLUDED
#define DP_ADDRESS_H_INCLUDED

/* Can one connect to an address of this form, tcp://HOST:PORT or ipc://PATH? NULL if so, or else what to do
   about it. ZeroMQ's own answer to most faults is "Invalid argument". */
const char *dp_address_fault (const char *address);

#endif
