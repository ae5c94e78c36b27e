#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# headers.sh <source folder>: the public headers compile for themselves, in C11 and C++11, with the
# compilers that are there, and without a warning.
set -euo pipefail

source=$1
warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

n=0
# compile <compiler> <standard> <language> <file>
compile () {
    "$1" -std="$2" -x "$3" -fsyntax-only "${warnings[@]}" -I "$source/include" "$4" \
        || { echo "$4 does not compile with $1 -std=$2"; exit 1; }
    n=$((n + 1))
}

for compiler in gcc clang g++ clang++; do
    if ! command -v "$compiler" > "$folder/where"; then
        echo "skipped: there is no $compiler"
        continue
    fi
    case $compiler in
    *++) language=c++ standards='c++11 c++17' ;;
    *) language=c standards='c11 c17' ;;
    esac
    for standard in $standards; do
        # Each header alone, twice: it needs no other and bears to be included again.
        for header in "$source"/include/dpool/*.h; do
            name=dpool/$(basename "$header")
            printf '#include <%s>\n#include <%s>\n' "$name" "$name" > "$folder/alone"
            compile "$compiler" "$standard" "$language" "$folder/alone"
        done
        compile "$compiler" "$standard" "$language" "$source/tests/consumer/use_headers.c"
    done
done
[ $n -gt 0 ] || { echo "there is no compiler at all"; exit 1; }
echo "$n compilations without a warning"
