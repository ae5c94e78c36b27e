#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# completion.sh <completions/dpool.bash> <program>...: bash completes each option of each --help, each command
# of dpool, the beginning of an option, and files where a file is wanted.
set -euo pipefail
export LC_ALL=C.UTF-8

# shellcheck source=/dev/null
source "$1"
shift
fault=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
touch worker.conf

# complete_words <word>...: what bash would offer for the last of these words, one a line.
complete_words () {
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _dpool "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\n' "${COMPREPLY[@]}"
}

# expect <what is wanted> <word>...
expect () {
    local wanted=$1
    shift
    if ! grep -qxF -e "$wanted" <<< "$(complete_words "$@")"; then
        echo "'$*' is not completed to $wanted"
        fault=1
    fi
}

# expect_options <word>...: all that the --help of these words shows.
expect_options () {
    local option='' offered n=0
    offered=$(complete_words "$@" --)
    for option in $("$@" --help | grep -oE '^ +(-[a-zA-Z?], )?--[a-z-]+' | grep -oE -e '--[a-z-]+'); do
        if ! grep -qxF -e "$option" <<< "$offered"; then
            echo "'$* --' is not completed to $option"
            fault=1
        fi
        n=$((n + 1))
    done
    [ $n -ge 2 ] || { echo "$*: --help shows $n options"; fault=1; }
    expect "$option" "$@" "${option%?}"
}

for program in "$@"; do
    expect_options "$program"
    if [ "$(basename "$program")" = dpool ]; then
        commands=$("$program" --help | sed -nE 's/^  ([a-z]+) .*/\1/p')
        [ -n "$commands" ] || { echo "dpool --help shows no command"; fault=1; }
        for command in $commands; do
            expect "$command" "$program" ''
            expect_options "$program" "$command"
        done
        expect status "$program" st
    else
        expect worker.conf "$program" --config work
        expect worker.conf "$program" --config = work
        expect -c "$program" -
    fi
done
[ $fault -ne 0 ] || echo "all that $# programs show is completed"
exit $fault
