#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What was kept and is not in force any more: exit code 2, and what it is now.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"

exits()
{
	local wanted=$1 code=0

	shift
	"$@" >"$lab_dir/out" 2>&1 || code=$?
	equal "$code" "$wanted" || { cat "$lab_dir/out" && return 1; }
}

check "without a daemon it says so" exits 3 ask drift
policy_write
daemon_start
check "nothing kept, nothing drifts" exits 0 ask drift
check "the daemon comes to a verdict within 120 s" lab_await 120 trial_ended
check "which is kept" equal "$(trial_member verdict)" kept
check "what is kept is in force" exits 0 ask drift
echo kyber >"/sys/block/$disk_loop/queue/scheduler"
check "a foreign value drifts" exits 2 ask drift
check "it is said" contains "$lab_dir/out" "block.scheduler of disk:$disk_loop is 'kyber', and 'bfq' was kept"
check "also as JSON" exits 2 ask drift --json
check "with both values" equal "$(jq -r '.drift[0] | .kept + " " + .value' "$lab_dir/out")" "bfq kyber"
echo bfq >"/sys/block/$disk_loop/queue/scheduler"
check "put back it drifts no more" exits 0 ask drift
