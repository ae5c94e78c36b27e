/* SPDX-License-Identifier: MPL-2.0 */
/* chaos.h - a run of the chaos tests: clients submit, faults strike, the judge reads. */
#ifndef CHAOS_H_INCLUDED
#define CHAOS_H_INCLUDED

#include "tests/chaos/options.h"
#include "tests/chaos/stage.h"

/* Run on a stage that was not made yet, in this folder. True if every promise was kept. */
bool chaos_run (stage_t *stage, const options_t *options, const char *folder);

/* Print the names of all kinds of faults. */
void chaos_list (void);

#endif
