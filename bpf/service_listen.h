/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the services listen: a table of ports and Unix sockets, filled when somebody begins to listen and by scans
 * of all open files, which find what was there before and what a process got from another (socket activation).
 *
 * An executable is known by its inode's address in the kernel: user space keeps it open, so that the address stays its
 * own, and a scan of its own files notes which one that is. So neither a path nor the rights to follow
 * /proc/PID/exe are needed, and no file system's odd inode numbers matter. So is the file of a Unix socket.
 *
 * One .bpf.c includes it once: it defines maps and programs of that object. conn_mark(sk, epoch) is the includer's: it stores a
 * connection of another epoch, if none is stored.
 */
#ifndef FLYBALL_BPF_SERVICE_LISTEN_H
#define FLYBALL_BPF_SERVICE_LISTEN_H

#include "bpf/kernel_net.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/service.h"

const volatile struct service_settings settings = { .abi = SERVICE_ABI };

struct service_shared shared;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SERVICE_LISTENERS_MAX);
	__type(key, struct service_port);
	__type(value, struct service_listener);
} listeners SEC(".maps");

static __always_inline bool is_unix(const struct sock *sk)
{
	return bpf_core_type_exists(struct unix_sock) &&
	       BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX;
}

static __always_inline __u64 unix_address_of(const struct sock *sk)
{
	return (__u64)BPF_CORE_READ((const struct unix_sock *)sk, addr);
}

/* The entry of its name in a folder; 0 = it has no file. */
static __always_inline __u64 unix_file_of(const struct sock *sk)
{
	return (__u64)BPF_CORE_READ((const struct unix_sock *)sk, path.dentry);
}

static __always_inline struct service_port port_of(const struct sock *sk)
{
	if (is_unix(sk))
		return (struct service_port){ .address = unix_address_of(sk),
					      .netns = (__u32)(unix_file_of(sk) >> 4) };
	return (struct service_port){
		.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum),
		.port = BPF_CORE_READ(sk, __sk_common.skc_num),
		.udp = BPF_CORE_READ(sk, sk_protocol) == IPPROTO_UDP,
	};
}

static __always_inline struct service_listener *listener_of(const struct sock *sk)
{
	struct service_port port = port_of(sk);

	return bpf_map_lookup_elem(&listeners, &port);
}

/* The id of the process's control group at a level; 0 = it is not as deep. */
static __always_inline __u64 group_at(struct cgroup___levels *group, __u32 level)
{
	struct cgroup___ids *old = (void *)group;
	struct cgroup___levels *ancestor;
	__u64 id = 0;

	if (level > (__u32)BPF_CORE_READ(group, level))
		return 0;
	if (bpf_core_field_exists(old->ancestor_ids)) {
		bpf_core_read(&id, sizeof(id), &old->ancestor_ids[level % SERVICE_DEPTH_MAX]);
		return id;
	}
	bpf_core_read(&ancestor, sizeof(ancestor), &group->ancestors[level % SERVICE_DEPTH_MAX]);
	return BPF_CORE_READ(ancestor, kn, id);
}

struct owner {
	struct service_port port;
	__u64 file;   /* its executable's inode; 0 = a thread of the kernel */
	__u64 socket; /* the inode of a Unix socket's file; 0 = of another one */
	__u64 groups[SERVICE_DEPTH_MAX];
};

static __always_inline bool rule_fits(const struct service_rule *rule, const struct owner *owner)
{
	bool in_group = rule->group == 0;

	if (!rule->used || rule->udp != owner->port.udp ||
	    (rule->port && rule->port != owner->port.port) ||
	    (rule->netns && rule->netns != owner->port.netns))
		return false;
	if (rule->socket && (!owner->socket ||
			     shared.files[(rule->socket - 1) % SERVICE_FILES_MAX] != owner->socket))
		return false;
	if (rule->file &&
	    (!owner->file || shared.files[(rule->file - 1) % SERVICE_FILES_MAX] != owner->file))
		return false;
	for (__u32 i = 0; i < SERVICE_DEPTH_MAX; i++)
		in_group |= rule->group == owner->groups[i];
	return in_group;
}

