#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What does not work here is said with a reason, and is no reason to stop.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip "needs root to drop capabilities"
command -v capsh >/dev/null || skip "capsh is not installed"
out=$(mktemp)
trap 'rm -f "$out"' EXIT

"$flyball" doctor >"$out" || { cat "$out" && fail "doctor as root"; }
check "doctor names the block source" contains "$out" block
for method in tp_btf fentry kprobe tracepoint procfs; do
	check "doctor names the method $method" contains "$out" "block by $method +(ok|less) "
done
"$flyball" doctor --json | jq -e '.sources[] | select(.name == "block") | .method as $used |
	([.methods[] | select(.state == "used") | .name] == [$used]) and
	([.methods[] | select(.state == "unavailable" and (.text == "" or .remedy == ""))] == [])' >/dev/null ||
	fail "doctor --json: one method is used, and what is not available says why"
"$flyball" doctor --source block=procfs >"$out" || fail "doctor with a forced method"
check "a forced method is the one in use" contains "$out" 'source block +ok +by procfs'
r=0
"$flyball" doctor --source block=magic 2>"$out" || r=$?
check "a wrong one is an error of usage" equal "$r" 64
check "which names the possible ones" contains "$out" 'tp_btf, fentry, kprobe, tracepoint, procfs'
capsh --drop=cap_bpf,cap_perfmon,cap_sys_admin -- -c "'$flyball' doctor" >"$out" || fail "doctor without CAP_BPF"
check "without CAP_BPF doctor says which capability is missing" contains "$out" 'CAP_BPF|CAP_PERFMON'
check "and what is used instead" contains "$out" procfs

# A mount namespace of its own, with nothing where BTF and PSI are.
unshare --mount --propagation private -- bash -c '
	mount -t tmpfs none /sys/kernel/btf && "$0" doctor' "$flyball" >"$out" || fail "doctor without BTF"
check "without BTF doctor says so" contains "$out" BTF
# A source that few need is no lack, wherever it cannot work.
if grep -q ' - cgroup2 ' /proc/self/mountinfo; then
	unshare --mount --propagation private -- bash -c '
		while read -r _ _ _ _ mount rest; do
			[[ $rest != *" - cgroup2 "* ]] || umount "$mount"
		done </proc/self/mountinfo
		"$0" doctor' "$flyball" >"$out" || { cat "$out" && fail "doctor without cgroup v2"; }
	check "without cgroup v2 doctor says why connections cannot be split" contains "$out" 'tcp_split +less .*no cgroup v2'
fi
# A machine without a disk is no broken machine.
unshare --mount --propagation private -- bash -c '
	mount -t tmpfs none /sys/block && "$0" doctor' "$flyball" >"$out" || { cat "$out" && fail "doctor without disks"; }
check "without disks doctor says that nothing has their knobs" contains "$out" 'io-scheduler.*nothing here'
if [ -d /proc/pressure ]; then
	unshare --mount --propagation private -- bash -c '
		mount -t tmpfs none /proc/pressure && "$0" doctor' "$flyball" >"$out" ||
		[ $? -eq 1 ] || fail "doctor without PSI"
	check "without PSI doctor says so" contains "$out" 'psi|PSI|pressure'
fi
