/* SPDX-License-Identifier: MPL-2.0 */
/* machine.h - which processes can reach one another's files by their process ids. */
#ifndef DP_MACHINE_H_INCLUDED
#define DP_MACHINE_H_INCLUDED

#include <stdint.h>

/* A number that only processes of this start of this kernel have, and of this namespace of process ids. 0
   where it cannot be told. Whether one of them lets us is another question. */
uint64_t dp_machine (void);

#endif
