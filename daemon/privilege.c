// SPDX-License-Identifier: Apache-2.0
#include "daemon/privilege.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"

int account_find(const char *user, struct account *ret_account)
{
	const struct passwd *entry;

	if (isdigit((unsigned char)user[0])) {
		char *end;
		unsigned long id;

		errno = 0;
		id = strtoul(user, &end, 10);
		if (errno || *end || id > 0xfffffffeu)
			return -ENOENT;
		entry = getpwuid((uid_t)id);
		*ret_account = (struct account){ .uid = (uid_t)id,
						 .gid = entry ? entry->pw_gid : (gid_t)id };
	} else {
		entry = getpwnam(user);
		if (!entry)
			return -ENOENT;
		*ret_account = (struct account){ .uid = entry->pw_uid, .gid = entry->pw_gid };
	}
	return ret_account->uid == 0 ? -EINVAL : 0;
}

static void cap_freep(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}

/* Keeps those of `wanted` that the process has, and nothing else. */
static int keep_capabilities(const cap_value_t *wanted, int n_wanted)
{
	_cleanup_(cap_freep) cap_t had = cap_get_proc(), keep = cap_init();

	if (!had || !keep)
		return -errno;
	for (int i = 0; i < n_wanted; i++) {
		cap_flag_value_t has = CAP_CLEAR;

		/* A kernel that does not know the capability yet (CAP_BPF before 5.8) has it not. */
		if (cap_get_flag(had, wanted[i], CAP_PERMITTED, &has) < 0 || has != CAP_SET)
			continue;
		if (cap_set_flag(keep, CAP_PERMITTED, 1, &wanted[i], CAP_SET) < 0 ||
		    cap_set_flag(keep, CAP_EFFECTIVE, 1, &wanted[i], CAP_SET) < 0)
			return -errno;
	}
	return cap_set_proc(keep) < 0 ? -errno : 0;
}

static bool is_wanted(cap_value_t cap, const cap_value_t *wanted, int n_wanted)
{
	for (int i = 0; i < n_wanted; i++)
		if (wanted[i] == cap)
			return true;
	return false;
}

/* Takes CAP_SETPCAP in the effective set, so it comes before the change of user. */
static void drop_bounding(const cap_value_t *wanted, int n_wanted)
{
	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
		if (!is_wanted(cap, wanted, n_wanted))
			cap_drop_bound(cap);
}

static int become(const struct account *account)
{
	if (geteuid() != 0)
		return 0;
	/* KEEPCAPS: the permitted set survives the change of uid, to be trimmed right after. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(account->gid, account->gid, account->gid) < 0 ||
	    setresuid(account->uid, account->uid, account->uid) < 0)
		return -errno;
	return 0;
}

/* With `account` NULL the user stays. */
static int limit(const struct account *account, const cap_value_t *wanted, int n_wanted)
{
	int r = 0;

	drop_bounding(wanted, n_wanted);
	if (account)
		r = become(account);
	if (r == 0)
		r = keep_capabilities(wanted, n_wanted);
	if (r < 0)
		return r;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/*
 * Knobs that root's files alone do not reach: network namespaces take CAP_SYS_ADMIN (setns(2)), routes CAP_NET_ADMIN,
 * the memory of processes CAP_SYS_PTRACE and, as the CPUs of other users' processes, CAP_SYS_NICE.
 */
#define ACTUATOR_CAPABILITIES CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_SYS_NICE, CAP_SYS_PTRACE

/* The supervisor has what the actuator has, too: it recovers the journal when the actuator dies. */
int privilege_supervisor(void)
{
	static const cap_value_t wanted[] = {
		CAP_SETUID, CAP_SETGID,  CAP_SETPCAP,          CAP_KILL,
		CAP_BPF,    CAP_PERFMON, ACTUATOR_CAPABILITIES
	};

	return limit(NULL, wanted, ARRAY_SIZE(wanted));
}

int privilege_observer(const struct account *account)
{
	static const cap_value_t wanted[] = { CAP_BPF, CAP_PERFMON };

	return limit(account, wanted, ARRAY_SIZE(wanted));
}

int privilege_actuator(void)
{
	static const cap_value_t wanted[] = { ACTUATOR_CAPABILITIES };

	return limit(NULL, wanted, ARRAY_SIZE(wanted));
}

int privilege_core(const struct account *account)
{
	int r = limit(account, NULL, 0);

	return r < 0 ? r : seccomp_core();
}
