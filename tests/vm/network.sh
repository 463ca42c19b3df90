#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# TCP and receiving on Debian's kernel: the truth tests with netem, which the machine outside may lack, and squeezes of each
# cause, which take sysctls of a whole machine.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
vm_enter --parallel --cpus 2 --nodes 1 --timeout 580
[ -x "$helpers/squeezetruth" ] || { echo "skipped: this build has no BPF programs"; exit 77; }

# The kernel loads what tells of connections by itself elsewhere; here it does not find modprobe.
modprobe -qa sch_netem sch_tbf veth inet_diag tcp_diag
# Not the transfer: beside emulation what ss(8) says is of another moment.
for test in tcp:overflows tcp:resets tcp:windows_that_close tcp:requests tcp:namespace_has tcp:only_connections \
	tcp:a_delay_and_a_loss tcp_routes:a_peer_is_on tcp:a_user_who net:packets_and_drops; do
	name=${test#*:}
	out=$("$helpers/test_${test%:*}_truth" "*$name*" 2>&1) || fail "$out"
	check "truth: $name" grep -q "OK ] .*$name" <<<"$out"
	grep -E '^[0-9]+ samples' <<<"$out" || true
done

for cause in budget time none; do
	check "squeezes are told by their cause: $cause" "$helpers/squeezetruth" "$cause" 3
done
