// SPDX-License-Identifier: Apache-2.0
#include "observer/numa_maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `12`, and nothing but a blank or the end behind it. */
static bool number(const char *text, uint64_t *ret_number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	return errno == 0 && (!*end || *end == ' ');
}

/*
 * 5582e6cb2000 default file=/usr/bin/head mapped=2 N0=2 kernelpagesize_kB=4
 * 7f1c00000000 bind:1 anon=512 dirty=512 N0=12 N1=500 kernelpagesize_kB=4
 * The size of the pages comes last. The name of a file has its blanks escaped.
 */
bool numa_maps_line(const char *line, uint64_t bytes[NUMA_NODES_MAX])
{
	static const char size_key[] = " kernelpagesize_kB=";
	const char *size = strstr(line, size_key);
	uint64_t page_kib, pages;

	if (!size) /* nothing of it is in memory */
		return !strstr(line, " N0=");
	if (!number(size + strlen(size_key), &page_kib))
		return false;
	for (const char *word = strchr(line, ' '); word && word < size;
	     word = strchr(word + 1, ' ')) {
		char *equals;
		unsigned long node;

		if (word[1] != 'N' || word[2] < '0' || word[2] > '9')
			continue;
		node = strtoul(word + 2, &equals, 10);
		if (*equals != '=' || node >= NUMA_NODES_MAX || !number(equals + 1, &pages))
			return false;
		bytes[node] += pages * page_kib * 1024;
	}
	return true;
}

int numa_maps_read(int fd, char *buffer, size_t size, uint64_t bytes[NUMA_NODES_MAX])
{
	size_t used = 0;

	for (;;) {
		ssize_t n = read(fd, buffer + used, size - 1 - used);
		char *line = buffer, *end;

		if (n < 0)
			return -errno;
		if (n == 0)
			return used ? -EBADMSG : 0;
		used += (size_t)n;
		buffer[used] = '\0';
		for (; (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			if (!numa_maps_line(line, bytes))
				return -EBADMSG;
		}
		used -= (size_t)(line - buffer);
		memmove(buffer, line, used);
		if (used == size - 1)
			return -EBADMSG;
	}
}
