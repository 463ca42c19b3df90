#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Limits: a file that only root can have written, enforced by the actuator, made stricter at run time, read again.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"

policy_write 1s 100ms
sed -i 's/20MB for 1s/200GB for 1h/' "$lab_dir/policy.conf"
limits=$lab_dir/limits.conf
scope=disk:$disk_loop
file=/sys/block/$disk_loop/queue/read_ahead_kb
before=$(cat "$file")

exits()
{
	local wanted=$1 code=0

	shift
	"$@" >"$lab_dir/out" 2>&1 || code=$?
	equal "$code" "$wanted" || { cat "$lab_dir/out" && return 1; }
}

by_hand()
{
	ask set "$1" --scope "$scope" --for 1min
}

refused()
{
	exits 5 by_hand "$1" && contains "$lab_dir/out" "$2"
}

limit()
{
	ask limits --json | jq -r --arg name "$1" '.limits[] | select(.name == $name) | .value + " " + .from'
}

start_fails()
{
	exits 1 "$flyball" daemon --mode autonomous --policy "$lab_dir/policy.conf" --only "$scope" \
		--state "$lab_dir/state" --run "$lab_dir/run" --user 61199 --limits "$limits"
}

actuator_lives()
{
	ask limits >/dev/null 2>&1
}

check "a file that is not there is an error where it was asked for" start_fails
echo 'changes_per_our = 3; cooldown = "1 fortnight";' >"$limits"
chmod 644 "$limits"
check "the daemon does not start with errors in it" start_fails
check "all of them are said, with place and remedy" contains "$lab_dir/out" \
	"$limits:1:1: unknown key 'changes_per_our' in the limits: did you mean 'changes_per_hour'"
check "the second, too" contains "$lab_dir/out" "$limits:1:33: .*1 fortnight"
cat >"$limits" <<-END
	changes_per_hour = 100;
	deny = ( { knob = "block.nr_requests"; } );
	knobs = ( { knob = "block.read_ahead_kb"; max = "1MiB"; } );
END
chmod 666 "$limits"
check "nor with one that others may write" start_fails
check "its mode is said" contains "$lab_dir/out" 'uid 0, mode 0666.*chmod go-w'
chmod 644 "$limits"
chown 61199 "$limits"
check "nor with somebody else's" start_fails
check "its owner is said" contains "$lab_dir/out" 'belongs to uid 61199'
chown 0 "$limits"

daemon_start --limits "$limits"
check "limits shows where each comes from" equal "$(limit changes_per_hour)" "100 $limits:1"
check "also what is built in" equal "$(limit trials_at_once)" "8 built-in"
check "what is denied is refused, with file and line" refused block.nr_requests=64 "deny.*limits.conf:2\)"
check "so is what is too large" refused block.read_ahead_kb=2048 "max 1MiB .*limits.conf:3\)"
check "what is within is done" exits 0 by_hand block.read_ahead_kb=64
check "and undone" exits 0 ask abort block.read_ahead_kb

check "loosening at run time is refused" exits 5 ask limits --set changes_per_hour=101
check "with what it needs" contains "$lab_dir/out" 'needs the file'
check "an unknown limit is refused" exits 5 ask limits --set changes_per_our=1
check "and the nearest said" contains "$lab_dir/out" "did you mean 'changes_per_hour'"
check "tightening works" exits 0 ask limits --set changes_per_hour=1 --for 6s
check "and is shown as of the run time" equal "$(limit changes_per_hour)" "1 run time"
check "it is enforced" refused block.read_ahead_kb=64 "changes_per_hour 1 \(run time\) is used up"
kill -KILL "$(part actuator)"
lab_await 5 actuator_lives
check "the death of the actuator resets neither limit nor count" \
	refused block.read_ahead_kb=64 "changes_per_hour 1 \(run time\) is used up"
sleep 6
check "after its time it is gone" exits 0 by_hand block.read_ahead_kb=64
ask abort --all >/dev/null

echo 'nonsense' >"$limits"
check "a bad file never replaces good limits" exits 5 ask limits --reload
check "its errors are said" contains "$lab_dir/out" "limits.conf:"
check "the good ones hold" refused block.nr_requests=64 deny
echo 'freeze = true;' >"$limits"
check "a good one is read again" exits 0 ask limits --reload
check "and holds" refused block.read_ahead_kb=64 "freeze true"
echo 'nonsense' >"$limits"
kill -KILL "$(part actuator)"
lab_await 5 actuator_lives
check "a new actuator with a bad file begins nothing" refused block.read_ahead_kb=64 "not in order"
rm "$limits"
check "without a file what is built in holds" exits 0 ask limits --reload
check "and changes begin again" exits 0 by_hand block.read_ahead_kb=64
daemon_stop
check "nothing is left behind" equal "$(cat "$file")" "$before"
