// SPDX-License-Identifier: Apache-2.0
/*
 * TCP of a network namespace: counters from its files, and a snapshot of its connections (tcp_snapshot.c). Both belong to
 * the namespace of the task that opens them; it takes CAP_SYS_ADMIN to be in another one (setns(2)), which root has and
 * the daemon's observer has not.
 *
 * What is open in a namespace keeps it alive: after `ip netns del` it goes at the next scan, a second later.
 */
#include "observer/tcp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/netns.h"
#include "base/scope.h"
#include "observer/instances.h"

#define DIRENT_BYTES 4096
#define OWN 0 /* the space that flyball itself is in; the instance at place i has space i + 1 */

#define REMEDY_DIAG "modprobe tcp_diag, or use a kernel with CONFIG_INET_TCP_DIAG"
#define REMEDY_NETNS \
	"as root: flyball watch, signals and recommend enter them; the daemon's observer may not"

struct tcp {
	const struct source_context *context;
	struct source_demand demand;
	struct instances named; /* network namespaces, by the name that ip-netns(8) gave them */
	struct tcp_space spaces[TCP_SPACES_MAX];
	struct tcp_snapshot snapshot;
	struct demand named_demands[DEMANDS_MAX]; /* scratch: see named_demand() */
	size_t n_denied; /* namespaces that could not be entered, at the last scan */
};

/* A name that leads to no namespace is no instance. */
static int named_exists(const struct tcp *tcp, const char *name, uint64_t *ret_identity)
{
	_cleanup_close_ int fd = netns_open(tcp->context->root, name);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_identity = st.st_ino;
	return 0;
}

static void named_see(struct tcp *tcp, struct instances *named, const char *name)
{
	struct scope scope = { .kind = SCOPE_NETNS };
	struct signal_set signals;
	uint64_t identity = 0;

	if (name[0] == '.' || strlen(name) >= sizeof(scope.name))
		return;
	strcpy(scope.name, name);
	signals = source_demand_of(named->demand, &scope);
	if (!signal_set_empty(&signals) && named_exists(tcp, name, &identity) == 0)
		instances_see(named, name, identity);
}

static int named_list(void *source, struct instances *named)
{
	_Alignas(struct dirent64) char entries[DIRENT_BYTES]; /* opendir(3) allocates */
	_cleanup_close_ int folder = -1;
	struct tcp *tcp = source;
	ssize_t n = 0;

	tcp->n_denied = 0;
	if (named->demand->n_demands == 0)
		return 0;
	folder = openat(tcp->context->root, NETNS_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return errno == ENOENT ? 0 : -errno;
	while ((n = getdents64(folder, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);

			named_see(tcp, named, entry->d_name);
			at += entry->d_reclen;
		}
	}
	return n < 0 ? -errno : 0;
}

static int named_come(void *source, const struct instance *instance, size_t place)
{
	struct tcp *tcp = source;
	struct tcp_opening opening = { .space = &tcp->spaces[place + 1],
				       .root = tcp->context->root };
	_cleanup_close_ int netns = netns_open(tcp->context->root, instance->scope.name);
	int r = netns < 0 ? netns : netns_visit(netns, tcp_space_open, &opening);

	tcp->n_denied += r == -EPERM;
	return r;
}

static void named_go(void *source, size_t place)
{
	struct tcp *tcp = source;

	tcp_space_close(&tcp->spaces[place + 1]);
}

static const struct instances_ops named_ops = {
	.list = named_list,
	.come = named_come,
	.go = named_go,
};

/* A route in a namespace takes that namespace, whether or not anything is demanded of it itself. */
static struct source_demand named_demand(struct tcp *tcp)
{
	struct source_demand named = { .demands = tcp->named_demands };

	for (size_t i = 0; i < tcp->demand.n_demands; i++) {
		const struct demand *demand = &tcp->demand.demands[i];
		struct demand *out = &tcp->named_demands[named.n_demands];
		struct route_key key;
		struct scope exact;

		if (demand->scope.kind == SCOPE_NETNS) {
			*out = *demand;
			named.n_demands++;
		} else if (demand->scope.kind == SCOPE_ROUTE &&
			   scope_pattern_is_exact(&demand->scope, &exact) &&
			   route_key_parse(exact.name, &key) == 0 &&
			   key.netns.kind == SCOPE_NETNS) {
			out->signal = demand->signal;
			out->scope = scope_pattern_of(&key.netns);
			named.n_demands++;
		}
	}
	return named;
}

static int scan(struct tcp *tcp, uint64_t now_ns)
{
	const struct source_demand named = named_demand(tcp);
	int r = instances_scan(&tcp->named, &named, now_ns);

	for (size_t i = 0; i < tcp->named.n_places; i++)
		if (tcp->named.places[i].used)
			tcp_space_demand(&tcp->spaces[i + 1], &tcp->named.places[i].scope,
					 &tcp->demand);
	return r;
}

static size_t space_count(const struct tcp *tcp)
{
	return tcp->named.n_places + 1;
}

static int tcp_demand(void *state, const struct source_demand *demand, struct source_status *status)
{
	static const struct scope host = { .kind = SCOPE_HOST };
	struct tcp *tcp = state;
	bool wanted = false;

	tcp->demand = *demand;
	tcp_space_demand(&tcp->spaces[OWN], &host, demand);
	scan(tcp, 0);
	for (size_t i = 0; i < space_count(tcp); i++)
		wanted |= tcp->spaces[i].used && tcp->spaces[i].snapshot;
	/* One that comes later may be demanded, too. */
	wanted |= source_demands_kind(demand, SCOPE_NETNS) && tcp_snapshot_has(&demand->signals);
	wanted |= source_demands_kind(demand, SCOPE_ROUTE);
	for (size_t i = 0; !tcp->snapshot.table && i < TCP_SPACES_MAX; i++)
		tcp->spaces[i].settled = false;
	if (tcp_snapshot_demand(&tcp->snapshot, wanted) < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
		return -ENOMEM;
	}
	return 0;
}

static int tcp_open(void *state, const struct source_context *context,
		    const struct source_demand *demand, struct source_status *status)
{
	struct tcp *tcp = state;
	struct tcp_opening opening = { .space = &tcp->spaces[OWN], .root = context->root };
	int r;

	tcp->context = context;
	r = tcp_space_open(&opening);
	if (r == 0)
		r = instances_init(&tcp->named, SCOPE_NETNS, TCP_SPACES_MAX - 1, &named_ops, tcp);
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /proc", "cannot look at TCP: %s",
			   strerror(-r));
		return r;
	}
	source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return tcp_demand(state, demand, status);
}

