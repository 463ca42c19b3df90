#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The truth of the block source on Debian's kernel, by programs by kprobes and plain tracepoints.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
vm_enter --cpus 2 --nodes 1 --mem 3G --timeout 580
[ -x "$helpers/test_block_truth" ] || { echo "skipped: this build has no BPF programs"; exit 77; }

for method in kprobe tracepoint; do
	out=$("$helpers/test_block_truth" "$method" 2>&1) || fail "$method: $out"
	check "$method works, and says what fio says" grep -q 'PASSED' <<<"$out"
	check "$method was not left out" grep -q "OK ] $method: counts_and_bytes" <<<"$out"
done
