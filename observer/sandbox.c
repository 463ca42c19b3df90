// SPDX-License-Identifier: Apache-2.0
#include "observer/sandbox.h"

#ifdef __x86_64__

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SYS_RETURN_PROBE 335 /* __NR_uretprobe */

static void filter_it(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_RETURN_PROBE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(1);
}

/* Whether the system call is carried out, which from anywhere but a probed return ends the caller by SIGILL; -errno when not known. */
static int carried_out(bool filtered)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 0); /* no core file */
		signal(SIGILL, SIG_DFL);
		if (filtered)
			filter_it();
		syscall(SYS_RETURN_PROBE);
		_exit(0);
	}
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return -EPERM;
	return WIFSIGNALED(status);
}

bool sandbox_breaks_at_return(void)
{
	const int plain = carried_out(false);

	return plain != 0 && carried_out(true) != 1;
}

#else

bool sandbox_breaks_at_return(void)
{
	return false;
}

#endif
