// SPDX-License-Identifier: Apache-2.0
/*
 * holdreads PATH: lies over a file, in this mount namespace, and passes its reads on; SIGUSR1: from now on they hang in the
 * kernel, and who hangs cannot be killed; SIGUSR2: they have their answers. Says `ready`, then `held` at the first that
 * hangs. Goes with its parent, or by SIGTERM: whatever hung then goes on with an error.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "tests/lab/slowfile.h"

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	struct slowfile file;
	sigset_t mask;
	bool held = false;
	int wanted = 0, r;

	if (argc != 2)
		return 64;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGUSR2);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	r = slowfile_open(&file, argv[1], NULL);
	if (r < 0) {
		fprintf(stderr, "holdreads: unable to lie over '%s': %s\n", argv[1], strerror(-r));
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	while (wanted != SIGTERM) {
		wanted = sigtimedwait(&mask, NULL, &pause);
		if (wanted == SIGUSR1)
			slowfile_hold_reads(&file);
		if (wanted == SIGUSR2)
			slowfile_release(&file);
		if (file.control->held != held) {
			held = file.control->held;
			printf("%s\n", held ? "held" : "let go");
			fflush(stdout);
		}
	}
	slowfile_release(&file);
	slowfile_close(&file);
	return 0;
}
