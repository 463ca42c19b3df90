#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The laboratory's network has the delay, the rate and the loss that were asked for.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip "needs root for network namespaces"
command -v iperf3 >/dev/null || skip "iperf3 is not installed"
net=$here/../lab/net
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# measured OPTION...: leaves the JSON in $out; 77 where the kernel cannot
measured()
{
	local status=0

	"$net" "$@" measure 3 >"$out" 2>"$out.err" || status=$?
	[ "$status" -ne 77 ] || skip "$(cat "$out.err")"
	[ "$status" -eq 0 ] || { cat "$out.err" && rm -f "$out.err" && fail "net $*"; }
	rm -f "$out.err"
	echo "net $*: $(jq -c . "$out")"
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

# A rate above what emulation can do would show the emulation.
measured --hops 3 --rate 10mbit
that "10 Mbit/s through a router are at most that" '.throughput < 10.5e6'
that "and not much less" '.throughput > 5e6'
measured --hops 3 --rate 10mbit --family 6
that "by IPv6, too" '.throughput > 5e6 and .throughput < 10.5e6'
measured --delay 20 --rate 10mbit
that "20 ms there and none back are a round trip of 20 ms at least" '.rtt_min >= 20000'
that "which is less than a second" '.rtt_min < 1000000'
measured --loss 5 --rate 10mbit
that "a loss of 5 % makes retransmits" '.retransmits > 0'
