// SPDX-License-Identifier: Apache-2.0
/*
 * burner THREADS [push SOCKET [NAME]]
 *
 * Threads that compute without end: the same piece of work again and again. `push` sends how often in a second the first
 * one did it, every tenth of one, as `burner.rate` or NAME, to the daemon that listens there.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PIECE 20000           /* steps: 20 µs, or a tenth of a millisecond under emulation */
#define INTERVAL_NS 100000000 /* between two pushes */
#define THREADS_MAX 64

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void piece(void)
{
	volatile uint32_t x = 1;

	for (int i = 0; i < PIECE; i++)
		x = x * 1664525 + 1013904223;
}

static void *burn(void *context)
{
	for (;;)
		piece();
	return context;
}

/* Nobody may listen, or not yet: then this one is lost. */
static void push(int fd, const struct sockaddr_un *address, const char *name, double rate)
{
	char line[128];

	snprintf(line, sizeof(line), "%s %.1f", name, rate);
	if (sendto(fd, line, strlen(line), 0, (const struct sockaddr *)address, sizeof(*address)) <
	    0)
		return;
}

static void burn_and_push(const char *path, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	uint64_t since = now_ns(), n = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (;;) {
		uint64_t now;

		piece();
		n++;
		now = now_ns();
		if (now - since < INTERVAL_NS)
			continue;
		push(fd, &address, name, (double)n * 1e9 / (double)(now - since));
		since = now;
		n = 0;
	}
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 0;
	pthread_t thread;

	if (threads < 1 || threads > THREADS_MAX || argc == 3 || argc > 5 ||
	    (argc > 3 && strcmp(argv[2], "push"))) {
		fprintf(stderr, "usage: burner THREADS [push SOCKET [NAME]]\n");
		return 64;
	}
	for (int i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, burn, NULL))
			return 1;
	if (argc > 3)
		burn_and_push(argv[3], argc > 4 ? argv[4] : "burner.rate");
	burn(NULL);
}
