// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/connections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_US 250000
#define CHILD_PAIRS \
	4500 /* of two descriptors each: below what is allowed by default on many machines */

static void die(const char *what)
{
	fprintf(stderr, "connections: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Each process has an address of its own, so that the ports of one last. */
static int listener(unsigned int child, struct sockaddr_in *ret_address)
{
	socklen_t length = sizeof(*ret_address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_address = (struct sockaddr_in){ .sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK + child) };
	if (fd < 0 || bind(fd, (struct sockaddr *)ret_address, length) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)ret_address, &length) < 0)
		die("unable to listen");
	return fd;
}

static void send_some(int (*pairs)[2], size_t n)
{
	char byte = 0;

	for (size_t i = 0; i < n; i += 2) {
		(void)!send(pairs[i][0], &byte, 1, MSG_DONTWAIT);
		(void)!recv(pairs[i][1], &byte, 1, MSG_DONTWAIT);
	}
}

/* Holds `n` pairs. Says when it is ready. */
static void hold(unsigned int child, size_t n, bool sending, int ready)
{
	int(*pairs)[2] = calloc(n, sizeof(*pairs));
	struct sockaddr_in address;
	int fd = listener(child, &address);
	char byte = 0;

	if (!pairs)
		die("out of memory");
	for (size_t i = 0; i < n; i++) {
		pairs[i][0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(pairs[i][0], (struct sockaddr *)&address, sizeof(address)) < 0)
			die("unable to connect");
		pairs[i][1] = accept(fd, NULL, NULL);
		if (pairs[i][1] < 0)
			die("unable to accept");
	}
	if (write(ready, &byte, 1) != 1)
		die("unable to say so");
	for (;;) {
		if (!sending)
			pause();
		send_some(pairs, n);
		usleep(SEND_US);
	}
}

void connections_make(size_t pairs, bool sending)
{
	static unsigned int n_children;
	unsigned int first = n_children;
	const pid_t parent = getpid();
	int ready[2];
	char byte;

	if (pipe(ready) < 0)
		die("no pipe");
	while (pairs > 0) {
		const size_t some = pairs < CHILD_PAIRS ? pairs : CHILD_PAIRS;

		pairs -= some;
		n_children++;
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (getppid() != parent) /* it has died before that */
				_exit(1);
			hold(n_children, some, sending, ready[1]);
		}
	}
	close(ready[1]);
	for (; first < n_children; first++)
		if (read(ready[0], &byte, 1) != 1)
			die("a child ended");
	close(ready[0]);
}
