// SPDX-License-Identifier: Apache-2.0
/*
 * pingpong SECONDS
 *
 * Sends a byte to another process every millisecond and waits for its answer, which takes two wake-ups: what an idle
 * service has to wait for its CPU. Prints the times between question and answer as JSON, in µs:
 * {"requests": 950, "p50": 31.0, "p99": 4021.5}. Exits with 1 for an error, 64 for wrong use.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define PAUSE_NS 1000000
#define REQUESTS_MAX 200000

static uint64_t times[REQUESTS_MAX];

static void answer(int channel)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(channel, &byte, 1) == 1)
		if (write(channel, &byte, 1) != 1)
			break;
	_exit(0);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static size_t question(int channel, uint64_t end_ns)
{
	size_t n = 0;
	char byte = 0;

	for (; n < REQUESTS_MAX && clock_now_ns() < end_ns; n++) {
		uint64_t began_ns = clock_now_ns();

		if (write(channel, &byte, 1) != 1 || read(channel, &byte, 1) != 1)
			return 0;
		times[n] = clock_now_ns() - began_ns;
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	}
	return n;
}

int main(int argc, char **argv)
{
	int channel[2];
	pid_t child;
	size_t n;

	if (argc != 2 || atoi(argv[1]) < 1) {
		fprintf(stderr, "usage: pingpong SECONDS\n");
		return 64;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, channel) < 0 || (child = fork()) < 0) {
		perror("pingpong");
		return 1;
	}
	if (child == 0) {
		close(channel[0]);
		answer(channel[1]);
	}
	close(channel[1]);
	n = question(channel[0], clock_now_ns() + (uint64_t)atoi(argv[1]) * NSEC_PER_SEC);
	close(channel[0]);
	waitpid(child, NULL, 0);
	if (n == 0) {
		fprintf(stderr, "pingpong: no answer came\n");
		return 1;
	}
	qsort(times, n, sizeof(*times), by_value);
	printf("{\"requests\": %zu, \"p50\": %.1f, \"p99\": %.1f}\n", n, (double)times[n / 2] / 1e3,
	       (double)times[n * 99 / 100] / 1e3);
	return 0;
}
