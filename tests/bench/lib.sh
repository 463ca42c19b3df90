# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the benchmarks share: each is `tests/bench/NAME FLYBALL [COUNT]`, prints the machine, the command and a
# table of medians with their ranges, and leaves every single result as a line of JSON in build/bench/NAME.jsonl.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lab/lab.sh
. "$top/tests/lab/lab.sh"

flyball=$(realpath "${1:-$top/build/release/daemon/flyball}")
helpers=$(dirname "$(dirname "$flyball")")/tests
results=$top/build/bench/$(basename "$0").jsonl
daemon=

bench_begin()
{
	mkdir -p "$(dirname "$results")"
	: >"$results"
	echo "== $(basename "$0") $*"
	echo "$(date -u +%Y-%m-%d) · Linux $(uname -r) · $(nproc) CPUs · $(sed -n 's/^model name.*: //p' /proc/cpuinfo |
		head -n 1) · $("$flyball" version 2>/dev/null | head -n 1)"
}

# One result: record JQ-ARGUMENTS... as of `jq -n`.
record()
{
	jq -nc "$@" >>"$results"
}

# Median, 99th percentile (the nearest rank) and range of a member over the results that a filter selects: row LABEL MEMBER UNIT [SELECT]
row()
{
	jq -rs --arg what "$1" --arg unit "$3" "
		[.[] | select(${4:-true}) | .$2 | select(. != null) | . * 1000 | round / 1000] | sort |
		if length == 0 then \"\(\$what)\tno result\" else
		\"\(\$what)\tmedian \(.[length / 2 | floor]) \(\$unit)\tp99 \(.[(length * 0.99 | ceil) - 1])\t\(.[0]) to \(.[-1])\tn = \(length)\" end" \
		"$results" | expand -t 40,64,84,108
}

# How many results a filter selects: tally LABEL SELECT [AMONG]
tally()
{
	jq -rs --arg what "$1" "\"\(\$what)\t\([.[] | select(${3:-true}) | select($2)] | length) of \([.[] | select(${3:-true})] | length)\"" "$results" | expand -t 40
}

ask()
{
	"$flyball" "$@" --run "$lab_dir/run"
}

answers()
{
	ask status >/dev/null 2>&1
}

part()
{
	ask status --json | jq -er --arg name "$1" '.processes[] | select(.name == $name) | .pid'
}

bench_lab()
{
	lab_enter "$@"
	lab_begin
	lab_folders
}

# daemon_start POLICY|FOLDER [OPTION...]
daemon_start()
{
	local policy=$1 option=--policy

	shift
	[ ! -d "$policy" ] || option=--policies
	setpriv --pdeathsig TERM -- "$flyball" daemon --mode autonomous "$option" "$policy" --only "disk:$disk_loop" \
		--state "$lab_dir/state" --run "$lab_dir/run" --user 61199 --budget 0 "$@" 2>>"$lab_dir/log" &
	daemon=$!
	lab_pids+=("$daemon")
	lab_await 10 answers || { tail "$lab_dir/log" >&2 && lab_die "the daemon does not answer"; }
}

daemon_stop()
{
	lab_kill "$daemon"
	rm -rf "$lab_dir"/state/* "$lab_dir"/run/*
}

scheduler_await()
{
	"$helpers/killwatch" "${3:-0}" "${4:-0}" "/sys/block/$disk_loop/queue/scheduler" "[$1]" "$2"
}
