/* SPDX-License-Identifier: MPL-2.0 */
/* allowlist_fuzz.c - the keys that a broker lets in, from a file of any bytes: all of them, or an error that
 * names the file. */
#include "tests/fuzz/fuzz.h"

#include "broker/allowlist.h"

#include <dpool/dpool.h>

#include <string.h>

/* Each key takes a line of its own, of 40 characters and more. */
static void check (const access_t *access, size_t size)
{
    FUZZ_CHECK (access_count (access) <= size / ACCESS_KEY_LEN);
    FUZZ_CHECK (access_find (access, "") == NULL);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char path[64];
    int fd = fuzz_file (data, size, path, sizeof path);
    fuzz_bound_begin ();
    access_t *access = allowlist_read (path);
    if (access != NULL)
        check (access, size);
    else
        FUZZ_CHECK (strstr (dpool_last_error ()->message, path) != NULL);
    access_destroy (&access);
    fuzz_bound_end (size);
    fuzz_file_close (fd);
    return 0;
}
