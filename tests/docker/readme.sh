# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# readme.sh - scenarios of those who follow docker/README.md: its commands, to the letter. Sourced by
# containers, after cluster.sh.

# ---- A cluster in one command ----------------------------------------------------------------------

# has_the_table <file>: all calls, and what they give; what each took may differ. docker-compose puts a name
# before each line, in colours.
has_the_table () {
    local expected
    expected=$(sed -n '/^call  /,/^END$/{/^END$/!p}' "$root/tests/packages/inside.sh")
    sed -E 's/\x1b\[[0-9;]*m//g; s/^client[-_]1 +\| //' "$1" | grep -E '^(call|dpool_|r = dpool_|all of)' \
        | sed -E 's/ +(took \(s\)|[0-9]+\.[0-9]{2})$//' | diff - <(echo "$expected") \
        || die "the table is wrong: $(cat "$1")"
}

# shows_the_demo <file>: the table and the words, as the demo client prints them.
shows_the_demo () {
    has_the_table "$1"
    grep -qE '[0-9]+ files \(and [0-9]+ binary, 0 failed\), [0-9]+ words, [0-9]+ different' "$1" \
        || die "there are no words: $(cat "$1")"
}

# has_exited <service> <status>: as docker-compose up says it, or docker compose, which writes client-1.
has_exited () {
    grep -qE "$1[-_]1 exited with code $2" "$records/up.log"
}

# at_terminal <log> <command> [argument]...: start it in a session of its own, as one at a terminal would.
# It is $!.
at_terminal () {
    local log=$1
    shift
    setsid env --default-signal=INT "$@" < /dev/null > "$log" 2>&1 &
}

# press_ctrl_c <pid> <log>: what a terminal does for it. It ends.
press_ctrl_c () {
    kill -INT -- -"$1"
    timeout $PATIENCE_S tail --pid="$1" -f /dev/null || die "Ctrl-C does not end it: $(cat "$2")"
}

# bring_up <pattern>: run that command of README.md, and leave it running.
bring_up () {
    at_terminal "$records/up.log" COMPOSE_PROJECT_NAME="$project" bash -c "exec env $(command_of_readme "$1")"
    up=$!
}

# await_demo: of what was brought up, to its end, at which it has shown all.
await_demo () {
    (wait_until "the demo has ended" has_exited client '[0-9]') \
        || die "this was said: $(cat "$records/up.log")"
    has_exited client 0 || die "the demo has failed: $(cat "$records/up.log")"
    shows_the_demo "$records/up.log"
}

# stop_all: Ctrl-C. All end by themselves: 137 would be one that had to be killed.
stop_all () {
    local container
    press_ctrl_c "$up" "$records/up.log"
    for container in $(containers worker) $(containers broker) $(containers broker2); do
        [ "$(docker inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$container")" = "exited 0" ] \
            || die "a container has not ended by itself: $(docker logs "$container" 2>&1 | tail -n 3)"
    done
}

# end_up: what was brought up and not stopped makes no more containers.
end_up () {
    if [ -n "$up" ] && kill -TERM -- -"$up" 2> /dev/null; then
        timeout 10 tail --pid="$up" -f /dev/null || kill -KILL -- -"$up"
    fi
}

# has_left_nothing <project>: of docker-compose.
has_left_nothing () {
    local theirs=label=com.docker.compose.project=$1
    [ -z "$(docker ps --all --quiet --filter "$theirs"; docker network ls --quiet --filter "$theirs")" ] \
        || die "there is something left: $(docker ps --all --filter "$theirs")"
}

# runs_the_demo <pattern>: that command of README.md shows the demo, and ends.
runs_the_demo () {
    : > "$records/readme.log"
    readme "$1"
    shows_the_demo "$records/readme.log"
}

one_command_brings_up_four_workers_and_shows_their_work () {
    cd "$root"
    bring_up '--scale worker=4'
    await_demo
    [ "$(broker_says "worker '.*' .*joined")" -eq 4 ] \
        || die "these are not 4 workers: $(cat "$records/up.log")"
    readme 'exec -T broker dpool status'
    grep -q '^workers: 4 (4 ready)' "$records/readme.log" \
        || die "that is not the status of 4 workers: $(cat "$records/readme.log")"
    runs_the_demo 'compose.yaml up --no-deps client$'
    stop_all
    readme 'compose.yaml down$'
    has_left_nothing "$project"
}

# Its broker dies as soon as the first row of the table is there. Then the first of the two, as README.md
# tells it, and the demo finds the other one.
the_demo_goes_on_when_one_of_two_brokers_dies () {
    local endpoint used n
    cd "$root"
    bring_up 'failover.yaml up$'
    wait_until "a first row" grep -q "dpool_apply (p" "$records/up.log"
    used=broker
    docker logs "$(containers broker2)" 2>&1 | grep -q "client 'pool_table'.*connected" && used=broker2
    docker kill "$(containers "$used")" > /dev/null
    await_demo
    docker start "$(containers "$used")" > /dev/null

    readme 'failover.yaml kill broker$'
    runs_the_demo 'failover.yaml up --no-deps client$'
    n=$(broker_says "listening") || true
    docker start "$(containers broker)" > /dev/null
    wait_until "the broker listens again" says_more "listening" "$n"
    stop_all
    readme 'failover.yaml down$'
    has_left_nothing "$project"
}

