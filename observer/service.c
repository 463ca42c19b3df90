// SPDX-License-Identifier: Apache-2.0
/*
 * The service source: latency and throughput of the services that the configuration names, with no change to them, by the
 * best method that works:
 *
 *     tp_btf      BPF programs at typed tracepoints of every socket's reads and sends
 *     fentry      the same at the functions of TCP, UDP and Unix sockets, by trampolines
 *     kprobe      the same at TCP's alone by breakpoints; an answer counts from the beginning of its send; no errors
 *     sock_diag   none of it: only the queues of listening sockets, of services named by a port alone
 *
 * The programs are loaded only while something is demanded of them. Which sockets are a service's they find themselves,
 * when somebody begins to listen; what a service is (executables, groups) is looked for every second, and all open
 * files are scanned when that has changed, and now and then for sockets that were handed over.
 *
 * What they could not measure they count: answers of pipelined connections (LOSS_PIPELINED), of requests that began before
 * us (LOSS_ORPHAN_END), reads and sends without memory for their connection (LOSS_EVENT). More than 1 % of a tick's
 * answers, and its latency is SERIES_LOSSY.
 */
#include "observer/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "observer/service_backlog.h"

#define FIND_INTERVAL_NS NSEC_PER_SEC /* a unit that was started anew is seen within a second */
#define SCAN_INTERVAL_NS (10 * NSEC_PER_SEC) /* so is a socket that was handed over, within ten */
#define LOOK_SHARE 100 /* a look or a scan takes one part in so many of one CPU at most */
#define SCANS_EARLY 2  /* the second, a second after the first, finds whom that one overtook */

#define REMEDY_NAME "name one in /etc/flyball/flyball.conf (docs/config.md)"

static void say_none(struct source_status *status, enum source_state state)
{
	source_say(status, state, REMEDY_NAME, "works, but no service is named");
}

static bool is_unnamed(const struct source_context *context)
{
	return !context->services || context->services->n == 0;
}

static void service_probe(const struct source_context *context, struct source_status *status)
{
	if (service_method_choose(context, 0, status) == SERVICE_METHOD_COUNT)
		return;
	status->state = SOURCE_IDLE;
	if (is_unnamed(context))
		say_none(status, SOURCE_IDLE);
}

/* How long to wait after what took so much CPU time since `start_ns`, so that it is one part in LOOK_SHARE of a CPU at most. */
static uint64_t pause_ns(uint64_t start_ns, uint64_t least_ns)
{
	const uint64_t wait_ns = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns) * LOOK_SHARE;

	return wait_ns > least_ns ? wait_ns : least_ns;
}

/* A look that fails leaves the rules as they are, which is counted at each tick until one does not. */
static void services_find(struct service_source *source, uint64_t now_ns)
{
	const uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	source->find_error =
		service_rules_find(&source->rules, source->context->root, source->services);
	if (!source->tracer)
		service_rules_trim(&source->rules);
	source->found_ns = now_ns;
	source->find_pause_ns = pause_ns(start_ns, FIND_INTERVAL_NS);
}

static int services_scan(struct service_source *source, uint64_t now_ns)
{
	const uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int r = service_tracer_scan(source->tracer, &source->rules);

	source->scanned_ns = now_ns;
	source->scan_pause_ns = pause_ns(start_ns, 0);
	if (r < 0)
		return r;
	service_rules_trim(&source->rules);
	memcpy(source->known, source->rules.rules, sizeof(source->known));
	source->n_scans++;
	return 0;
}

/*
 * What the services are now; a scan where that has changed, and when one is due, but for the share of a CPU that scans may take.
 * Returns 0 or -errno.
 */
static int services_look(struct service_source *source, uint64_t now_ns)
{
	bool due;

	if (source->found_ns && now_ns - source->found_ns < source->find_pause_ns)
		return 0;
	services_find(source, now_ns);
	if (!source->tracer ||
	    (source->scanned_ns && now_ns - source->scanned_ns < source->scan_pause_ns))
		return 0;
	due = source->n_scans < SCANS_EARLY || now_ns - source->scanned_ns >= SCAN_INTERVAL_NS;
	if (!due && !memcmp(source->known, source->rules.rules, sizeof(source->known)))
		return 0;
	return services_scan(source, now_ns);
}

static void tracer_close(struct service_source *source)
{
	service_tracer_close(source->tracer);
	source->tracer = NULL;
	source->n_scans = 0;
	source->found_ns = source->scanned_ns = 0;
}

