// SPDX-License-Identifier: Apache-2.0
#include "observer/sched_sums.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "observer/text.h"

#define SCHEDSTAT_PATH "proc/schedstat"
#define TEXT_BYTES (1u << 20) /* a line a CPU and one a domain of it: some 500 bytes a CPU */
#define LINE_NUMBERS 9        /* of a CPU since version 15, 2.6.30: the last three are ours */
#define DIRENT_BYTES 16384
#define THREADS_MAX 4096 /* of one process; over it, the process has no value */

int sched_sums_open(struct sched_sums *sums, int root)
{
	sums->fd = source_open_file(root, SCHEDSTAT_PATH);
	sums->text = calloc(1, TEXT_BYTES);
	sums->processes = calloc(INSTANCES_MAX, sizeof(*sums->processes));
	sums->folders = calloc(INSTANCES_MAX, sizeof(*sums->folders));
	if (!sums->text || !sums->processes || !sums->folders)
		return -ENOMEM;
	for (size_t i = 0; i < INSTANCES_MAX; i++)
		sums->folders[i] = -1;
	return 0;
}

void sched_sums_close(struct sched_sums *sums)
{
	closep(&sums->fd);
	free(sums->text);
	free(sums->processes);
	free(sums->folders);
	*sums = (struct sched_sums){ .fd = -1 };
}

int sched_sums_come(struct sched_sums *sums, const struct processes *processes,
		    const struct instance *instance, size_t place)
{
	int fd = processes_open_file(processes, &instance->scope, "task");

	sums->folders[place] = fd < 0 ? -1 : fd;
	sums->processes[place].known = false;
	return fd < 0 ? fd : 0;
}

void sched_sums_go(struct sched_sums *sums, size_t place)
{
	closep(&sums->folders[place]);
	sums->folders[place] = -1;
}

/* A file of many pages, which the kernel gives piece by piece. */
void sched_sums_read(struct sched_sums *sums, struct sampler *sampler)
{
	size_t used = 0;
	ssize_t n = 0;

	sums->text[0] = '\0';
	if (sums->fd < 0)
		return;
	while (used < TEXT_BYTES - 1 &&
	       (n = pread(sums->fd, sums->text + used, TEXT_BYTES - 1 - used, (off_t)used)) > 0)
		used += (size_t)n;
	/* A part of the CPUs is no sum. */
	if (used == TEXT_BYTES - 1)
		n = -EFBIG;
	sums->text[n < 0 ? 0 : used] = '\0';
	sampler->losses[LOSS_EVENT] += n < 0;
}

static uint64_t part_of(uint64_t number)
{
	return (number + 1) * 0x9e3779b97f4a7c15ull ^ number << 32;
}

static void add_distribution(const struct sched_sum *before, const struct sched_sum *now,
			     enum signal_id signal, uint32_t flags, const struct scope *scope,
			     struct sampler *sampler)
{
	struct series *series = sampler_add(sampler, signal, scope);

	if (!series)
		return;
	series->flags = SERIES_SUMS | flags;
	if (!flags)
		return;
	series->hist->count = now->stays - before->stays;
	series->hist->sum = signal == SIGNAL_SCHED_RUN ? now->run_ns - before->run_ns
						       : now->wait_ns - before->wait_ns;
}

static void add_waiting(const struct sched_sum *before, const struct sched_sum *now, uint32_t flags,
			const struct scope *scope, struct sampler *sampler)
{
	struct series *series = sampler_add(sampler, SIGNAL_SCHED_WAITING, scope);

	if (!series || !flags)
		return;
	series->flags = flags;
	series->value = (double)(now->wait_ns - before->wait_ns) / (double)sampler->interval_ns;
}

/*
 * Adds the three series of one owner, of whom `now` is known if it is not NULL, and takes it over. `changed` is what they are, of
 * SERIES_VALID and SERIES_LOSSY, where its parts are not those of the tick before.
 */
static void sum_add(struct sched_sum *before, const struct sched_sum *now, uint32_t changed,
		    const struct signal_set *signals, const struct scope *scope,
		    struct sampler *sampler)
{
	/* Threads that ended take their sums with them. */
	const bool valid = now && before->known && sampler->interval_ns &&
			   now->stays >= before->stays && now->run_ns >= before->run_ns &&
			   now->wait_ns >= before->wait_ns;
	uint32_t flags = valid ? SERIES_VALID : 0;

