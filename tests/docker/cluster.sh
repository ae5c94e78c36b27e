# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# cluster.sh - what the tests of containers are told in: a cluster by docker-compose, clients that submit
# tasks until they are stopped, and the judge of what they noted. Sourced; the caller has set root (of the
# project), judge (a program) and compose (an array).

# shellcheck source=tests/support/records.sh
. "$root/tests/support/records.sh"

endpoint=tcp://broker:5555

# Each scenario runs in a process of its own, and its cluster is named after that: some run side by side.
name_project () {
    project=dpool-test-$BASHPID
    network=${project}_default
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
    judge_history "$@"
}

# Remove all that this scenario has made; safe to repeat.
remove_cluster () {
    local all
    mapfile -t all < <(docker ps --all --quiet --filter "name=^$project-" \
        && docker ps --all --quiet --filter "label=com.docker.compose.project=$project")
    [ ${#all[@]} -eq 0 ] || docker rm --force --volumes "${all[@]}" > /dev/null 2>&1 || true
    docker network rm "$network" "$project-pods" > /dev/null 2>&1 || true
}
