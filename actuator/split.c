// SPDX-License-Identifier: Apache-2.0
/*
 * The program is attached to the root of the cgroup v2 tree, where it sees the sockets of the whole machine, and looks at
 * those of one namespace alone. By a link, not by BPF_PROG_ATTACH: that would outlive whoever made it.
 */
#include "actuator/split.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actuator/actuator.h"
#include "actuator/cgroup.h"
#include "actuator/failpoint.h"
#include "actuator/family.h"
#include "actuator/in_netns.h"
#include "base/cleanup.h"
#include "base/scope.h"
#include "bpf/tcp_split.h"
#include "tcp_split.skel.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#define ECN_ALGORITHM "dctcp" /* plain Reno, and unfair, where ECN is not negotiated */

_Static_assert(TCP_SPLIT_SCOPE == SCOPE_NAME_MAX, "a slot holds any scope");

/* What beginning a split takes, in this order. */
enum step {
	STEP_NETNS,    /* the namespace tells its cookie */
	STEP_OPEN,     /* libbpf takes the program */
	STEP_LOAD,     /* the kernel does */
	STEP_CGROUP,   /* there is a cgroup v2 hierarchy */
	STEP_FOLDER,   /* its root can be opened */
	STEP_ATTACH,   /* the program is attached to it */
	STEP_ANNOUNCE, /* the observer is told */
	STEP_COUNT,
};

/* How far it came. */
struct attempt {
	enum step step;
	struct cgroup_place place; /* from STEP_FOLDER on */
};

struct split {
	struct tcp_split_bpf *program; /* NULL = free */
	int link;
	struct tcp_split_slot slot;
};

/* Like the hand's limits: one process, one set of splits, and nobody in between to hand it through. */
static struct split_maps maps = { .results = -1, .slots = -1 };
static struct split splits[TCP_SPLIT_SLOTS];

static bool is_of(const struct split *split, const struct scope *scope)
{
	return split->program && split->slot.kind == scope->kind &&
	       !strncmp(split->slot.name, scope->name, TCP_SPLIT_SCOPE);
}

static struct split *find(const struct scope *scope)
{
	for (size_t i = 0; i < TCP_SPLIT_SLOTS; i++)
		if (is_of(&splits[i], scope))
			return &splits[i];
	return NULL;
}

static int announce(const struct split *split)
{
	uint32_t key = (uint32_t)(split - splits);

	return bpf_map_update_elem(maps.slots, &key, &split->slot, BPF_ANY) < 0 ? -errno : 0;
}

static void stop(struct split *split)
{
	if (split->link >= 0)
		close(split->link);
	split->link = -1;
	tcp_split_bpf__destroy(split->program);
	split->program = NULL;
	split->slot.running = 0;
	announce(split);
}

void split_use(const struct split_maps *use)
{
	maps = *use;
	for (uint32_t key = 0; key < TCP_SPLIT_SLOTS; key++) {
		splits[key] = (struct split){ .link = -1 };
		if (maps.slots < 0 || bpf_map_lookup_elem(maps.slots, &key, &splits[key].slot) < 0)
			continue;
		splits[key].slot.running = 0;
		announce(&splits[key]);
	}
}

static int cookie_here(void *data)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(uint64_t);

	if (fd < 0)
		return -errno;
	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, data, &size) < 0 ? -errno : 0;
}

static int attach(int root, struct split *split, struct attempt *attempt)
{
	_cleanup_close_ int cgroup = -1;
	int r;

	attempt->step = STEP_CGROUP;
	r = cgroup_find(root, NULL, &attempt->place);
	if (r < 0)
		return r;
	attempt->step = STEP_FOLDER;
	cgroup = openat(root, attempt->place.mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0)
		return -errno;
	attempt->step = STEP_ATTACH;
	FAILPOINT(ATTACH_BEFORE);
	split->link = bpf_link_create(bpf_program__fd(split->program->progs.tcp_split), cgroup,
				      BPF_CGROUP_SOCK_OPS, NULL);
	if (split->link < 0)
		return -errno;
	FAILPOINT(ATTACH_DONE);
	return 0;
}

