#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The power is cut in the middle of a trial, twice: with the journal on a disk, and with the journal in memory, where it
# lies by default. The next boot finds nothing to undo, leaves the knob as it is, and the history says what happened.
#
# Three boots with one disk: `first` is cut, `second` looks at what it left and is cut, `third` looks again.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
boot=${3:-}

outside()
{
	local run=$here/../vm/run options=(--cpus 2 --nodes 1 --timeout 500) status=0 boot

	[ -z "${FLYBALL_VM_GUEST:-}" ] || fail "which boot is this?"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	truncate -s 128M "$work/disk"
	mkfs.ext4 -q "$work/disk"
	for boot in first second; do
		echo "--- the $boot boot"
		status=0
		"$run" "${options[@]}" --disk "$work/disk" --cut-when "cut now" -- bash "$0" "$flyball" "$helpers" $boot ||
			status=$?
		[ "$status" -ne 77 ] || exit 77
		check "the power was cut" equal "$status" 137
	done
	echo "--- the third boot"
	"$run" "${options[@]}" --disk "$work/disk" -- bash "$0" "$flyball" "$helpers" third
}

# e2fsck ends with 1 when it repaired something; after that nothing may be wrong.
disk_mount()
{
	local status=0

	e2fsck -p /dev/vda || status=$?
	check "the file system is whole or was repaired" test "$status" -le 1
	check "and is whole then" e2fsck -fn /dev/vda
	mkdir /run/disk
	mount /dev/vda /run/disk
	mkdir -p "$lab_dir/state" /run/disk/state /run/disk/run
	mount --bind /run/disk/state "$lab_dir/state"
}

# The arm stays in force for the washout at least, and the power does not last so long. A long washout, not a long window:
# of windows there are six before the arm.
trial_begin()
{
	policy_write 300ms 6s
	disk_load 170
	daemon_start
	arm_await
	# The history does not wait for its disk: what it noted in the last seconds is the power's, and the file stays whole.
	# Here the record of the trial is to be looked at afterwards.
	sync -f /run/disk
	echo "the arm is in force: cut now"
	sleep 100
	fail "the power is still on"
}

policy_idle()
{
	policy_write
	sed -i 's/> 2MB for 1s/> 900GB/' "$lab_dir/policy.conf"
}

# The knob has a value that no trial of this boot has set: value_stays VALUE [PATTERN OF LOG]
value_stays()
{
	echo "$1" >"/sys/block/$disk_loop/queue/scheduler"
	: >"$lab_dir/log"
	daemon_start
	[ -z "${2:-}" ] || check "the log says why nothing is undone" contains "$lab_dir/log" "$2"
	check "$1 stays at the start" equal "$(disk_scheduler)" "$1"
	check "the history is readable and has $trials" equal "$(ask trials --json | jq '.trials | length')" "$trials"
	check "the cut trial is aborted" equal "$(trial_member verdict)" aborted
	check "because flyball ended" equal "$(trial_member reason)" process-died
	daemon_stop
	check "$1 stays at the end" equal "$(disk_scheduler)" "$1"
}

if [ -z "$boot" ]; then
	outside
	exit
fi
need_lab "$@"
disk_make
disk_mount
policy_idle
trials=1
case $boot in
first)
	mount --bind /run/disk/run "$lab_dir/run"
	trial_begin
	;;
second)
	journal=/run/disk/run/journal
	check "the journal is there" test -s "$journal"
	check "it names another boot" test -z "$(grep -aoF "$(cat /proc/sys/kernel/random/boot_id)" "$journal")"
	cp "$journal" "$lab_dir/journal"
	for value in kyber bfq none; do # neither of the trial's two, its arm, its incumbent
		cp "$lab_dir/journal" "$lab_dir/run/journal"
		value_stays "$value" 'of another boot'
	done
	rm -r "$lab_dir/run"/*
	trial_begin
	;;
third)
	trials=2
	check "the journal is gone with the memory" test -z "$(find "$lab_dir/run" -name 'journal*')"
	value_stays bfq
	;;
esac
