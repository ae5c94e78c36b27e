#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# booted.sh: what tests/service/boot runs inside of the systemd that it has booted.
set -euo pipefail
export LC_ALL=C.UTF-8 PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
endpoint=tcp://127.0.0.1:5555

fail () {
    echo "FAILED: $*"
    systemctl status dpool-broker dpool-worker --no-pager --lines=20 || true
    exit 1
}

# within <seconds> <command>...: it succeeds in that time.
within () {
    local until=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        [ $SECONDS -lt $until ] || fail "this did not come true: $*"
        sleep 0.1
    done
}

property () {
    systemctl show --property="$2" --value "dpool-$1"
}

# is <program> <property> <pattern>
is () {
    # shellcheck disable=SC2053 # it is a pattern
    [[ "$(property "$1" "$2")" == $3 ]]
}

has () {
    is "$@" || fail "$1: $2 is '$(property "$1" "$2")', not '$3'"
}

# ---- Settings and keys, as docs/operations.md tells ---------------------------------------------------

useradd --system dpool
useradd --system dpool-worker
cd /etc/dpool
dpool keygen broker --role broker > /dev/null
dpool keygen node --role worker >> allowlist
dpool keygen me --role admin >> allowlist
chown dpool broker.key
chown dpool-worker node.key
chmod 755 . && chmod 644 allowlist ./*.pub
cat > broker.conf << 'END'
bind = "tcp://*:5555"
bind = "ipc:///run/dpool/broker"
key_file = "/etc/dpool/broker.key"
allowlist = "/etc/dpool/allowlist"
END
cat > worker.conf << 'END'
broker = "tcp://127.0.0.1:5555"
module = "/usr/local/lib/libtestwork.so"
processes = "2"
key_file = "/etc/dpool/node.key"
server_key = "/etc/dpool/broker.pub"
END
# The same as the installed one, but sooner.
mkdir -p /run/systemd/system/dpool-worker.service.d
printf '[Service]\nWatchdogSec=2\n' > /run/systemd/system/dpool-worker.service.d/soon.conf
systemctl daemon-reload
export DPOOL_ENDPOINT=$endpoint DPOOL_KEY_FILE=/etc/dpool/me.key DPOOL_SERVER_KEY=/etc/dpool/broker.pub

# ---- They start and work ----------------------------------------------------------------------------------

systemctl start dpool-broker dpool-worker
[ "$(dpool apply square 12)" = 144 ] || fail "a call gives '$(dpool apply square 12)'"
has worker StatusText '1 of 1 brokers, * of 2 processes busy'
within 5 is broker StatusText '1 workers, *'
user=$(stat -c %U "/proc/$(property worker MainPID)")
[ "$user" = dpool-worker ] || fail "the worker runs as $user"
runuser -u dpool-worker -- cat broker.key > /dev/null 2>&1 && fail "functions can read the broker's key"
[ "$(dpool apply big_result 1000000 | wc -c)" -gt 1000000 ] || fail "no large result came"
echo "started, and a call and a large result came"

systemctl reload dpool-broker
within 5 sh -c 'journalctl -u dpool-broker | grep "the allowlist was read again: 2 keys"'

# ---- A loop that hangs ----------------------------------------------------------------------------------

before=$(property worker MainPID)
kill -STOP "$before"
within 20 is worker NRestarts 1
within 10 is worker ActiveState active
[ "$(property worker MainPID)" != "$before" ] || fail "it is the same process"
[ "$(dpool apply square 13)" = 169 ] || fail "no call after the restart"
echo "a loop that hung was ended by the watchdog and started anew"

before=$(property broker MainPID)
kill -SEGV "$before"
within 10 is broker NRestarts 1
dpool wait --workers 1 --timeout 20 || fail "the worker has not come back to the broker"
[ "$(dpool apply square 14)" = 196 ] || fail "no call after the broker's restart"
echo "a broker that crashed was started anew, and the worker came back"

# ---- Ends -----------------------------------------------------------------------------------------------

gate=/var/lib/dpool-worker/gate
dpool apply wait_for_file "\"$gate\"" > /dev/null &
within 10 is worker StatusText '*, 1 of 2 processes busy'
systemctl stop --no-block dpool-worker
within 10 is worker ActiveState deactivating
touch "$gate"
wait $! || fail "what ran when the worker was stopped was not finished"
within 10 is worker ActiveState inactive
has worker Result success
echo "a stop let what ran finish"

systemctl start dpool-worker
dpool drain "$(hostname)" > /dev/null
within 10 is worker ActiveState inactive
has worker Result success
echo "a drained worker stays away"

echo 'prossesses = 3' >> worker.conf
! systemctl start dpool-worker 2> /dev/null || fail "it started with a wrong setting"
has worker ActiveState failed
has worker NRestarts 0
journalctl -u dpool-worker | grep -q "worker.conf:6: unknown key 'prossesses': did you mean processes?" \
    || fail "the journal does not say what is wrong"
echo "a wrong setting is told, and not tried again"
systemctl stop dpool-broker
has broker Result success
