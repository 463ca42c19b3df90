#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Whatever part of the daemon is killed in the middle of a trial: the incumbent is back in force before the
# window of the arm would have ended by itself: crash.sh FLYBALL HELPERS [PART...]
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"

WINDOW_MS=$((700 + 500 * lab_patience))
LIMIT_MS=$(((WINDOW_MS - 500) / lab_patience)) # well inside the window, so that it was not the trial's own switch

replaced()
{
	local now

	now=$(part "$1" 2>/dev/null) && [ -n "$now" ] && [ "$now" != "$2" ]
}

shift 2
[ $# -gt 0 ] || set -- core observer actuator
for victim; do
	policy_write "${WINDOW_MS}ms" 100ms
	daemon_start
	arm_await
	pid=$(part "$victim")
	took=$(scheduler_await "$disk_scheduler_before" "$LIMIT_MS" 9 "$pid") ||
		fail "$victim killed: the incumbent was not back within $LIMIT_MS ms"
	echo "ok: $victim killed in the middle of a trial: the incumbent was back after $took us"
	check "the daemon answers again" lab_await 10 answers
	check "$victim has another process" lab_await 10 replaced "$victim" "$pid"
	daemon_stop
	check "after its end the incumbent is in force" equal "$(disk_scheduler)" "$disk_scheduler_before"
	rm -rf "$lab_dir"/state/* "$lab_dir"/run/*
done
