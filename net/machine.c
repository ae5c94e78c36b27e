/* SPDX-License-Identifier: MPL-2.0 */
#include "net/machine.h"

#include "core/hash.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BOOT_ID_LEN = 36 };

uint64_t dp_machine (void)
{
    uint64_t words[2 + (BOOT_ID_LEN + 7) / 8] = { 0 };
    struct stat space;
    if (stat ("/proc/self/ns/pid", &space) < 0)
        return 0;
    words[0] = space.st_dev;
    words[1] = space.st_ino;
    int fd = open ("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t len = read (fd, words + 2, BOOT_ID_LEN);
    close (fd);
    if (len != BOOT_ID_LEN)
        return 0;
    const dp_hash_key_t key = { 0, 0 };
    uint64_t machine = dp_hash (&key, words, sizeof words / sizeof words[0]);
    return machine != 0 ? machine : 1;
}
