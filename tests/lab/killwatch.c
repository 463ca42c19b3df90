// SPDX-License-Identifier: Apache-2.0
/*
 * killwatch SIGNAL PID[,PID...] FILE WANT TIMEOUT_MS
 *
 * Sends the signal (0: none) to the processes, then reads FILE again and again until it contains WANT, and
 * prints how long that took in µs. Exits with 1 at the time-out, 2 for an error, 64 for wrong use.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define POLL_NS \
	100000 /* between two looks: well under the millisecond that matters, and idle enough */

/* The file is opened anew each time: it may be replaced, and sysfs fills a page only at the first read. */
static int file_contains(const char *path, const char *want)
{
	char buffer[4096];
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buffer, sizeof(buffer) - 1);
	close(fd);
	if (n < 0)
		return -errno;
	buffer[n] = '\0';
	return strstr(buffer, want) != NULL;
}

static int signal_all(const char *pids, int signal)
{
	char *end;
	long pid;

	for (;; pids = end + 1) {
		pid = strtol(pids, &end, 10);
		if (end == pids || pid <= 1 || (*end && *end != ','))
			return -EINVAL;
		if (kill((pid_t)pid, signal) < 0)
			return -errno;
		if (!*end)
			return 0;
	}
}

int main(int argc, char **argv)
{
	uint64_t began_ns, timeout_ns;
	int r;

	if (argc != 6) {
		fprintf(stderr, "usage: killwatch SIGNAL PID[,PID...] FILE WANT TIMEOUT_MS\n");
		return 64;
	}
	timeout_ns = strtoull(argv[5], NULL, 10) * 1000000;
	began_ns = clock_now_ns();
	if (atoi(argv[1])) {
		r = signal_all(argv[2], atoi(argv[1]));
		if (r < 0) {
			fprintf(stderr, "killwatch: unable to signal '%s': %s\n", argv[2],
				strerror(-r));
			return 2;
		}
	}
	for (;;) {
		r = file_contains(argv[3], argv[4]);
		if (r < 0) {
			fprintf(stderr, "killwatch: unable to read '%s': %s\n", argv[3],
				strerror(-r));
			return 2;
		}
		if (r) {
			printf("%llu\n", (unsigned long long)((clock_now_ns() - began_ns) / 1000));
			return 0;
		}
		if (clock_now_ns() - began_ns > timeout_ns)
			return 1;
		nanosleep(&(struct timespec){ .tv_nsec = POLL_NS }, NULL);
	}
}
