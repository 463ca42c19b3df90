/* SPDX-License-Identifier: Apache-2.0 */
/* What each process gives up before it starts to work. */
#ifndef FLYBALL_DAEMON_PRIVILEGE_H
#define FLYBALL_DAEMON_PRIVILEGE_H

#include <stddef.h>
#include <sys/types.h>

struct account {
	uid_t uid;
	gid_t gid;
};

/*
 * Finds the account that core and observer run as: a user's name, or a number that need not be in the user
 * database. Returns 0; -ENOENT for an unknown name; -EINVAL for root.
 */
int account_find(const char *user, struct account *ret_account);

/*
 * Becomes what the process may be at most, for good (no_new_privs). When the caller is not root everything stays as
 * it is but for the capabilities, which can only shrink. Returns 0 or -errno.
 *
 * supervisor: uid 0, what starting the others takes (SETUID, SETGID, SETPCAP, KILL, and theirs):
 *             the actuator's, too, for it recovers what an actuator left.
 * observer:   the account, CAP_BPF and CAP_PERFMON as far as they are there.
 * actuator:   uid 0, whose files those of /proc/sys and /sys are; and what network namespaces (SYS_ADMIN), routes
 *             (NET_ADMIN), and the memory and the CPUs of other users' processes take (SYS_PTRACE, SYS_NICE).
 * core:       the account, no capability, and a seccomp filter.
 */
int privilege_supervisor(void);
int privilege_observer(const struct account *account);
int privilege_actuator(void);
int privilege_core(const struct account *account);

/* Installs core's system call filter: what is not listed gives EPERM, what only an attacker needs kills. */
int seccomp_core(void);

#endif