static __always_inline void listener_put(const struct owner *owner, __u32 slot)
{
	struct service_listener listener = { .slot = slot, .generation = shared.generation };
	__u32 bit = service_address_bit(owner->port.address);

	if (owner->port.address && !bpf_map_lookup_elem(&listeners, &owner->port))
		shared.unmarked = 1;
	if (bpf_map_update_elem(&listeners, &owner->port, &listener, BPF_ANY) < 0) {
		__sync_fetch_and_add(&shared.lost_listeners, 1);
		return;
	}
	if (owner->port.address)
		__sync_fetch_and_or(&shared.addresses[bit / 64 % SERVICE_ADDRESS_WORDS],
				    1ull << bit % 64);
	else
		__sync_fetch_and_or(&shared.ports[owner->port.port / 64 % SERVICE_PORT_WORDS],
				    1ull << owner->port.port % 64);
}

/* A plain loop over the rules has too many states for the verifier. The first rule that fits wins. */
static long rule_step(__u32 i, void *data)
{
	const struct service_rule *rule = &shared.rules[i % SERVICE_RULES_MAX];
	struct owner *owner = data;

	if (!rule_fits(rule, owner))
		return 0;
	listener_put(owner, rule->slot);
	return 1;
}

/* Notes the socket if a rule fits it and the process. */
static __noinline int listener_add(const struct sock *sk, struct task_struct *task)
{
	struct cgroup___levels *group = (void *)BPF_CORE_READ(task, cgroups, dfl_cgrp);
	struct task_struct___mm *process = (void *)task;
	struct owner owner = {
		.port = port_of(sk),
		.file = (__u64)BPF_CORE_READ(process, mm, exe_file, f_inode),
	};

	if (is_unix(sk))
		owner.socket =
			(__u64)BPF_CORE_READ((const struct unix_sock *)sk, path.dentry, d_inode);

#pragma unroll
	for (__u32 i = 0; i < SERVICE_DEPTH_MAX; i++)
		owner.groups[i] = group_at(group, i);
	bpf_loop(SERVICE_RULES_MAX, rule_step, &owner, 0);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(listen_state, const struct sock *sk, int old, int new)
{
	if (new == TCP_LISTEN && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP)
		listener_add(sk, bpf_get_current_task_btf());
	return 0;
}

struct own_file {
	__u32 fd;
	__u64 inode;
};

/* Our own file: the executable that rules name by this descriptor. */
static long file_step(__u32 i, void *data)
{
	const struct own_file *file = data;

	i %= SERVICE_FILES_MAX;
	if (shared.file_fds[i] == file->fd + 1)
		shared.files[i] = file->inode;
	return 0;
}

/* A TCP or Unix socket that listens, or a UDP socket that is bound and talks to everybody. */
static __always_inline bool is_listener(const struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u16 protocol = BPF_CORE_READ(sk, sk_protocol);

	if (is_unix(sk))
		return BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN;
	if (family != AF_INET && family != AF_INET6)
		return false;
	if (protocol == IPPROTO_TCP)
		return BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN;
	return protocol == IPPROTO_UDP && BPF_CORE_READ(sk, __sk_common.skc_num) &&
	       !BPF_CORE_READ(sk, __sk_common.skc_dport);
}

/* Nothing is known of it but that it was there before us. */
static __always_inline void connection_mark(struct sock *sk)
{
	if (is_unix(sk) && listener_of(sk) &&
	    BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN)
		conn_mark(sk, shared.epoch - 1);
}

SEC("iter/task_file")
int listen_scan(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task, *self = bpf_get_current_task_btf();
	struct file *file = ctx->file;
	struct socket *socket;
	struct own_file own;

	if (!task || !file)
		return 0;
	if (shared.scan == SERVICE_SCAN_FILES) {
		if (task->group_leader != self->group_leader)
			return 0;
		own = (struct own_file){ .fd = ctx->fd, .inode = (__u64)file->f_inode };
		bpf_loop(SERVICE_FILES_MAX, file_step, &own, 0);
		return 0;
	}
	socket = bpf_sock_from_file(file);
	if (!socket || !socket->sk)
		return 0;
	if (shared.scan == SERVICE_SCAN_CONNECTIONS)
		connection_mark(socket->sk);
	else if (is_listener(socket->sk))
		listener_add(socket->sk, task);
	return 0;
}

#endif
