/* SPDX-License-Identifier: Apache-2.0 */
/* A child with a number of the caller's choice, as when the kernel gives a number to a second process. */
#ifndef FLYBALL_TEST_CLONE_AS_H
#define FLYBALL_TEST_CLONE_AS_H

#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As fork(2); `pid` must be free, 0 = any. Needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN, and Linux 5.5. */
static inline pid_t clone_as(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = pid ? (uintptr_t)&pid : 0,
		.set_tid_size = pid != 0,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

#endif
