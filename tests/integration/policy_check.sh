#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A bad policy is refused with its place and its offending text, whatever is bad about it. Needs no root.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# good FILE: a policy without errors
good()
{
	cat >"$1" <<-'END'
		policy: {
			name = "p";
			about = "A policy.";
			scope = "disk";
			when = "disk.read.latency.p99 > 2ms for 5s";
			knob = "block.scheduler";
			try = [ "none", "bfq" ];
			objective = { minimize = "disk.read.latency.p50"; min_effect = "10%"; };
			trial = { window = "2s"; washout = "500ms"; max_pairs = 40; error = 0.05; };
		};
	END
}

# bad WHAT SED-SCRIPT PATTERN: the good policy, edited, is refused with a message that matches
bad()
{
	local status=0

	good "$work/p.conf"
	sed -i "$2" "$work/p.conf"
	timeout 10 "$flyball" policy check "$work/p.conf" >"$work/out" 2>&1 || status=$?
	check "$1 is refused" equal "$status" 1
	check "$1: the message says what" contains "$work/out" "$3"
}

good "$work/good.conf"
check "a good policy passes" "$flyball" policy check "$work/good.conf" >/dev/null
shopt -s nullglob
for file in "$here"/../../policies/*.conf; do
	check "the shipped $(basename "$file") passes" "$flyball" policy check "$file" >/dev/null
done
bad "an unknown signal" 's/disk.read.latency.p99/disk.raed.latency.p99/' "p.conf:5:.*disk.raed.latency.*disk.read.latency"
bad "an unknown knob" 's/block.scheduler/block.sheduler/' 'p.conf:6.*block.sheduler.*block.scheduler'
bad "an unknown unit" 's/2ms/2parsec/' 'p.conf:5.*parsec'
bad "an unknown key" 's/about/abuot/' 'p.conf:3.*abuot.*about'
bad "a time compared with a size" 's/2ms/2MB/' 'p.conf:5.*2MB'
bad "an empty list to try" 's/"none", "bfq"//' 'p.conf:7.*try'
bad "a file that is no libconfig" 's/{/[/' 'p.conf:[0-9]'
bad "two errors are both named" 's/2ms/2parsec/; s/abuot/x/; s/about/abuot/' 'abuot'
contains "$work/out" parsec || fail "the second error of a file is not named"

refused()
{
	local status=0

	timeout 10 "$flyball" policy check "$2" >"$work/out" 2>&1 || status=$?
	check "$1 is refused" equal "$status" 1
}
head -c 1000000 /dev/zero | tr '\0' '#' >"$work/huge.conf"
refused "a huge file" "$work/huge.conf"
head -c 4096 /dev/urandom >"$work/binary.conf"
refused "a binary file" "$work/binary.conf"
refused "a file that does not exist" "$work/none.conf"
contains "$work/out" 'none.conf' || fail "the missing file is not named"
