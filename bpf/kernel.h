/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's types as far as our programs read them. Offsets are the running kernel's: CO-RE relocates
 * every access (preserve_access_index), so the order and the size of these structs mean nothing.
 */
#ifndef FLYBALL_BPF_KERNEL_H
#define FLYBALL_BPF_KERNEL_H

/* libbpf's headers expect these names, and the kernel's own header of them needs an architecture. */
#define __VMLINUX_H__ /* registers, too, are called as in the kernel's struct pt_regs */
typedef _Bool bool;
enum { false, true };
typedef unsigned char __u8;
typedef short int __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long int __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

/* linux/bpf.h: part of the kernel's stable interface. */
enum {
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_SK_STORAGE = 24,
};

enum {
	BPF_F_NO_PREALLOC = 1 << 0,
	BPF_SK_STORAGE_GET_F_CREATE = 1 << 0,
};

enum {
	BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB = 4,
	BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB = 5,
	BPF_SOCK_OPS_STATE_CB = 10, /* args: the state before, the state now */
	BPF_SOCK_OPS_RTT_CB = 12,   /* once a round trip */
};

enum {
	BPF_SOCK_OPS_STATE_CB_FLAG = 1 << 2,
	BPF_SOCK_OPS_RTT_CB_FLAG = 1 << 3,
	BPF_TCP_CLOSE = 7,
};

enum {
	BPF_ANY = 0,
};

enum {
	BPF_F_MMAPABLE = 1 << 10,
};

/* linux/blk_types.h: the operation is in the low 8 bits of cmd_flags. */
#define REQ_OP_MASK 0xffu
#define REQ_OP_READ 0u
#define REQ_OP_WRITE 1u
#define REQ_OP_DISCARD 3u
#define REQ_OP_DRV_IN 34u /* from here on: passthrough */

/* linux/kdev_t.h */
#define KERNEL_MINOR_BITS 20

/* linux/sched.h */
#define KERNEL_PF_KTHREAD 0x00200000u
#define KERNEL_TASK_UNINTERRUPTIBLE 0x0002u
#define KERNEL_TASK_NOLOAD 0x0400u /* idle, whatever the rest says */

/* trace/events/lock.h: flags of contention_begin, since 16edd9b511a1 ("locking: Add lock contention tracepoints"), 5.19 */
#define LCB_F_SPIN 1u
#define LCB_F_READ 2u
#define LCB_F_WRITE 4u
#define LCB_F_PERCPU 16u
#define LCB_F_MUTEX 32u

/* linux/stat.h */
#define KERNEL_S_IFMT 0170000u
#define KERNEL_S_IFSOCK 0140000u

#define KERNEL_FILES_MAX (1u << 20) /* descriptors that are looked at: sysctl fs.nr_open */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct gendisk {
	int major;
	int first_minor;
};

struct request_queue {
	/* Since d152c682f03c ("block: add an explicit ->disk backpointer to the request_queue"), 5.15. */
	struct gendisk *disk;
};

struct request {
	struct request_queue *q;
	__u32 cmd_flags;
	__u32 __data_len;
	__u16 nr_phys_segments; /* 0 = it never carried data */
	/*
	 * Set when the request is allocated, if the queue keeps statistics or has a scheduler, else 0
	 * (blk_mq_need_time_stamp). The clock is ktime_get_ns() = bpf_ktime_get_ns(); since da4c8c3d0975
	 * ("block: cache current nsec time in struct blk_plug"), 6.9, requests of one plug share the time of
	 * the first, so that the value can be early by as long as the task has been filling its plug.
	 */
	__u64 start_time_ns;
	__u64 io_start_time_ns; /* at the last issue, if the queue keeps statistics, else 0; the same clock */
	struct request *rq_next;
};

/* Until f3fa33acca9f ("block: remove the ->rq_disk field in struct request"), 5.17. */
struct request___rq_disk {
	struct gendisk *rq_disk;
};

struct io_comp_batch {
	struct request *req_list;
};

