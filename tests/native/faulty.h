/* SPDX-License-Identifier: Apache-2.0 */
/* The program faults of the laboratory, as the tests of the sources run it: begun, told to go on, asked what it did, ended. */
#ifndef FLYBALL_TEST_FAULTY_H
#define FLYBALL_TEST_FAULTY_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct faulty {
	FILE *in, *out;
	pid_t shell;
	int pid; /* its own */
	long minor, major, switches;
};

/* Runs `before`, a command of the shell with ';' behind it, or "", and becomes faults in the same process. False: it cannot. */
static inline bool faulty_begin(struct faulty *faulty, const char *before, const char *arguments)
{
	char self[256] = "", command[1024], *slash;
	int in[2], out[2];

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 ||
	    !(slash = strrchr(self, '/')) || pipe(in) < 0 || pipe(out) < 0)
		return false;
	*slash = '\0';
	snprintf(command, sizeof(command), "%s exec '%s/faults' %s", before, self, arguments);
	faulty->shell = fork();
	if (faulty->shell == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		for (int fd = 3; fd < 256; fd++)
			close(fd);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	faulty->in = fdopen(in[1], "w");
	faulty->out = fdopen(out[0], "r");
	return fscanf(faulty->out, " ready %d", &faulty->pid) == 1;
}

/* Until it has done all; false: it did not. */
static inline bool faulty_go(struct faulty *faulty)
{
	fputs("go\n", faulty->in);
	fflush(faulty->in);
	return fscanf(faulty->out, " minor %ld major %ld switches %ld", &faulty->minor,
		      &faulty->major, &faulty->switches) == 3;
}

/* Its exit status. */
static inline int faulty_end(struct faulty *faulty)
{
	int status;

	fclose(faulty->in);
	fclose(faulty->out);
	waitpid(faulty->shell, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
