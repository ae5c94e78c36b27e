/* SPDX-License-Identifier: MPL-2.0 */
/* config_fuzz.c - the broker's settings from a file of any bytes. What is accepted keeps its promises. */
#include "tests/fuzz/fuzz.h"

#include "broker/config.h"

#include <dpool/dpool.h>

#include <string.h>

static void check (const config_t *config)
{
    for (size_t i = 0; i < config->n_endpoints; i++)
        FUZZ_CHECK (*config->endpoints[i] != '\0');
    FUZZ_CHECK (config->name == NULL || (*config->name != '\0' && strlen (config->name) < 256));
    FUZZ_CHECK (config->max_payload_bytes == 0 || config->max_payload_bytes >= 1024);
    FUZZ_CHECK (config->memory_limit_bytes == 0 || config->memory_limit_bytes >= 16 << 20);
    FUZZ_CHECK (config->no_worker_ms >= -1);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char path[64];
    int fd = fuzz_file (data, size, path, sizeof path);
    fuzz_bound_begin ();
    config_t *config = config_new ();
    int rc = dp_settings_take_file (config->settings, path);
    FUZZ_CHECK (rc == 0 || (rc == -1 && strstr (dpool_last_error ()->message, path) != NULL));
    check (config);
    config_destroy (&config);
    fuzz_bound_end (size);
    fuzz_file_close (fd);
    return 0;
}
