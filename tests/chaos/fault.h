/* SPDX-License-Identifier: MPL-2.0 */
/* fault.h - the kinds of faults: what each does to a party, and how it is healed. */
#ifndef FAULT_H_INCLUDED
#define FAULT_H_INCLUDED

#include "tests/chaos/plan.h"
#include "tests/chaos/stage.h"

/* How many kinds there are, and their names. */
size_t fault_kinds (void);
const char *fault_name (size_t kind);

/* Is there any party that it could hit? Partitions need namespaces. */
bool fault_is_possible (stage_t *stage, size_t kind);

/* Let it happen now and be healed later. False when all whom it could hit are in trouble already. */
bool fault_strike (stage_t *stage, const planned_t *planned);

#endif
