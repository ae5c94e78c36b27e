/* SPDX-License-Identifier: MPL-2.0 */
/* Uses every macro of the public headers. Valid C11 and valid C++11; compiled only, by headers.sh. */
#include <dpool/dpool.h>
#include <dpool/function.h>
#include <dpool/worker.h>

DPOOL_FUNCTION (area)
{
    int64_t n;
    double side;
    const char *unit;
    if (dpool_call_args (call, "lds", &n, &side, &unit) < 0)
        return -1;
    if (side < 0)
        return dpool_call_fail (call, 1, "the side is %f %s", side, unit);
    return dpool_call_return (call, DPOOL_V ((double) n * side * side, unit));
}

DPOOL_FUNCTION_AS (nothing, "geo.nothing")
{
    return 0;
}

DPOOL_INITIALIZER (begin)
{
    return 0;
}

DPOOL_PRELOAD (load)
{
    return 0;
}

int use_headers (dpool_t *pool);

int use_headers (dpool_t *pool)
{
    dpool_options_t options = DPOOL_OPTIONS_INIT;
    dpool_call_options_t call_options = DPOOL_CALL_OPTIONS_INIT;
    dpool_progress_t progress = DPOOL_PROGRESS_INIT;
    dpool_explanation_t explanation = DPOOL_EXPLANATION_INIT;
    const char *text = "text";
    char buffer[] = "buffer";
    bool truth = true;
    short small = 1;
    unsigned long large = 2;
    long long larger = 3;
    float half = 0.5F;

    dpool_value_t *value = NULL;
    int rc = dpool_apply (pool, &value, "area", DPOOL_V (2, 0.5, "metres"));
    rc += dpool_apply (pool, NULL, "area", DPOOL_V (truth, small, large, larger, half, text, buffer, 'c'));
    rc += dpool_apply (pool, NULL, "geo.nothing", "");
    rc += (int) options.size + (int) call_options.size + (int) progress.size + (int) explanation.size;
    return rc;
}
