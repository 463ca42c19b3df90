// SPDX-License-Identifier: Apache-2.0
/*
 * What processes have of GPUs and NPUs, by what the drivers say of each open of a device: /proc/PID/fdinfo. Only descriptors of
 * /dev/dri and /dev/accel are read. A process that has none is looked at every 10 seconds, another one every second, both more
 * rarely where a look takes more than one part in 100 of one CPU, and in a tick one after the other until 5 ms are used. In
 * between the last look's values stand.
 *
 * An open (a client) counts once: for the process that was seen with it first, while that one has it.
 */
#include "observer/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/drm_clients.h"
#include "observer/instances.h"
#include "observer/looks.h"
#include "observer/processes.h"

#define LOOK_INTERVAL_NS (900 * NSEC_PER_MSEC) /* a second, with ticks that come early */
#define IDLE_INTERVAL_NS (10 * NSEC_PER_SEC)
#define LOOK_SHARE 100
#define DESCRIPTORS_MAX 16384 /* of a process; some 1 us each */
#define DIRENT_BYTES 4096
#define FDINFO_BYTES 8192

struct drm {
	struct processes processes;
	struct instances instances;
	struct drm_clients clients;
	struct looks looks;
	struct drm_use *uses; /* INSTANCES_MAX, by place: what the last look saw */
	char text[FDINFO_BYTES];
};

static int process_come(void *source, const struct instance *instance, size_t place)
{
	struct drm *drm = source;

	(void)instance;
	drm->uses[place] = DRM_USE_NONE;
	looks_forget(&drm->looks, place);
	return 0;
}

static void process_go(void *source, size_t place)
{
	struct drm *drm = source;

	drm_clients_drop(&drm->clients, place);
}

static int process_list(void *source, struct instances *instances)
{
	struct drm *drm = source;

	return processes_list(&drm->processes, instances);
}

static const struct instances_ops process_ops = {
	.list = process_list,
	.come = process_come,
	.go = process_go,
};