/* Loads or unloads the programs as the demand needs. Returns 0 or -errno with why in `status`. */
static int services_trace(struct service_source *source, struct source_status *status)
{
	int r = 0;

	/* The queue, too, needs to know who listens where. */
	if (!source->traced && !source->queued) {
		tracer_close(source);
		return 0;
	}
	if (!source->tracer)
		r = service_tracer_open(source->context, (enum service_way)source->method, status,
					&source->tracer);
	if (r < 0)
		return r;
	service_tracer_look(source->tracer, source->looked);
	service_tracer_want(source->tracer, source->traced, source->thin);
	r = services_look(source, clock_now_ns());
	if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "unable to look for the services: %s",
			   strerror(-r));
	return r;
}

/* By the method in use; what does not attach gives way to the next one, and the reason of the first is kept. */
static int services_trace_somehow(struct service_source *source, struct source_status *status)
{
	const bool forced = service_method_forced(source->context);
	int r = 0;

	while (source->method != SERVICE_SOCK_DIAG) {
		struct source_status latest = *status;

		r = services_trace(source, &latest);
		if (r == 0 || forced || !status->text[0])
			*status = latest;
		if (r == 0 || forced)
			break;
		tracer_close(source);
		source->method = service_method_choose(source->context, source->method + 1, status);
		strcpy(source->text, status->text);
		r = 0;
	}
	return r;
}

/* What is demanded of each service. */
static void demand_take(struct service_source *source, const struct source_demand *demand)
{
	source->traced = source->queued = source->looked = 0;
	for (uint32_t slot = 0; slot < source->services->n; slot++) {
		struct scope scope = { .kind = SCOPE_SERVICE };
		struct signal_set *set = &source->signals[slot];

		snprintf(scope.name, sizeof(scope.name), "%s", source->services->items[slot].name);
		*set = source_demand_of(demand, &scope);
		for (uint32_t s = SIGNAL_SERVICE_LATENCY; s <= SIGNAL_SERVICE_ERRORS; s++)
			source->traced |= (uint32_t)signal_set_has(set, s) << slot;
		source->looked |= (uint32_t)signal_set_has(set, SIGNAL_SERVICE_ERRORS) << slot;
		for (uint32_t s = SIGNAL_SERVICE_QUEUE; s <= SIGNAL_SERVICE_QUEUE_DROPS; s++)
			source->queued |= (uint32_t)signal_set_has(set, s) << slot;
	}
}

static int service_demand(void *state, const struct source_demand *demand,
			  struct source_status *status)
{
	struct service_source *source = state;
	int r;

	source->unmeasured = source->continued = 0;
	source->told = source->mute = 0;
	if (is_unnamed(source->context)) {
		say_none(status, SOURCE_ATTACHED);
		return 0;
	}
	demand_take(source, demand);
	r = services_trace_somehow(source, status);
	if (r < 0)
		return r;
	if (source->queued && source->diag < 0) {
		r = service_backlog_open();
		if (r < 0) {
			source_say(status, SOURCE_UNAVAILABLE, "use a kernel with CONFIG_INET_DIAG",
				   "unable to open sock_diag: %s", strerror(-r));
			return r;
		}
		source->diag = r;
	}
	status->state = source->text[0] && source->method >= SERVICE_KPROBE ? SOURCE_DEGRADED
									    : SOURCE_ATTACHED;
	return 0;
}

static int service_open(void *state, const struct source_context *context,
			const struct source_demand *demand, struct source_status *status)
{
	struct service_source *source = state;
	struct stat st;

	source->context = context;
	source->services = context->services;
	source->diag = -1;
	service_rules_init(&source->rules);
	if (fstatat(context->root, "proc/self/ns/net", &st, 0) == 0)
		source->netns = (uint32_t)st.st_ino;
	source->method = service_method_choose(context, 0, status);
	if (source->method == SERVICE_METHOD_COUNT)
		return -EOPNOTSUPP;
	strcpy(source->text, status->text);
	return service_demand(source, demand, status);
}

static void service_close(void *state)
{
	struct service_source *source = state;

	tracer_close(source);
	service_rules_deinit(&source->rules);
	closep(&source->diag);
}

static void say_absent(const struct service_source *source, struct source_status *status)
{
	for (size_t i = 0; i < source->services->n; i++) {
		if (!(source->rules.absent >> i & 1))
			continue;
		snprintf(status->text, sizeof(status->text),
			 "there is no such executable, socket, control group or unit now as the "
			 "service "
			 "'%s' is named by",
			 source->services->items[i].name);
		return;
	}
}

