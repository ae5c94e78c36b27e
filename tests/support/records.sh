# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# records.sh - what tests in bash ask of the records that the clients and tasks of the chaos tests leave:
# client-N and runs-NAME in the folder $records. Sourced; $judge is the program chaos-judge.

PATIENCE_S=60 # the bound of every wait
clients=()    # their numbers

die () {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# wait_until <what> <command>...: ask again until the command succeeds.
wait_until () {
    local what=$1 end=$((SECONDS + PATIENCE_S))
    shift
    until "$@" > /dev/null 2>&1; do
        [ $SECONDS -lt $end ] || die "waited $PATIENCE_S s in vain until $what"
        sleep 0.02
    done
}

# outcomes <client>: how many of its tasks have ended.
outcomes () {
    cat "$records/client-$1" 2> /dev/null | grep -c ^o
}

has_outcomes () {
    [ "$(outcomes "$1")" -ge "$2" ]
}

# await_tasks <n> [<client>]...: so many more tasks have ended, for each of all clients, or of these.
await_tasks () {
    local n=$1 client
    shift
    [ $# -gt 0 ] || set -- "${clients[@]}"
    for client in "$@"; do
        wait_until "client $client has $n more results" has_outcomes "$client" $(($(outcomes "$client") + n))
    done
}

# runs_of <name of a worker>: how many tasks it has started.
runs_of () {
    cat "$records/runs-$1" 2> /dev/null | grep -c ^b
}

has_runs () {
    [ "$(runs_of "$1")" -gt "$2" ]
}

# takes_part <worker>: it starts a task from now on.
takes_part () {
    wait_until "worker $1 takes part" has_runs "$1" "$(runs_of "$1")"
}

# judge_history [argument of the judge]...: once the clients have finished. The verdict stays in $verdict.
judge_history () {
    verdict=$("$judge" "$@" "$records"/client-* "$records"/runs-*) \
        || die "the history is wrong:
$verdict"
    printf '  %s\n' "$verdict"
}
