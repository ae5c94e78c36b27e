# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# readme.sh - scenarios of those who follow docker/README.md: its commands, to the letter. Sourced by
# containers, after cluster.sh.

# ---- A cluster in one command ----------------------------------------------------------------------

# shows_the_demo <file>: the table and the words, as the demo client prints them.
shows_the_demo () {
    [ "$(grep -cE 'dpool_.* [0-9]\.[0-9]{2}$' "$1")" -eq 10 ] || die "the table is wrong: $(cat "$1")"
    grep -qE '[0-9]+ files \(and [0-9]+ binary, 0 failed\), [0-9]+ words, [0-9]+ different' "$1" \
        || die "there are no words: $(cat "$1")"
}

# has_exited <service> <status>: as docker-compose up says it.
has_exited () {
    grep -qE "$1_1 exited with code $2" "$records/up.log"
}

# bring_up <text>: run that command of README.md in a session of its own, as somebody at a terminal would.
bring_up () {
    cd "$root"
    COMPOSE_PROJECT_NAME=$project setsid env --default-signal=INT \
        bash -c "exec $(command_of_readme "$1")" > "$records/up.log" 2>&1 &
    up=$!
}

# press_ctrl_c: what a terminal does for it. All end, by themselves: 137 would be one that had to be killed.
press_ctrl_c () {
    local container
    kill -INT -- -"$up"
    timeout $PATIENCE_S tail --pid="$up" -f /dev/null \
        || die "docker-compose does not end: $(cat "$records/up.log")"
    for container in $(containers worker) $(containers broker) $(containers broker2); do
        [ "$(docker inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$container")" = "exited 0" ] \
            || die "a container has not ended by itself: $(docker logs "$container" 2>&1 | tail -n 3)"
    done
}

one_command_brings_up_four_workers_and_shows_their_work () {
    bring_up '--scale worker=4'
    wait_until "the demo has ended" has_exited client 0
    shows_the_demo "$records/up.log"
    [ "$(broker_says "worker '.*' .*joined")" -eq 4 ] \
        || die "these are not 4 workers: $(cat "$records/up.log")"
    press_ctrl_c
}

# Its broker dies as soon as the first row of the table is there.
the_demo_goes_on_when_one_of_two_brokers_dies () {
    local endpoint used
    bring_up docker/failover.yaml
    wait_until "a first row" grep -q "dpool_apply (p" "$records/up.log"
    used=broker
    docker logs "$(containers broker2)" 2>&1 | grep -q "client 'pool_table'.*connected" && used=broker2
    docker kill "$(containers "$used")" > /dev/null
    wait_until "the demo has ended" has_exited client 0
    shows_the_demo "$records/up.log"
    docker start "$(containers "$used")" > /dev/null
    press_ctrl_c
}

