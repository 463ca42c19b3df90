#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A disk that vanishes in the middle of a trial ends the trial, not the daemon.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_lab "$@"

number=$("$helpers/loopremove" add) || skip "loop devices cannot be added here"
added_remove()
{
	"$helpers/loopremove" remove "$number" 2>/dev/null || true
}
trap 'lab_end; added_remove' EXIT
disk_back 256
losetup --direct-io=on "/dev/loop$number" "$disk_backing"
disk_loop=loop$number
dd if=/dev/zero of="/dev/$disk_loop" bs=1M count=256 oflag=direct status=none
lab_spawn fio --thread --name=write --filename="/dev/$disk_loop" --direct=1 --ioengine=libaio --time_based \
	--rw=randrw --rwmixread=30 --bs=64k --iodepth=16 --size=256M --io_size=100T --runtime=120 \
	--output-format=json --output="$lab_dir/write.json"
load=$lab_pid
# Where a busy machine hides requests from the programs, a trial ends blind: then there is another.
policy_write 2s 100ms 'cooldown = "1s";'
daemon_start
arm_await
kill -KILL "$load"
wait "$load" || true
losetup -d "/dev/$disk_loop"
check "the device can be removed" lab_await 5 "$helpers/loopremove" remove "$number"
check "the disk is gone" test ! -e "/sys/block/$disk_loop"
check "the trial ends" lab_await 30 trial_ended
check "as aborted" equal "$(trial_member verdict)" aborted
check "because the disk is gone" equal "$(trial_member reason)" gone
check "the daemon lives" answers
check "all its parts do" test -n "$(part core)" -a -n "$(part observer)" -a -n "$(part actuator)"
disk_loop=
