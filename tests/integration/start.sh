#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts that go wrong: a second daemon, a torn journal, a full disk under the journal.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"

# A condition that never holds: these daemons only have to live.
sed -i 's/> 20MB for 1s/> 900GB/' "$lab_dir/policy.conf"

daemon_start
first=$daemon
status=0
timeout 10 "$flyball" daemon --mode autonomous --policy "$lab_dir/policy.conf" --only "disk:$disk_loop" \
	--state "$lab_dir/state" --run "$lab_dir/run" --user 61199 2>"$lab_dir/second" || status=$?
check "a second daemon exits with an error" test "$status" -ne 0 -a "$status" -ne 124
check "and names the first one's process" contains "$lab_dir/second" "(^|[^0-9])$first([^0-9]|\$)"
check "the first one still answers" answers
daemon_stop

journal=$(find "$lab_dir/run" -type f -name 'journal*' | head -n 1)
check "there is a journal" test -n "$journal"
head -c 37 /dev/urandom >>"$journal"
: >"$lab_dir/log"
daemon_start
check "a torn journal is no obstacle" answers
daemon_stop

# The disk fills up after the start and before the first change.
mkdir "$lab_dir/full"
mount -t tmpfs -o size=1m,mode=755 flyball-lab "$lab_dir/full"
trap 'umount --lazy "$lab_dir/full"; finish_lab' EXIT
finish_lab()
{
	lab_end
}
policy_write 300ms 100ms
: >"$lab_dir/log"
answers_there()
{
	"$flyball" status --run "$lab_dir/full" >/dev/null 2>&1
}

daemon_spawn --run "$lab_dir/full"
check "a daemon with a small run folder starts" lab_await 10 answers_there
dd if=/dev/zero of="$lab_dir/full/filler" bs=4k status=none 2>/dev/null || true
trial_is_logged()
{
	grep -q 'aborted: block.scheduler' "$lab_dir/log"
}
check "the trial ends when the journal cannot be written" lab_await 20 trial_is_logged
check "and the log says why" contains "$lab_dir/log" 'journal.*No space left|No space left.*journal'
check "nothing was changed" equal "$(disk_scheduler)" "$disk_scheduler_before"
check "the daemon lives" answers_there
daemon_stop
: >"$lab_dir/log"
daemon_spawn --run "$lab_dir/full"
check "a start on a full disk says why nothing can be changed" lab_await 20 grep -q 'No space left' "$lab_dir/log"
check "and changes nothing" equal "$(disk_scheduler)" "$disk_scheduler_before"
daemon_stop