/* The first service of those (1 << service) has no values, for that reason. */
static void say_no_values(const struct service_source *source, uint32_t services, const char *what,
			  struct source_status *status)
{
	for (size_t i = 0; i < source->services->n; i++) {
		if (!(services >> i & 1))
			continue;
		snprintf(status->text, sizeof(status->text), "of the service '%s' %s",
			 source->services->items[i].name, what);
		return;
	}
}

/* What the method in use does not see, or the service does not show. */
static void say_unseen(const struct service_source *source, struct source_status *status)
{
	const enum service_way way = (enum service_way)source->method;
	uint32_t unseen = 0;

	if (way >= SERVICE_WAY_COUNT)
		return;
	for (uint32_t i = 0; i < source->services->n; i++)
		unseen |= (uint32_t)!service_way_sees(way, &source->services->items[i]) << i;
	say_no_values(source, source->looked & source->mute,
		      "no errors are known: its answers are not HTTP/1, memcached's text, Redis, "
		      "MySQL or PostgreSQL, or not in clear",
		      status);
	if (!service_way_looks(way))
		say_no_values(source, source->looked,
			      "no errors are known: kprobe does not see what is sent", status);
	say_no_values(source, source->traced & unseen,
		      "nothing is known: kprobe sees neither Unix sockets nor UDP", status);
}

static void service_status(void *state, struct source_status *status)
{
	struct service_source *source = state;

	if (is_unnamed(source->context))
		return;
	strcpy(status->text, source->text);
	if (source->tracer)
		service_tracer_status(source->tracer, status);
	if (source->thin)
		snprintf(status->text, sizeof(status->text),
			 "one connection in %u is measured and stands for all", 1u << source->thin);
	if (source->unmeasured || source->continued)
		snprintf(status->text, sizeof(status->text),
			 "%llu answers could not be measured (asked for while another was due, or "
			 "before we came); %llu sends were later parts of answers, or not asked "
			 "for",
			 (unsigned long long)source->unmeasured,
			 (unsigned long long)source->continued);
	say_unseen(source, status);
	if (source->rules.absent)
		say_absent(source, status);
	if (source->find_error)
		snprintf(status->text, sizeof(status->text),
			 "unable to look for control groups: %s", strerror(-source->find_error));
	if (source->rules.n_over || (source->tracer && service_tracer_lost(source->tracer)))
		snprintf(status->text, sizeof(status->text),
			 "%zu files or groups and %u listening sockets are over the limits: "
			 "name fewer",
			 source->rules.n_over,
			 source->tracer ? service_tracer_lost(source->tracer) : 0);
}

static void service_thin(void *state, uint32_t step)
{
	struct service_source *source = state;

	source->thin = step <= SERVICE_THIN_MAX ? step : SERVICE_THIN_MAX;
	if (source->tracer)
		service_tracer_want(source->tracer, source->traced, source->thin);
}

static bool service_may_rest(const void *state)
{
	const struct service_source *source = state;

	return source->tracer && service_tracer_may_rest(source->tracer);
}

static int service_attend(void *state, bool attends)
{
	const struct service_source *source = state;

	return service_tracer_attend(source->tracer, attends);
}

static void service_sample(void *state, struct sampler *sampler)
{
	struct service_source *source = state;

	if (is_unnamed(source->context))
		return;
	if (sampler->interval_ns == 0 && source->tracer)
		service_tracer_restart(source->tracer);
	sampler->losses[LOSS_EVENT] += services_look(source, sampler->now_ns) < 0;
	sampler->losses[LOSS_EVENT] += source->find_error < 0;
	sampler->losses[LOSS_INSTANCE] += source->rules.n_over;
	if (source->tracer)
		sampler->losses[LOSS_INSTANCE] += service_tracer_lost(source->tracer);
	if (source->queued)
		sampler->losses[LOSS_EVENT] += service_queues_read(source) < 0;
	for (uint32_t slot = 0; slot < source->services->n; slot++)
		service_series_sample(source, slot, sampler);
}

const struct source_ops service_source = {
	.name = "service",
	.first = SIGNAL_SERVICE_LATENCY,
	.last = SIGNAL_SERVICE_QUEUE_DROPS,
	.state_size = sizeof(struct service_source),
	.probe = service_probe,
	.method = service_method_name,
	.try_method = service_method_try,
	.open = service_open,
	.demand = service_demand,
	.sample = service_sample,
	.may_rest = service_may_rest,
	.attend = service_attend,
	.thin = service_thin,
	.close = service_close,
	.status = service_status,
};
