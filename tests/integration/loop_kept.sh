#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole loop: observed, tried, kept; rolled back by hand; nothing left behind.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"

daemon_start
check "the daemon comes to a verdict within 60 s" lab_await 60 trial_ended
check "the verdict is kept" equal "$(trial_member verdict)" kept
check "because it is better" equal "$(trial_member reason)" better
check "the arm is in force" equal "$(disk_scheduler)" bfq
check "the estimate is at least the least effect" \
	jq -en "$(trial_member effect.estimate) >= $(trial_member objective.min_effect)" >/dev/null
check "explain gives the reason" ask explain last >/dev/null
check "rollback undoes what was kept" rollback
check "the incumbent is back" equal "$(disk_scheduler)" "$disk_scheduler_before"
daemon_stop
check "the daemon is gone" lab_gone "$daemon"
check "its socket is gone" equal "$(find "$lab_dir/run" -type s)" ""
