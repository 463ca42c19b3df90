// SPDX-License-Identifier: Apache-2.0
/*
 * The gpu-calls source: how long programs are in calls of CUDA and HIP that hand work to a GPU, wait for it, or copy, by BPF programs at
 * functions of the driver's library (bpf/gpu_calls.bpf.c), without a change to any program.
 *
 *     uprobe_multi  one link for all functions of a library
 *     uprobe        a perf event for each
 *
 * Libraries are the machine's, looked for every half a minute, and those that demanded processes have mapped: one process a tick is
 * looked at, after 1, 2, 4 … 64 s, until one is found. Every file is attached to once, and in all processes. One that is put in the place of another one is
 * a further one; one whose bytes change is let go of at the next tick, as the kernel would go on to carry out its old ones. Without any the
 * source is unavailable, and goes on looking. A tick is SERIES_LOSSY when more than 1 % of the calls could not be measured.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "observer/gpu_library.h"
#include "observer/gpu_tracer.h"
#include "observer/instances.h"
#include "observer/methods.h"
#include "observer/processes.h"
#include "observer/rows.h"
#include "observer/source.h"

#define LOSSY_SHARE 100 /* one part in it */
#define LOOK_NS (30 * NSEC_PER_SEC)
#define PROCESS_LOOK_NS \
	NSEC_PER_SEC /* after the first look at a process; then twice as much, up to … */
#define PROCESS_LOOK_MAX_NS (64 * NSEC_PER_SEC)
#define NO_LIBRARY GPU_LIBRARIES_MAX
#define REMEDY                                                                          \
	"install the driver's library; or demand the signals of a process that has it " \
	"mapped"

_Static_assert(SIGNAL_GPU_WAIT_LATENCY - SIGNAL_GPU_LAUNCH_LATENCY == GPU_CALL_WAIT &&
		       SIGNAL_GPU_COPY_LATENCY - SIGNAL_GPU_LAUNCH_LATENCY == GPU_CALL_COPY,
	       "signals are in the order of the kinds");

/* What is known of the host or of a process from the tick before; of a process also its library. */
struct owner {
	bool known;
	uint32_t row;
	size_t in_library;         /* NO_LIBRARY = none was found yet */
	uint64_t look_ns, wait_ns; /* the next look, and how long after it the one after that */
	bool denied;
	struct gpu_calls_stats before;
};

struct gpu_calls {
	const struct source_context *context;
	uint32_t method; /* enum gpu_way */
	bool has_rows;
	struct gpu_tracer *tracer;
	struct processes processes;
	struct instances instances;
	struct owner *owners; /* by place */
	struct owner host;
	struct gpu_calls_stats now; /* scratch */
	struct gpu_library libraries[GPU_LIBRARIES_MAX];
	uint64_t seen[GPU_LIBRARIES_MAX]; /* by the look of that number */
	uint64_t look, look_ns;           /* of the machine's: its number; when the next is */
	size_t next;                      /* the process that the next look begins at */
	size_t found;                     /* by the look under way */
	size_t n_over;                    /* libraries without a place, in the last look */
	char refused[SOURCE_TEXT_MAX];    /* of the last one that was none, or did not attach */
	char text[SOURCE_TEXT_MAX];       /* why not the best method; "" */
};

static const char *const method_names[GPU_WAY_COUNT] = {
	[GPU_MULTI] = "uprobe_multi",
	[GPU_PERF] = "uprobe",
};

static int method_probe(const struct source_context *context, uint32_t method,
			struct source_status *status)
{
	return gpu_tracer_probe(context, (enum gpu_way)method, status);
}

static const struct methods methods = {
	.source = "gpu-calls",
	.names = method_names,
	.n = GPU_WAY_COUNT,
	.probe = method_probe,
};

static const char *calls_method_name(size_t method)
{
	return method < GPU_WAY_COUNT ? method_names[method] : NULL;
}

static void calls_try(const struct source_context *context, size_t method,
		      struct source_status *status)
{
	struct gpu_tracer *tracer = NULL;

