// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target: what the hand reads back from the kernel and from the journal, and takes apart: companions, limits of
 * disks, names of routes, sets of CPUs, pages by node, threads, the list of mounts. The first byte says which.
 *
 *	fuzz_readings tests/fuzz/corpus/readings
 *
 * Besides crashes: what was taken in comes out again as the same, and a companion's name leads to no other folder.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actuator/cgroup.h"
#include "actuator/cgroup_disks.h"
#include "actuator/family.h"
#include "actuator/numa_pages.h"
#include "actuator/route.h"
#include "actuator/thread.h"
#include "base/idset.h"
#include "base/sysroot.h"

#define TEXT_MAX 20000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64];
static int root;

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* A line that was taken is one that companions_add() would write. */
static void read_companions(const char *text)
{
	static char again[TEXT_MAX + 1];
	char name[96], value[KNOB_VALUE_MAX];
	const char *cursor = text;

	again[0] = '\0';
	while (companions_next(&cursor, name, sizeof(name), value, sizeof(value)) > 0) {
		must(name[0] != '/' && !strstr(name, ".."));
		must(companions_add(again, sizeof(again), name, value) == 0);
		must(strlen(again) == (size_t)(cursor - text));
		must(!strncmp(again, text, strlen(again)));
	}
}

static void read_disks(const char *text)
{
	char value[KNOB_VALUE_MAX], line[KNOB_VALUE_MAX * 2], reason[256];

	if (cgroup_disks_parse_file(text, value, sizeof(value)) == 0) {
		must(cgroup_disks_line(value, value, line, sizeof(line)) == 0 && line[0] == '\0');
		cgroup_disks_line("max", value, line, sizeof(line));
	}
	cgroup_disks_check(root, "max", text, reason, sizeof(reason));
	cgroup_disks_line(text, "max", line, sizeof(line));
}

static void read_route(const char *text)
{
	char again[SCOPE_NAME_MAX];
	struct route_key key;

	if (route_key_parse(text, &key) == 0)
		must(route_key_format(&key, again, sizeof(again)) == 0 && !strcmp(again, text));
}

static void read_idset(const char *text)
{
	struct idset set, again;
	char list[TEXT_MAX];

	if (idset_parse(text, &set) < 0 || idset_format(&set, list, sizeof(list)) < 0)
		return;
	must(idset_parse(list, &again) == 0 && idset_equal(&set, &again));
}

static void read_pages(const char *text)
{
	struct numa_pages pages, again;
	char list[TEXT_MAX];

	if (numa_pages_parse(text, &pages) < 0 || numa_pages_format(&pages, list, sizeof(list)) < 0)
		return;
	must(numa_pages_parse(list, &again) == 0 && !memcmp(again.on, pages.on, sizeof(pages.on)));
}

static void read_thread(const char *text)
{
	char name[THREAD_NAME_MAX];
	uint64_t start;
	pid_t tid;

	if (thread_parse(text, &tid, &start) < 0)
		return;
	thread_format(tid, start, name, sizeof(name));
	must(!strcmp(name, text));
}

static void read_mounts(const char *text)
{
	static const char *const controllers[] = { NULL, "cpu", "name=systemd" };
	char group[SCOPE_NAME_MAX];
	struct cgroup_place place;

	must(sysroot_write(root, "mountinfo", text) == 0);
	for (size_t i = 0; i < 3; i++)
		if (cgroup_find(root, controllers[i], &place) == 0) {
			must(place.mount[0] && memchr(place.mount, 0, sizeof(place.mount)));
			cgroup_of(root, "self", &place, controllers[i], group, sizeof(group));
		}
}

static void (*const readers[])(const char *text) = { read_companions, read_disks, read_route,
						     read_idset,      read_pages, read_thread,
						     read_mounts };

static void clean(void)
{
	static const char *const names[] = { "proc/self/mountinfo", "proc/self/cgroup",
					     "mountinfo" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(root, names[i], 0);
	unlinkat(root, "proc/self", AT_REMOVEDIR);
	unlinkat(root, "proc", AT_REMOVEDIR);
	rmdir(folder);
}

/* The list of mounts and that of the process's groups are one file. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	snprintf(folder, sizeof(folder), "/dev/shm/flyball-fuzz-XXXXXX");
	must(mkdtemp(folder) != NULL);
	root = sysroot_open(folder);
	must(root >= 0 && mkdirat(root, "proc", 0755) == 0 &&
	     mkdirat(root, "proc/self", 0755) == 0);
	close(openat(root, "mountinfo", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	must(linkat(root, "mountinfo", root, "proc/self/mountinfo", 0) == 0 &&
	     linkat(root, "mountinfo", root, "proc/self/cgroup", 0) == 0);
	atexit(clean);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[TEXT_MAX + 1];

	if (size == 0 || size > TEXT_MAX)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](text);
	return 0;
}
