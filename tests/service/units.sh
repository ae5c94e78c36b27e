#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# units.sh <unit>...: systemd has nothing to say against any of them, and finds them shielded well.
set -euo pipefail
export LC_ALL=C.UTF-8

most=20 # tenths of systemd's exposure level, which ends at 10

if ! command -v systemd-analyze > /dev/null; then
    echo "skipped: there is no systemd-analyze"
    exit 77
fi
fault=0
for unit in "$@"; do
    findings=$(systemd-analyze verify --man=no "$unit" 2>&1) || fault=1
    if [ -n "$findings" ]; then
        echo "$findings"
        fault=1
    fi
    systemd-analyze security --offline=true --no-pager --threshold=$most "$unit" > "$unit.exposure" || fault=1
    tail -n 1 "$unit.exposure"
    # The only bound of a message without an end (docs/faults.md, 51).
    if [[ $unit == *broker* ]] && ! grep -qE '^MemoryMax=[0-9]' "$unit"; then
        echo "$unit: there is no MemoryMax="
        fault=1
    fi
done
exit $fault
