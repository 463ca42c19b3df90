#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Changes by hand where the part that decides cannot look: in a network namespace, of a knob that the operator declares; and
# of a process that is named by its number.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_lab "$@"
netns=flyball-$$
ip netns add "$netns" 2>/dev/null || skip "no network namespaces here"
trap 'ip netns del "$netns" 2>/dev/null || true; lab_end' EXIT
knob=net.ipv4.tcp_keepalive_time

inside()
{
	ip netns exec "$netns" cat "/proc/sys/${knob//.//}"
}

is()
{
	[ "$(inside)" = "$1" ]
}

cpus()
{
	taskset -cp "$process" | sed 's/.*: //'
}

cat >"$lab_dir/knobs.conf" <<-END
	knobs = ( { name = "$knob"; min = 60; max = 86400; unit = "1s"; domain = "network"; per_netns = true;
		about = "How long a connection is idle before it is asked whether it still lives."; } );
END
mkdir "$lab_dir/none"
setpriv --pdeathsig TERM -- "$flyball" daemon --mode autonomous --policies "$lab_dir/none" --knobs "$lab_dir/knobs.conf" \
	--state "$lab_dir/state" --run "$lab_dir/run" --user 61199 2>>"$lab_dir/log" &
daemon=$!
lab_pids+=("$daemon")
lab_await 10 answers || fail "the daemon does not answer"
declared=(--knobs "$lab_dir/knobs.conf")
before=$(inside)
host_before=$(cat "/proc/sys/${knob//.//}")

ask knobs "$knob" "${declared[@]}" --only "netns:$netns" --json >"$lab_dir/knob"
check "a declared knob of a namespace is listed" equal "$(jq -r '.knobs[0] | .value + " " + .scope' "$lab_dir/knob")" \
	"$before netns:$netns"
check "it is changed by hand" ask set "$knob=100" "${declared[@]}" --scope "netns:$netns" --for 1h >"$lab_dir/out"
check "for the time that is said" contains "$lab_dir/out" "is '100' for (1.00 h|60.0 min|.*), then '$before' again"
check "in the namespace" is 100
check "and nowhere else" equal "$(cat "/proc/sys/${knob//.//}")" "$host_before"
check "status knows what it was" equal "$(ask status --json | jq -r '.hands[0] | .old + " " + .new')" "$before 100"
check "nobody is taken for its owner" equal "$(ask status --json | jq '.pinned | length')" 0
check "it is ended" ask abort "$knob" --scope "netns:$netns"
check "and is as before" is "$before"
check "it is pinned" ask pin "$knob" "${declared[@]}" --scope "netns:$netns"
ask knobs "$knob" "${declared[@]}" --only "netns:$netns" >"$lab_dir/out"
check "which is why it cannot be written" contains "$lab_dir/out" "no: pinned, until 'flyball unpin'"

sleep 60 &
process=$!
lab_pids+=("$process")
all=$(cpus)
if [ "$all" = 0 ]; then
	echo "one CPU: a process has no other CPUs here"
	exit 0
fi
check "a process is named by its number" ask set affinity.process.cpus=0 --scope "process:$process" --for 1h
check "it has the CPUs that were said" equal "$(cpus)" 0
check "it is ended, too" ask abort affinity.process.cpus
check "and has its own again" equal "$(cpus)" "$all"
check "one that is not there is said" contains <(ask set affinity.process.cpus=0 --scope process:4194304 --for 1h 2>&1) \
	"no such process"
daemon_stop
