#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Looking in the foreground leaves nothing in the run folder, however it ends.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

socket_there()
{
	[ -S "$dir/run/app/socket" ]
}

for signal in TERM INT HUP; do
	# An interactive shell's own setting: a job in the background would ignore SIGINT.
	env --default-signal=INT "$flyball" watch app --run "$dir/run" >"$dir/out" 2>&1 &
	pid=$!
	check "watch takes what is pushed" lab_await 10 socket_there
	kill "-$signal" "$pid"
	status=0
	wait "$pid" || status=$?
	check "SIG$signal ends it" equal "$status" "$((128 + $(kill -l "$signal")))"
	check "and the run folder is gone" test ! -e "$dir/run"
done
"$flyball" watch '*' --run "$dir/run" --interval 50ms 2>/dev/null | head -n 1 >/dev/null || true
"$flyball" watch app --run "$dir/run" --interval 50ms --count 2 >/dev/null
check "so it is after a reader that had enough, and after the last sample" test ! -e "$dir/run"
"$flyball" watch '*' --run "$dir/run" --budget 0.0001% --interval 50ms --count 80 2>"$dir/out" >/dev/null
check "over its budget it samples the dearest source less, and says so" \
	grep -qE '^flyball: [a-z-]+ is sampled at one tick in 32( and [0-9]+ other sources? less often)?, as it took [0-9.]+ % .*; the budget is 0.000 %$' "$dir/out"
status=0
"$flyball" watch psi --budget 2 --count 1 2>"$dir/out" >/dev/null || status=$?
check "a budget that is no share is refused" equal "$status" 64
check "with the value and what it must be" grep -q "'2' for '--budget': needs a share" "$dir/out"
