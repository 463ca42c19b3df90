// SPDX-License-Identifier: Apache-2.0
#include "daemon/hang.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sysroot.h"
#include "observer/observer.h"

/* A source that was well for so long has its short pause again. */
#define WELL_NS 3600000000000ull

/* Names of files are the kernel's, or of who mounted them. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			*text = '?';
}

/*
 * What a blocked process waits for: the number and the arguments of its system call, in hexadecimal.
 *
 *     17 0x9 0x7ffd5ee0b2b0 0x200 0x0 0x0 0x0 0x7ffd5ee0b1f8 0x7f2c8a51f2a7
 *     running
 */
static void find_what(int root, pid_t pid, char *what, size_t size)
{
	char path[64], line[256], file[HANG_WHAT_MAX - 16];
	unsigned long long fd;
	long number;
	ssize_t n;

	snprintf(what, size, "a read");
	snprintf(path, sizeof(path), "proc/%d/syscall", pid);
	if (sysroot_read(root, path, line, sizeof(line)) < 0 ||
	    sscanf(line, "%ld %llx", &number, &fd) != 2)
		return;
	if (number == SYS_openat) {
		snprintf(what, size, "the opening of a file");
		return;
	}
	snprintf(what, size, "system call %ld", number);
	snprintf(path, sizeof(path), "proc/%d/fd/%llu", pid, fd);
	if (number != SYS_read && number != SYS_pread64 && number != SYS_getdents64)
		return;
	n = readlinkat(root, path, file, sizeof(file) - 1);
	file[n < 0 ? 0 : n] = '\0';
	make_printable(file);
	snprintf(what, size, "a read%s%s%s", n < 0 ? "" : " of '", file, n < 0 ? "" : "'");
}

void hang_note(struct source_watch *watch, int root, pid_t pid, uint64_t now_ns, char *text,
	       size_t size)
{
	const uint32_t source = __atomic_load_n(&watch->source, __ATOMIC_RELAXED);
	struct source_hang *hang;
	char what[HANG_WHAT_MAX];

	find_what(root, pid, what, sizeof(what));
	if (__atomic_load_n(&watch->step, __ATOMIC_RELAXED) == STEP_NONE || source >= SOURCES_MAX) {
		snprintf(text, size, "%s hangs, of no source", what);
		return;
	}
	snprintf(text, size, "source %s: %s hangs; it is left out", observer_source_name(source),
		 what);
	hang = &watch->hangs[source];
	if (hang->until_ns == UINT64_MAX && hang->pid == pid)
		return;
	hang->times = hang->times && now_ns - hang->seen_ns < WELL_NS ? hang->times + 1 : 1;
	hang->seen_ns = now_ns;
	hang->pid = pid;
	memcpy(hang->what, what, sizeof(what));
	__atomic_store_n(&hang->until_ns, UINT64_MAX, __ATOMIC_RELEASE);
}

void hang_end(struct source_watch *watch, pid_t pid, uint64_t now_ns)
{
	for (size_t i = 0; i < SOURCES_MAX; i++) {
		struct source_hang *hang = &watch->hangs[i];
		uint64_t pause_ns = HANG_PAUSE_MIN_NS;

		if (hang->until_ns != UINT64_MAX || hang->pid != pid)
			continue;
		for (uint32_t j = 1; j < hang->times && pause_ns < HANG_PAUSE_MAX_NS; j++)
			pause_ns *= 2;
		if (pause_ns > HANG_PAUSE_MAX_NS)
			pause_ns = HANG_PAUSE_MAX_NS;
		hang->seen_ns = now_ns;
		__atomic_store_n(&hang->until_ns, now_ns + pause_ns, __ATOMIC_RELEASE);
	}
}
