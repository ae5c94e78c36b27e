#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# installed.sh <cmake> <source folder> <build folder> <generator> <C compiler> <library folder>
# Installs into a folder of its own, and builds and runs a program outside of the tree with what is there:
# through CMake, shared and static, and through pkg-config.
set -euo pipefail

cmake=$1 source=$2 build=$3 generator=$4 compiler=$5 libdir=$6
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
prefix=$folder/prefix

fail () {
    echo "$*"
    exit 1
}

"$cmake" --install "$build" --prefix "$prefix" > "$folder/log" || { cat "$folder/log"; exit 1; }
for file in include/dpool/dpool.h include/dpool/function.h include/dpool/picture.h "$libdir/libdpool.so" \
    "$libdir/libdpool.a" "$libdir/pkgconfig/dpool.pc" "$libdir/cmake/dpool/dpool-config.cmake" \
    share/man/man1/dpool-broker.1 share/man/man1/dpool-worker.1 share/man/man5/dpool-broker.conf.5 \
    share/doc/dpool/dpool-broker.conf share/doc/dpool/dpool-worker.conf share/doc/dpool/operations.md \
    share/doc/dpool/recipes/slurm/dpool.sbatch; do
    [ -e "$prefix/$file" ] || fail "not installed: $file"
done

# Moved, to show that no file knows where it was installed first.
mv "$prefix" "$folder/moved"
prefix=$folder/moved
cp -r "$source/tests/consumer/project" "$folder/project"

"$cmake" -S "$folder/project" -B "$folder/cmake" -G "$generator" -DCMAKE_C_COMPILER="$compiler" \
    -DCMAKE_PREFIX_PATH="$prefix" > "$folder/log" || { cat "$folder/log"; exit 1; }
"$cmake" --build "$folder/cmake" > "$folder/log" || { cat "$folder/log"; exit 1; }
echo "found by CMake, shared:"
"$folder/cmake/consumer_shared" || fail "consumer_shared ended with status $?"
echo "found by CMake, static:"
"$folder/cmake/consumer_static" || fail "consumer_static ended with status $?"
if nm -g --defined-only "$prefix/$libdir/libdpool.a" | awk 'NF == 3 { print $3 }' | grep -v '^dpool_'; then
    fail "libdpool.a offers names that a program may have itself"
fi
if ldd "$folder/cmake/consumer_static" | grep libdpool; then
    fail "consumer_static is linked with the shared library"
fi

export PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig
read -ra flags < <(pkg-config --cflags --libs dpool)
"$compiler" -std=c11 -o "$folder/consumer" "$folder/project/consumer.c" "${flags[@]}" \
    -Wl,-rpath,"$prefix/$libdir"
echo "found by pkg-config:"
"$folder/consumer" || fail "consumer ended with status $?"

# An installed program finds its library by itself.
for program in dpool-broker dpool-worker dpool; do
    if [ -x "$prefix/bin/$program" ]; then
        ! ldd "$prefix/bin/$program" | grep 'not found' || fail "$program misses a library"
    fi
done
