/* SPDX-License-Identifier: MPL-2.0 */
/* testempty.c - a module that offers nothing, which is a mistake that a worker must name. */
#include <dpool/function.h>

DPOOL_EXPORT int testempty_marker (void);

int testempty_marker (void)
{
    return 1;
}
