#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A core that hangs is as good as dead: the actuator undoes the running trial when the heartbeat stops.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"

policy_write "$((500 + 500 * lab_patience))ms" 100ms # a core that hangs ends no window
daemon_start
scheduler_await bfq 120000 >/dev/null || fail "no arm came into force within 120 s"
core=$(part core)
took=$(scheduler_await "$disk_scheduler_before" 5000 19 "$core") ||
	fail "core hangs: the incumbent was not back within 5 s"
echo "ok: core hangs: the incumbent was back after $took us"
kill -CONT "$core" 2>/dev/null || true
check "the daemon answers again" lab_await 15 answers
check "the trial ended as aborted" lab_await 15 trial_ended
check "its verdict is aborted" equal "$(trial_member verdict)" aborted
