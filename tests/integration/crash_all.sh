#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything killed at once in the middle of a trial: the next start puts the incumbent back.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"
WINDOW_MS=$((500 + 500 * lab_patience))

policy_write "${WINDOW_MS}ms" 100ms
daemon_start
arm_await
# The actuator first, and the supervisor stopped: nobody may undo or recover meanwhile.
parts=$(part actuator),$daemon,$(part core),$(part observer)
kill -STOP "$daemon"
if scheduler_await "$disk_scheduler_before" 300 9 "$parts" >/dev/null; then
	fail "the incumbent came back although every process was killed at once"
fi
check "the arm is left in force by the crash" equal "$(disk_scheduler)" bfq
wait "$daemon" || true
: >"$lab_dir/log"
daemon_start
took=$(scheduler_await "$disk_scheduler_before" 2000) || fail "the next start did not put the incumbent back"
echo "ok: the next start put the incumbent back"
check "and says so" contains "$lab_dir/log" "$disk_scheduler_before"
daemon_stop

policy_write "${WINDOW_MS}ms" 100ms
rm -rf "$lab_dir"/state/* "$lab_dir"/run/*
daemon_start
arm_await
took=$(scheduler_await "$disk_scheduler_before" "$((WINDOW_MS - 300))" 9 "$daemon") ||
	fail "supervisor killed: the incumbent was not back before the window ends by itself"
echo "ok: supervisor killed: the incumbent was back after $took us"
