#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# text.sh <source folder>: the size of files and functions, the width of lines, and what must not stay
# in a source.
set -euo pipefail
export LC_ALL=C.UTF-8

cd "$1"
fault=0

# complain <grep's or awk's lines> <what is wrong with them>
complain () {
    if [ -n "$1" ]; then
        sed "s/\$/  <- $2/" <<< "$1"
        fault=1
    fi
}

folders=()
for folder in include core net broker worker client service docker tests examples bench; do
    if [ -d "$folder" ]; then folders+=("$folder"); fi
done
mapfile -t sources < <(find "${folders[@]}" -name '*.[ch]' | sort)
mapfile -t scripts < <(find run .ci cmake CMakeLists.txt "${folders[@]}" -type f \
    \( -name '*.sh' -o -name '*.cmake' -o -name CMakeLists.txt -o -path run -o -path '.ci/*' \
    -o -path tests/docker/containers -o -path tests/docker/pods -o -path tests/docker/without_engine \
    -o -path tests/hosts/hosts -o -path tests/packages/install -o -path tests/packages/lint \
    -o -path tests/rolling/build_released \
    -o -path tests/service/boot -o -path docker/demo -o -path docker/is-connected \) | sort)

complain "$(awk 'FNR > 600 { print FILENAME; nextfile }' "${sources[@]}")" 'more than 600 lines'

# A function starts with a brace in the first column and ends with one.
complain "$(awk '
    /^\{/ { start = FNR }
    /^\}/ { if (start && FNR - start > 80) print FILENAME ":" start; start = 0 }' "${sources[@]}")" \
    'a function of more than 80 lines'

# lines <grep's options and pattern>: the matching lines, cut so that one fits on a screen.
lines () {
    grep -Hn "$@" | cut -c 1-90 || true
}

complain "$(lines -E '.{111,}' "${sources[@]}" "${scripts[@]}")" 'more than 110 columns'
complain "$(lines -P '\t' "${sources[@]}")" 'a tab'
complain "$(lines -E '[[:space:]]+$' "${sources[@]}" "${scripts[@]}")" 'blanks at the end of a line'
complain "$(lines -wE 'TO''DO|FIX''ME|XX''X|HA''CK' "${sources[@]}" "${scripts[@]}")" 'unfinished'
# The clock of the wall may jump: only the log tells it.
mapfile -t timed < <(printf '%s\n' "${sources[@]}" \
    | grep -E '^(core|net|broker|worker|client)/' | grep -v '^broker/log\.c$')
wall='CLOCK_REALTIME|gettimeofday|time \(NULL\)|pthread_cond_timedwait|sem_timedwait'
complain "$(grep -HnwE "$wall" "${timed[@]}" | cut -c 1-90 || true)" 'the clock of the wall'
complain "$(grep -L 'SPDX-License-Identifier: MPL-2.0' "${sources[@]}" "${scripts[@]}" || true)" \
    'no licence line'
exit $fault
