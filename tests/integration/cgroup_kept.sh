#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The share of a control group, tried for what a process in the group beside it measures: with less weight for the group
# that computes without end the other one has the CPU when it wants it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_lab "$@"
command -v python3 >/dev/null || skip "python3 is not installed"

# Does the same piece of work again and again, and pushes how often in a second.
cat >"$lab_dir/worker.py" <<'END'
import os, socket, sys, time

push = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
push.setblocking(False)
with open(sys.argv[2] + ".new", "w") as file:
    file.write(os.environ["GROUPS_PATH"])
os.rename(sys.argv[2] + ".new", sys.argv[2])
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

lab_spawn "$here/../lab/groups" --weight 100:400 "$helpers" run \
	python3 "$lab_dir/worker.py" "$lab_dir/run/app/socket" "$lab_dir/groups"
groups=$lab_pid
lab_await 20 test -s "$lab_dir/groups" || ! lab_gone "$groups" || skip "no cgroup with the controller cpu can be made here"
check "two groups" test -s "$lab_dir/groups"
batch=$(cat "$lab_dir/groups")/batch
if [ -e "$batch/cpu.weight" ]; then
	file=$batch/cpu.weight knob=cgroup.cpu.weight arm=1
else
	file=$batch/cpu.shares knob=cgroup.cpu.shares arm=2
fi
incumbent=$(cat "$file")
scope=cgroup:/$(basename "$(dirname "$batch")")/batch

cat >"$lab_dir/policy.conf" <<END
policy: {
	name = "neighbour"; scope = "cgroup"; match = "${scope#cgroup:}";
	when = "app.value[worker:rate] > 0 for 1s";
	knob = "$knob"; try = [ $arm ];
	objective = { maximize = "app.value[worker:rate]"; min_effect = "10%"; };
	trial = { window = "800ms"; washout = "300ms"; };
};
END

disk_loop=none
daemon_start --only "$scope"
check "the daemon comes to a verdict within 60 s" lab_await 60 trial_ended
check "the verdict is kept" equal "$(trial_member verdict)" kept
check "because it is better" equal "$(trial_member reason)" better
check "of the family cgroup" equal "$(trial_member family)" cgroup
check "the knob is $knob" equal "$(trial_member knob)" "$knob"
check "of the batch group" equal "$(trial_member scope)" "$scope"
check "the arm is $arm" equal "$(trial_member arm)" "$arm"
check "it is in force" equal "$(cat "$file")" "$arm"
ask explain last >"$lab_dir/story"
check "explain tells it" contains "$lab_dir/story" 'app\.value\[worker:rate\]'
check "rollback undoes what was kept" ask rollback --all >/dev/null
check "the incumbent is back" equal "$(cat "$file")" "$incumbent"
daemon_stop
lab_kill "$groups"
check "no group is left" test ! -e "$batch"