# Once to its end, and beside that once until Ctrl-C. Their projects are named after their processes.
run_cluster_shows_a_cluster_and_leaves_nothing () {
    local status=0 whole stopped
    "$root/run" cluster < /dev/null > "$records/cluster.log" 2>&1 &
    whole=$!
    at_terminal "$records/stopped.log" "$root/run" cluster
    stopped=$!
    wait_until "a first row" grep -q "dpool_apply (p" "$records/stopped.log"
    press_ctrl_c $stopped "$records/stopped.log"
    has_left_nothing "dpool-$stopped"
    wait $whole || status=$?
    [ $status -eq 0 ] || die "it ended with $status: $(cat "$records/cluster.log")"
    shows_the_demo "$records/cluster.log"
    [ "$(grep -c "^worker '.*joined" "$records/cluster.log")" -eq 3 ] \
        || die "these are not 3 workers: $(cat "$records/cluster.log")"
    has_left_nothing "dpool-$whole"
}

# ---- A user's own functions, as README.md tells ----------------------------------------------------

# command_of_readme <pattern>: the one command of docker/README.md that matches, with the docker-compose of
# this machine.
command_of_readme () {
    local command
    command=$(grep -e "^    .*$1" "$root/docker/README.md") || true
    [ -n "$command" ] && [ "$(wc -l <<< "$command")" -eq 1 ] \
        || die "README.md should have one command with '$1'"
    command=${command//docker-compose /${compose[*]} }
    printf '%s\n' "${command//\$(id -u)/${me:-\$(id -u)}}"
}

# readme <pattern>: run that command, told to use our names.
readme () {
    local command
    command=$(command_of_readme "$1")
    command=${command//--network dpool /--network $network }
    command=${command//create dpool/create $network}
    command=${command//network rm dpool/network rm $network}
    command=${command//network=dpool/network=$network}
    command=${command//first-worker/$project-first-worker}
    command=${command//docker run /docker run --label com.docker.compose.project=$project }
    COMPOSE_PROJECT_NAME=$project bash -c "$command" < /dev/null >> "$records/readme.log" 2>&1 \
        || { tail -n 20 "$records/readme.log" >&2; die "this command of README.md: $command"; }
}

has_the_squares () {
    [ "$(grep -E '^[0-9]+$' "$records/readme.log" | tr '\n' ' ')" = "1 4 9 16 25 36 49 64 81 100 " ] \
        || die "the squares are wrong: $(cat "$records/readme.log")"
}

prints_the_squares () {
    : > "$records/readme.log"
    readme 'dpool-client first_program'
    has_the_squares
}

options_of_the_command_add_to_those_of_the_image () {
    readme '--print-config'
    grep -qF 'bind = "tcp://*:5555"  # DPOOL_BROKER_BIND' "$records/readme.log" \
        && grep -q '^memory_limit = "2G"' "$records/readme.log" || die "$(cat "$records/readme.log")"
}

# be_a_user: what is in the folder of here belongs to somebody who is not root, as with most. The user is $me.
be_a_user () {
    me=$(id -u)
    [ "$me" -ne 0 ] || me=4321
    chown -R "$me" .
}

# The commands run in a folder with the user's source, which all of his group may write to.
prepare_own_function () {
    mkdir -m 775 "$records/own"
    cp "$root/examples/first_program.c" "$records/own"
    cd "$records/own"
    be_a_user
}

start_own_broker () {
    readme 'docker network create'
    readme '--network-alias broker'
}

# It has the options of the command besides those of the image, and is reached from other containers.
a_function_of_ones_own_comes_by_a_volume () {
    local me
    prepare_own_function
    start_own_broker
    readme 'dpool-build sh -c'
    readme 'chmod go-w'
    readme '--module /modules/libfirst.so'
    prints_the_squares
    readme 'docker rm --force'
    readme 'docker network rm'
}

# In the cluster of compose.yaml. What its functions write goes to /tmp.
a_function_of_ones_own_joins_the_cluster () {
    local me commands up_to
    prepare_own_function
    readme 'dpool-build sh -c'
    readme 'chmod go-w'
    commands=$(readme_block 'own.yaml up' | sed "s|/path/to/it|$PWD|; s|\$(id -u)|$me|")
    commands=${commands//docker-compose /${compose[*]} }
    up_to=${commands%$'\n'*}
    cd "$root"
    COMPOSE_PROJECT_NAME=$project bash -ec "$up_to" < /dev/null > "$records/readme.log" 2>&1 \
        || die "$up_to: $(cat "$records/readme.log")"
    has_the_squares
    docker exec "$(containers worker | head -n 1)" touch /tmp/written || die "a function cannot write to /tmp"
    COMPOSE_PROJECT_NAME=$project bash -ec "$(grep -v -e ' up ' -e ' run ' <<< "$commands")" < /dev/null \
        > "$records/down.log" 2>&1 || die "$(cat "$records/down.log")"
    has_left_nothing "$project"
}

a_function_of_ones_own_comes_by_an_image () {
    local me
    prepare_own_function
    start_own_broker
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
    mkdir -p "$records/own/docker/keys/allowed"
    cd "$records/own"
    cp "$root"/docker/*.yaml docker
    be_a_user
    keygen=$(readme_block 'keygen broker' | sed "s/\$(id -u)/$me/")
    bash -ec "$keygen"$'\n'"keygen stranger" > keygen.log 2>&1 || die "$(cat keygen.log)"

    bring_up 'curve.yaml up$'
    await_demo

    is_refused "wants a key"
    is_refused "does not know our key" stranger.key broker.pub
    is_refused "does not have the key" client.key worker.pub

    # Its section ends where that of the monitor begins; the file is another one then.
    sed -i '/^client$/,/role = client/d' docker/keys/allowed/allowlist
    readme 'kill -s HUP broker$'
    wait_until "the broker has read the list" broker_says "was read again: 2 keys"
    does_not_know_the_client
    stop_all
}
