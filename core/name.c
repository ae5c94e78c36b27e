/* SPDX-License-Identifier: MPL-2.0 */
#include "core/name.h"

/* Not isalnum: that follows the locale. */
static bool is_allowed (char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.'
           || c == ':' || c == '-';
}

bool dp_name_is_valid (const char *name, size_t len)
{
    if (len == 0 || len > DP_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_allowed (name[i]))
            return false;
    return true;
}