static void tcp_close(void *state)
{
	struct tcp *tcp = state;

	instances_deinit(&tcp->named);
	tcp_space_close(&tcp->spaces[OWN]);
	tcp_snapshot_close(&tcp->snapshot);
}

/* Whether the kernel tells of connections: what sock_diag has no handler for is -ENOENT. */
static int try_dump(void)
{
	struct tcp_dump dump;
	int r = tcp_dump_open(&dump);

	if (r == 0)
		r = tcp_dump_try(&dump);
	tcp_dump_close(&dump);
	return r;
}

static void tcp_probe(const struct source_context *context, struct source_status *status)
{
	struct tcp_counters counters;
	int r = tcp_counters_open(&counters, context->root);

	tcp_counters_close(&counters);
	strcpy(status->method, "sock_diag");
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /proc", "cannot read /proc/net: %s",
			   strerror(-r));
		return;
	}
	r = try_dump();
	if (r == 0) {
		source_say(status, SOURCE_IDLE, "", "%s", "");
		return;
	}
	strcpy(status->method, "procfs");
	source_say(status, SOURCE_IDLE, REMEDY_DIAG,
		   "counters alone, no rtt, cwnd and delivery rate: the kernel does not tell of "
		   "its "
		   "connections: %s",
		   strerror(-r));
}

static void tcp_sample(void *state, struct sampler *sampler)
{
	struct tcp *tcp = state;

	if (instances_due(&tcp->named, sampler))
		sampler->losses[LOSS_EVENT] += scan(tcp, sampler->now_ns) < 0;
	instances_count(&tcp->named, sampler);
	for (size_t i = 0; i < space_count(tcp); i++) {
		struct tcp_space *space = &tcp->spaces[i];

		if (!space->used)
			continue;
		if (sampler->interval_ns == 0)
			tcp_counters_restart(&space->counters);
		tcp_counters_sample(&space->counters, &space->signals, &space->scope, sampler);
	}
	tcp_snapshot_sample(&tcp->snapshot, tcp->spaces, space_count(tcp), sampler);
}

static void tcp_status(void *state, struct source_status *status)
{
	const struct tcp *tcp = state;

	if (tcp->n_denied)
		source_say(status, SOURCE_DEGRADED, REMEDY_NETNS,
			   "%zu network namespaces are closed to this user: setns(2) needs "
			   "CAP_SYS_ADMIN",
			   tcp->n_denied);
	else if (tcp->snapshot.table && tcp->snapshot.error)
		source_say(status, SOURCE_DEGRADED, REMEDY_DIAG,
			   "the kernel does not tell of its connections: %s",
			   strerror(-tcp->snapshot.error));
	else if (tcp->named.n_over)
		source_say(status, SOURCE_ATTACHED, "",
			   "%zu network namespaces are over the limit of %d", tcp->named.n_over,
			   TCP_SPACES_MAX - 1);
	else if (status->state == SOURCE_DEGRADED)
		source_say(status, SOURCE_ATTACHED, "", "%s", "");
}

const struct source_ops tcp_source = {
	.name = "tcp",
	.first = SIGNAL_TCP_CONNECTIONS,
	.last = SIGNAL_TCP_DELIVERY_RATE,
	.state_size = sizeof(struct tcp),
	.probe = tcp_probe,
	.open = tcp_open,
	.demand = tcp_demand,
	.sample = tcp_sample,
	.close = tcp_close,
	.status = tcp_status,
};
