/* SPDX-License-Identifier: MPL-2.0 */
/* The cases of conformance.h on a broker with two workers, where all of them have keys. */
#include "tests/conformance/conformance.h"

#include "tests/support/cluster.h"
#include "tests/support/keyring.h"

int main (int argc, char **argv)
{
    setvbuf (stdout, NULL, _IOLBF, 0);
    unsetenv ("DPOOL_ENDPOINT");
    keyring_t *keyring = keyring_new ();
    keyring_add (keyring, "broker");
    keyring_add (keyring, "alice");
    keyring_add (keyring, "bob");
    const char *allowlist = keyring_allow (keyring, "alice\n    key = \"%alice%\"\n    role = client\n"
                                                    "bob\n    key = \"%bob%\"\n    role = worker\n");
    const char *server_key = keyring_public (keyring, "broker");
    const char *const broker[]
        = { "--key-file", keyring_file (keyring, "broker"), "--allowlist", allowlist, NULL };
    const char *const worker[]
        = { "--key-file", keyring_file (keyring, "bob"), "--server-key", server_key, NULL };
    cluster_t *cluster = cluster_new (broker);
    cluster_set_worker_arguments (cluster, worker);
    cluster_add_worker (cluster, 2, "red", "first");
    cluster_add_worker (cluster, 2, "blue", "second");
    conformance_use_keys (keyring_file (keyring, "alice"), server_key);
    int n_failed = conformance_run (cluster_endpoint (cluster), &cluster_theme, argc, argv);
    cluster_destroy (&cluster);
    keyring_destroy (&keyring);
    return n_failed;
}