	if (method_probe(context, (uint32_t)method, status) < 0 ||
	    gpu_tracer_open(context, (enum gpu_way)method, 0, status, &tracer) < 0)
		return;
	gpu_tracer_close(tracer);
	gpu_tracer_caution((enum gpu_way)method, status);
}

static void say_absent(const struct source_context *context, struct source_status *status)
{
	if (context->gpu_library)
		source_say(status, SOURCE_UNAVAILABLE, REMEDY, "%s does not exist",
			   context->gpu_library);
	else
		source_say(status, SOURCE_UNAVAILABLE, REMEDY,
			   "neither CUDA nor HIP: no libcuda.so.1 and no libamdhip64.so.* in "
			   "/etc/ld.so.cache and the usual folders");
}

static bool is_there(void *data, int fd, const char *path)
{
	(void)data, (void)fd, (void)path;
	return false;
}

static void calls_probe(const struct source_context *context, struct source_status *status)
{
	status->optional = 1; /* most machines have no such library, and nothing is broken */
	if (methods_choose(&methods, context, 0, status) == GPU_WAY_COUNT)
		return;
	status->state = SOURCE_IDLE;
	if (gpu_library_find(context->root, context->gpu_library, is_there, NULL) == 0)
		say_absent(context, status);
}

/* --- libraries --- */

static void library_drop(struct gpu_calls *calls, size_t number)
{
	gpu_tracer_detach(calls->tracer, number);
	gpu_library_close(&calls->libraries[number]);
	for (size_t i = 0; i < calls->instances.n_places; i++)
		if (calls->owners[i].in_library == number)
			calls->owners[i].in_library = NO_LIBRARY;
}

static bool library_used(const struct gpu_calls *calls, size_t number)
{
	for (size_t i = 0; i < calls->instances.n_places; i++)
		if (calls->instances.places[i].used && calls->owners[i].in_library == number)
			return true;
	return false;
}

/* A free place, or that of one which was not seen by the last two looks: it has been replaced. NO_LIBRARY = there is none. */
static size_t library_place(struct gpu_calls *calls)
{
	for (size_t i = 0; i < GPU_LIBRARIES_MAX; i++)
		if (calls->libraries[i].fd < 0)
			return i;
	for (size_t i = 0; i < GPU_LIBRARIES_MAX; i++)
		if (calls->seen[i] + 2 < calls->look && !library_used(calls, i)) {
			library_drop(calls, i);
			return i;
		}
	return NO_LIBRARY;
}

static int library_attach(struct gpu_calls *calls, size_t number, int fd, const char *path)
{
	struct gpu_library *library = &calls->libraries[number];
	int r = gpu_library_take(fd, path, library);

	if (r < 0) {
		snprintf(calls->refused, sizeof(calls->refused), "%.128s: %s", path,
			 r == -ENOEXEC   ? "no library of this machine's kind"
			 : r == -ENODATA ? "none of the calls is in it"
					 : strerror(-r));
		return r;
	}
	r = gpu_tracer_attach(calls->tracer, number, library);
	if (r < 0) {
		snprintf(calls->refused, sizeof(calls->refused), "unable to attach to %.128s: %s",
			 path, strerror(-r));
		gpu_library_close(library);
	}
	return r;
}

static bool library_see(void *data, int fd, const char *path)
{
	struct gpu_calls *calls = data;
	size_t number;

	if (fd < 0) {
		snprintf(calls->refused, sizeof(calls->refused), "unable to open %.128s: %s", path,
			 strerror(-fd));
		return true;
	}
	for (number = 0; number < GPU_LIBRARIES_MAX; number++)
		if (gpu_library_is(&calls->libraries[number], fd))
			break;
	if (number == GPU_LIBRARIES_MAX) {
		number = library_place(calls);
		if (number == NO_LIBRARY) {
			calls->n_over++;
			return true;
		}
		if (library_attach(calls, number, fd, path) < 0)
			return true;
	}
	calls->seen[number] = calls->look;
	calls->found = number;
	return true;
}

static void machine_look(struct gpu_calls *calls, uint64_t now_ns)
{
	calls->look++;
	calls->look_ns = now_ns + LOOK_NS;
	calls->n_over = 0;
	calls->refused[0] = '\0';
	gpu_library_find(calls->context->root, calls->context->gpu_library, library_see, calls);
}

