// SPDX-License-Identifier: Apache-2.0
/*
 * The power that processor packages take, by their own counters of energy (RAPL): /sys/class/powercap/intel-rapl:N, also of AMD. A
 * counter begins again at max_energy_range_uj, which takes minutes at full power; a tick sees that once at the most.
 */
#include "observer/source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/text.h"

#define ZONE_PATH "sys/class/powercap/intel-rapl:"
#define PACKAGES_MAX 64

struct package {
	int fd; /* energy_uj */
	uint64_t range_uj, before_uj;
	bool known;
};

struct rapl {
	size_t n_packages;
	struct package packages[PACKAGES_MAX];
};

/* package-0, but also psys, which has the packages in it. */
static bool is_package(int root, size_t zone)
{
	char path[96], name[64];

	snprintf(path, sizeof(path), ZONE_PATH "%zu/name", zone);
	return sysroot_read(root, path, name, sizeof(name)) > 0 && !strncmp(name, "package", 7);
}

/* 262143328850 */
static int package_open(struct package *package, int root, size_t zone)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), ZONE_PATH "%zu/max_energy_range_uj", zone);
	if (sysroot_read(root, path, text, sizeof(text)) < 0 ||
	    !text_numbers(text, &package->range_uj, 1))
		return -EBADMSG;
	snprintf(path, sizeof(path), ZONE_PATH "%zu/energy_uj", zone);
	package->fd = source_open_file(root, path);
	return package->fd < 0 ? package->fd : 0;
}

static void rapl_close(void *state)
{
	struct rapl *rapl = state;

	for (size_t i = 0; i < rapl->n_packages; i++)
		closep(&rapl->packages[i].fd);
}

static int rapl_open(void *state, const struct source_context *context,
		     const struct source_demand *demand, struct source_status *status)
{
	struct rapl *rapl = state;
	char path[96];
	int r;

	(void)demand;
	for (size_t zone = 0; zone < PACKAGES_MAX; zone++) {
		if (!is_package(context->root, zone))
			continue;
		r = package_open(&rapl->packages[rapl->n_packages], context->root, zone);
		if (r < 0) {
			source_say(status, SOURCE_UNAVAILABLE,
				   r == -EACCES
					   ? "let the user flyball read energy_uj (chmod, a rule "
					     "of udev): since 5.10 it is root's alone"
					   : "",
				   "cannot read /" ZONE_PATH "%zu: %s", zone, strerror(-r));
			return r;
		}
		rapl->n_packages++;
	}
	snprintf(path, sizeof(path), "%s", "sys/class/powercap");
	if (rapl->n_packages == 0) {
		source_say(status, SOURCE_UNAVAILABLE,
			   "load intel_rapl_msr; a virtual machine has no counters of energy",
			   sysroot_exists(context->root, path) ? "no package under /%s" : "no /%s",
			   path);
		return -ENODEV;
	}
	source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return 0;
}

/* Root may read what the daemon's observer may not: said to whoever asks as root. */
static void rapl_probe(const struct source_context *context, struct source_status *status)
{
	struct rapl rapl = { 0 };
	struct stat stat;

	status->optional = 1;
	strcpy(status->method, "powercap");
	if (rapl_open(&rapl, context, NULL, status) == 0) {
		source_say(status, SOURCE_IDLE, "", "%s", "");
		if (fstat(rapl.packages[0].fd, &stat) == 0 && !(stat.st_mode & S_IROTH))
			source_say(status, SOURCE_IDLE, "chmod o+r, or a rule of udev",
				   "energy_uj is root's alone: the daemon's observer cannot read "
				   "it");
	}
	rapl_close(&rapl);
}

/* Joules since the tick before; NAN without one. */
static double package_joules(struct package *package, uint64_t *losses)
{
	const uint64_t before_uj = package->before_uj;
	const bool known = package->known;
	char text[32];
	uint64_t now_uj;

	package->known = source_reread(package->fd, text, sizeof(text)) >= 0 &&
			 text_numbers(text, &now_uj, 1);
	if (!package->known) {
		losses[LOSS_EVENT]++;
		return NAN;
	}
	package->before_uj = now_uj;
	if (!known)
		return NAN;
	if (now_uj < before_uj)
		now_uj += package->range_uj;
	return (double)(now_uj - before_uj) / 1e6;
}

static void rapl_sample(void *state, struct sampler *sampler)
{
	struct rapl *rapl = state;
	double joules = 0;

	for (size_t i = 0; i < rapl->n_packages; i++)
		joules += package_joules(&rapl->packages[i], sampler->losses);
	sampler_host(sampler, SIGNAL_CPU_POWER,
		     sampler->interval_ns
			     ? joules * (double)NSEC_PER_SEC / (double)sampler->interval_ns
			     : (double)NAN);
}

const struct source_ops rapl_source = {
	.name = "rapl",
	.first = SIGNAL_CPU_POWER,
	.last = SIGNAL_CPU_POWER,
	.state_size = sizeof(struct rapl),
	.probe = rapl_probe,
	.open = rapl_open,
	.sample = rapl_sample,
	.close = rapl_close,
};
