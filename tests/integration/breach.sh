#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A guardrail that is breached under an arm: the old value is back within the tick of the frame that saw it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_lab "$@"
command -v python3 >/dev/null || skip "python3 is not installed"
netns=flyball-$$
ip netns add "$netns" 2>/dev/null || skip "no network namespaces here"
trap 'ip netns del "$netns" 2>/dev/null || true; lab_end' EXIT
file=/proc/sys/net/core/somaxconn
TICK_MS=250

inside()
{
	ip netns exec "$netns" cat "$file"
}

# Inside: a level all the time, and harm as soon as the arm is in force.
cat >"$lab_dir/pusher.py" <<'END'
import socket, sys, time

address, path, arm = sys.argv[1:]
push = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
push.setblocking(False)
while True:
    with open(path) as file:
        harm = 1000000 if file.read().strip() == arm else 0
    try:
        push.sendto(b"bench.level 100\nbench.harm %d" % harm, address)
    except OSError:
        pass
    time.sleep(0.02)
END
cat >"$lab_dir/policy.conf" <<END
policy: {
	name = "breach"; scope = "netns"; match = "$netns";
	when = "app.value[bench.level] > 0";
	knob = "net.core.somaxconn"; try = [ 500 ];
	objective = { minimize = "app.value[bench.level]"; };
	guardrails = ( { signal = "app.value[bench.harm]"; max = "50"; } );
	trial = { window = "500ms"; washout = "0ms"; cooldown = "10min"; };
};
END
before=$(inside)
lab_spawn ip netns exec "$netns" python3 "$lab_dir/pusher.py" "$lab_dir/run/app/socket" "$file" 500
setpriv --pdeathsig TERM -- "$flyball" daemon --mode autonomous --policy "$lab_dir/policy.conf" --only "netns:$netns" \
	--tick "${TICK_MS}ms" --budget 0 --state "$lab_dir/state" --run "$lab_dir/run" --user 61199 2>>"$lab_dir/log" &
daemon=$!
lab_pids+=("$daemon")
lab_await 10 answers || fail "the daemon does not answer"
check "the trial ends" lab_await 30 trial_ended
check "by its guardrail" equal "$(trial_member reason)" guardrail
check "the old value is back" equal "$(inside)" "$before"
ask trial last --json >"$lab_dir/trial"
undo='[.trial.outcomes[] | select(.action == "undo" and .status == "done")] | last'
check "the undo was called for by a frame" equal "$(jq "$undo | .after_frame_ns != null" "$lab_dir/trial")" true
check "and done before the next one ($(jq "$undo | .after_frame_ns / 1e6" "$lab_dir/trial") ms after it)" \
	equal "$(jq "$undo | .after_frame_ns < $TICK_MS * 1e6" "$lab_dir/trial")" true
ask explain last >"$lab_dir/out" || true
check "explain says so" contains "$lab_dir/out" "undo: done.* ms after the values that called for it"
daemon_stop
