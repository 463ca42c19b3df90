#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The share of a control group, tried for what a process in the group beside it measures: with less weight for the group
# that computes without end the other one has the CPU when it wants it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_lab "$@"

lab_spawn "$here/../lab/groups" --weight 100:400 "$helpers" run \
	sh -c 'echo "$GROUPS_PATH" >"$2.new" && mv "$2.new" "$2" && exec "$0" 1 push "$1"' \
	"$helpers/burner" "$lab_dir/run/app/socket" "$lab_dir/groups"
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
	when = "app.value[burner.rate] > 0 for 500ms";
	knob = "$knob"; try = [ $arm ];
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
check "of the family cgroup" equal "$(trial_said family)" cgroup
check "the knob is $knob" equal "$(trial_said knob)" "$knob"
check "of the batch group" equal "$(trial_said scope)" "$scope"
check "the arm is $arm" equal "$(trial_said arm)" "$arm"
check "it is in force" equal "$(cat "$file")" "$arm"
ask explain last >"$lab_dir/story"
check "explain tells it" contains "$lab_dir/story" 'app\.value\[burner\.rate\]'
check "rollback undoes what was kept" rollback
check "the incumbent is back" equal "$(cat "$file")" "$incumbent"
daemon_stop
lab_kill "$groups"
check "no group is left" test ! -e "$batch"
