#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# purity.sh <nm> <list of objects> <list of impure objects>
#
# The core and the state machines decide and do nothing else. So their objects may refer to one another
# and to what allowed_symbols.txt lists; a reference to anything else, be it a clock, a socket, a thread,
# a process or a file, is a fault and is named.
set -euo pipefail
export LC_ALL=C

nm=$1 objects=$2 impure=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pure_client='client/(helm|(session|job)[^/]*)'
pure_pattern="/(core/.*|broker/(scheduler.*|access|quota)|worker/crew.*|$pure_client)\.c\.o\$"

# What the given objects refer to and may not: lines of "object symbol".
faults () {
    {
        sed -E 's/#.*//; /^[[:space:]]*$/d; s/^/allow /' "$here/allowed_symbols.txt"
        # Lines of "object:address type symbol", without the address of what is undefined.
        "$nm" -A -g --defined-only "$@" | awk '{ print "own", $NF }'
        "$nm" -A -u "$@" | awk '{ object = $0; sub (/:[^:]*$/, "", object); print "use", $NF, object }'
    } | awk '
        $1 == "allow" { pattern[++n] = "^(" $2 ")$"; only_in[n] = $3; next }
        $1 == "own" { own[$2] = 1; next }
        !($2 in own) {
            name = $2
            # The fortified and the standard-numbered form of a function are the function.
            if (name ~ /^__.*_chk$/) { sub (/^__/, "", name); sub (/_chk$/, "", name) }
            sub (/^__isoc[0-9]+_/, "", name)
            for (i = 1; i <= n; i++)
                if (name ~ pattern[i] && (only_in[i] == "" || $3 ~ only_in[i])) next
            print $3, $2
        }'
}

mapfile -t impure_objects < "$impure"
seen=$(faults "${impure_objects[@]}" | awk '{ print $2 }')
for symbol in socket open fork clock_gettime pthread_create getenv; do
    if ! grep -qE "^(__)?${symbol}(64)?(_2)?$" <<< "$seen"; then
        echo "this check is blind: it does not see that $impure uses $symbol"
        exit 1
    fi
done

mapfile -t pure_objects < <(grep -E "$pure_pattern" "$objects" || true)
if [ ${#pure_objects[@]} -eq 0 ]; then
    echo "no object to check in $objects"
    exit 1
fi
found=$(faults "${pure_objects[@]}")
if [ -n "$found" ]; then
    while read -r object symbol; do
        source=${object#*.dir/}
        source=${source#./}
        echo "${source%.o}: refers to $symbol, which is not in tests/lint/allowed_symbols.txt"
    done <<< "$found"
    exit 1
fi
echo "${#pure_objects[@]} objects are pure"
