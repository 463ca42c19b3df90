#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A read of the observer that hangs in the kernel, and that no signal ends: the running trial is undone, the source is named
# and left out, all others come back, and so does this one when the read has returned.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"
[ -w /dev/fuse ] || skip "no /dev/fuse here"
[ -r /proc/pressure/io ] || skip "this kernel does not count pressure"

# source_member NAME FILTER
source_member()
{
	ask overhead --json | jq -r --arg name "$1" ".sources[] | select(.name == \$name) | .$2"
}

# source_says NAME FILTER PATTERN
source_says()
{
	source_member "$1" "$2" | grep -qE -e "$3"
}

status_says()
{
	ask status 2>/dev/null | grep -qE -e "$1"
}

replaced()
{
	local now

	now=$(part observer 2>/dev/null) && [ -n "$now" ] && [ "$now" != "$1" ]
}

gone()
{
	! kill -0 "$1" 2>/dev/null
}

doctor_says()
{
	"$flyball" doctor --json >"$lab_dir/doctor" || true
	jq -r '.sources[] | select(.name == "psi") | .text' "$lab_dir/doctor" >"$lab_dir/doctor.psi"
	contains "$lab_dir/doctor.psi" "$1"
}

policy_write "$((500 + 500 * lab_patience))ms" 100ms 'cooldown = "1s";' # without frames no window ends
sed -i 's/ for 1s/ and psi.io.some < 100% for 1s/' "$lab_dir/policy.conf"
lab_spawn "$helpers/holdreads" /proc/pressure/io >"$lab_dir/holder"
holder=$lab_pid
lab_await 5 grep -q ready "$lab_dir/holder" || skip "unable to lie over a file of /proc"
daemon_start
scheduler_await bfq 120000 >/dev/null || fail "no arm came into force within 120 s"
observer=$(part observer)
took=$(scheduler_await "$disk_scheduler_before" 5000 10 "$holder") || # SIGUSR1
	fail "a read hangs: the incumbent was not back within 5 s"
echo "ok: a read hangs: the incumbent was back after $took us"
check "the read hangs" lab_await 5 grep -q held "$lab_dir/holder"
check "the observer that hangs has a successor" lab_await 20 replaced "$observer"
check "it lives on, though it was killed" kill -0 "$observer"
check "overhead names the source and the file" \
	lab_await 15 source_says psi text "/proc/pressure/io' hangs in process $observer"
check "it is left out" source_says psi state unavailable
check "status names both" status_says "source psi.*: left out: a read of '/proc/pressure/io' hangs"
check "the disk is looked at again" lab_await 15 source_says block samples '^[1-9]'
check "the log says why" contains "$lab_dir/log" "source psi: a read of '/proc/pressure/io' hangs; it is left out"
check "the trial ended as aborted" lab_await 15 trial_ended
check "its verdict is aborted" equal "$(trial_member verdict)" aborted
check "doctor does not hang and names both" doctor_says "left out: a read of '/proc/pressure/io' hangs"
kill -USR2 "$holder"
check "when the read has returned the process dies" lab_await 10 gone "$observer"
check "the source comes back" lab_await 30 source_says psi state attached

observer=$(part observer)
kill -USR1 "$holder"
check "once more the observer that hangs has a successor" lab_await 20 replaced "$observer"
lab_await 15 source_says block samples '^[1-9]' || fail "the disk is not looked at"
kill -TERM "$daemon"
check "the daemon ends while a read hangs" lab_await 10 lab_gone "$daemon"
check "after its end the incumbent is in force" equal "$(disk_scheduler)" "$disk_scheduler_before"
kill -USR2 "$holder"
