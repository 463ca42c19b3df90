#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Somebody else's hand: the knob is theirs, over the restart of everything, until it is unpinned.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"

policy_write 1s 100ms
scope=disk:$disk_loop

exits()
{
	local wanted=$1 code=0

	shift
	"$@" >"$lab_dir/out" 2>&1 || code=$?
	equal "$code" "$wanted" || { cat "$lab_dir/out" && return 1; }
}

pinned()
{
	[ "$(ask status --json 2>/dev/null | jq -r '.pinned | length')" = "$1" ]
}

owner()
{
	ask knobs "$1" --only "$scope" --json | jq -r '.knobs[0].owner'
}

policy_is()
{
	[ "$(ask status --json 2>/dev/null | jq -r '.targets[0].state')" = "$1" ]
}

policy_goes_on()
{
	! policy_is pinned
}

daemon_start
arm_await
echo kyber >"/sys/block/$disk_loop/queue/scheduler"
check "the trial ends" lab_await 30 trial_ended
check "the knob is pinned" lab_await 3 pinned 1
check "with what was found, and no guess who it was" \
	equal "$(ask status --json | jq -r '.pinned[0] | .knob + " " + .value + " " + .by')" \
	"block.scheduler kyber unknown"
check "for the time of resume_after" equal \
	"$(ask status --json | jq -r '.pinned[0] | .until - .since | round')" 86400
check "flyball knobs shows its owner" equal "$(owner block.scheduler)" admin
check "and only its" equal "$(owner block.nr_requests)" ""
check "it is not changed by hand either" \
	exits 5 ask set block.scheduler=bfq --scope "$scope" --for 1min
check "the refusal says how to go on" contains "$lab_dir/out" 'flyball unpin block.scheduler'

kill -KILL "$(part core)"
check "a new core knows it" lab_await 5 pinned 1
daemon_stop
daemon_start
check "a new daemon knows it" lab_await 5 pinned 1
check "its file can be read" contains "$lab_dir/state/pins" "^block.scheduler.$scope"

check "its policy pauses" lab_await 10 policy_is pinned
check "unpin gives it back" exits 0 ask unpin block.scheduler --scope "$scope"
check "nothing is pinned" pinned 0
check "a second time there is nothing to do" exits 1 ask unpin block.scheduler --scope "$scope"
check "it may be changed again" exits 0 ask set block.scheduler=bfq --scope "$scope" --for 1min
check "and is put back" exits 0 ask abort block.scheduler

check "pin takes a knob by hand" exits 0 ask pin block.read_ahead_kb --scope "$scope"
check "it says who" equal "$(ask status --json | jq -r '.pinned[0].by')" "uid 0"
check "and has no end" equal "$(ask status --json | jq -r '.pinned[0].until')" null
check "status says it to people" contains <(ask status) 'owned by admin'
check "it is refused" exits 5 ask set block.read_ahead_kb=64 --scope "$scope" --for 1min
check "a knob without its scope is refused" exits 1 ask pin block.read_ahead_kb
check "the policy goes on where it was unpinned" policy_goes_on
daemon_stop
check "the hand's value stays to the end" equal "$(disk_scheduler)" kyber
