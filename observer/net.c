// SPDX-License-Identifier: Apache-2.0
/* Receiving and sending, by CPU (net_cpus.c) and by interface (nics.c): what went through, what was lost and where. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "observer/instances.h"
#include "observer/net_cpus.h"
#include "observer/nics.h"
#include "observer/source.h"
#include "observer/squeeze.h"

#define NICS_PATH "sys/class/net"

#define REMEDY_SQUEEZE                                                                       \
	"use a kernel with BTF, and CAP_BPF and CAP_PERFMON; without, squeezes are counted " \
	"together"

struct net {
	const struct source_context *context;
	struct source_demand demand;
	int folder; /* of the interfaces; -1 = there is none */
	struct instances instances;
	struct nic nics[NICS_MAX]; /* by the place of the instance */
	struct net_cpus cpus;
};

/* The interfaces of the namespace that sysfs was mounted in. */
static int nics_list(void *source, struct instances *instances)
{
	const struct net *net = source;

	return net->folder < 0 ? 0 : instances_see_folder(instances, net->folder, "");
}

static int nics_come(void *source, const struct instance *instance, size_t place)
{
	struct net *net = source;

	return nic_open(&net->nics[place], net->context->root, instance);
}

static void nics_go(void *source, size_t place)
{
	struct net *net = source;

	nic_close(&net->nics[place]);
}

static const struct instances_ops nics_ops = {
	.list = nics_list,
	.come = nics_come,
	.go = nics_go,
};

/* Interfaces are opened anew: which files of one are open depends on the demand. */
static int net_demand(void *state, const struct source_demand *demand, struct source_status *status)
{
	struct net *net = state;
	int r;

	net->demand = *demand;
	net_cpus_demand(&net->cpus, demand);
	if (net->cpus.squeeze_text[0])
		source_say(status, SOURCE_DEGRADED, REMEDY_SQUEEZE,
			   "the cause of squeezes is not known: %s", net->cpus.squeeze_text);
	else
		source_say(status, SOURCE_ATTACHED, "", "%s", "");
	instances_deinit(&net->instances);
	r = instances_init(&net->instances, SCOPE_NIC, NICS_MAX, &nics_ops, net);
	if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
	return r;
}

static int net_open(void *state, const struct source_context *context,
		    const struct source_demand *demand, struct source_status *status)
{
	struct net *net = state;
	int r;

	net->context = context;
	net->folder = openat(context->root, NICS_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = net_cpus_open(&net->cpus, context);
	if (r == 0)
		return net_demand(state, demand, status);
	source_say(status, SOURCE_UNAVAILABLE, "mount /proc",
		   "cannot read /proc/net/softnet_stat: %s", strerror(-r));
	return r;
}

static void net_close(void *state)
{
	struct net *net = state;

	instances_deinit(&net->instances);
	net_cpus_close(&net->cpus);
	closep(&net->folder);
}

static void net_probe(const struct source_context *context, struct source_status *status)
{
	_cleanup_close_ int fd = source_open_file(context->root, "proc/net/softnet_stat");

	strcpy(status->method, "procfs");
	if (fd < 0)
		source_say(status, SOURCE_UNAVAILABLE, "mount /proc",
			   "cannot read /proc/net/softnet_stat: %s", strerror(-fd));
	else
		source_say(status, SOURCE_IDLE, "", "%s", "");
}

static int nics_scan(struct net *net, uint64_t now_ns)
{
	int r = instances_scan(&net->instances, &net->demand, now_ns);

	for (size_t i = 0; i < net->instances.n_places; i++)
		if (net->instances.places[i].used)
			nic_scan(&net->nics[i], net->context->root, &net->instances.places[i]);
	return r;
}

static void net_sample(void *state, struct sampler *sampler)
{
	struct net *net = state;

	if (source_demands_kind(&net->demand, SCOPE_CPU) ||
	    source_demands_kind(&net->demand, SCOPE_HOST))
		net_cpus_sample(&net->cpus, sampler);
	if (instances_due(&net->instances, sampler) && source_demands_kind(&net->demand, SCOPE_NIC))
		sampler->losses[LOSS_EVENT] += nics_scan(net, sampler->now_ns) < 0;
	instances_count(&net->instances, sampler);
	for (size_t i = 0; i < net->instances.n_places; i++) {
		if (!net->instances.places[i].used)
			continue;
		if (sampler->interval_ns == 0)
			nic_restart(&net->nics[i]);
		nic_sample(&net->nics[i], &net->instances.places[i], sampler);
	}
}

static void net_status(void *state, struct source_status *status)
{
	const struct net *net = state;

	if (net->cpus.squeeze)
		squeeze_status(net->cpus.squeeze, status);
}

static bool net_may_rest(const void *state)
{
	const struct net *net = state;

	return net->cpus.squeeze != NULL;
}

static int net_attend(void *state, bool attends)
{
	struct net *net = state;

	return net_cpus_attend(&net->cpus, attends);
}

const struct source_ops net_source = {
	.name = "net",
	.first = SIGNAL_NET_PACKETS,
	.last = SIGNAL_NET_IRQS_SHARE,
	.state_size = sizeof(struct net),
	.probe = net_probe,
	.open = net_open,
	.demand = net_demand,
	.sample = net_sample,
	.may_rest = net_may_rest,
	.attend = net_attend,
	.close = net_close,
	.status = net_status,
};
