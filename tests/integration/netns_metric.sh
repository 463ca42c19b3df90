#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A sysctl of one network namespace, tried for what an application in it says: a server counts how many connections wait for
# it, and a longer queue holds more. The policy names its only instance, and has no signal of that scope. The knob is
# declared by the operator.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_lab "$@"
command -v python3 >/dev/null || skip "python3 is not installed"
netns=flyball-$$
ip netns add "$netns" 2>/dev/null || skip "no network namespaces here"
trap 'ip netns del "$netns" 2>/dev/null || true; lab_end' EXIT

queue()
{
	ip netns exec "$netns" cat "/proc/sys/net/$1"
}

# Opens a listener, and counts how many connections it takes before its queue is full.
cat >"$lab_dir/server.py" <<'END'
import select, socket, sys, time

push = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
push.setblocking(False)
while True:
    server = socket.create_server(("127.0.0.1", 0), backlog=4096)
    clients, n = [], 0
    for _ in range(600):
        client = socket.socket()
        client.setblocking(False)
        clients.append(client)
        client.connect_ex(server.getsockname())
        if not select.select([], [client], [], 0.01)[1]:
            break
        n += 1
    for client in clients:
        client.close()
    server.close()
    try:
        push.sendto(b"web:waiting %d" % n, sys.argv[1])
    except OSError:
        pass
    time.sleep(0.05)
END

cat >"$lab_dir/knobs.conf" <<END
knobs = ( { name = "queue.short"; path = "/proc/sys/net/ipv4/tcp_max_syn_backlog"; min = 64; max = 4096;
	domain = "network"; about = "A name that is taken."; } );
END
cat >"$lab_dir/policy.conf" <<END
policy: {
	name = "queue"; scope = "netns"; match = "$netns";
	when = "app.value[web:waiting] > 0 for 1s";
	knob = "net/core/somaxconn"; try = [ 500 ];
	objective = { maximize = "app.value[web:waiting]"; };
	trial = { window = "400ms"; washout = "300ms"; };
};
END
! "$flyball" policy check "$lab_dir/policy.conf" --knobs "$lab_dir/knobs.conf" 2>"$lab_dir/errors" || fail "taken"
check "one file is one knob" contains "$lab_dir/errors" \
	'knobs.conf:1:11: /proc/sys/net/ipv4/tcp_max_syn_backlog is the knob .net.ipv4.tcp_max_syn_backlog'
cat >"$lab_dir/knobs.conf" <<END
knobs = ( { name = "net.ipv4.tcp_keepalive_time"; min = 60; max = 7200; domain = "network"; unit = "1s";
	per_netns = true; about = "How long a connection is idle before it is asked whether it still lives."; } );
END
check "a declared knob is listed" contains \
	<("$flyball" knobs keepalive --only "netns:$netns" --knobs "$lab_dir/knobs.conf") "netns:$netns +7200 +yes"

ip netns exec "$netns" ip link set lo up
ip netns exec "$netns" sysctl -qw net.core.somaxconn=100
host_before=$(cat /proc/sys/net/core/somaxconn)
lab_spawn ip netns exec "$netns" python3 "$lab_dir/server.py" "$lab_dir/run/app/socket"

# The same daemon as for a disk, for a namespace.
disk_loop=none
daemon_start --only "netns:$netns" --knobs "$lab_dir/knobs.conf"
check "the daemon comes to a verdict within 60 s" lab_await 60 trial_ended
check "the verdict is kept" equal "$(trial_member verdict)" kept
check "of that namespace" equal "$(trial_member scope)" "netns:$netns"
check "the longer queue is in force there" equal "$(queue core/somaxconn)" 500
check "and not here" equal "$(cat /proc/sys/net/core/somaxconn)" "$host_before"
check "rollback undoes what was kept" rollback
check "the incumbent is back" equal "$(queue core/somaxconn)" 100
# Core may not look into the namespace: what was in force before is the actuator's to say.
ask set net.core.somaxconn=300 --scope "netns:$netns" --for 1min --json >"$lab_dir/set"
check "a change by hand says what was there" equal "$(jq -r .old "$lab_dir/set")" 100
check "and is in force" equal "$(queue core/somaxconn)" 300
check "abort undoes it" ask abort net.core.somaxconn >/dev/null
check "what was there is back" equal "$(queue core/somaxconn)" 100

# By a declared knob, which nothing of the build knows.
daemon_stop
sed -i 's|net/core/somaxconn|net.ipv4.tcp_keepalive_time|; s|\[ 500 \]|[ "600s" ]|; s|name = "queue"|name = "idle"|' "$lab_dir/policy.conf"
daemon_start --only "netns:$netns" --knobs "$lab_dir/knobs.conf"
check "a declared knob is tried" lab_await 30 sh -c \
	"ip netns exec $netns cat /proc/sys/net/ipv4/tcp_keepalive_time | grep -qx 600"
daemon_stop
check "and undone at the end" equal "$(queue ipv4/tcp_keepalive_time)" 7200
