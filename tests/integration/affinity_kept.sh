#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The CPUs of a process, tried for what another one measures: both were put on one CPU, and each has half of it until one
# is moved to the other.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_lab "$@"
command -v python3 >/dev/null || skip "python3 is not installed"
cpus=$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)
[[ $cpus == 0-* || $cpus == 0,1* ]] || skip "CPUs 0 and 1 are needed, and '$cpus' are allowed"

# Does the same piece of work again and again, and pushes how often in a second.
cat >"$lab_dir/worker.py" <<'END'
import socket, sys, time

push = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
push.setblocking(False)
n, since = 0, time.monotonic()
while True:
    sum(range(2000))
    n += 1
    now = time.monotonic()
    if now - since >= 0.1:
        try:
            push.sendto(b"worker:rate %d" % (n / (now - since)), sys.argv[1])
        except OSError:
            pass
        n, since = 0, now
END

# The mask of each thread: masks PID
masks()
{
	sed -n 's/^Cpus_allowed_list:\t//p' /proc/"$1"/task/*/status | sort -u
}

# A process with threads, as there are many.
lab_spawn taskset -c 0 python3 -c 'import threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
while True: pass'
batch=$lab_pid
lab_spawn taskset -c 0 python3 "$lab_dir/worker.py" "$lab_dir/run/app/socket"
worker=$lab_pid
threads()
{
	[ "$(find "/proc/$batch/task" -mindepth 1 -maxdepth 1 | wc -l)" -eq 2 ]
}
check "a process with two threads" lab_await 20 threads
check "is on CPU 0" equal "$(masks "$batch")" 0
# The time of its start is the 22nd field; the second may have blanks.
scope=process:$batch@$(sed 's/.*) //' "/proc/$batch/stat" | cut -d ' ' -f 20)

cat >"$lab_dir/policy.conf" <<END
policy: {
	name = "apart"; scope = "process"; match = "${scope#process:}";
	when = "app.value[worker:rate] > 0 for 1s";
	knob = "affinity.process.cpus"; try = [ "1" ];
	objective = { maximize = "app.value[worker:rate]"; min_effect = "10%"; };
	trial = { window = "800ms"; washout = "300ms"; };
};
END

disk_loop=none
daemon_start --only "$scope"
check "the daemon comes to a verdict within 60 s" lab_await 60 trial_ended
check "the verdict is kept" equal "$(trial_member verdict)" kept
check "because it is better" equal "$(trial_member reason)" better
check "of the family affinity" equal "$(trial_member family)" affinity
check "of that process" equal "$(trial_member scope)" "$scope"
check "the arm is CPU 1" equal "$(trial_member arm)" 1
check "each of its threads is there" equal "$(masks "$batch")" 1
check "and the other process where it was" equal "$(masks "$worker")" 0
ask explain last >"$lab_dir/story"
check "explain tells it" contains "$lab_dir/story" 'app\.value\[worker:rate\]'
check "rollback undoes what was kept" ask rollback --all >/dev/null
check "all of it is on CPU 0 again" equal "$(masks "$batch")" 0
daemon_stop
