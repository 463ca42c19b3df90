#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The laboratory's program has its memory where it was told, until somebody moves it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
[ -d /sys/devices/system/node/node1 ] || skip "one NUMA node only"
command -v migratepages >/dev/null || skip "migratepages is not installed (package numactl)"
out=$(mktemp)
trap 'kill "$memnode" 2>/dev/null || true; rm -f "$out"' EXIT
pages=$((16 * 1048576 / $(getconf PAGESIZE)))
setpriv --pdeathsig KILL -- "$helpers/memnode" 0 1 16 2 600 >"$out" &
memnode=$!

# The last line says: on_node NODE PAGES
on_node()
{
	[ "$(tail -n 1 "$out" | jq -r ".pages[\"$1\"]" 2>/dev/null)" = "$2" ]
}

working()
{
	[ "$(tail -n 1 "$out" | jq -r .passes 2>/dev/null || echo 0)" -gt 0 ]
}

on_cpus_of_node()
{
	[ "$(awk '/^Cpus_allowed_list/ { print $2 }' "/proc/$1/status")" = "$(cat "/sys/devices/system/node/node$2/cpulist")" ]
}

all_threads_on_node()
{
	local thread

	for thread in "/proc/$memnode/task"/*; do
		[ "${thread##*/}" = "$memnode" ] || on_cpus_of_node "${thread##*/}" "$1" || return 1
	done
}

check "16 MiB on node 1 are $pages pages there" lab_await 20 on_node 1 "$pages"
check "and none on node 0" on_node 0 0
check "the threads work" lab_await 20 working
check "on node 0" all_threads_on_node 0
migratepages "$memnode" 1 0
check "moved pages are seen on their new node" lab_await 20 on_node 0 "$pages"