static int load(struct split *split, uint64_t cookie, struct attempt *attempt)
{
	struct tcp_split_bpf *program;
	struct tcp_split_settings *settings;
	int r;

	attempt->step = STEP_OPEN;
	program = tcp_split_bpf__open();
	if (!program)
		return -errno;
	split->program = program;
	settings = (struct tcp_split_settings *)&program->rodata->settings;
	if (settings->abi != TCP_SPLIT_ABI)
		return -EPROTO;
	settings->slot = (uint32_t)(split - splits);
	settings->netns = cookie;
	settings->ecn = !strcmp(split->slot.names[TCP_SPLIT_BASE], ECN_ALGORITHM) ||
			!strcmp(split->slot.names[TCP_SPLIT_ARM], ECN_ALGORITHM);
	memcpy(settings->names, split->slot.names, sizeof(settings->names));
	attempt->step = STEP_LOAD;
	r = bpf_map__reuse_fd(program->maps.results, maps.results);
	return r < 0 ? r : tcp_split_bpf__load(program);
}

static int start(int root, const struct scope *scope, struct split *split, struct attempt *attempt)
{
	uint64_t cookie = 0;
	int r;

	attempt->step = STEP_NETNS;
	r = in_netns(root, scope, cookie_here, &cookie);
	/* It reads all of the kernel's types: that takes a while on a slow machine. */
	family_progress();
	if (r == 0)
		r = load(split, cookie, attempt);
	family_progress();
	if (r == 0)
		r = attach(root, split, attempt);
	if (r == 0) {
		attempt->step = STEP_ANNOUNCE;
		r = announce(split);
	}
	if (r < 0)
		stop(split);
	return r;
}

static const struct {
	const char *what, *remedy;
} steps[STEP_COUNT] = {
	[STEP_NETNS] = { "asking for the cookie of a namespace", "it takes Linux 5.14" },
	[STEP_OPEN] = { "reading the program", "install flyball and libbpf anew" },
	[STEP_LOAD] = { "loading the program",
			"it takes Linux 5.15 with BTF, CAP_BPF and CAP_NET_ADMIN" },
	[STEP_CGROUP] = { "looking for cgroup v2", "is /proc mounted?" },
	[STEP_FOLDER] = { "opening", "mount -t cgroup2 none /sys/fs/cgroup" },
	[STEP_ATTACH] = { "attaching to", "it takes a cgroup v2 there, and CONFIG_CGROUP_BPF" },
	[STEP_ANNOUNCE] = { "telling the observer", "start the daemon anew" },
};

/* Which step failed, and what to do. */
static void complain(const struct attempt *attempt, const struct scope *scope, int error,
		     char *ret_text, size_t size)
{
	const char *what = steps[attempt->step].what, *remedy = steps[attempt->step].remedy;

	if (attempt->step == STEP_ATTACH && error == -EPERM)
		remedy = "see 'bpftool cgroup show' for a program that bars others";
	if (attempt->step == STEP_CGROUP && error == -ENOENT)
		snprintf(ret_text, size, "unable to split connections: no cgroup v2 is mounted: %s",
			 steps[STEP_FOLDER].remedy);
	else if (attempt->step == STEP_NETNS && error == -ENOENT)
		snprintf(ret_text, size,
			 "unable to split connections: the namespace '%.60s' is gone", scope->name);
	else if (attempt->step == STEP_FOLDER || attempt->step == STEP_ATTACH)
		snprintf(ret_text, size, "unable to split connections: %s '/%.32s': %s: %s", what,
			 attempt->place.mount, strerror(-error), remedy);
	else
		snprintf(ret_text, size, "unable to split connections: %s: %s: %s", what,
			 strerror(-error), remedy);
}

