#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The families of knobs on Debian's kernel: cgroup v2 with every controller, masks that the kernel forgets when a
# cpuset changes (before Linux 6.2), interrupts that may be moved.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
vm_enter --cpus 4 --disk 64M

modprobe -a loop bfq
export FLYBALL_TEST_IRQ=1
for family in cgroup affinity; do
	out=$("$helpers/test_families_$family" 2>&1) || fail "$family: $out"
	check "$family: every test passes" grep -q '\[  PASSED  \]' <<<"$out"
	check "$family: none was skipped" equal "$(grep -c 'SKIPPED' <<<"$out" || true)" 0
done
