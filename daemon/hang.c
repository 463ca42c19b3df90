// SPDX-License-Identifier: Apache-2.0
#include "daemon/hang.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
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

/* The file of a descriptor of that process, or "". */
static void read_link(int root, pid_t pid, int fd, char *file, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "proc/%d/fd/%d", pid, fd);
	n = readlinkat(root, path, file, size - 1);
	file[n < 0 ? 0 : n] = '\0';
}

/* The name that the process has given to the kernel, from the folder that it is relative to; or "". */
static void read_name(int root, pid_t pid, int folder, uintptr_t name, char *file, size_t size)
{
	char text[HANG_WHAT_MAX] = "", above[HANG_WHAT_MAX] = "";
	const struct iovec here = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	struct iovec there = { .iov_len = here.iov_len };

	/* A number of another process's memory, which is no pointer of this one. */
	memcpy(&there.iov_base, &name, sizeof(name));
	if (process_vm_readv(pid, &here, 1, &there, 1, 0) < 0)
		text[0] = '\0';
	if (text[0] && text[0] != '/' && folder >= 0)
		read_link(root, pid, folder, above, sizeof(above));
	snprintf(file, size, "%s%s%s", above, above[0] && strcmp(above, "/") ? "/" : "", text);
}

enum file_of {
	OF_DESCRIPTOR, /* the call's first argument */
	OF_NAME,       /* its second, relative to the first */
};

/* The calls that take what a file is asked for. */
static const struct file_call {
	long number;
	enum file_of file_of;
	const char *words;
} file_calls[] = {
	{ .number = SYS_read, .file_of = OF_DESCRIPTOR, .words = "a read of" },
	{ .number = SYS_pread64, .file_of = OF_DESCRIPTOR, .words = "a read of" },
	{ .number = SYS_getdents64, .file_of = OF_DESCRIPTOR, .words = "a read of" },
	{ .number = SYS_openat, .file_of = OF_NAME, .words = "the opening of" },
	{ .number = SYS_newfstatat, .file_of = OF_NAME, .words = "a look at" },
	{ .number = SYS_faccessat, .file_of = OF_NAME, .words = "a look at" },
	{ .number = SYS_readlinkat, .file_of = OF_NAME, .words = "a look at" },
};

static const struct file_call *find_call(long number)
{
	for (size_t i = 0; i < ARRAY_SIZE(file_calls); i++)
		if (file_calls[i].number == number)
			return &file_calls[i];
	return NULL;
}

/*
 * The number and the arguments of the system call that a process is blocked in, in hexadecimal.
 *
 *     17 0x9 0x7ffd5ee0b2b0 0x200 0x0 0x0 0x0 0x7ffd5ee0b1f8 0x7f2c8a51f2a7
 *     running
 */
bool hang_find(int root, pid_t pid, char *what, size_t size)
{
	char path[64], line[256], file[HANG_WHAT_MAX - 20];
	unsigned long long first, second;
	const struct file_call *call;
	long number;

	snprintf(what, size, "a read");
	snprintf(path, sizeof(path), "proc/%d/syscall", pid);
	if (sysroot_read(root, path, line, sizeof(line)) < 0 ||
	    sscanf(line, "%ld %llx %llx", &number, &first, &second) != 3)
		return false;
	call = find_call(number);
	if (!call) {
		snprintf(what, size, "system call %ld", number);
		return false;
	}
	if (call->file_of == OF_DESCRIPTOR)
		read_link(root, pid, (int)first, file, sizeof(file));
	else
		read_name(root, pid, (int)first, (uintptr_t)second, file, sizeof(file));
	make_printable(file);
	if (file[0])
		snprintf(what, size, "%s '%s'", call->words, file);
	else
		snprintf(what, size, "%s a file", call->words);
	return file[0] == '/';
}

void hang_note(struct source_watch *watch, int root, pid_t pid, uint64_t now_ns, char *text,
	       size_t size)
{
	const uint32_t source = __atomic_load_n(&watch->source, __ATOMIC_RELAXED);
	struct source_hang *hang;
	char what[HANG_WHAT_MAX];

	hang_find(root, pid, what, sizeof(what));
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
