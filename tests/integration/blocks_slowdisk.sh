#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The laboratory's slow disk takes the time that was set, and so many requests at once.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip "needs root"
command -v fio >/dev/null || skip "fio is not installed"
slowdisk=$here/../lab/slowdisk
out=$(mktemp)
trap 'rm -f "$out"' EXIT

measured()
{
	local status=0

	"$slowdisk" "$@" measure 3 >"$out" || status=$?
	[ "$status" -ne 77 ] || skip "no null_blk here"
	[ "$status" -eq 0 ] || fail "slowdisk $*"
	echo "slowdisk $*: $(jq -c . "$out")"
}

holds()
{
	jq -e "$1" "$out" >/dev/null
}

# that TEXT FILTER
that()
{
	check "$1" holds "$2"
}

measured --time 10000
that "a request takes 10 ms at least" '.p50 >= 10000'
that "and most take not much more" '.p50 < 20000'
that "so that there are at most 100 a second" '.iops <= 101'
one=$(jq .iops "$out")
measured --time 10000 --depth 4
that "four at once are more" ".iops > 2 * $one"
that "but at most 400 a second" '.iops <= 404'
measured --time 10000 --depth 1 --load 4
that "who waits for three others waits for 30 ms" '.p99 >= 30000'
"$slowdisk" --keep 64 run sh -c 'mkfs.ext4 -q "/dev/$LAB_DISK" && e2fsck -fn "/dev/$LAB_DISK" >/dev/null 2>&1' ||
	fail "a file system on a disk that keeps"
echo "ok: a disk that keeps what is written holds a file system"
check "nothing is left" test -z "$(find /sys/kernel/config/nullb -mindepth 1 -name 'flyball-*' 2>/dev/null)"