/* 12 -> /dev/dri/renderD128 */
static bool is_device(int folder, const char *descriptor)
{
	char target[32];
	ssize_t n = readlinkat(folder, descriptor, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return !strncmp(target, "/dev/dri/", 9) || !strncmp(target, "/dev/accel/", 11);
}

static int descriptor_look(struct drm *drm, size_t place, int infos, const char *descriptor,
			   uint64_t now_ns)
{
	struct drm_fdinfo info;
	int r = (int)sysroot_read(infos, descriptor, drm->text, sizeof(drm->text));

	if (r >= 0)
		r = drm_fdinfo_parse(drm->text, &info);
	if (r >= 0)
		r = drm_clients_take(&drm->clients, place, &info, now_ns);
	return r == -ENOENT ? 0 : r; /* closed meanwhile, or of a driver that says nothing */
}

/* Losses are of descriptors: the others of the process are read. */
static int process_look(struct drm *drm, size_t place, struct sampler *sampler)
{
	const struct scope *process = &drm->instances.places[place].scope;
	_cleanup_close_ int fds = processes_open_file(&drm->processes, process, "fd");
	_cleanup_close_ int infos =
		fds < 0 ? fds : processes_open_file(&drm->processes, process, "fdinfo");
	_Alignas(struct dirent64) char entries[DIRENT_BYTES];
	size_t n_descriptors = 0;
	ssize_t n;

	if (infos < 0)
		return infos;
	drm_clients_begin(&drm->clients, place);
	while ((n = getdents64(fds, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);

			at += entry->d_reclen;
			if (++n_descriptors > DESCRIPTORS_MAX)
				return -EFBIG;
			if (entry->d_name[0] == '.' || !is_device(fds, entry->d_name))
				continue;
			if (descriptor_look(drm, place, infos, entry->d_name, sampler->now_ns) < 0)
				sampler->losses[LOSS_EVENT]++;
		}
	}
	return n < 0 ? -errno : 0;
}

static int process_visit(void *source, size_t place, struct sampler *sampler,
			 uint64_t *ret_pause_ns)
{
	struct drm *drm = source;
	int r = process_look(drm, place, sampler);

	if (r < 0)
		drm_clients_drop(&drm->clients, place);
	drm->uses[place] = drm_clients_use(&drm->clients, place);
	*ret_pause_ns = drm->uses[place].n_clients ? LOOK_INTERVAL_NS : IDLE_INTERVAL_NS;
	return r;
}

static void drm_sample(void *state, struct sampler *sampler)
{
	struct drm *drm = state;

	if (instances_due(&drm->instances, sampler))
		sampler->losses[LOSS_EVENT] +=
			instances_scan(&drm->instances, sampler->demand, sampler->now_ns) < 0;
	instances_count(&drm->instances, sampler);
	looks_visit(&drm->looks, &drm->instances, process_visit, drm, sampler);
	for (size_t i = 0; i < drm->instances.n_places; i++) {
		const struct instance *instance = &drm->instances.places[i];
		const struct drm_use *use = &drm->uses[i];

		if (!instance->used || use->n_clients == 0)
			continue;
		instance_value(instance, sampler, SIGNAL_DRM_BUSY, use->busy_ratio);
		instance_value(instance, sampler, SIGNAL_DRM_MEMORY_USED, use->resident_bytes);
		instance_value(instance, sampler, SIGNAL_DRM_MEMORY_TOTAL, use->total_bytes);
	}
}

static void drm_close(void *state)
{
	struct drm *drm = state;

	instances_deinit(&drm->instances);
	looks_deinit(&drm->looks);
	free(drm->uses);
	processes_close(&drm->processes);
}

/* Root may look at what the daemon's observer may not: said to whoever asks as root. */
static void drm_probe(const struct source_context *context, struct source_status *status)
{
	strcpy(status->method, "fdinfo");
	status->optional = 1;
	if (sysroot_exists(context->root, "sys/class/drm/renderD128") ||
	    sysroot_exists(context->root, "sys/class/accel/accel0"))
		source_say(status, SOURCE_IDLE, "ask as root, in the foreground",
			   "other users' processes take CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: "
			   "the "
			   "daemon's observer may not look");
	else
		source_say(status, SOURCE_UNAVAILABLE,
			   "load the driver, if there is a GPU or an NPU",
			   "no renderD128 under /sys/class/drm, no accel0 under /sys/class/accel");
}

static int drm_open(void *state, const struct source_context *context,
		    const struct source_demand *demand, struct source_status *status)
{
	struct drm *drm = state;
	int r = processes_open(&drm->processes, context->root);

	(void)demand;
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /proc", "cannot read /proc: %s",
			   strerror(-r));
		return r;
	}
	drm->uses = calloc(INSTANCES_MAX, sizeof(*drm->uses));
	r = drm->uses ? looks_init(&drm->looks, LOOK_SHARE) : -ENOMEM;
	if (r == 0)
		r = instances_init(&drm->instances, SCOPE_PROCESS, INSTANCES_MAX, &process_ops,
				   drm);
	if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
	else
		source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return r;
}

static void drm_status(void *state, struct source_status *status)
{
	const struct drm *drm = state;
	const size_t n_denied = looks_denied(&drm->looks, &drm->instances);

	instances_say(&drm->instances, status);
	if (n_denied > 0 && !drm->instances.n_over)
		source_say(status, (enum source_state)status->state,
			   "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, which the daemon's observer "
			   "has "
			   "not",
			   "%zu processes may not be looked at", n_denied);
}

const struct source_ops drm_source = {
	.name = "drm",
	.first = SIGNAL_DRM_BUSY,
	.last = SIGNAL_DRM_MEMORY_TOTAL,
	.state_size = sizeof(struct drm),
	.probe = drm_probe,
	.open = drm_open,
	.sample = drm_sample,
	.close = drm_close,
	.status = drm_status,
};
