/* SPDX-License-Identifier: MPL-2.0 */
/* testtwin.c - offers a name that testwork.c offers too: a worker must refuse the two together. */
#include <dpool/function.h>

DPOOL_FUNCTION_AS (another_square, "square")
{
    return dpool_call_return (call, "i", 0);
}
