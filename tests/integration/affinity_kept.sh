#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The CPUs of a process, tried for what another one measures: both were put on one CPU, where the other has one turn in
# nine until the process with eight threads is moved away.
#
# In `make check` in the software machine alone: beside these there is nothing on its CPUs, however busy the real ones are.
# Elsewhere other work has its say: the scheduler puts it where the fewest are, so that others come to a CPU that
# eight threads leave. Beside six busy loops the gain was a half, not eightfold, and one try of six came to nothing.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_lab "$@"
cpus=$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)
[[ $cpus == 0-* || $cpus == 0,1* ]] || skip "CPUs 0 and 1 are needed, and '$cpus' are allowed"

# The mask of each thread: masks PID
masks()
{
	sed -n 's/^Cpus_allowed_list:\t//p' /proc/"$1"/task/*/status | sort -u
}

lab_spawn taskset -c 0 "$helpers/burner" 8
batch=$lab_pid
lab_spawn taskset -c 0 "$helpers/burner" 1 push "$lab_dir/run/app/socket"
worker=$lab_pid
threads()
{
	[ "$(find "/proc/$batch/task" -mindepth 1 -maxdepth 1 | wc -l)" -eq 8 ]
}
check "a process with eight threads" lab_await 20 threads
check "is on CPU 0" equal "$(masks "$batch")" 0
# The time of its start is the 22nd field; the second may have blanks.
scope=process:$batch@$(sed 's/.*) //' "/proc/$batch/stat" | cut -d ' ' -f 20)

cat >"$lab_dir/policy.conf" <<END
policy: {
	name = "apart"; scope = "process"; match = "${scope#process:}";
	when = "app.value[burner.rate] > 0 for 500ms";
	knob = "affinity.process.cpus"; try = [ "1" ];
	objective = { maximize = "app.value[burner.rate]"; min_effect = "10%"; };
	trial = { window = "300ms"; washout = "200ms"; };
};
END

disk_loop=none
daemon_start --only "$scope"
check "the daemon comes to a verdict within 60 s" lab_await 60 trial_ended
trial_fetch
check "the verdict is kept" equal "$(trial_said verdict)" kept
check "because it is better" equal "$(trial_said reason)" better
check "of the family affinity" equal "$(trial_said family)" affinity
check "of that process" equal "$(trial_said scope)" "$scope"
check "the arm is CPU 1" equal "$(trial_said arm)" 1
check "each of its threads is there" equal "$(masks "$batch")" 1
check "and the other process where it was" equal "$(masks "$worker")" 0
ask explain last >"$lab_dir/story"
check "explain tells it" contains "$lab_dir/story" 'app\.value\[burner\.rate\]'
check "rollback undoes what was kept" rollback
check "all of it is on CPU 0 again" equal "$(masks "$batch")" 0
daemon_stop
