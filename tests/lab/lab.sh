# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # what is for those who source it
#
# The laboratory: a loop disk that reads and writes fight over, and nothing left of it afterwards.
# To be sourced by bash; `lab_enter "$@"` comes first.
#
#     lab_enter "$@"        root and a private mount namespace, by executing the script again
#     lab_begin             a temporary folder ($lab_dir), traps that end in lab_end
#     disk_make             a loop disk ($disk_loop) whose reads wait behind writes
#     disk_load SECONDS     fio: many writes at once beside 4 KiB x 1 deep reads
#     lab_end               takes all of it away; runs by itself at exit
#
# Why nothing is left even after `kill -9`: the mount exists only in this process's namespace, the image
# is unlinked and the loop device set to clear itself as soon as both are mounted, and each helper asks
# the kernel to be killed with its parent. When the last process is gone the kernel takes the rest. What
# remains is an empty folder, which `tests/lab/disk clean` removes.
#
# Two kinds of disk, found out by trying: over a 1 GiB file with ext4 where the folder's file system has direct I/O;
# else (all is in memory, as in the software machine) over a null_blk that takes 3 ms a request, one at a time. The first
# is as fast as the machine, the second as slow as was set, on however slow a machine. FLYBALL_LAB_DISK=file or timer
# asks for one.

lab_root=${FLYBALL_LAB_TMP:-/var/tmp} # not /tmp: that may be a tmpfs, which has no direct I/O
lab_dir=
lab_pids=()
lab_patience=${FLYBALL_LAB_PATIENCE:-${FLYBALL_VM_GUEST:+4}} # times as long as a real machine may take; emulation is slow
lab_patience=${lab_patience:-1}
disk_kind=                              # file, timer
disk_loop=
disk_backing=
disk_fd=
disk_writer= # process ids, for `wait`
disk_reader=
disk_scheduler_found=  # by whoever used the loop device last
disk_scheduler_before= # the lab's own incumbent

# Seconds that anything here may take to go away.
LAB_PATIENCE_S=10

# shellcheck source=tests/lab/slow.sh
. "$(dirname "${BASH_SOURCE[0]}")/slow.sh"

lab_say()
{
	printf '%s\n' "$*" >&2
}

lab_die()
{
	lab_say "${0##*/}: $*"
	exit 1
}

# Executes the script again as root and in a mount namespace of its own. The process id stays.
lab_enter()
{
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || lab_die "needs root for a loop device: run it as root, or install sudo"
		exec sudo -- "$0" "$@"
	fi
	[ "${FLYBALL_LAB_NAMESPACE:-}" = "$$" ] && return
	FLYBALL_LAB_NAMESPACE=$$ exec unshare --mount --propagation private -- "$0" "$@"
}

lab_begin()
{
	trap lab_end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	lab_dir=$(mktemp -d "$lab_root/flyball-lab.XXXXXXXX")
	chmod 711 "$lab_dir"
	echo $$ >"$lab_dir/owner"
}

# Runs a command in the background that dies with this shell; its id is in $lab_pid.
lab_spawn()
{
	setpriv --pdeathsig KILL -- "$@" &
	lab_pid=$!
	lab_pids+=("$lab_pid")
}

# Waits until a command succeeds: lab_await SECONDS COMMAND... The seconds are those of a real machine.
lab_await()
{
	local tries=$(($1 * 20 * lab_patience))

	shift
	until "$@"; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.05
	done
}

lab_kill()
{
	local pid=$1

	kill -TERM "$pid" 2>/dev/null || return 0
	lab_await "$LAB_PATIENCE_S" lab_gone "$pid" || kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null || true
}

# A zombie of ours counts as gone: it runs nothing any more.
lab_gone()
{
	local state

	state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) || return 0
	[ -z "$state" ] || [ "$state" = Z ]
}

# Loop devices whose file lies (or lay) in a folder, one a line.
lab_loops()
{
	local file

	for file in /sys/block/loop*/loop/backing_file; do
		[ -e "$file" ] || continue
		case $(cat "$file" 2>/dev/null) in
		"$1"/*) file=${file#/sys/block/} && echo "${file%%/*}" ;;
		esac
	done
}

lab_no_loops()
{
	[ -z "$(lab_loops "$1")" ]
}

# Takes away what lies in a folder of ours: mounts of this namespace, loop devices, files.
lab_sweep()
{
	local dir=$1 loop mount

	for mount in "$dir/mnt" "$dir/run" "$dir/state"; do
		mountpoint -q "$mount" || continue
		umount "$mount" 2>/dev/null || umount --lazy "$mount"
	done
	for loop in $(lab_loops "$dir"); do
		losetup -d "/dev/$loop" 2>/dev/null || true
	done
	lab_await "$LAB_PATIENCE_S" lab_no_loops "$dir" || lab_say "loop device still busy: $(lab_loops "$dir")"
	rm -rf --one-file-system "$dir"
}

# Idempotent; a second Ctrl-C does not interrupt it.
lab_end()
{
	local status=$? i

	trap '' HUP INT TERM
	trap - EXIT
	for ((i = ${#lab_pids[@]} - 1; i >= 0; i--)); do # newest first: who uses the disk goes before it
		lab_kill "${lab_pids[i]}"
	done
	lab_pids=()
	[ -z "$disk_fd" ] || exec {disk_fd}<&-
	disk_fd=
	[ -z "$lab_dir" ] || lab_sweep "$lab_dir"
	[ -z "$disk_loop" ] || lab_await "$LAB_PATIENCE_S" lab_idle "$disk_loop" || true
	slow_remove
	disk_forget
	return "$status"
}

# The folders of a daemon. Its run folder is memory, as /run is: the journal's fsync must not wait for the loaded disk.
lab_folders()
{
	mkdir -m 755 "$lab_dir/run" "$lab_dir/state"
	mount -t tmpfs -o size=16m,mode=755 flyball-lab "$lab_dir/run"
}

disk_scheduler()
{
	sed 's/.*\[\(.*\)\].*/\1/' "/sys/block/$disk_loop/queue/scheduler"
}

