#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# faults.sh <source folder>: each test that docs/faults.md names is there.
set -euo pipefail
export LC_ALL=C.UTF-8

cd "$1"
fault=0
n=0

# The last column, one file and the tests of it a line: "unit/link_test.c `a` `b`".
while read -r file tests; do
    for test in $(grep -oE '`[A-Za-z0-9_]+`' <<< "$tests" | tr -d '`' || true); do
        n=$((n + 1))
        if ! grep -qE "^static void $test \(" "tests/$file"; then
            echo "docs/faults.md: tests/$file has no $test"
            fault=1
        fi
    done
done < <(awk -F '|' '/^\|/ { print $(NF - 1) }' docs/faults.md | tr ';' '\n' | sed 's/^ *//' \
    | grep -E '^[a-z]+/')

while read -r kind; do
    if ! grep -qF "\"$kind\"" tests/chaos/fault.c; then
        echo "docs/faults.md: ./run chaos has no fault $kind"
        fault=1
    fi
done < <(grep -oE 'chaos( [a-z]+(-[a-z]+)+| partition)+' docs/faults.md \
    | tr ' ' '\n' | grep -v '^chaos$' | sort -u)

if [ "$n" -lt 50 ]; then
    echo "docs/faults.md: only $n tests were found in it"
    fault=1
fi
exit $fault