	if (valid && now->parts != before->parts)
		flags = changed;
	if (signal_set_has(signals, SIGNAL_SCHED_RUN))
		add_distribution(before, now, SIGNAL_SCHED_RUN, flags, scope, sampler);
	if (signal_set_has(signals, SIGNAL_SCHED_WAIT))
		add_distribution(before, now, SIGNAL_SCHED_WAIT, flags, scope, sampler);
	if (signal_set_has(signals, SIGNAL_SCHED_WAITING))
		add_waiting(before, now, flags, scope, sampler);
	if (now)
		*before = *now;
	before->known = now;
}

/*
 * cpu0 0 0 31418 10170 14931 7541 4285541298 190221331 20913
 * domain0 00000003 …
 */
static bool line_sum(const char *line, struct sched_sum *sum)
{
	uint64_t numbers[LINE_NUMBERS];

	if (!line || !text_numbers(line, numbers, LINE_NUMBERS))
		return false;
	sum->run_ns += numbers[6];
	sum->wait_ns += numbers[7];
	sum->stays += numbers[8];
	return true;
}

/* The line of the next CPU; NULL behind the last one. */
static const char *next_cpu(const char *text)
{
	while (text && *text) {
		if (!strncmp(text, "cpu", 3) && isdigit((unsigned char)text[3]))
			return text;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return NULL;
}

/* All a CPU ever did comes and goes with its line: no value where the lines are not the same. */
void sched_sums_host(struct sched_sums *sums, struct sampler *sampler)
{
	static const struct scope host = { .kind = SCOPE_HOST };
	struct sched_sum now = { 0 };

	for (const char *line = next_cpu(sums->text); line; line = next_cpu(line + 1)) {
		if (line_sum(strchr(line, ' '), &now)) {
			now.parts += part_of(strtoull(line + 3, NULL, 10));
			now.known = true;
		}
	}
	sum_add(&sums->host, now.known ? &now : NULL, 0, &sampler->demand->host, &host, sampler);
}

void sched_sums_cpu(struct sched_sums *sums, const struct instance *instance, uint32_t cpu,
		    struct sampler *sampler)
{
	struct sched_sum now = { 0 };
	char key[32];

	if (cpu >= SUMS_CPUS_MAX)
		return;
	snprintf(key, sizeof(key), "cpu%u ", cpu);
	now.known = line_sum(text_line(sums->text, key), &now);
	sum_add(&sums->cpus[cpu], now.known ? &now : NULL, SERIES_VALID, &instance->signals,
		&instance->scope, sampler);
}

/* `105437 3547244 2`; a thread that has just ended adds nothing. */
static void thread_add(int folder, const char *thread, struct sched_sum *sum)
{
	_cleanup_close_ int fd = -1;
	char path[64], text[96];
	uint64_t numbers[3];

	snprintf(path, sizeof(path), "%.20s/schedstat", thread);
	fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || source_reread(fd, text, sizeof(text)) < 0 || !text_numbers(text, numbers, 3))
		return;
	sum->run_ns += numbers[0];
	sum->wait_ns += numbers[1];
	sum->stays += numbers[2];
	sum->parts += part_of(strtoull(thread, NULL, 10));
	sum->known = true;
}

static bool threads_sum(int folder, struct sched_sum *sum)
{
	_Alignas(struct dirent64) char entries[DIRENT_BYTES];
	size_t n_threads = 0;
	ssize_t n;

	if (folder < 0 || lseek(folder, 0, SEEK_SET) < 0)
		return false;
	while ((n = getdents64(folder, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);

			at += entry->d_reclen;
			if (!isdigit((unsigned char)entry->d_name[0]))
				continue;
			if (++n_threads > THREADS_MAX)
				return false;
			thread_add(folder, entry->d_name, sum);
		}
	}
	return n == 0 && sum->known;
}

void sched_sums_process(struct sched_sums *sums, const struct instance *instance, size_t place,
			struct sampler *sampler)
{
	struct sched_sum now = { 0 };
	const bool known = threads_sum(sums->folders[place], &now);

	/* What a thread did that has ended is missing, and may be hidden by what others did. */
	sum_add(&sums->processes[place], known ? &now : NULL, SERIES_VALID | SERIES_LOSSY,
		&instance->signals, &instance->scope, sampler);
}
