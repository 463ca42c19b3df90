#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The memory of a process, tried for what the process itself measures: it runs on node 0 and its memory is on node 1.
#
# Remote memory costs a real machine time. The software machine has no such cost, so no measure of speed there could tell
# one node from the other, and a throughput that did would have been made up. What is pushed instead is what the kernel says about each
# page (move_pages(2)) and about the way to it (the distances of its nodes): the mean distance from the threads to their
# pages, 21 with all of them on the other node and 10 on the own one. It is asked of the kernel anew every tenth of
# a second, so it is flat while pages lie still, and changes by what a write really moved.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_lab "$@"
[ -d /sys/devices/system/node/node1 ] || skip "one NUMA node; tests/vm/run --nodes 2 has two"

# Per cent of the process's own pages that are on node 1, as its map says.
far_share()
{
	awk '/ anon=/ && !/ file=/ { for (i = 1; i <= NF; i++) if (sub(/^N/, "", $i)) {
			split($i, part, "="); n[part[1]] += part[2]; all += part[2] } }
		END { printf "%.0f\n", 100 * n[1] / all }' "/proc/$process/numa_maps"
}

# near NUMBER NUMBER BY
near()
{
	local by=$(($1 > $2 ? $1 - $2 : $2 - $1))

	[ "$by" -le "$3" ] || { echo "$1 and $2 differ by more than $3" && return 1; }
}

lab_spawn "$helpers/memnode" 0 1 16 1 600 push "$lab_dir/run/app/socket" >"$lab_dir/memnode"
process=$lab_pid
check "a process with memory on another node" lab_await 10 test -s "$lab_dir/memnode"
scope=process:$process@$(sed 's/.*) //' "/proc/$process/stat" | cut -d ' ' -f 20)
before=$(far_share)
check "nearly all of it: $before %" test "$before" -ge 95

cat >"$lab_dir/policy.conf" <<END
policy: {
	name = "home"; scope = "process"; match = "${scope#process:}";
	when = "app.value[memnode.distance] > 15 for 500ms";
	knob = "numa.process.node"; try = [ "0" ];
	objective = { minimize = "app.value[memnode.distance]"; min_effect = "10%"; };
	trial = { window = "300ms"; washout = "200ms"; };
};
END

disk_loop=none
daemon_start --only "$scope"
check "the daemon comes to a verdict within 30 s" lab_await 30 trial_ended
trial_fetch
check "the verdict is kept" equal "$(trial_said verdict)" kept
check "because it is better" equal "$(trial_said reason)" better
check "of the family numa" equal "$(trial_said family)" numa
check "of that process" equal "$(trial_said scope)" "$scope"
check "the arm is node 0" equal "$(trial_said arm)" 0
after=$(far_share)
check "its memory is there: $after % are left" test "$after" -le 5
ask explain last >"$lab_dir/story"
check "explain tells it" contains "$lab_dir/story" 'app\.value\[memnode\.distance\]'
check "rollback undoes what was kept" rollback
check "its memory is where it was, to within 5 %" near "$(far_share)" "$before" 5
check "the process still runs" test -d "/proc/$process/fd"
daemon_stop
