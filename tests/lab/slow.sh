# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A disk that takes a set time for each request, whatever the machine does meanwhile: null_blk with a timer. To be
# sourced after lab.sh, by those who need it through disk_make, too.
#
#     slow_make NS DEPTH [MIB]   a disk, $slow_disk, that completes each request after NS and takes DEPTH at once;
#                                with MIB it keeps what is written to it, in memory, so that a file system can lie on it
#     slow_remove                takes it away; lab_end does
#
# What a killed script left is a folder in configfs that `tests/lab/disk clean` removes.

slow_folder=/sys/kernel/config/nullb
slow_disk=

slow_possible()
{
	if [ ! -d "$slow_folder" ]; then
		# No device of its own accord: what is made here has a name of its own.
		modprobe -q null_blk nr_devices=0 2>/dev/null || return 1
		mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config || return 1
	fi
	[ -d "$slow_folder" ] && grep -q completion_nsec "$slow_folder/features"
}

slow_make()
{
	local name=flyball-$$ member

	mkdir "$slow_folder/$name"
	slow_disk=$name
	for member in queue_mode=2 irqmode=2 completion_nsec="$1" hw_queue_depth="$2" submit_queues=1 \
		size="${3:-1024}" memory_backed=$((${3:-0} > 0)) power=1; do
		echo "${member#*=}" >"$slow_folder/$name/${member%%=*}" ||
			lab_die "unable to set '$member' of the null_blk disk $name"
	done
	lab_await "$LAB_PATIENCE_S" test -b "/dev/$slow_disk" || lab_die "no device /dev/$slow_disk came"
}

slow_remove()
{
	[ -n "$slow_disk" ] || return 0
	echo 0 >"$slow_folder/$slow_disk/power" 2>/dev/null || true
	rmdir "$slow_folder/$slow_disk" 2>/dev/null || lab_say "the null_blk disk $slow_disk is still busy"
	slow_disk=
}

# Those of scripts that are gone.
slow_clean()
{
	local folder owner

	for folder in "$slow_folder"/flyball-*; do
		[ -d "$folder" ] || continue
		owner=${folder##*-}
		[ ! -d "/proc/$owner" ] || continue
		slow_disk=${folder##*/}
		slow_remove
		lab_say "$folder: removed"
	done
}
