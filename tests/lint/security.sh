#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# security.sh <source folder>: the table of roles and messages in docs/security.md is the one that is tested.
set -euo pipefail
export LC_ALL=C.UTF-8

cd "$1"

# "MESSAGE: roles", a line each, with roles as letters in the order client, worker, monitor, admin.
documented () {
    awk -F '|' '/^\| may say / { in_table = 1; next }
                !/^\|/ { in_table = 0 }
                in_table && !/^\|-/ {
                    roles = ""
                    for (i = 1; i <= 4; i++)
                        if ($(i + 2) ~ /yes/)
                            roles = roles substr ("cwma", i, 1)
                    n = split ($2, messages, ",")
                    for (i = 1; i <= n; i++) {
                        gsub (/^ +| +$/, "", messages[i])
                        print messages[i] ": " roles
                    }
                }' docs/security.md | sort
}

# Those that nobody may say are not in the page's table.
tested () {
    sed -nE 's/^ *\{ "([^"]+)", WIRE_[A-Z_]+, [A-Z0-9_]+, "([cwma]+)" \},$/\1: \2/p' \
        tests/support/role_matrix.c | sort
}

if [ "$(tested | wc -l)" -lt 15 ]; then
    echo "tests/lint/security.sh cannot read tests/support/role_matrix.c"
    exit 1
fi
if ! diff <(documented) <(tested); then
    echo "docs/security.md (<) has another table than tests/support/role_matrix.c (>)"
    exit 1
fi
