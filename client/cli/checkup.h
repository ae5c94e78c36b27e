/* SPDX-License-Identifier: MPL-2.0 */
/* checkup.h - what dpool doctor looks at on this machine, without any broker. */
#ifndef CHECKUP_H_INCLUDED
#define CHECKUP_H_INCLUDED

#include "client/cli/findings.h"

/* Descriptors, processes, memory, shared memory, the clock. */
void checkup_machine (findings_t *findings);

/* Could a module be loaded here: who could have changed it? */
void checkup_module (findings_t *findings, const char *path);

/* The keys that the environment names; NULL where it does not. False: a broker need not be asked with them.
 */
bool checkup_keys (findings_t *findings, const char *key_file, const char *server_key);

#endif
