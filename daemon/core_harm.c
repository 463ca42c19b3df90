// SPDX-License-Identifier: Apache-2.0
/*
 * The harm budget: what exploring has cost. The loss of one pair of windows is the time with the new value in force
 * times how much worse the objective was then; gains do not pay for losses. Past `harm_budget.loss` of a day no trial
 * begins. The actuator holds a budget of its own, in time: it does not see the objective.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/core.h"

#define HARM_NAME "harm"
#define DAY_NS (24 * 3600 * (double)NSEC_PER_SEC)

static int open_folder(const struct core *core)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/history", core->options->state_dir);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Is it what core_harm_pair() writes: hours of the past, no negative loss. */
static bool day_valid(const struct day *day)
{
	for (int i = 0; i < DAY_HOURS; i++)
		if (!(day->hours[i] >= 0) || isinf(day->hours[i]))
			return false;
	return day->hour <= clock_wall_ns() / (3600 * NSEC_PER_SEC);
}

void core_harm_open(struct core *core)
{
	_cleanup_close_ int dir = open_folder(core);
	_cleanup_close_ int fd =
		dir < 0 ? -1 : openat(dir, HARM_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct day day;

	if (fd >= 0 && read(fd, &day, sizeof(day)) == (ssize_t)sizeof(day) && day_valid(&day))
		core->harm = day;
}

/* Without fsync, which on the disk that a trial is about can take very long: a power cut costs the day's sum at most. */
static int save(const struct core *core)
{
	_cleanup_close_ int dir = open_folder(core);
	_cleanup_close_ int fd = -1;
	ssize_t n;

	if (dir < 0)
		return -errno;
	fd = openat(dir, HARM_NAME, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	n = pwrite(fd, &core->harm, sizeof(core->harm), 0);
	return n == (ssize_t)sizeof(core->harm) ? 0 : n < 0 ? -errno : -EIO;
}

void core_harm_pair(struct core *core, const struct trial *trial)
{
	const struct policy *policy = &core->options->policies->policies[trial->policy];
	const struct pair *pair;
	int r;

	if (trial->n_pairs == 0)
		return;
	pair = &trial->pairs[trial->n_pairs - 1];
	if (!(pair->d < 0))
		return;
	/* Of a split, half of the connections had the arm. */
	day_add(&core->harm, clock_wall_ns(),
		(1 - exp(pair->d)) * (double)policy->trial.window_ns /
			(policy->trial.split ? 2 : 1));
	r = save(core);
	if (r < 0)
		log_warning("unable to save the harm budget in the history's folder: %s",
			    strerror(-r));
}

double core_harm(const struct core *core)
{
	return day_sum(&core->harm, clock_wall_ns()) / DAY_NS;
}

bool core_harm_refuses(const struct core *core, char *ret_text, size_t size)
{
	double loss = core_harm(core);

	for (size_t i = 0; i < core->n_limits; i++) {
		const struct limit_row *row = &core->limits[i];

		if (row->id != LIMIT_HARM_LOSS || loss < row->value)
			continue;
		snprintf(ret_text, size, "%s %s (%.60s) of a day is used up: %.3f%%", row->name,
			 row->text, row->from, loss * 100);
		return true;
	}
	return false;
}
