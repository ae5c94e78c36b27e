# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# cluster.sh - what the tests of containers are told in: a cluster by docker-compose, clients that submit
# tasks until they are stopped, and the judge of what they noted. Sourced; the caller has set root (of the
# project), judge (a program) and compose (an array).

PATIENCE_S=60 # the bound of every wait
project=dpool-test-$$
network=${project}_default
endpoint=tcp://broker:5555
clients=()

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

# ---- The cluster -----------------------------------------------------------------------------------

# in_compose <argument>...: docker-compose with them. What it says is for the case of failure.
in_compose () {
    "${compose[@]}" --project-name "$project" --file "$root/docker/compose.yaml" "${more_files[@]}" \
        --file "$root/tests/docker/compose.yaml" "$@" >> "$records/compose.log" 2>&1 \
        || { tail -n 20 "$records/compose.log" >&2; die "docker-compose $*"; }
}

# scale <n>: so many workers. Newest first are those that go.
scale () {
    in_compose up --detach --no-recreate --scale "worker=$1" "${brokers[@]}" worker
}

# start_cluster <number of workers> [<another compose file>]: a broker and workers.
start_cluster () {
    more_files=()
    brokers=(broker)
    if [ $# -gt 1 ]; then
        more_files=(--file "$2")
        brokers=(broker broker2)
        endpoint=tcp://broker:5555,tcp://broker2:5555
    fi
    scale "$1"
    wait_until "$1 workers have joined" has_joined "$1"
}

# containers <service>: their ids, one a line.
containers () {
    docker ps --all --quiet --no-trunc --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$1"
}

# The name by which the broker knows a container.
name_of () {
    docker inspect --format '{{.Config.Hostname}}' "$1"
}

# broker_says <pattern>...: how many lines of the first broker's log match.
broker_says () {
    docker logs "$(containers broker)" 2>&1 | grep -c -E -e "$1"
}

has_joined () {
    [ "$(broker_says "worker '.*' .*(joined|back)")" -ge "$1" ]
}

# says_more <pattern> <n>: has the broker's log more than n lines that match?
says_more () {
    [ "$(broker_says "$1")" -gt "$2" ]
}

# ---- Clients and the judge -------------------------------------------------------------------------

# start_client <number>: submits tasks of all kinds, three maps and calls at a time, until it is stopped.
start_client () {
    docker run --detach --name "$project-client-$1" --network "$network" --volume "$records:/records" \
        dpool-client /records/chaos-client "$endpoint" "$1" "$seed" "/records/client-$1" > /dev/null
    clients+=("$1")
    await_tasks 300 "$1"
}

# outcomes <client>
outcomes () {
    grep -c ^o "$records/client-$1" 2> /dev/null
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
    grep -c ^b "$records/runs-$1" 2> /dev/null
}

has_runs () {
    [ "$(runs_of "$1")" -gt "$2" ]
}

# takes_part <worker>: it starts a task from now on.
takes_part () {
    wait_until "worker $1 takes part" has_runs "$1" "$(runs_of "$1")"
}

# finish [argument of the judge]...: the clients finish what they have begun, and the history is judged. The
# verdict stays in $verdict.
finish () {
    local client status
    for client in "${clients[@]}"; do
        docker kill --signal TERM "$project-client-$client" > /dev/null
    done
    for client in "${clients[@]}"; do
        status=$(timeout 120 docker wait "$project-client-$client") || status="no end in 120 s"
        [ "$status" = 0 ] \
            || { docker logs "$project-client-$client" >&2; die "client $client ended with $status"; }
    done
    verdict=$("$judge" "$@" "$records"/client-* "$records"/runs-*) \
        || die "the history is wrong:
$verdict"
    printf '  %s\n' "$verdict"
}

# Remove all that this scenario has made; safe to repeat.
remove_cluster () {
    local all
    mapfile -t all < <(docker ps --all --quiet --filter "name=^$project-" \
        && docker ps --all --quiet --filter "label=com.docker.compose.project=$project")
    [ ${#all[@]} -eq 0 ] || docker rm --force --volumes "${all[@]}" > /dev/null 2>&1 || true
    docker network rm "$network" > /dev/null 2>&1 || true
}
