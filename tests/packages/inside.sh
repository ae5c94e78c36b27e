#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# inside.sh - in a fresh Debian, as root, with the packages in /packages: installs them, builds a user's
# program with what is there, runs the table of calls on an embedded pool and on broker and worker, removes
# all of it, and looks for what was left.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
mapfile -t ours < <(for package in /packages/*.deb; do dpkg-deb --field "$package" Package; done)
endpoint=tcp://127.0.0.1:5555
work=$(mktemp -d)
cd "$work"

say () {
    printf '  %s\n' "$*"
}

die () {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# quietly <command>...: show what it printed only if it fails.
quietly () {
    "$@" > "$work/log" 2>&1 < /dev/null || { tail -n 30 "$work/log" >&2; die "$*"; }
}

# All that a package could leave: files, users, groups. Not what apt and dpkg keep for themselves.
everything () {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /run \
        -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log \) -prune \
        -o -print | sort
    cat /etc/passwd /etc/group
}

# table <file>: it has all calls and their results; what each took may differ.
table () {
    cat > expected << 'END'
call                                                  result
dpool_apply (p, &v, "f", "d", 0.1)                    0.1
dpool_map (p, "f", {0.3, 0.1, 0.2}, NULL)             0.3 0.1 0.2
r = dpool_apply_async (p, "f", "d", 0.1)              a handle
dpool_async_result_get (r, -1)                        0.1
r = dpool_map_async (p, "f", {0.3, 0.1, 0.2}, NULL)   a handle
dpool_async_result_get (r, -1)                        0.3 0.1 0.2
r = dpool_imap (p, "f", ...)                          an iterator
all of dpool_imap_next (r)                            0.3 0.1 0.2
r = dpool_imap_unordered (p, "f", ...)                an iterator
all of dpool_imap_next (r)                            0.1 0.2 0.3
END
    sed -E 's/ +(took \(s\)|[0-9]+\.[0-9]{2})$//' "$1" | diff expected - \
        || die "the table is wrong: $(cat "$1")"
}

prepare () {
    rm -f /etc/dpkg/dpkg.cfg.d/docker* # images of Debian leave documents out
    echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/quick
    echo 'Acquire::Languages "none";' > /etc/apt/apt.conf.d/quick
    quietly apt-get -qq update
    quietly apt-get -qq install --yes --no-install-recommends gcc libc6-dev pkg-config
    everything > before
}

install_packages () {
    quietly apt-get -qq install --yes --no-install-recommends /packages/*.deb
    local package path
    for package in "${ours[@]}"; do
        dpkg -L "$package" > "files-$package"
        while read -r path; do
            [ -e "$path" ] || die "$package has no $path"
        done < "files-$package"
        for path in copyright changelog.gz; do
            [ -s "/usr/share/doc/$package/$path" ] || die "$package has no $path"
        done
    done
    for path in man1/dpool.1.gz man1/dpool-broker.1.gz man5/dpool-broker.conf.5.gz man1/dpool-worker.1.gz \
        man5/dpool-worker.conf.5.gz; do
        [ -s /usr/share/man/$path ] || die "there is no manual page $path"
    done
    for package in dpool-broker dpool-worker; do
        [ -s /usr/share/doc/$package/$package.conf ] || die "$package has no sample of its settings"
        [ -s /usr/lib/systemd/system/$package.service ] || die "$package has no unit"
    done
    for path in operations.md security.md recipes/README.md recipes/slurm/dpool.sbatch; do
        [ -s /usr/share/doc/dpool/$path ] || die "the documents have no $path"
    done
    say "installed: $(dpkg-query -W -f '${Package} ' "${ours[@]}")"
}

build_users_program () {
    local flags
    cp /usr/share/doc/libdpool-dev/examples/pool_table.c .
    read -ra flags < <(pkg-config --cflags --libs dpool)
    cc pool_table.c -o pool_table "${flags[@]}"
    cc -shared -fPIC pool_table.c -o libpool_table.so "${flags[@]}"
    say "built with pkg-config: pool_table, for version $(pkg-config --modversion dpool)"
}

try_embedded () {
    ./pool_table > embedded
    table embedded
    say "embedded: the table is right"
}

try_cluster () {
    local broker worker
    dpool-broker --bind $endpoint > broker.log 2>&1 &
    broker=$!
    dpool-worker --processes 3 --module ./libpool_table.so $endpoint > worker.log 2>&1 &
    worker=$!
    dpool wait --workers 1 --timeout 30 --endpoint $endpoint > log \
        || die "no worker: $(cat log broker.log worker.log)"
    DPOOL_ENDPOINT=$endpoint ./pool_table > cluster
    table cluster
    say "broker and worker: the table is right"
    dpool status --endpoint $endpoint | sed 's/^/    /'
    kill $worker
    wait $worker || die "the worker ended with $?: $(cat worker.log)"
    kill $broker
    wait $broker || die "the broker ended with $?: $(cat broker.log)"
}

remove_packages () {
    local package path
    quietly apt-get -qq purge --yes --auto-remove "${ours[@]}"
    for package in "${ours[@]}"; do
        while read -r path; do
            [ -d "$path" ] || [ ! -e "$path" ] || die "$package has left $path"
        done < "files-$package"
        ! dpkg -s "$package" > log 2>&1 || die "dpkg still knows $package"
    done
    everything > after
    diff before after || die "this is not what it was before, see above"
    say "removed: no file, user or group is left"
}

prepare
install_packages
build_users_program
try_embedded
try_cluster
remove_packages