static struct split *take(const struct scope *scope, const char *base, const char *arm)
{
	struct split *split = NULL;

	for (size_t i = 0; i < TCP_SPLIT_SLOTS && !split; i++)
		if (!splits[i].program)
			split = &splits[i];
	if (!split)
		return NULL;
	split->slot = (struct tcp_split_slot){ .serial = split->slot.serial + 1,
					       .serial_again = split->slot.serial + 1,
					       .running = 1,
					       .kind = scope->kind };
	memcpy(split->slot.name, scope->name, sizeof(split->slot.name));
	snprintf(split->slot.names[TCP_SPLIT_BASE], TCP_SPLIT_NAME, "%s", base);
	snprintf(split->slot.names[TCP_SPLIT_ARM], TCP_SPLIT_NAME, "%s", arm);
	return split;
}

int split_draw(int root, const struct scope *scope, const char *base, const char *arm,
	       char *ret_text, size_t size)
{
	struct split *split = find(scope);
	struct attempt attempt;
	int r;

	if (maps.results < 0 || maps.slots < 0) {
		snprintf(ret_text, size, "connections cannot be split: this daemon has no maps");
		return -EOPNOTSUPP;
	}
	/* Numbers of its bits, in one word: programs see the one or the other. */
	if (split && !strcmp(split->slot.names[TCP_SPLIT_BASE], base) &&
	    !strcmp(split->slot.names[TCP_SPLIT_ARM], arm)) {
		__atomic_add_fetch(&split->program->bss->shared.cohort, 1, __ATOMIC_SEQ_CST);
		return 0;
	}
	if (split)
		stop(split);
	split = take(scope, base, arm);
	if (!split) {
		snprintf(ret_text, size, "%d splits run, which is the limit", TCP_SPLIT_SLOTS);
		return -ENOSPC;
	}
	r = start(root, scope, split, &attempt);
	if (r < 0)
		complain(&attempt, scope, r, ret_text, size);
	return r;
}

void split_end(const struct scope *scope)
{
	struct split *split = find(scope);

	if (split)
		stop(split);
}

/* A second descriptor of the same map, that cannot write. */
static int open_read_only(int map)
{
	const struct bpf_get_fd_by_id_opts options = { .sz = sizeof(options),
						       .open_flags = BPF_F_RDONLY };
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	int fd;

	if (bpf_obj_get_info_by_fd(map, &info, &size) < 0)
		return -errno;
	fd = bpf_map_get_fd_by_id_opts(info.id, &options);
	return fd < 0 ? -errno : fd;
}

static int make(struct split_maps *hand, struct split_maps *observer)
{
	hand->results = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "split_results", sizeof(uint32_t),
				       sizeof(struct tcp_split_result),
				       TCP_SPLIT_SLOTS * TCP_SPLIT_SIDES, NULL);
	if (hand->results < 0)
		return -errno;
	hand->slots = bpf_map_create(BPF_MAP_TYPE_ARRAY, "split_slots", sizeof(uint32_t),
				     sizeof(struct tcp_split_slot), TCP_SPLIT_SLOTS, NULL);
	if (hand->slots < 0)
		return -errno;
	observer->results = open_read_only(hand->results);
	if (observer->results < 0)
		return observer->results;
	observer->slots = open_read_only(hand->slots);
	return observer->slots < 0 ? observer->slots : 0;
}

int split_maps_open(struct split_maps *ret_actuator, struct split_maps *ret_observer)
{
	int r;

	*ret_actuator = *ret_observer = SPLIT_MAPS_NONE;
	r = make(ret_actuator, ret_observer);
	if (r < 0) {
		split_maps_close(ret_actuator);
		split_maps_close(ret_observer);
	}
	return r;
}

void split_maps_close(struct split_maps *closed)
{
	if (closed->results >= 0)
		close(closed->results);
	if (closed->slots >= 0)
		close(closed->slots);
	*closed = SPLIT_MAPS_NONE;
}
