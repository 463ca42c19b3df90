#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A page of metrics decides: as app_metric.sh, but the reader says what it reads as a counter of an OpenMetrics page over
# HTTP, and the daemon's observer fetches it as its own user.
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

cat >"$lab_dir/reader.py" <<'END'
import http.server, os, sys, threading

path, port_file = sys.argv[1:]
bytes_read = 0

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = ('# TYPE reader_bytes counter\nreader_bytes_total{kind="disk"} %d\n# EOF\n' % bytes_read).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(port_file + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
place, run = 0, 512 * 1024
with open(path, "rb") as file: # a disk has no size that stat() would tell
    size = file.seek(0, os.SEEK_END)
while True:
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.lseek(fd, place, os.SEEK_SET)
    place = (place + run) % size
    for _ in range(run // 4096):
        bytes_read += len(os.read(fd, 4096))
    os.close(fd)
END

echo 4 >"/sys/block/$disk_loop/queue/read_ahead_kb"
lab_spawn python3 "$lab_dir/reader.py" "$(disk_file read)" "$lab_dir/port"
reader=$lab_pid
check "the page is served" lab_await 10 test -s "$lab_dir/port"
cat >"$lab_dir/flyball.conf" <<END
pages = ( { name = "reader"; url = "http://127.0.0.1:$(cat "$lab_dir/port")/metrics"; every = "250ms"; } );
END
cat >"$lab_dir/policy.conf" <<END
policy: {
	name = "reader";
	scope = "disk";
	match = "$disk_loop";
	when = "app.count[reader@reader_bytes_total{kind=disk}].rate > 0 for 1s";
	knob = "block.read_ahead_kb";
	try = [ 1024 ];
	objective = { maximize = "app.count[reader@reader_bytes_total{kind=disk}].rate"; min_effect = "10%"; };
	guardrails = ( { signal = "disk.busy[$disk_loop]"; max = "100%"; } );
	trial = { window = "500ms"; washout = "750ms"; max_pairs = 40; };
};
END
daemon_start --config "$lab_dir/flyball.conf"
check "the daemon comes to a verdict within 60 s" lab_await 60 trial_ended
check "the verdict is kept" equal "$(trial_member verdict)" kept
check "because it is better" equal "$(trial_member reason)" better
check "the arm is in force" equal "$(readahead)" 1024
check "the objective names its series" equal "$(trial_member objective.signal)" \
	"app.count[reader@reader_bytes_total{kind=disk}].rate"
check "rollback undoes what was kept" rollback
check "the incumbent is back" equal "$(readahead)" 4
lab_kill "$reader"
page_missed()
{
	ask overhead >"$lab_dir/overhead"
	grep -q "the page 'reader' is not to be had" "$lab_dir/overhead"
}
check "a page that is gone is said" lab_await 10 page_missed
check "and counted" contains "$lab_dir/overhead" "app: [0-9]+ events lost"
daemon_stop