# Its project is named after its process.
run_cluster_shows_a_cluster_and_leaves_nothing () {
    local status=0 theirs
    "$root/run" cluster < /dev/null > "$records/cluster.log" 2>&1 &
    theirs=label=com.docker.compose.project=dpool-$!
    wait $! || status=$?
    [ $status -eq 0 ] || die "it ended with $status: $(cat "$records/cluster.log")"
    shows_the_demo "$records/cluster.log"
    [ "$(grep -c "^worker '.*joined" "$records/cluster.log")" -eq 3 ] \
        || die "these are not 3 workers: $(cat "$records/cluster.log")"
    [ -z "$(docker ps --all --quiet --filter "$theirs"; docker network ls --quiet --filter "$theirs")" ] \
        || die "it has left something"
}

# ---- A user's own functions, as README.md tells ----------------------------------------------------

# command_of_readme <text>: the one command of docker/README.md that has this text.
command_of_readme () {
    local command
    command=$(grep -F -e "$1" "$root/docker/README.md" | grep '^    ') || true
    [ -n "$command" ] && [ "$(wc -l <<< "$command")" -eq 1 ] \
        || die "README.md should have one command with '$1'"
    printf '%s\n' "$command"
}

# readme <text>: run that command, told to use our names.
readme () {
    local command
    command=$(command_of_readme "$1")
    command=${command//--network dpool /--network $network }
    command=${command//create dpool/create $network}
    command=${command//first-worker/$project-first-worker}
    command=${command//docker run /docker run --label com.docker.compose.project=$project }
    bash -c "$command" >> "$records/readme.log" 2>&1 \
        || { tail -n 20 "$records/readme.log" >&2; die "this command of README.md: $command"; }
}

prints_the_squares () {
    : > "$records/readme.log"
    readme 'dpool-client first_program'
    [ "$(grep -E '^[0-9]+$' "$records/readme.log" | tr '\n' ' ')" = "1 4 9 16 25 36 49 64 81 100 " ] \
        || die "the squares are wrong: $(cat "$records/readme.log")"
}

# The commands run in a folder with the user's source.
prepare_own_function () {
    mkdir "$records/own"
    cp "$root/examples/first_program.c" "$records/own"
    cd "$records/own"
    readme 'docker network create'
    readme '--network-alias broker'
}

a_function_of_ones_own_comes_by_a_volume () {
    prepare_own_function
    readme 'dpool-build sh -c'
    readme '--module /modules/libfirst.so'
    prints_the_squares
}

a_function_of_ones_own_comes_by_an_image () {
    prepare_own_function
    sed -n '/^```dockerfile/,/^```$/p' "$root/docker/README.md" | sed '/^```/d' > Dockerfile
    readme 'docker build --tag first-worker'
    readme 'dpool first-worker'
    prints_the_squares
    remove_cluster
    docker image rm "$project-first-worker" > /dev/null
}

# ---- Keys, as README.md tells ----------------------------------------------------------------------

# readme_block <text>: the lines of docker/README.md around the one that has this text, up to empty ones.
readme_block () {
    awk -v text="$1" 'BEGIN { RS = "" } index($0, text) && /^    / { print; n++ } END { exit n != 1 }' \
        "$root/docker/README.md" || die "README.md should have one piece with '$1'"
}

# with_keys <argument>...: docker-compose with the files that README.md names, in a folder like the project's.
with_keys () {
    DPOOL_USER=$me "${compose[@]}" --project-name "$project" --file docker/compose.yaml \
        --file docker/curve.yaml "$@"
}

# is_refused <what it says> [<its key> <the broker's>]: a client without the secrets of curve.yaml.
is_refused () {
    local says=$1 status=0 keys=()
    [ $# -lt 3 ] || keys=(--env DPOOL_KEY_FILE="/keys/$2" --env DPOOL_SERVER_KEY="/keys/$3")
    docker run --rm --network "$network" --user "$me" --volume "$PWD/docker/keys:/keys:ro" \
        --env DPOOL_ENDPOINT="$endpoint" "${keys[@]}" dpool-client \
        dpool apply f 0.01 > refused 2>&1 || status=$?
    [ $status -eq 3 ] || die "this client should have been refused: $(cat refused)"
    grep -q -e "$says" refused || die "that should have said '$says': $(cat refused)"
}

does_not_know_the_client () {
    is_refused "does not know our key" client.key broker.pub
}

only_those_with_a_key_are_let_in () {
    local keygen me
    me=$(id -u)
    mkdir -p "$records/own/docker/keys/allowed"
    cd "$records/own"
    cp "$root"/docker/*.yaml docker
    if [ "$me" -eq 0 ]; then # keys of somebody who is not root are what most have
        me=4321
        chown $me docker/keys
    fi
    keygen=$(readme_block 'keygen broker' | sed "s/\$(id -u)/$me/")
    bash -ec "$keygen"$'\n'"keygen stranger" > keygen.log 2>&1 || die "$(cat keygen.log)"

    with_keys up --detach --no-build --scale worker=2 broker worker > up.log 2>&1 || die "$(cat up.log)"
    with_keys run --rm -T client pool_table > table 2> run.log || die "no table: $(cat run.log)"
    [ "$(grep -c 'dpool_' table)" -eq 10 ] || die "the table is wrong: $(cat table)"

    is_refused "wants a key"
    is_refused "does not know our key" stranger.key broker.pub
    is_refused "does not have the key" client.key worker.pub

    # Its section ends where that of the monitor begins; the file is another one then.
    sed -i '/^client$/,/role = client/d' docker/keys/allowed/allowlist
    with_keys kill -s HUP broker >> up.log 2>&1
    wait_until "the broker has read the list" broker_says "was read again: 2 keys"
    does_not_know_the_client
}
