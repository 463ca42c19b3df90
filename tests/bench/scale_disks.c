// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/scale.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static void put(const char *folder, size_t disk, const char *file, const char *text)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/sys/block/d%03zu/%s", folder, disk, file);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || file_write_all(fd, text, strlen(text)) < 0)
		scale_die("write a file");
	close(fd);
}

static void make_folder(const char *folder, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		scale_die("make a folder");
}

void scale_disks_make(const char *folder, size_t from, size_t to)
{
	char name[64], text[32];

	make_folder(folder, "sys");
	make_folder(folder, "sys/block");
	for (size_t i = from; i < to; i++) {
		snprintf(name, sizeof(name), "sys/block/d%03zu", i);
		make_folder(folder, name);
		snprintf(name, sizeof(name), "sys/block/d%03zu/queue", i);
		make_folder(folder, name);
		snprintf(text, sizeof(text), "8:%zu\n", i);
		put(folder, i, "dev", text);
		put(folder, i, "size", "41943040\n");
		put(folder, i, "queue/iostats", "1\n");
		put(folder, i, "stat",
		    "    1545      500    81334     1105      520      263     6392      367       "
		    " 0 "
		    "     912     1473        0        0        0        0       10        1\n");
	}
}
