#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The loop by each way of looking at a disk, forced in turn: methods.sh FLYBALL HELPERS [METHOD...]. Recommend finds the
# opportunity, the observer is killed in the middle of a trial, the next trial comes to its verdict.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"
shift 2
[ $# -gt 0 ] || set -- tp_btf fentry kprobe tracepoint

# The daemon's observer has no CAP_SYS_ADMIN, and Debian wants it for perf events: in the machine that may be changed.
[ -z "${FLYBALL_VM_GUEST:-}" ] || sysctl -q kernel.perf_event_paranoid=2

# What doctor says of a method here: used, works, less, unavailable. It is asked once: it tries each of them.
method_state()
{
	[ -s "$lab_dir/doctor" ] || "$flyball" doctor --json >"$lab_dir/doctor" || true
	jq -r --arg method "$1" '.sources[] | select(.name == "block") | .methods[] | select(.name == $method) | .state' \
		"$lab_dir/doctor"
}

method_is_used()
{
	[ "$(ask overhead --json | jq -r '.sources[] | select(.name == "block" and .state == "attached") | .method')" = "$1" ]
}

replaced()
{
	local now

	now=$(part observer 2>/dev/null) && [ -n "$now" ] && [ "$now" != "$1" ]
}

method_test()
{
	local pid took status=0

	looking=(--source "block=$1")
	"$flyball" recommend --for "$((3 + lab_patience / 2))s" --policies "$lab_dir" "${looking[@]}" --json >"$lab_dir/plan" ||
		status=$?
	check "$1: recommend has a plan" equal "$status" 2
	check "$1: it names the disk" contains "$lab_dir/plan" "disk:$disk_loop"
	policy_write 400ms 400ms 'cooldown = "1s";'
	daemon_start
	check "$1: it is the one in use" lab_await 10 method_is_used "$1"
	pid=$(part observer)
	arm_await # in force for 800 ms at least: nothing slow may come before the kill
	kill -KILL "$pid"
	took=$(scheduler_await "$disk_scheduler_before" 5000) || fail "$1: the incumbent was not back within 5 s"
	echo "ok: $1: the observer killed in the middle of a trial: the incumbent was back after $took us"
	check "$1: the observer has another process" lab_await 10 replaced "$pid"
	check "$1: another trial comes to a verdict" lab_await 90 trial_kept
	check "$1: the arm is in force" equal "$(disk_scheduler)" bfq
	check "$1: rollback undoes it" rollback
	check "$1: the incumbent is back" equal "$(disk_scheduler)" "$disk_scheduler_before"
	daemon_stop
	rm -rf "$lab_dir"/state/* "$lab_dir"/run/*
}

trial_kept()
{
	[ "$(ask trials --json 2>/dev/null | jq -r '.trials[0].verdict')" = kept ]
}

tested=0
for method; do
	state=$(method_state "$method")
	if [ "$state" = unavailable ]; then
		echo "not here: $method"
		continue
	fi
	if [ "$state" = less ] && [ -z "${FLYBALL_VM_GUEST:-}" ]; then
		echo "not for the daemon here: $method"
		continue
	fi
	method_test "$method"
	tested=$((tested + 1))
done
[ "$tested" -gt 0 ] || skip "none of $* works here"
[ -z "${FLYBALL_VM_GUEST:-}" ] || check "every method works in the software machine" equal "$tested" $#
