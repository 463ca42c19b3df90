#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A split trial to its verdict: short connections of one namespace draw bbr or reno each, one after the other through a router
# with a long queue. They are over within bbr's start, which fills that queue, so reno's see shorter round trips. The
# actuator killed in the middle leaves no program behind.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_lab "$@"
command -v python3 >/dev/null || skip "python3 is not installed"
command -v bpftool >/dev/null || PATH=$PATH:/usr/sbin:/sbin
command -v bpftool >/dev/null || skip "bpftool is not installed"
modprobe -q tcp_bbr 2>/dev/null || true
allowed=/proc/sys/net/ipv4/tcp_allowed_congestion_control
# A namespace takes what the whole machine allows to everybody: that is set only where the machine is ours.
[ -z "${FLYBALL_VM_GUEST:-}" ] || echo reno cubic bbr >"$allowed"
grep -qw bbr "$allowed" || skip "$allowed lacks bbr: '$(cat "$allowed")'"
grep -q ' - cgroup2 ' /proc/self/mountinfo || skip "no cgroup v2 is mounted"
netns=flyball-$$
trap 'ip netns del "$netns" 2>/dev/null || true; lab_end' EXIT

congestion()
{
	ip netns exec "$netns" cat /proc/sys/net/ipv4/tcp_congestion_control
}

# Programs of any split, by name: nobody else on this machine has one.
programs()
{
	bpftool prog show name tcp_split 2>/dev/null | grep -c sock_ops || true
}

programs_are()
{
	[ "$(programs)" = "$1" ]
}

testing()
{
	[ "$(trial_member 'pairs | length' 2>/dev/null || echo 0)" -ge 1 ]
}

# Sends by a new connection each, one after the other: what one leaves in the queue the next does not find.
cat >"$lab_dir/sender.py" <<'END'
import os, socket, subprocess, sys

SINK = """
import socket
server = socket.create_server(("", 5204))
print(flush=True)
while True:
    client = server.accept()[0]
    while client.recv(65536):
        pass
    client.close()
"""
sink = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "nsenter",
                         "--net=/proc/%s/ns/net" % os.environ["NET_RECEIVER"], sys.executable, "-c", SINK],
                        stdout=subprocess.PIPE)
sink.stdout.readline()
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    client = socket.create_connection((os.environ["NET_PEER"], 5204))
    client.sendall(bytes(384 * 1024))
    client.shutdown(socket.SHUT_WR)
    while client.recv(1):
        pass
    client.close()
END

cat >"$lab_dir/policy.conf" <<END
policy: {
	name = "split"; scope = "netns"; match = "$netns";
	when = "cpu.idle >= 0% for 200ms";
	knob = "tcp.congestion"; try = [ "reno" ];
	objective = { minimize = "tcp.split.rtt.p50"; min_effect = "10%"; };
	trial = { window = "${FLYBALL_VM_GUEST:+6}1500ms"; split = true; cooldown = "0s"; };
};
END

lab_spawn "$here/../lab/net" --hops 3 --rate 50mbit --family 4 run python3 "$lab_dir/sender.py" "$lab_dir/sender"
check "a sender, a router and a receiver" lab_await 20 test -s "$lab_dir/sender"
ip netns attach "$netns" "$(cat "$lab_dir/sender")"
ip netns exec "$netns" sh -c 'echo bbr >/proc/sys/net/ipv4/tcp_congestion_control
	echo 1 >/proc/sys/net/ipv4/tcp_no_metrics_save' # a connection tells the next nothing

disk_loop=none
daemon_start --only "netns:$netns"
check "a window is measured within 60 s" lab_await 60 testing
check "one program splits" programs_are 1
check "the default is not touched" equal "$(congestion)" bbr
kill -9 "$(part actuator)"
check "no program is left when the actuator was killed" lab_await 2 programs_are 0
check "the log says what became of the split" lab_await 5 contains "$lab_dir/log" 'the split of its connections ended with the process'
check "the default is as before" equal "$(congestion)" bbr

kept()
{
	[ "$(ask trials --json 2>/dev/null | jq -r '[.trials[].verdict] | index("kept")')" != null ]
}
check "the next trial comes to kept within 60 s" lab_await 60 kept
ask trials --json | jq -c '[.trials[] | {id, verdict, reason, arm, scope, pairs: (.pairs | if type == "array" then length else . end)}]'
check "the arm is the namespace's default now" equal "$(congestion)" reno
check "no program splits any more" lab_await 2 programs_are 0
check "rollback undoes what was kept" ask rollback --all >/dev/null
check "the incumbent is back" equal "$(congestion)" bbr
daemon_stop
check "no program is left at the end" programs_are 0
