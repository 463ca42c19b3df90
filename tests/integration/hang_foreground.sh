#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A read that does not return, under the verbs that look in the foreground: the user hears of the source and the file, all
# else is shown, and Ctrl-C ends them. Once by a file whose reader can be killed (a FIFO that nobody opens), once by one whose
# reader cannot (FUSE takes the read, and does not answer).
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
lab_enter "$@"
[ -w /dev/fuse ] || skip "no /dev/fuse here"
[ -r /proc/pressure/io ] || skip "this kernel does not count pressure"
lab_begin
lab_folders
file=/proc/pressure/io
policy_write
sed -i 's/ for 1s/ and psi.io.some < 100% for 1s/' "$lab_dir/policy.conf"

# The children of a process of ours.
children()
{
	cat "/proc/$1/task/$1/children"
}

has_child()
{
	[ -n "$(children "$1")" ]
}

# looks NAME [ARGUMENT...]: runs in the background, its output in $lab_dir; its id is in $looking_pid.
looks()
{
	rm -f "$lab_dir/out" "$lab_dir/err"
	# An interactive shell's own setting: a job in the background would ignore SIGINT.
	setpriv --pdeathsig KILL -- env --default-signal=INT "$flyball" "$@" --run "$lab_dir/run" \
		>"$lab_dir/out" 2>"$lab_dir/err" &
	looking_pid=$!
	lab_pids+=("$looking_pid")
}

says()
{
	grep -qE -e "$1" "$lab_dir/err"
}

shows()
{
	grep -qE -e "$1" "$lab_dir/out"
}

holds()
{
	[ "$(tail -n 1 "$lab_dir/holder")" = held ]
}

# With a policy that waits for the source, whatever else this machine has.
recommends()
{
	looks recommend --for "$1" --policy "$lab_dir/policy.conf" --user 61199
}

# ends STATUS [SECONDS]: within the time that a user waits for his prompt.
ends()
{
	local status=0

	lab_await "${2:-3}" lab_gone "$looking_pid" || return 1
	wait "$looking_pid" || status=$?
	equal "$status" "$1"
}

# one_shot WHAT: signals ends by itself, with what it has.
one_shot()
{
	local status=0

	timeout -s KILL $((30 * lab_patience)) "$flyball" signals --run "$lab_dir/run" 2>"$lab_dir/err" | cat >"$lab_dir/out" || status=$?
	check "signals ends by itself, and so does who reads it" equal "$status" 0
	check "it names the source and the file" says "^flyball: source psi: $1 '$file' hangs; it is left out"
	check "before that it said for how long" says "^flyball: source psi: $1 '$file' has not returned for [2-9] s"
	check "the table has the reason" shows "^psi.io.some .*left out.*: $1 '$file'"
	check "and the values of the others" shows '^cpu.user +host +[0-9.]+'
	timeout -s KILL $((30 * lab_patience)) "$flyball" signals --no-values --json psi.io --run "$lab_dir/run" >"$lab_dir/out" 2>/dev/null
	check "so it is without values" shows "left out.*: $1 '$file'"
}

# interrupted WHAT: Ctrl-C while it hangs, and nobody knows yet.
interrupted()
{
	local child

	looks watch '*' --interval 100ms
	lab_await 10 has_child "$looking_pid" || fail "watch has no child that looks"
	child=$(children "$looking_pid")
	lab_await 10 says "$1 '$file' has not returned" || { cat "$lab_dir/err" && fail "watch says nothing"; }
	kill -INT "$looking_pid"
	check "Ctrl-C ends watch, which hangs" ends 130
	interrupted_child=${child% }
}

echo "--- a reader that can be killed"
mkfifo "$lab_dir/fifo"
mount --bind "$lab_dir/fifo" "$file"
one_shot 'the opening of'
interrupted 'the opening of'
check "what looked, and all that it attached, is gone" lab_await 1 lab_gone "$interrupted_child"
looks watch cpu.user --interval 100ms
check "who does not need the source is not held up" lab_await 10 shows '^cpu.user host'
kill -INT "$looking_pid"
check "Ctrl-C ends it" ends 130
"$flyball" doctor --json >"$lab_dir/out" 2>"$lab_dir/err" || true
check "doctor names both" shows "left out.*: the opening of '$file'"
check "and said so while it waited" says "^flyball: source psi: the opening of '$file' has not returned for"
recommends 6s
check "recommend names both" lab_await 10 says "source psi: the opening of '$file' hangs; it is left out"
check "and ends with what it has seen" ends 0 15
recommends 60s
lab_await 10 has_child "$looking_pid" || fail "recommend starts nothing"
sleep 1
kill -INT "$looking_pid"
check "Ctrl-C ends recommend, which hangs" ends 1
umount "$file"

echo "--- a reader that cannot"
lab_spawn "$helpers/holdreads" "$file" >"$lab_dir/holder"
holder=$lab_pid
lab_await 5 grep -q ready "$lab_dir/holder" || skip "unable to lie over a file of /proc"
kill -USR1 "$holder"
one_shot 'a read of'
check "it says that what hangs cannot be ended" says 'which hangs there, cannot be ended'
kill -USR2 "$holder"
looks watch psi.io --interval 100ms
lab_await 10 shows '^psi.io.some host [0-9]' || fail "watch shows nothing"
kill -USR1 "$holder"
check "watch names both" lab_await 15 says "^flyball: source psi: a read of '$file' hangs; it is left out"
lab_await 5 says 'cannot be ended' || fail "the process that hangs was ended"
kill -USR2 "$holder"
check "when the read has returned it says so" lab_await 15 says 'which hung, has ended; its source is tried again'
: >"$lab_dir/out"
check "and the source is back" lab_await 20 shows '^psi.io.some host [0-9]'
kill -USR1 "$holder"
child=$(children "$looking_pid")
lab_await 5 holds || fail "the read does not hang"
kill -INT "$looking_pid"
check "Ctrl-C ends watch, though what looks cannot be ended" ends 130
check "which it says" says "process ${child% } .*cannot be ended; what it has attached stays"
kill -USR2 "$holder"
check "with its answer that process ends" lab_await 5 lab_gone "${child% }"
kill -USR1 "$holder"
timeout -s KILL $((40 * lab_patience)) "$flyball" recommend --for 6s --policy "$lab_dir/policy.conf" --user 61199 --run "$lab_dir/run" \
	2>"$lab_dir/err" | cat >"$lab_dir/out" || fail "recommend and who reads it do not end"
check "recommend names both" says "source psi: a read of '$file' hangs; it is left out"
recommends 60s
lab_await 10 has_child "$looking_pid" || fail "recommend starts nothing"
sleep 1
kill -INT "$looking_pid"
check "Ctrl-C ends recommend, though its observer cannot be ended" ends 1
kill -USR2 "$holder"
