#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A change by hand: undone at its time, early, with the daemon, and when the part that decides dies.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"

policy_write 1s 100ms
sed -i 's/20MB for 1s/200GB for 1h/' "$lab_dir/policy.conf"
knob=block.read_ahead_kb
file=/sys/block/$disk_loop/queue/read_ahead_kb
before=$(cat "$file")

by_hand()
{
	ask set "$knob=$1" --scope "disk:$disk_loop" --for "$2"
}

exits()
{
	local wanted=$1 code=0

	shift
	"$@" >"$lab_dir/out" 2>&1 || code=$?
	equal "$code" "$wanted" || { cat "$lab_dir/out" && return 1; }
}

is()
{
	[ "$(cat "$file")" = "$1" ]
}

hands_known()
{
	[ "$(ask status --json 2>/dev/null | jq -r '.hands | length')" = 1 ]
}

actuator_lives()
{
	ask limits >/dev/null 2>&1
}

check "without a daemon it says so" exits 3 by_hand 64 1min
daemon_start
check "without --for it is refused" exits 64 ask set "$knob=64" --scope "disk:$disk_loop"
check "and the reason is said" contains "$lab_dir/out" 'needs --for TIME'
check "without a scope it is refused" exits 1 ask set "$knob=64" --for 1min
check "an unknown knob is refused" exits 64 ask set "block.read_ahead=64" --for 1min
check "a value out of range is refused by a limit" exits 5 by_hand 100000 1min
check "so is more than a day" exits 5 by_hand 64 25h
check "so is another disk than --only says" exits 5 ask set vm.swappiness=10 --for 1min

check "a change by hand is made" by_hand 64 3s
check "it is in force" is 64
check "status shows it" equal "$(ask status --json | jq -r '.hands[0] | .knob + " " + .new + " " + .old')" \
	"$knob 64 $before"
check "a second one in the same place is refused" exits 5 by_hand 32 1min
check "it is undone by itself" lab_await 6 is "$before"
check "and no more in status" equal "$(ask status --json | jq '.hands | length')" 0

by_hand 64 1h >/dev/null
check "abort ends it early" exits 0 ask abort "$knob"
check "the old value is back" is "$before"
by_hand 64 1h >/dev/null
check "rollback, too" exits 0 ask rollback "$knob" --scope "disk:$disk_loop"
check "the old value is back again" is "$before"

by_hand 64 4s >/dev/null
core=$(part core)
kill -KILL "$core"
check "it outlives core" is 64
check "the new core knows of it" lab_await 3 hands_known
check "and it is undone at its time" lab_await 6 is "$before"

by_hand 64 1h >/dev/null
kill -KILL "$(part actuator)"
check "the death of the actuator undoes it" lab_await 5 is "$before"
lab_await 5 actuator_lives
by_hand 64 1h >/dev/null
daemon_stop
check "so does the end of the daemon" is "$before"
