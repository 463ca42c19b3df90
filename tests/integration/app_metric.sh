#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A metric that an application pushes decides: a reader of 4 KiB pieces measures its own throughput on a loop disk, the
# daemon finds out by nothing else that a longer read-ahead makes it faster.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_lab "$@"
command -v python3 >/dev/null || skip "python3 is not installed"
disk_make

readahead()
{
	cat "/sys/block/$disk_loop/queue/read_ahead_kb"
}

readahead_before=$(readahead)
restore_readahead()
{
	! lab_idle "$disk_loop" || return 0
	echo "$readahead_before" >"/sys/block/$disk_loop/queue/read_ahead_kb"
}
trap 'restore_readahead; lab_end' EXIT

# Reads 512 KiB from one place of the file after another, in pieces, and pushes every 50 ms what it measured. Each place
# is opened anew: a file keeps the read-ahead that the disk had when it was opened. A read-ahead of 4 KiB makes each piece
# a request of its own.
cat >"$lab_dir/reader.py" <<'END'
import os, socket, sys, time

path, address = sys.argv[1:]
push = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
push.setblocking(False)
place, run = 0, 512 * 1024
with open(path, "rb") as file: # a disk has no size that stat() would tell
    size = file.seek(0, os.SEEK_END)
bytes_read, since = 0, time.monotonic()
while True:
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.lseek(fd, place, os.SEEK_SET)
    place = (place + run) % size
    for _ in range(run // 4096):
        begin = time.monotonic()
        bytes_read += len(os.read(fd, 4096))
        now = time.monotonic()
        if now - since >= 0.05:
            try:
                push.sendto(b"reader.rate %d\nreader.bytes +%d\nreader.read %dns\nthis is garbage" %
                            (bytes_read / (now - since), bytes_read, (now - begin) * 1e9), address)
            except OSError:
                pass
            bytes_read, since = 0, now
    os.close(fd)
END

cat >"$lab_dir/policy.conf" <<END
policy: {
	name = "reader";
	scope = "disk";
	match = "$disk_loop";
	when = "app.value[reader.rate] > 0 for 1s";
	knob = "block.read_ahead_kb";
	try = [ 1024 ];
	objective = { maximize = "app.value[reader.rate]"; min_effect = "10%"; };
	guardrails = ( { signal = "app.latency[reader.read].p99"; max = "10s"; },
		{ signal = "app.count[reader.bytes].rate"; max_drop = "90%"; },
		{ signal = "disk.busy[$disk_loop]"; max = "100%"; } );
	trial = { window = "300ms"; washout = "200ms"; max_pairs = 40; };
};
END

echo 4 >"/sys/block/$disk_loop/queue/read_ahead_kb"
lab_spawn python3 "$lab_dir/reader.py" "$(disk_file read)" "$lab_dir/run/app/socket"
daemon_start
# What guards the socket is its folder: the daemon's own user, and a group.
check "only the daemon's user and its group may push" \
	equal "$(stat -c '%a %u' "$lab_dir/run/app")" "750 61199"
check "the metric is seen" lab_await 5 test -S "$lab_dir/run/app/socket"
check "the daemon comes to a verdict within 40 s" lab_await 40 trial_ended
check "the verdict is kept" equal "$(trial_member verdict)" kept
check "because it is better" equal "$(trial_member reason)" better
check "the arm is in force" equal "$(readahead)" 1024
check "the objective names its instance" equal "$(trial_member objective.signal)" "app.value[reader.rate]"
check "so does the reason" contains <(trial_member reason_text) 'app\.value\[reader\.rate\] .* higher'
check "and a guardrail" equal "$(trial_member 'guardrails[2].signal')" "disk.busy[$disk_loop]"
ask explain last >"$lab_dir/story" || true
check "explain tells it" contains "$lab_dir/story" 'app\.value\[reader\.rate\]'
ask overhead >"$lab_dir/overhead"
check "garbage is counted, with the reason" contains "$lab_dir/overhead" \
	"app: [0-9]+ events lost; refused lines; the last: 'this is garbage'"
check "rollback undoes what was kept" rollback
check "the incumbent is back" equal "$(readahead)" 4
daemon_stop
check "the socket and its folder are gone" equal "$(find "$lab_dir/run" -path '*app*')" ""

# Without the daemon: the same policy in the foreground leaves nothing behind.
"$flyball" recommend --for 4s --policy "$lab_dir/policy.conf" --only "disk:$disk_loop" --user 61199 \
	--run "$lab_dir/run" --json >"$lab_dir/plan" || [ $? -eq 2 ]
check "recommend sees it, too" equal "$(jq -r '.plan[0].objective.signal' "$lab_dir/plan")" \
	"app.value[reader.rate]"
"$flyball" watch app --run "$lab_dir/run" --interval 300ms --count 3 >"$lab_dir/watch"
check "watch shows it" contains "$lab_dir/watch" '^app\.latency service:reader\.read .*p99'
check "and their folder is gone" equal "$(find "$lab_dir/run" -path '*app*')" ""