struct rq_list {
	struct request *head;
};

/* Since a3396b99990d ("block: add a rq_list type"), 6.13. */
struct io_comp_batch___list {
	struct rq_list req_list;
};

/* Without CONFIG_SCHED_INFO (which CONFIG_SCHEDSTATS and CONFIG_TASK_DELAY_ACCT ask for) it is empty. */
struct sched_info {
	unsigned long pcount;
	unsigned long long run_delay;    /* all waits that have ended, ns */
	unsigned long long last_arrival; /* the clock of the run queue, as all times here */
	unsigned long long last_queued;  /* 0 = it runs, or sleeps */
};

struct rq {
	__u64 nr_switches;
	__u64 clock;
	int cpu;
};

struct cfs_rq {
	struct rq *rq;
};

struct sched_entity {
	__u64 nr_migrations;
	struct cfs_rq *cfs_rq; /* under CONFIG_FAIR_GROUP_SCHED; set for tasks of every class */
};

struct kernfs_node {
	__u64 id;
};

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp; /* of the unified hierarchy */
};

struct inode {
	__u16 i_mode;
};

struct file {
	struct inode *f_inode;
};

struct fdtable {
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	unsigned int __state;
	unsigned int flags;
	int pid, tgid;
	__u64 start_time, start_boottime; /* ns; CLOCK_MONOTONIC, CLOCK_BOOTTIME */
	struct sched_entity se;
	struct sched_info sched_info;
	unsigned in_iowait : 1;
	unsigned long nivcsw; /* involuntary switches */
	struct task_struct *group_leader;
	struct css_set *cgroups;
	struct files_struct *files;
};

struct task_struct___state {
	long state;
};

/* What plain tracepoints hand over. */
struct trace_event_raw_block_bio {
	__u32 dev;
	__u64 sector;
	__u32 nr_sector;
	char rwbs[8];
};

struct trace_event_raw_block_rq {
	__u32 dev;
	__u64 sector;
	__u32 nr_sector;
	char rwbs[8];
};

struct trace_event_raw_block_rq_completion {
	__u32 dev;
	__u64 sector;
	__u32 nr_sector;
	char rwbs[8];
};

/* linux/bpf.h: what a sock_ops program is handed. Numbers of the network are in its own byte order but for ports. */
struct bpf_sock;

struct bpf_sock_ops {
	__u32 op;
	__u32 args[4];
	__u32 family;
	__u32 remote_ip4, local_ip4;
	__u32 remote_ip6[4], local_ip6[4];
	__u32 srtt_us; /* 8 times the smoothed round-trip time */
	__u32 bpf_sock_ops_cb_flags;
	__u32 rtt_min; /* µs */
	__u32 mss_cache;
	__u32 rate_delivered, rate_interval_us; /* packets; the newest sample */
	__u32 total_retrans;
	__u64 bytes_acked;
	struct bpf_sock *sk;
};

/* net/tcp.h, linux/tcp.h, net/inet_connection_sock.h */
struct tcp_congestion_ops {
	char name[16];
};

struct inet_connection_sock {
	const struct tcp_congestion_ops *icsk_ca_ops;
	__u8 icsk_ca_setsockopt : 1; /* by its program, or by one like ours */
	__u8 icsk_ca_dst_locked : 1; /* by its route, for good */
};

struct tcp_sock {
	__u32 copied_seq;     /* what was read of it */
	__u32 rcv_nxt;        /* what came in, without gaps */
	__u32 snd_una;        /* what of ours was acknowledged */
	__u32 write_seq;      /* what was written */
	__u64 bytes_received; /* in all; since 4.1 */
	struct inet_connection_sock inet_conn;
	__u8 ecn_flags;
};

/* x86-64, the registers of arguments. */
struct pt_regs {
	unsigned long di, si, dx, cx, r8, r9, sp, bp, ax, ip;
	unsigned long orig_ax; /* number of the system call; -1 in none */
};

#pragma clang attribute pop

#endif