# True when a file in the folder can be read and written directly.
lab_direct()
{
	dd if=/dev/zero of="$lab_dir/direct" bs=4k count=1 oflag=direct status=none 2>/dev/null &&
		rm "$lab_dir/direct"
}

# Leaves what a loop disk may lie over in $disk_backing: disk_back MIB
disk_back()
{
	modprobe -qa loop bfq kyber-iosched 2>/dev/null || true # they may be modules, or not there at all
	if [ "${FLYBALL_LAB_DISK:-file}" = file ] && lab_direct; then
		disk_kind='file'
		disk_backing=$lab_dir/disk.img
		fallocate -l "$1MiB" "$disk_backing"
	else
		disk_kind=timer
		slow_possible || lab_die "no direct I/O in $lab_root and no null_blk: name another folder in FLYBALL_LAB_TMP"
		slow_make 3000000 1
		disk_backing=/dev/$slow_disk
	fi
}

disk_make()
{
	disk_back 1024
	disk_loop=$(losetup --find --show --direct-io=on "$disk_backing")
	disk_loop=${disk_loop#/dev/}
	disk_scheduler_found=$(disk_scheduler)
	disk_scheduler_before=none
	echo none >"/sys/block/$disk_loop/queue/scheduler"
	"disk_make_$disk_kind"
}

disk_make_file()
{
	# No lazy initialisation: its writes would come in the middle of a measurement.
	mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0,nodiscard "/dev/$disk_loop"
	mkdir "$lab_dir/mnt"
	mount "/dev/$disk_loop" "$lab_dir/mnt"
	losetup -d "/dev/$disk_loop" # busy: sets it to clear itself when the mount goes
	rm "$disk_backing"
	# Written, not preallocated: reads of unwritten extents never reach the disk.
	dd if=/dev/zero of="$lab_dir/mnt/read" bs=1M count=64 oflag=direct status=none
	dd if=/dev/zero of="$lab_dir/mnt/write" bs=1M count=512 oflag=direct status=none
	sync -f "$lab_dir/mnt"
}

# Nothing is kept on it, so nothing can lie on it. Held open, it clears itself with this shell.
disk_make_timer()
{
	exec {disk_fd}<"/dev/$disk_loop"
	losetup -d "/dev/$disk_loop"
}

# Where to read or write: a file of that name, or the disk itself where it has no file system.
disk_file()
{
	[ "$disk_kind" = timer ] && echo "/dev/$disk_loop" || echo "$lab_dir/mnt/$1"
}

# Starts one fio: disk_fio NAME ARGUMENTS... A thread, not a fork, so that it dies with its process.
disk_fio()
{
	local name=$1

	shift
	lab_spawn fio --thread --name="$name" --filename="$(disk_file "$name")" --direct=1 --ioengine=libaio \
		--time_based --randrepeat=0 --output-format=json --output="$lab_dir/$name.json" "$@"
}

# Runs for SECONDS at most; results in $lab_dir/read.json and write.json.
#
# io_size: without it fio drains its queue at each end of the file, and the disk is idle for a moment. Four writers,
# 32 requests together: when one of them waits for a CPU the others keep the disk busy; in a moment without writes the
# reader makes thousands of reads, and the median is theirs.
#
# The priorities (as ionice gives them) and the sequential reader are what makes bfq's effect last. bfq lets a disk wait
# for its next reader only where processes differ in priority and the reader is not random; with equal ones reads
# are fast for about a second after a switch, while bfq favours every queue that is new to it, and then no
# faster than before. "none" knows no priorities. Measured by switching every five seconds, reads and writes counted
# twice a second.
#
# On the timer's disk one writer of 16 requests is enough, as the disk takes one at a time: a read waits for all of them
# (63 to 68 ms by "none"), bfq takes it first (5 to 7 ms), second after second.
disk_load()
{
	"disk_load_$disk_kind" "$1"
}

disk_load_file()
{
	disk_fio write --rw=write --bs=1M --iodepth=8 --numjobs=4 --group_reporting --prioclass=2 --prio=0 \
		--size=512M --io_size=100T --runtime="$1"
	disk_writer=$lab_pid
	disk_fio read --rw=read --bs=4k --iodepth=1 --prioclass=2 --prio=7 --size=64M --io_size=100T \
		--runtime="$1"
	disk_reader=$lab_pid
}

disk_load_timer()
{
	disk_fio write --rw=write --bs=64k --iodepth=16 --prioclass=2 --prio=7 --size=512M --io_size=100T \
		--runtime="$1"
	disk_writer=$lab_pid
	disk_fio read --rw=read --bs=4k --iodepth=1 --prioclass=2 --prio=0 --size=64M --io_size=100T \
		--runtime="$1"
	disk_reader=$lab_pid
}

# A loop device outlives its disk and remembers its scheduler: leave it as it was found.
disk_forget()
{
	local file

	[ -n "$disk_loop" ] || return 0
	file=/sys/block/$disk_loop/queue/scheduler
	if [ -n "$disk_scheduler_found" ] && [ -w "$file" ] && lab_idle "$disk_loop" &&
		[ "$(disk_scheduler)" != "$disk_scheduler_found" ]; then
		echo "$disk_scheduler_found" >"$file"
	fi
	disk_loop=
	disk_kind=
}

# True when nobody has taken the device for something else since.
lab_idle()
{
	[ ! -e "/sys/block/$1/loop/backing_file" ]
}