/* At one, of those whose turn it is. */
static void process_look(struct gpu_calls *calls, uint64_t now_ns)
{
	const size_t n = calls->instances.n_places;

	for (size_t i = 0; i < n; i++) {
		const size_t place = (calls->next + i) % n;
		const struct instance *instance = &calls->instances.places[place];
		struct owner *owner = &calls->owners[place];

		if (!instance->used || owner->in_library != NO_LIBRARY || now_ns < owner->look_ns)
			continue;
		calls->next = place + 1;
		calls->found = NO_LIBRARY;
		owner->denied = gpu_library_mapped(&calls->processes, calls->context->root,
						   &instance->scope, library_see, calls) == -EACCES;
		owner->in_library = calls->found;
		owner->look_ns = now_ns + owner->wait_ns;
		if (owner->wait_ns < PROCESS_LOOK_MAX_NS)
			owner->wait_ns *= 2;
		return;
	}
}

static void libraries_look(struct gpu_calls *calls, uint64_t now_ns)
{
	for (size_t i = 0; i < GPU_LIBRARIES_MAX; i++)
		if (gpu_library_changed(&calls->libraries[i])) {
			library_drop(calls, i);
			calls->look_ns = 0;
		}
	if (now_ns >= calls->look_ns)
		machine_look(calls, now_ns);
	process_look(calls, now_ns);
}

/* --- processes --- */

static int process_list(void *source, struct instances *instances)
{
	const struct gpu_calls *calls = source;

	return processes_list(&calls->processes, instances);
}

static int process_come(void *source, const struct instance *instance, size_t place)
{
	struct gpu_calls *calls = source;
	const uint32_t tgid = (uint32_t)strtoul(instance->scope.name, NULL, 10);
	const int row = gpu_tracer_add(calls->tracer, tgid, instance->identity);
	struct owner *owner = &calls->owners[place];

	owner->known = false;
	owner->denied = false;
	owner->in_library = NO_LIBRARY;
	owner->look_ns = 0;
	owner->wait_ns = PROCESS_LOOK_NS;
	owner->row = row < 0 ? UINT32_MAX : (uint32_t)row;
	return row < 0 ? -EMFILE : 0; /* over the limit, as without a descriptor */
}

static void process_go(void *source, size_t place)
{
	struct gpu_calls *calls = source;

	if (calls->owners[place].row != UINT32_MAX)
		gpu_tracer_drop(calls->tracer, calls->owners[place].row);
	calls->owners[place].row = UINT32_MAX;
	calls->owners[place].in_library = NO_LIBRARY;
}

static const struct instances_ops process_ops = {
	.list = process_list,
	.come = process_come,
	.go = process_go,
};

/* --- the source --- */

static void calls_stop(struct gpu_calls *calls)
{
	instances_deinit(&calls->instances);
	free(calls->owners);
	calls->owners = NULL;
	gpu_tracer_close(calls->tracer);
	calls->tracer = NULL;
	for (size_t i = 0; i < GPU_LIBRARIES_MAX; i++)
		gpu_library_close(&calls->libraries[i]);
	calls->host.known = false;
}

/* By the method in use; what does not attach gives way to the next one, and the reason of the first is kept. */
static int tracer_start(struct gpu_calls *calls, struct source_status *status)
{
	const bool forced = methods_forced(&methods, calls->context);
	int r = -EOPNOTSUPP;

	while (calls->method < GPU_WAY_COUNT && !calls->tracer) {
		struct source_status latest = *status;

		r = gpu_tracer_open(calls->context, (enum gpu_way)calls->method,
				    calls->has_rows ? ROWS_MAX : 0, &latest, &calls->tracer);
		if (r < 0 && (forced || !status->text[0]))
			*status = latest;
		if (r < 0 && forced)
			return r;
		if (r < 0)
			calls->method =
				methods_choose(&methods, calls->context, calls->method + 1, status);
		strcpy(calls->text, status->text);
	}
	if (!calls->tracer)
		status->state = SOURCE_UNAVAILABLE;
	return calls->tracer ? 0 : r;
}

