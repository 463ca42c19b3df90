#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The program works on Debian's kernel: its block source attaches there, and the disk's knobs are seen.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
vm_enter --cpus 2 --nodes 1 --disk 64M

out=$("$flyball" doctor) || fail "doctor: $out"
check "the kernel is the guest's" grep -q "Linux $(uname -r)" <<<"$out"
check "the block source attaches" grep -q '^source block  *ok ' <<<"$out"
check "the scheduler's knobs are there" grep -qE '^knobs io-scheduler  *ok .* [1-9][0-9]* writable' <<<"$out"
check "pressure is seen" grep -q '^source psi  *ok ' <<<"$out"
