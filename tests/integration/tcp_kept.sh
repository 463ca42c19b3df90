#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The congestion control of one network namespace, tried for what a sender in it measures: before a router with a long
# queue, reno fills it and each connection waits for itself; bbr does not. Only new connections have another one.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_lab "$@"
command -v python3 >/dev/null || skip "python3 is not installed"
modprobe -q tcp_bbr 2>/dev/null || true
allowed=/proc/sys/net/ipv4/tcp_allowed_congestion_control
# A namespace takes what the whole machine allows to everybody: that is set only where the machine is ours.
[ -z "${FLYBALL_VM_GUEST:-}" ] || echo reno cubic bbr >"$allowed"
grep -qw bbr "$allowed" || skip "$allowed lacks bbr: '$(cat "$allowed")'"
netns=flyball-$$
host_before=$(cat /proc/sys/net/ipv4/tcp_congestion_control)
trap 'ip netns del "$netns" 2>/dev/null || true; lab_end' EXIT

congestion()
{
	ip netns exec "$netns" cat /proc/sys/net/ipv4/tcp_congestion_control
}

# Sends 512 KiB by a new connection each, and pushes the round-trip time that it ended with.
cat >"$lab_dir/sender.py" <<'END'
import os, socket, subprocess, sys

SINK = """
import socket
server = socket.create_server(("", 5202))
print(flush=True)
while True:
    client = server.accept()[0]
    while client.recv(65536):
        pass
    client.close()
"""
RTT = 68 # where tcpi_rtt is in struct tcp_info
sink = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "nsenter",
                         "--net=/proc/%s/ns/net" % os.environ["NET_RECEIVER"], sys.executable, "-c", SINK],
                        stdout=subprocess.PIPE)
sink.stdout.readline()
push = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
push.setblocking(False)
with open(sys.argv[2] + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[2] + ".new", sys.argv[2])
while True:
    client = socket.create_connection((os.environ["NET_PEER"], 5202))
    client.sendall(bytes(512 * 1024))
    client.shutdown(socket.SHUT_WR)
    while client.recv(1):
        pass
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, RTT + 4)
    client.close()
    try:
        push.sendto(b"flow.rtt %dus" % int.from_bytes(info[RTT:], sys.byteorder), sys.argv[1])
    except OSError:
        pass
END

cat >"$lab_dir/policy.conf" <<END
policy: {
	name = "queue"; scope = "netns"; match = "$netns";
	when = "app.latency[flow.rtt].rate > 0 for 500ms";
	knob = "tcp.congestion"; try = [ "bbr" ];
	objective = { minimize = "app.latency[flow.rtt].p50"; min_effect = "20%"; };
	trial = { window = "${FLYBALL_VM_GUEST:+2}500ms"; washout = "${FLYBALL_VM_GUEST:+1}300ms"; };
};
END

lab_spawn "$here/../lab/net" --hops 3 --rate 20mbit --family 4 run \
	python3 "$lab_dir/sender.py" "$lab_dir/run/app/socket" "$lab_dir/sender"
check "a sender, a router and a receiver" lab_await 20 test -s "$lab_dir/sender"
ip netns attach "$netns" "$(cat "$lab_dir/sender")"
ip netns exec "$netns" sh -c 'echo reno >/proc/sys/net/ipv4/tcp_congestion_control
	echo 1 >/proc/sys/net/ipv4/tcp_no_metrics_save' # a connection tells the next nothing

disk_loop=none
daemon_start --only "netns:$netns"
check "the daemon comes to a verdict within 60 s" lab_await 60 trial_ended
trial_fetch
check "the verdict is kept" equal "$(trial_said verdict)" kept
check "because it is better" equal "$(trial_said reason)" better
check "of the family tcp-congestion" equal "$(trial_said family)" tcp-congestion
check "the arm is bbr" equal "$(trial_said arm)" bbr
check "of the sender's namespace" equal "$(trial_said scope)" "netns:$netns"
check "new connections there have it" equal "$(congestion)" bbr
check "and not here" equal "$(cat /proc/sys/net/ipv4/tcp_congestion_control)" "$host_before"
ask explain last >"$lab_dir/story"
check "explain tells it" contains "$lab_dir/story" 'app\.latency\[flow\.rtt\]\.p50'
check "rollback undoes what was kept" rollback
check "the incumbent is back" equal "$(congestion)" reno
daemon_stop
