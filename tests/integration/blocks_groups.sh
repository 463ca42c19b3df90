#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The laboratory's groups share the CPUs as was set.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip "needs root for cgroups"
out=$(mktemp)
trap 'rm -f "$out"' EXIT

measured()
{
	local status=0

	"$here/../lab/groups" "$@" "$helpers" measure 4 >"$out" || status=$?
	[ "$status" -ne 77 ] || skip "no cgroup with the controller cpu can be made here"
	[ "$status" -eq 0 ] || fail "groups $*"
	echo "groups $*: $(jq -c . "$out")"
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

measured --batch-cpus 0.2
that "a limit of 0.2 CPUs leaves the batch group at most a little more" '.batch_cpus < 0.3'
that "and at least something" '.batch_cpus > 0.02'
that "the other group answers" '.requests > 10 and .p50 > 0 and .p50 <= .p99'
limited=$(jq .batch_cpus "$out")
measured --weight 100:1 --threads 1
that "without a limit the batch group has more" ".batch_cpus > $limited"
check "nothing is left" test -z "$(find /sys/fs/cgroup -maxdepth 2 -name 'flyball-*' 2>/dev/null)"
