/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the truth tests of the network's sources share: an observer, sockets on loopback, a router between two namespaces; all in a
 * network and a mount namespace of the test's own, with its own /sys and /run/netns: the machine's interfaces are not
 * seen, and nothing is left behind.
 */
#ifndef FLYBALL_TEST_NET_TRUTH_H
#define FLYBALL_TEST_NET_TRUTH_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/netns.h"
#include "base/sysroot.h"
#include "observer/observer.h"

struct truth {
	int root;
	struct observer *observer;
	struct frame *frame;
};

static inline int shell(const char *format, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	return system(command);
}

static inline int setup(void **state)
{
	struct truth *t = calloc(1, sizeof(*t));
	struct observer_options options = { 0 };

	*state = t;
	t->frame = calloc(1, sizeof(*t->frame));
	t->root = options.root = sysroot_open("/");
	return observer_new(&options, &t->observer);
}

static inline int teardown(void **state)
{
	struct truth *t = *state;

	observer_free(t->observer);
	close(t->root);
	free(t->frame);
	free(t);
	return 0;
}

/* Demands each signal of one scope, and takes the baseline. */
static inline void demand(struct truth *t, enum scope_kind kind, const char *name,
			  const uint32_t *signals, size_t n)
{
	struct demand demands[16] = { 0 };

	assert_true(n <= ARRAY_SIZE(demands));
	for (size_t i = 0; i < n; i++) {
		demands[i].signal = signals[i];
		demands[i].scope.kind = kind;
		strcpy(demands[i].scope.name, name);
	}
	assert_int_equal(observer_demand(t->observer, demands, n), 0);
	assert_int_equal(observer_sample(t->observer, clock_now_ns(), t->frame), 0);
}

static inline void sample(struct truth *t)
{
	assert_int_equal(observer_sample(t->observer, clock_now_ns(), t->frame), 0);
}

static inline const struct series *series_of(const struct truth *t, uint32_t signal,
					     const char *name)
{
	for (size_t i = 0; i < t->frame->n_series; i++)
		if (t->frame->series[i].signal == signal &&
		    !strcmp(t->frame->series[i].scope.name, name))
			return &t->frame->series[i];
	return NULL;
}

static inline double value_of(const struct truth *t, uint32_t signal, const char *name)
{
	const struct series *series = series_of(t, signal, name);

	return series && series->flags & SERIES_VALID ? series->value : NAN;
}

static inline void expect(const struct truth *t, uint32_t signal, const char *name, double expected)
{
	const double value = value_of(t, signal, name);

	if (value != expected)
		fail_msg("%s of '%s' is %g, not %g", signal_rows[signal].name, name, value,
			 expected);
}

/* A TCP socket that listens on the loopback address. */
static inline int listener(int backlog, struct sockaddr_in *ret_address)
{
	socklen_t length = sizeof(*ret_address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*ret_address = (struct sockaddr_in){ .sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)ret_address, sizeof(*ret_address)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &length), 0);
	return fd;
}

static inline int client(const struct sockaddr_in *address, int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

/* A connected pair, [0] the client's end. */
static inline void pair(int fd, const struct sockaddr_in *address, int ret_ends[2])
{
	ret_ends[0] = client(address, 0);
	ret_ends[1] = accept(fd, NULL, NULL);
	assert_true(ret_ends[1] >= 0);
}

static inline bool make_router(const char *shape)
{
	return shell("ip netns add router && ip netns add far && "
		     "ip link add near type veth peer name left netns router && "
		     "ip -n router link add right type veth peer name far netns far && "
		     "ip address add 10.77.1.1/24 dev near && ip link set near up && "
		     "ip -n router address add 10.77.1.2/24 dev left && ip -n router link set left "
		     "up && "
		     "ip -n router address add 10.77.2.1/24 dev right && ip -n router link set "
		     "right up && "
		     "ip -n far address add 10.77.2.2/24 dev far && ip -n far link set far up && "
		     "ip -n far link set lo up && ip -n far route add default via 10.77.2.1 && "
		     "ip route add 10.77.2.0/24 via 10.77.1.2 && "
		     "ip netns exec router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward' && "
		     "tc -n router qdisc add dev right root %s 2>/dev/null",
		     shape) == 0;
}

static inline void remove_router(void)
{
	shell("ip link del near; ip netns del router; ip netns del far");
}

static inline int listen_there(void *data)
{
	int *ret_fd = data;
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(7777) };

	*ret_fd = socket(AF_INET, SOCK_STREAM, 0);
	return bind(*ret_fd, (const struct sockaddr *)&any, sizeof(any)) < 0 ||
			       listen(*ret_fd, 8) < 0
		       ? -errno
		       : 0;
}

/* Nothing of what follows is seen by the machine. Returns why not. */
static inline const char *enter_own_namespaces(void)
{
	if (geteuid() != 0)
		return "needs root to make network namespaces";
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return "no network namespace of its own";
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/sys", "sysfs", 0, NULL) < 0)
		return "no mount namespace of its own";
	mkdir("/run/netns", 0755);
	if (mount("none", "/run/netns", "tmpfs", 0, NULL) < 0 || shell("ip link set lo up"))
		return "no ip(8)";
	return NULL;
}

#define TRUTH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* What may run here: a pattern of names, or all. False, and the reason is printed: in no namespaces of its own. */
static inline bool may_run(int argc, char **argv)
{
	const char *why = enter_own_namespaces();

	if (why)
		printf("skipped: %s\n", why);
	else if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return !why;
}

#endif
