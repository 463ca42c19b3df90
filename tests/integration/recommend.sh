#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Recommend mode finds the same opportunity, changes nothing, and starts no process that could.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"

knobs()
{
	"$flyball" knobs --json | jq -S '[.knobs[] | { name, scope, value }]'
}

# A daemon's own folder: recommend must neither make it nor write to it.
state_files()
{
	find /var/lib/flyball /run/flyball -printf '%p %s %T@\n' 2>/dev/null || true
}

state_before=$(state_files)
knobs >"$lab_dir/before"
status=0
setpriv --pdeathsig TERM -- "$flyball" recommend --for 6s --policies "$lab_dir" \
	${looking[@]+"${looking[@]}"} --json >"$lab_dir/plan" &
pid=$!
lab_pids+=("$pid")
sleep 3
check "an observer is running" pgrep -P "$pid" -x flyball-observ
actuators=$(pgrep -P "$pid" -x flyball-actuat || true)
check "no actuator is running" equal "$actuators" ""
wait "$pid" || status=$?
knobs >"$lab_dir/after"
check "changes are recommended: exit code 2" equal "$status" 2
check "the plan names the disk" contains "$lab_dir/plan" "disk:$disk_loop"
check "no knob has changed" cmp "$lab_dir/before" "$lab_dir/after"
check "nothing was written to the state folder" equal "$(state_files)" "$state_before"
