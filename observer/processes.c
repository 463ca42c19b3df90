// SPDX-License-Identifier: Apache-2.0
#include "observer/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/scope.h"
#include "base/sysroot.h"
#include "observer/text.h"

#define STAT_BYTES 1024
#define DIRENT_BYTES 16384
#define START_FIELD 22 /* proc(5) */

int processes_open(struct processes *processes, int root)
{
	processes->folder = openat(root, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return processes->folder < 0 ? -errno : 0;
}

void processes_close(struct processes *processes)
{
	closep(&processes->folder);
	processes->folder = -1;
}

/*
 * 1234 (a name) with) S 1 1234 1234 0 -1 4194560 … 5678 …
 * The name may hold anything: it ends at the last bracket.
 */
static bool start_parse(const char *text, uint64_t *ret_start)
{
	const char *field = strrchr(text, ')');

	for (int i = 2; field && i < START_FIELD; i++) {
		field = strchr(field + 1, ' ');
		if (field && i + 1 == START_FIELD)
			return text_numbers(field, ret_start, 1);
	}
	return false;
}

/*
 * As the process's first thread tells it: the file of the process itself (/proc/PID/stat) has sums over all of its threads,
 * which the kernel makes anew at each read, of 100,000 if there are so many (do_task_stat). A first thread that has ended
 * stays, as a zombie, until the others have.
 */
static int process_start(const struct processes *processes, const char *pid, uint64_t *ret_start)
{
	char path[64], text[STAT_BYTES];
	ssize_t n;

	if ((size_t)snprintf(path, sizeof(path), "%s/task/%s/stat", pid, pid) >= sizeof(path))
		return -ENAMETOOLONG;
	n = sysroot_read(processes->folder, path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	return start_parse(text, ret_start) ? 0 : -EBADMSG;
}

/* `1234@5678`: 0 when that very process is there, -ESRCH when it is not, or another one has its number. */
static int process_check(const struct processes *processes, const char *name, char pid[16],
			 uint64_t *ret_start)
{
	const char *at = strchr(name, '@');
	uint64_t start, is;

	if (!at || at == name || at - name >= 16 || !text_numbers(at + 1, &start, 1))
		return -EINVAL;
	memcpy(pid, name, (size_t)(at - name));
	pid[at - name] = '\0';
	if (strspn(pid, "0123456789") != strlen(pid))
		return -EINVAL;
	if (process_start(processes, pid, &is) < 0 || is != start)
		return -ESRCH;
	*ret_start = start;
	return 0;
}

int processes_open_file(const struct processes *processes, const struct scope *process,
			const char *file)
{
	char path[96], pid[16];
	_cleanup_close_ int fd = -1;
	uint64_t start;
	int r = process_check(processes, process->name, pid, &start);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/%s", pid, file);
	fd = openat(processes->folder, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Once more: what was opened belongs to whoever had the number between the two looks. */
	r = process_check(processes, process->name, pid, &start);
	return r < 0 ? r : take_fd(&fd);
}

static void see(struct instances *instances, const char *pid, uint64_t start)
{
	char name[SCOPE_NAME_MAX];

	if (snprintf(name, sizeof(name), "%s@%" PRIu64, pid, start) < (int)sizeof(name))
		instances_see(instances, name, start);
}

void processes_see(const struct processes *processes, struct instances *instances, const char *pid)
{
	uint64_t start;

	if (process_start(processes, pid, &start) == 0)
		see(instances, pid, start);
}

/* Several signals of the same instances come one after the other. */
static bool is_again(const struct source_demand *demand, size_t i)
{
	return i > 0 && scope_equal(&demand->demands[i].scope, &demand->demands[i - 1].scope);
}

/* True when the name of that process may match a pattern, by what that begins with: `12*`, `123@*`. */
static bool is_wanted(const struct source_demand *demand, const char *pid)
{
	const size_t length = strlen(pid);

	for (size_t i = 0; i < demand->n_demands; i++) {
		const struct scope *pattern = &demand->demands[i].scope;
		const size_t known = strcspn(pattern->name, "*?[\\");
		const size_t both = length < known ? length : known;

		if (pattern->kind == SCOPE_PROCESS && !is_again(demand, i) &&
		    !strncmp(pid, pattern->name, both) &&
		    (length >= known || pattern->name[length] == '@'))
			return true;
	}
	return false;
}

static int see_all(const struct processes *processes, struct instances *instances)
{
	_Alignas(struct dirent64) char entries[DIRENT_BYTES];
	ssize_t n;

	if (lseek(processes->folder, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = getdents64(processes->folder, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);

			at += entry->d_reclen;
			if (isdigit((unsigned char)entry->d_name[0]) &&
			    is_wanted(instances->demand, entry->d_name))
				processes_see(processes, instances, entry->d_name);
		}
	}
	return n < 0 ? -errno : 0;
}

/* `1234@…`: all matches of the pattern are processes of one number, and there is one at most. */
static bool is_of_one(const char *pattern, char pid[16])
{
	const size_t length = strspn(pattern, "0123456789");

	if (length == 0 || length >= 16 || pattern[length] != '@')
		return false;
	memcpy(pid, pattern, length);
	pid[length] = '\0';
	return true;
}

int processes_list(const struct processes *processes, struct instances *instances)
{
	const struct source_demand *demand = instances->demand;
	bool patterns = false;

	for (size_t i = 0; i < demand->n_demands; i++) {
		const struct scope *pattern = &demand->demands[i].scope;
		struct scope exact;
		uint64_t start;
		char pid[16];

		if (pattern->kind != SCOPE_PROCESS || is_again(demand, i))
			continue;
		if (!scope_pattern_is_exact(pattern, &exact)) {
			if (is_of_one(pattern->name, pid))
				processes_see(processes, instances, pid);
			else
				patterns = true;
		} else if (process_check(processes, exact.name, pid, &start) == 0) {
			see(instances, pid, start);
		}
	}
	return patterns ? see_all(processes, instances) : 0;
}
