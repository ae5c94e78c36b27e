#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# exports.sh <nm> <libdpool.so> <source folder>: the library exports what its headers declare, no more
# and no less.
set -euo pipefail
export LC_ALL=C

nm=$1 library=$2 source=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Every declaration starts with DPOOL_EXPORT; the name is the word before its first parenthesis.
cat "$source"/include/dpool/*.h | tr '\n' ' ' \
    | grep -oE 'DPOOL_EXPORT [a-z][^;(]*\(' | sed -E 's/ *\($//; s/.*[ *]//' | sort -u > "$scratch/declared"
"$nm" -D --defined-only "$library" | awk '$3 !~ /^__odr_asan/ { print $3 }' | sort -u > "$scratch/exported"

[ -s "$scratch/declared" ] || { echo "found no declaration in $source/include/dpool"; exit 1; }
fault=0
while read -r name; do
    echo "exported, but no public header declares it: $name"
    fault=1
done < <(comm -13 "$scratch/declared" "$scratch/exported")
while read -r name; do
    echo "declared in a public header, but not exported: $name"
    fault=1
done < <(comm -23 "$scratch/declared" "$scratch/exported")
exit $fault
