#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The families of knobs on Debian's kernel, every row set and restored on a machine that may be changed: cgroup v2 with
# every controller, masks that the kernel forgets when a cpuset changes (before Linux 6.2), interrupts that may be
# moved, two nodes, every sysctl.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
vm_enter --cpus 4 --nodes 2 --mem 2G --disk 64M --timeout 150

modprobe -a loop bfq
export FLYBALL_TEST_IRQ=1 FLYBALL_DISPOSABLE=1
for family in cgroup affinity numa numa_cpus sysctl; do
	began=$SECONDS
	out=$(timeout 120 "$helpers/test_families_$family" 2>&1) || fail "$family: $out"
	check "$family: every test passes ($((SECONDS - began)) s)" grep -q '\[  PASSED  \]' <<<"$out"
	check "$family: none was skipped" equal "$(grep -c 'SKIPPED' <<<"$out" || true)" 0
done
