/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/swarm/tally.h"

#include <sys/mman.h>

tally_t *tally_new (size_t n_clients, size_t n_tasks)
{
    size_t len = sizeof (tally_t) + n_clients * n_tasks;
    tally_t *self = mmap (NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (self == MAP_FAILED)
        return NULL;
    self->n_clients = n_clients;
    self->n_tasks = n_tasks;
    return self;
}

uint64_t tally_result (uint64_t argument)
{
    return (argument ^ argument >> 29) * UINT64_C (0x9e3779b97f4a7c15);
}

int tally_execute (tally_t *self, uint64_t argument)
{
    uint64_t client = argument >> 32, task = argument & UINT32_MAX;
    if (client >= self->n_clients || task >= self->n_tasks)
        return -1;
    _Atomic (uint8_t) *starts = &self->starts[client * self->n_tasks + task];
    if (atomic_load (starts) < UINT8_MAX)
        atomic_fetch_add (starts, 1);
    atomic_fetch_add (&self->n_executed, 1);
    return 0;
}

void tally_check (const tally_t *self, size_t client, size_t n, size_t *n_never, size_t *n_often)
{
    *n_never = *n_often = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t n_starts = atomic_load (&self->starts[client * self->n_tasks + i]);
        *n_never += n_starts == 0;
        *n_often += n_starts > 1;
    }
}
