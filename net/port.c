/* SPDX-License-Identifier: MPL-2.0 */
#include "net/port.h"

#include <stdlib.h>
#include <string.h>

int dp_port_parse (const char *text)
{
    size_t n_digits = strspn (text, "0123456789");
    if (n_digits == 0 || n_digits > 5 || text[n_digits] != '\0')
        return -1;
    long port = strtol (text, NULL, 10);
    return port <= 65535 ? (int) port : -1;
}