static int calls_start(struct gpu_calls *calls, struct source_status *status)
{
	int r = tracer_start(calls, status);

	if (r < 0)
		return r;
	calls->owners = calloc(ROWS_MAX, sizeof(*calls->owners));
	r = calls->owners ? instances_init(&calls->instances, SCOPE_PROCESS, ROWS_MAX, &process_ops,
					   calls)
			  : -ENOMEM;
	if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
	return r;
}

static size_t count_libraries(const struct gpu_calls *calls)
{
	size_t n = 0;

	for (size_t i = 0; i < GPU_LIBRARIES_MAX; i++)
		n += calls->libraries[i].fd >= 0;
	return n;
}

static size_t count_denied(const struct gpu_calls *calls)
{
	size_t n = 0;

	for (size_t i = 0; i < calls->instances.n_places; i++)
		n += calls->instances.places[i].used && calls->owners[i].denied;
	return n;
}

/* The most important of what there is to say. */
static void calls_status(void *state, struct source_status *status)
{
	const struct gpu_calls *calls = state;
	const size_t denied = count_denied(calls);

	if (calls->tracer)
		gpu_tracer_status(calls->tracer, status);
	source_say(status, SOURCE_ATTACHED, "", "%s", calls->text);
	if (count_libraries(calls) == 0)
		say_absent(calls->context, status);
	if (calls->refused[0])
		source_say(status, count_libraries(calls) ? SOURCE_DEGRADED : SOURCE_UNAVAILABLE,
			   REMEDY, "%s", calls->refused);
	else if (calls->n_over)
		source_say(status, SOURCE_DEGRADED, "demand the signals of fewer processes",
			   "%zu libraries found no place: the limit is %d", calls->n_over,
			   GPU_LIBRARIES_MAX);
	else if (denied)
		source_say(status, (enum source_state)status->state,
			   "look at them in the foreground, as root",
			   "%zu processes may not be looked into: a library that is their "
			   "container's own is not seen",
			   denied);
	if (calls->instances.n_over)
		instances_say(&calls->instances, status);
}

static int calls_demand(void *state, const struct source_demand *demand,
			struct source_status *status)
{
	const bool rows = source_demands_kind(demand, SCOPE_PROCESS);
	struct gpu_calls *calls = state;
	int r = 0;

	if (!calls->tracer || rows != calls->has_rows) {
		calls_stop(calls);
		calls->has_rows = rows;
		r = calls_start(calls, status);
		if (r == 0)
			machine_look(calls, 0);
		calls->look_ns = 0;
	}
	if (r < 0)
		return r;
	instances_scan(&calls->instances, demand, 0);
	calls_status(calls, status);
	return 0;
}

static int calls_open(void *state, const struct source_context *context,
		      const struct source_demand *demand, struct source_status *status)
{
	struct gpu_calls *calls = state;
	int r;

	calls->context = context;
	for (size_t i = 0; i < GPU_LIBRARIES_MAX; i++)
		calls->libraries[i].fd = -1;
	r = processes_open(&calls->processes, context->root);
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /proc", "cannot open /proc: %s",
			   strerror(-r));
		return r;
	}
	status->text[0] = '\0'; /* that there was no library a moment ago */
	calls->method = methods_choose(&methods, context, 0, status);
	if (calls->method == GPU_WAY_COUNT)
		return -EOPNOTSUPP;
	strcpy(calls->text, status->text);
	return calls_demand(calls, demand, status);
}

static void calls_close(void *state)
{
	struct gpu_calls *calls = state;

	calls_stop(calls);
	processes_close(&calls->processes);
}

/* The programs go on counting meanwhile: each number is read once. */
static void stats_add(struct gpu_calls_stats *into, const struct gpu_calls_stats *from)
{
	for (uint32_t i = 0; i < GPU_CALLS_COUNTER_COUNT; i++)
		into->counts[i] += from->counts[i];
	for (uint32_t kind = 0; kind < GPU_CALL_KIND_COUNT; kind++)
		row_hist_add(&into->kinds[kind], &from->kinds[kind]);
}

