/* SPDX-License-Identifier: MPL-2.0 */
#include "broker/quota.h"

#include "core/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS 60000
#define MOST_NUMBER UINT64_C (1000000000)
#define MOST_BYTES (UINT64_C (1) << 40)

static const char between[] = ", \t";

/* One row a member. */
static const struct {
    const char *name;
    size_t offset;
    bool is_size;
} members[] = {
    { "tasks", offsetof (quota_t, tasks), false },       { "bytes", offsetof (quota_t, bytes), true },
    { "sessions", offsetof (quota_t, sessions), false }, { "workers", offsetof (quota_t, workers), false },
    { "hellos", offsetof (quota_t, hellos), false },     { "queries", offsetof (quota_t, queries), false },
};

enum { N_MEMBERS = sizeof members / sizeof members[0] };

static uint64_t *member (quota_t *self, size_t i)
{
    return (uint64_t *) (void *) ((char *) self + members[i].offset);
}

static uint64_t value_of (const quota_t *self, size_t i)
{
    uint64_t value;
    memcpy (&value, (const char *) self + members[i].offset, sizeof value);
    return value;
}

/* ---- Text ------------------------------------------------------------------------------------- */

/* How many bits a unit shifts by; -1 when it is none. */
static int shift_of (const char *unit, size_t len, bool is_size)
{
    static const char units[] = "KMGkmg";
    if (len == 0)
        return 0;
    const char *found = len == 1 && is_size ? strchr (units, *unit) : NULL;
    return found == NULL ? -1 : (int) ((found - units) % 3 + 1) * 10;
}

static bool read_number (const char *text, size_t len, bool is_size, uint64_t *value)
{
    static const char none[] = "none";
    if (len == sizeof none - 1 && memcmp (text, none, len) == 0) {
        *value = QUOTA_NONE;
        return true;
    }
    char *end;
    errno = 0;
    unsigned long long number = strtoull (text, &end, 10);
    if (len == 0 || *text < '0' || *text > '9' || errno != 0)
        return false;
    int shift = shift_of (end, (size_t) (text + len - end), is_size);
    uint64_t most = is_size ? MOST_BYTES : MOST_NUMBER;
    if (shift < 0 || number == 0 || number > most >> shift)
        return false;
    *value = number << shift;
    return true;
}

static int read_word (quota_t *self, const char *word, size_t len)
{
    for (size_t i = 0; i < N_MEMBERS; i++) {
        size_t name_len = strlen (members[i].name);
        if (len <= name_len || word[name_len] != '=' || memcmp (word, members[i].name, name_len) != 0)
            continue;
        const char *value = word + name_len + 1;
        if (read_number (value, len - name_len - 1, members[i].is_size, member (self, i)))
            return 0;
        return dp_fail (EINVAL, "quota '%.*s': write %s= and %s, or none", (int) len, word, members[i].name,
                        members[i].is_size ? "bytes from 1 to 1024G, with K, M or G behind them if so"
                                           : "a number from 1 to 1000000000");
    }
    return dp_fail (EINVAL,
                    "quota '%.*s' is unknown: write tasks=, bytes=, sessions=, workers=, hellos= or queries=",
                    (int) len, word);
}

int quota_read (quota_t *self, const char *text)
{
    bool is_empty = true;
    for (text += strspn (text, between); *text != '\0'; text += strspn (text, between)) {
        size_t len = strcspn (text, between);
        if (read_word (self, text, len) < 0)
            return -1;
        text += len;
        is_empty = false;
    }
    return is_empty ? dp_fail (EINVAL, "quota is empty: write such as tasks=1000 bytes=64M, or leave it out")
                    : 0;
}

void quota_write (const quota_t *self, char text[QUOTA_TEXT])
{
    static const char units[][2] = { "", "K", "M", "G" };
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < N_MEMBERS; i++) {
        uint64_t value = value_of (self, i);
        const char *blank = at > 0 ? " " : "";
        size_t unit = 0;
        while (members[i].is_size && unit < 3 && value > 0 && value % 1024 == 0) {
            value /= 1024;
            unit++;
        }
        if (value == QUOTA_NONE)
            at += (size_t) snprintf (text + at, QUOTA_TEXT - at, "%s%s=none", blank, members[i].name);
        else if (value > 0)
            at += (size_t) snprintf (text + at, QUOTA_TEXT - at, "%s%s=%llu%s", blank, members[i].name,
                                     (unsigned long long) value, units[unit]);
    }
}

void quota_complete (quota_t *self, const quota_t *other)
{
    for (size_t i = 0; i < N_MEMBERS; i++)
        if (*member (self, i) == 0)
            *member (self, i) = value_of (other, i);
}

/* ---- A bucket --------------------------------------------------------------------------------- */

bool quota_take (quota_bucket_t *self, uint64_t a_minute, int64_t now_ms)
{
    if (a_minute == QUOTA_NONE)
        return true;
    int64_t passed_ms = now_ms - self->at_ms;
    uint64_t whole = a_minute * MINUTE_MS, came = whole;
    if (passed_ms < MINUTE_MS)
        came = passed_ms > 0 ? (uint64_t) passed_ms * a_minute : 0;
    self->at_ms = now_ms;
    self->missing = self->missing > came ? self->missing - came : 0;
    if (self->missing + MINUTE_MS > whole)
        return false;
    self->missing += MINUTE_MS;
    return true;
}
