#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# includes.sh <source folder>: who may include whom. The rooms are layers: all stand on the core, the
# broker, the worker and the client also on the net, and these three never meet but in client/embedded.c.
set -euo pipefail
shopt -s nullglob
export LC_ALL=C

cd "$1"
fault=0

# allow <file pattern> <what it may include, as a regular expression for the text between the quotes>
allow () {
    local file line
    for file in $1; do
        while read -r line; do
            echo "$file:$line: not allowed here (it may include $2)"
            fault=1
        done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' "$file" \
                     | grep -vE "\"($2)\"" || true)
    done
}

# forbid <file pattern> <header, as a regular expression> <why>
forbid () {
    local file line
    for file in $1; do
        while read -r line; do
            echo "$file:$line: $3"
            fault=1
        done < <(grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]+[<\"]($2)[>\"]" "$file" || true)
    done
}

allow 'include/dpool/*.h' 'nothing: <dpool/...> only'
allow 'core/*.[ch]' 'core/.*'
allow 'net/*.[ch]' '(core|net)/.*'
for file in {broker,worker}/*.[ch]; do
    if [[ $file =~ ^(broker/(main|config|allowlist)|worker/main)\.c$ ]]; then # of the programs
        allow "$file" "(core|net|${file%%/*}|service)/.*"
    else
        allow "$file" "(core|net|${file%%/*})/.*"
    fi
done
for file in client/*.[ch]; do
    if [ "$file" = client/embedded.c ]; then
        allow "$file" '(core|net|broker|worker|client)/.*'
    else
        allow "$file" '(core|net|client)/[^/]*'
    fi
done
allow 'client/cli/*.[ch]' '(core|net|client|client/cli)/[^/]*'
allow 'service/*.[ch]' 'service/.*' # dpool-worker has no more of libdpool than a user
allow 'examples/*.[ch]' 'nothing: <dpool/...> only'
allow 'tests/modules/*.[ch]' 'nothing: <dpool/...> only'
allow 'tests/conformance/*.[ch]' 'tests/(support|conformance|modules)/.*'
allow 'tests/support/*.[ch]' '(core|net)/.*|tests/support/.*'

forbid 'core/*.[ch]' 'c?zmq\.h|pthread\.h|time\.h|sys/(time|socket|wait)\.h|unistd\.h|fcntl\.h|poll\.h' \
    'the core has no sockets, clocks, threads, processes and files'

# czmq takes over the process's signals, which a library must not do to its user.
program='broker/(main|config|allowlist)\.c|client/cli/.*'
for file in {core,net,broker,worker,client}/*.[ch]; do
    if ! [[ $file =~ ^($program)$ ]]; then
        forbid "$file" 'czmq\.h' 'only the programs use czmq, not libdpool'
    fi
done
exit $fault
