/* SPDX-License-Identifier: MPL-2.0 */
/* keys_fuzz.c - CURVE keys from files of any bytes, as a pair and as a broker's public key. */
#include "tests/fuzz/fuzz.h"

#include "net/keys.h"

#include <dpool/dpool.h>

#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char path[64];
    dp_keys_t keys = { .server_key = "" };
    int fd = fuzz_file (data, size, path, sizeof path);
    fuzz_bound_begin ();
    int rc = dp_keys_load (&keys, path);
    FUZZ_CHECK (rc == 0 || strstr (dpool_last_error ()->message, path) != NULL);
    FUZZ_CHECK (rc < 0 || (dp_key_is_valid (keys.public_key) && dp_key_is_valid (keys.secret_key)));
    rc = dp_keys_load_server (&keys, path);
    FUZZ_CHECK (rc == 0 || strstr (dpool_last_error ()->message, path) != NULL);
    FUZZ_CHECK (rc < 0 || dp_key_is_valid (keys.server_key));
    fuzz_bound_end (size);
    fuzz_file_close (fd);
    return 0;
}
