# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the integration tests share. Each is given the program and the folder of the helpers:
#
#     tests/integration/NAME.sh FLYBALL HELPERS
#
# and exits with 0, or 77 with a reason where this machine cannot run it. The same scripts run on this machine and in the
# software machine (tests/vm/suite). FLYBALL_LAB_SOURCE=block=METHOD forces the way in which the daemon looks at disks. The loop disk, the daemon and all
# files are gone at the end, whatever happens.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/lab.sh
. "$here/../lab/lab.sh"

flyball=$(realpath "${1:?the program}")
helpers=$(realpath "${2:?the folder of killwatch and loopremove}")
daemon=
looking=() # options of those verbs that look
[ -z "${FLYBALL_LAB_SOURCE:-}" ] || looking=(--source "$FLYBALL_LAB_SOURCE")

skip()
{
	echo "skipped: $*"
	exit 77
}

fail()
{
	echo "FAILED: $*"
	if [ -n "$lab_dir" ] && [ -s "$lab_dir/log" ]; then
		sed 's/^/  | /' "$lab_dir/log"
	fi
	exit 1
}

# One line for each thing that was checked: check TEXT COMMAND...
check()
{
	local text=$1

	shift
	"$@" || fail "$text"
	echo "ok: $text"
}

# equal A B
equal()
{
	[ "$1" = "$2" ] || { echo "'$1' is not '$2'" && return 1; }
}

contains()
{
	grep -qE -e "$2" "$1" || { echo "no '$2' in:" && cat "$1" && return 1; }
}

# Root, loop devices and the tools, or a skip; then the laboratory.
need_lab()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	modprobe -q loop 2>/dev/null || true
	[ -w /dev/loop-control ] || skip "no loop devices here"
	command -v fio >/dev/null || skip "fio is not installed"
	lab_enter "$@"
	lab_begin
	lab_folders
}

need_disk()
{
	need_lab "$@"
	disk_make
	grep -q bfq "/sys/block/$disk_loop/queue/scheduler" || skip "this kernel has no bfq"
	disk_load $((170 * lab_patience))
	policy_write
}

# A policy that comes to its verdict in seconds: policy_write [WINDOW [WASHOUT [LINES OF TRIAL]]]
policy_write()
{
	local lines=${3:-'cooldown = "10min";'}

	cat >"$lab_dir/policy.conf" <<-END
		policy: {
			name = "fast";
			about = "Chooses a scheduler in seconds.";
			scope = "disk";
			when = "disk.write.bytes.rate > 2MB for 1s";
			knob = "block.scheduler";
			try = [ "bfq" ];
			objective = { minimize = "disk.read.latency.p50"; min_effect = "10%"; };
			trial = { window = "${1:-300ms}"; washout = "${2:-100ms}"; max_pairs = 40; error = 0.05;
				$lines };
		};
	END
}

# Starts the daemon on the disk and waits until it answers: daemon_start [OPTION...]
daemon_start()
{
	daemon_spawn "$@"
	lab_await 10 answers || fail "the daemon does not answer"
}

daemon_spawn()
{
	setpriv --pdeathsig TERM -- "$flyball" daemon --mode autonomous --policy "$lab_dir/policy.conf" \
		--only "disk:$disk_loop" --state "$lab_dir/state" --run "$lab_dir/run" --user 61199 \
		--tick 100ms --budget 0 ${looking[@]+"${looking[@]}"} "$@" 2>>"$lab_dir/log" &
	daemon=$!
	lab_pids+=("$daemon")
}

daemon_stop()
{
	lab_kill "$daemon"
}

ask()
{
	"$flyball" "$@" --run "$lab_dir/run"
}

answers()
{
	ask status >/dev/null 2>&1
}

# The process id of a part of the daemon: core, observer, actuator.
part()
{
	ask status --json | jq -er --arg name "$1" '.processes[] | select(.name == $name) | .pid'
}

# A member of the last trial: trial_member FILTER
trial_member()
{
	ask trial last --json | jq -r ".trial.$1"
}

# For check, which says nothing where its own output goes nowhere.
rollback()
{
	ask rollback --all >"$lab_dir/rollback" 2>&1 || { cat "$lab_dir/rollback" && return 1; }
}

# What the last trial says, of which the members are looked at one by one: trial_fetch, then trial_said FILTER
trial_fetch()
{
	ask trial last --json >"$lab_dir/trial"
}

trial_said()
{
	jq -r ".trial.$1" "$lab_dir/trial"
}

trial_ended()
{
	[ "$(ask trials --json 2>/dev/null | jq -r '.trials[0].verdict // "running"')" != running ]
}

# killwatch's µs until the scheduler in force is this one, in MS of a real machine: scheduler_await SCHEDULER MS [SIGNAL PIDS]
scheduler_await()
{
	"$helpers/killwatch" "${3:-0}" "${4:-0}" "/sys/block/$disk_loop/queue/scheduler" "[$1]" \
		$(($2 * lab_patience))
}

# Waits until the arm is in force; it stays so for at least a window.
arm_await()
{
	scheduler_await bfq 60000 >/dev/null || { ask overhead && fail "no arm came into force within 60 s"; }
}
