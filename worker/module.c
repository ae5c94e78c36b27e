/* SPDX-License-Identifier: MPL-2.0 */
#include "worker/module.h"

#include "core/error.h"
#include "net/trust.h"
#include "worker/offers.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* The dynamic linker's own texts do not say what a user most often did wrong. */
static const char *hint (const char *name)
{
    return access (name, F_OK) == 0 ? " (a file of this folder is meant with ./ in front of its name)"
                                    : " (neither the linker's folders nor this one have such a file)";
}

int module_load (const char *path)
{
    size_t n_before = offers_total ();
    if (path[0] == '\0')
        return dp_fail (EINVAL, "the path of a module is empty");
    /* A bare name is looked for in the linker's own folders, which are root's. Any path has to be approved
       of, and is opened by where it really lies: /proc/self/fd would be as safe, but a module's $ORIGIN would
       lead there too. */
    char resolved[PATH_MAX];
    bool is_path = strchr (path, '/') != NULL;
    if (is_path && dp_trust_file (path, resolved) < 0)
        return -1;
    /* RTLD_NOW: a missing symbol is told here, not by the death of a child. */
    void *handle = dlopen (is_path ? resolved : path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *reason = dlerror ();
        return dp_fail (ENOENT, "cannot load module %s: %s%s", path,
                        reason != NULL ? reason : "no reason given", is_path ? "" : hint (path));
    }
    if (offers_total () == n_before)
        return dp_fail (
            EINVAL,
            "module %s offers nothing: define its functions with DPOOL_FUNCTION, and link it with "
            "the shared libdpool (and name it once only)",
            path);
    return 0;
}
