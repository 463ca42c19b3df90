#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# TCP and receiving on Debian's kernel: the truth tests with netem, which the machine outside may lack, and squeezes of each
# cause, which take sysctls of a whole machine.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
vm_enter --cpus 2 --nodes 1 --timeout 580
[ -x "$helpers/squeezetruth" ] || { echo "skipped: this build has no BPF programs"; exit 77; }

# The kernel loads what tells of connections by itself elsewhere; here it does not find modprobe.
modprobe -qa sch_netem sch_tbf veth inet_diag tcp_diag
out=$("$helpers/test_tcp_truth" 2>&1) || fail "$out"
check "the truth tests hold" grep -q 'PASSED' <<<"$out"
check "with netem, too" grep -q 'OK ] a_delay_and_a_loss' <<<"$out"
echo "$out" | grep -E '^[0-9]+ samples'

for cause in budget time none; do
	check "squeezes are told by their cause: $cause" "$helpers/squeezetruth" "$cause" 3
done