static void kind_sample(const struct owner *owner, const struct gpu_calls_stats *now, uint32_t kind,
			const struct scope *scope, uint32_t flags, struct sampler *sampler)
{
	struct series *series = sampler_add(sampler, SIGNAL_GPU_LAUNCH_LATENCY + kind, scope);

	if (!series || !flags)
		return;
	row_hist_since(&now->kinds[kind], &owner->before.kinds[kind], series->hist);
	series->flags = flags;
}

/* The owner's series; `now` becomes what was before. Fills in what could not be measured in the tick, by its kind. */
static void owner_sample(struct owner *owner, const struct gpu_calls_stats *now,
			 const struct scope *scope, const struct signal_set *signals,
			 struct sampler *sampler, uint64_t ret_lost[GPU_CALLS_COUNTER_COUNT])
{
	const bool valid = owner->known && sampler->interval_ns;
	uint32_t flags = valid ? SERIES_VALID : 0;
	uint64_t all = 0;

	for (uint32_t i = 0; i < GPU_CALLS_COUNTER_COUNT; i++) {
		ret_lost[i] = valid ? now->counts[i] - owner->before.counts[i] : 0;
		all += ret_lost[i];
	}
	if ((all - ret_lost[GPU_CALLS_ENDS]) * LOSSY_SHARE > ret_lost[GPU_CALLS_ENDS])
		flags |= SERIES_LOSSY;
	for (uint32_t kind = 0; kind < GPU_CALL_KIND_COUNT; kind++)
		if (signal_set_has(signals, SIGNAL_GPU_LAUNCH_LATENCY + kind))
			kind_sample(owner, now, kind, scope, flags, sampler);
	owner->before = *now;
	owner->known = true;
}

static void host_sample(struct gpu_calls *calls, struct sampler *sampler)
{
	static const struct scope host = { .kind = SCOPE_HOST };
	uint64_t lost[GPU_CALLS_COUNTER_COUNT];

	memset(&calls->now, 0, sizeof(calls->now));
	for (uint32_t cpu = 0; cpu < gpu_tracer_n_cpus(calls->tracer); cpu++)
		stats_add(&calls->now, gpu_tracer_cpu(calls->tracer, cpu));
	owner_sample(&calls->host, &calls->now, &host, &sampler->demand->host, sampler, lost);
	sampler->losses[LOSS_ORPHAN_END] += lost[GPU_CALLS_ORPHANS];
	sampler->losses[LOSS_EVENT] += lost[GPU_CALLS_UNENDED];
}

static void calls_sample(void *state, struct sampler *sampler)
{
	struct gpu_calls *calls = state;
	uint64_t lost[GPU_CALLS_COUNTER_COUNT];

	if (instances_due(&calls->instances, sampler))
		sampler->losses[LOSS_EVENT] +=
			instances_scan(&calls->instances, sampler->demand, sampler->now_ns) < 0;
	instances_count(&calls->instances, sampler);
	libraries_look(calls, sampler->now_ns);
	sampler->losses[LOSS_INSTANCE] += calls->n_over;
	if (count_libraries(calls) == 0)
		return; /* nothing is known, not even that there were no calls */
	host_sample(calls, sampler);
	for (size_t place = 0; place < calls->instances.n_places; place++) {
		const struct instance *instance = &calls->instances.places[place];
		struct owner *owner = &calls->owners[place];

		if (!instance->used)
			continue;
		if (sampler->interval_ns == 0)
			owner->known = false;
		memset(&calls->now, 0, sizeof(calls->now));
		stats_add(&calls->now, gpu_tracer_row(calls->tracer, owner->row));
		owner_sample(owner, &calls->now, &instance->scope, &instance->signals, sampler,
			     lost);
	}
}

const struct source_ops gpu_calls_source = {
	.name = "gpu-calls",
	.first = SIGNAL_GPU_LAUNCH_LATENCY,
	.last = SIGNAL_GPU_COPY_LATENCY,
	.state_size = sizeof(struct gpu_calls),
	.comes_later = true,
	.probe = calls_probe,
	.method = calls_method_name,
	.try_method = calls_try,
	.open = calls_open,
	.demand = calls_demand,
	.sample = calls_sample,
	.close = calls_close,
	.status = calls_status,
};
