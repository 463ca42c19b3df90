/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's types of sockets, and of the processes that own them, as far as our programs read them. */
#ifndef FLYBALL_BPF_KERNEL_NET_H
#define FLYBALL_BPF_KERNEL_NET_H

#include "bpf/kernel.h"

/* linux/bpf.h */
enum {
	BPF_MAP_TYPE_HASH = 1,
};

/* linux/in.h, linux/socket.h, net/tcp_states.h, net/sock.h */
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_SEQPACKET 5
#define MSG_PEEK 0x2
#define MSG_ERRQUEUE 0x2000
#define TCP_LISTEN 10
#define RCV_SHUTDOWN 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__u16 skc_num; /* our port, in host order */
	__be16 skc_dport;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
};

struct sk_buff_head {
	volatile __u32 qlen; /* another CPU's */
};

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
	__u16 sk_protocol; /* a bit field before bf9765145b85 ("sock: Make sk_protocol a 16-bit value"), 5.6 */
	__u8 sk_shutdown;
};

struct socket {
	short type;
	struct sock *sk;
};

struct dentry {
	struct inode *d_inode;
};

struct path {
	struct dentry *dentry;
};

struct unix_address;

/* A kernel without CONFIG_UNIX has none. */
struct unix_sock {
	struct unix_address *addr; /* its name: of who listens, and of who was accepted, the same */
	struct path path;          /* of the name, where it is a file's */
	struct sock *peer;
};

/* The same as struct cgroup, with more of it. */
struct cgroup___levels {
	struct kernfs_node *kn;
	int level;
	struct cgroup___levels *ancestors[]; /* the root first */
};

/* Until 7f203bc89eb6 ("cgroup: Replace cgroup->ancestor_ids[] with ->ancestors[]"), 6.1. */
struct cgroup___ids {
	__u64 ancestor_ids[16];
};

struct mm_struct {
	struct file *exe_file;
};

struct task_struct___mm {
	struct mm_struct *mm;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif
