// SPDX-License-Identifier: Apache-2.0
/*
 * Squeezes of a known cause, as the net source tells of them: squeezetruth budget|time|none [SECONDS].
 *
 * Sets how much the kernel may receive at once so that only one cause is possible, while iperf3 or a flood of datagrams
 * goes over loopback in a network namespace of its own: many packets at once. Sysctls of the whole machine: for the software machine. Prints what
 * was counted; exits with 1 when it is not as it must be.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/sockios.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define TICK_US 100000
#define SECONDS_DEFAULT 3
/* Each takes some 30 ns a packet: a full backlog of 1,000 takes longer than two ticks of the clock. */
#define LISTENERS 400

struct squeezes {
	double all, budget, time, packets;
	int ticks_unknown;
};

/* The shortest that the kernel takes: two ticks of its clock (netdev_budget_usecs_min), of which there may be 1,000, 250, 100 a second. */
static int usecs_shortest(int root)
{
	static const char *const usecs[] = { "2000", "8000", "20000" };
	int r = -EINVAL;

	for (size_t i = 0; r < 0 && i < ARRAY_SIZE(usecs); i++)
		r = sysroot_write(root, "proc/sys/net/core/netdev_budget_usecs", usecs[i]);
	return r;
}

/* `budget`: four packets; `time`: as short as may be. The other one is out of reach. */
static int cause_set(int root, const char *cause)
{
	int r = sysroot_write(root, "proc/sys/net/core/netdev_budget",
			      strcmp(cause, "budget") ? "100000000" : "4");

	if (r == 0 && !strcmp(cause, "time"))
		r = usecs_shortest(root);
	else if (r == 0)
		r = sysroot_write(root, "proc/sys/net/core/netdev_budget_usecs", "10000000");
	if (r < 0)
		fprintf(stderr, "squeezetruth: unable to set the budget: %s\n", strerror(-r));
	return r;
}

/* Large segments are cut before the device, so that many packets wait at once. */
static int offload_off(const char *device)
{
	static const uint32_t commands[] = { ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct ethtool_value off = { .cmd = commands[i] };
		struct ifreq request = { 0 };

		strcpy(request.ifr_name, device);
		request.ifr_data = (char *)&off;
		if (ioctl(fd, SIOCETHTOOL, &request) < 0)
			r = -errno;
	}
	return r;
}

/*
 * One CPU sends, the other one receives (RPS) more slowly than that, as it hands each packet to many sockets: its run has no
 * end but the time.
 */
static int flood(int seconds)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	const uint64_t end_ns = clock_now_ns() + (uint64_t)seconds * NSEC_PER_SEC;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (fd < 0 || sched_setaffinity(0, sizeof(first), &first) < 0 ||
	    system("echo 2 >/sys/class/net/lo/queues/rx-0/rps_cpus") != 0)
		return 1;
	for (int i = 0; i < LISTENERS; i++)
		if (socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP)) < 0)
			return 1;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	while (clock_now_ns() < end_ns)
		(void)!sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return 0;
}

/* Returns what the process is to exit with. */
static int load_run(const char *cause, int seconds)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "(iperf3 -s -1 >/dev/null &); sleep 1; iperf3 -c 127.0.0.1 -P 2 -t %d >/dev/null",
		 seconds);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/sys", "sysfs", 0, NULL) < 0 ||
	    system("ip link set lo up mtu 1500") != 0 || offload_off("lo") < 0)
		return 1;
	return strcmp(cause, "time") ? system(command) != 0 : flood(seconds);
}

static double value_of(const struct frame *frame, uint32_t signal)
{
	for (size_t i = 0; i < frame->n_series; i++)
		if (frame->series[i].signal == signal && frame->series[i].flags & SERIES_VALID)
			return frame->series[i].value;
	return NAN;
}

/* The causes of a tick are not known until the programs are there, which come with the first squeeze. */
static void count(const struct frame *frame, struct squeezes *squeezes)
{
	const double all = value_of(frame, SIGNAL_NET_SQUEEZES_ALL),
		     budget = value_of(frame, SIGNAL_NET_SQUEEZES_BUDGET),
		     time = value_of(frame, SIGNAL_NET_SQUEEZES_TIME);

	if (isnan(all) || isnan(budget) || isnan(time)) {
		squeezes->ticks_unknown++;
		return;
	}
	squeezes->packets += value_of(frame, SIGNAL_NET_PACKETS);
	squeezes->all += all;
	squeezes->budget += budget;
	squeezes->time += time;
}

static bool is_as_it_must_be(const char *cause, const struct squeezes *squeezes)
{
	if (squeezes->ticks_unknown > 4 || squeezes->budget + squeezes->time != squeezes->all)
		return false;
	if (!strcmp(cause, "none"))
		return squeezes->all == 0;
	if (!strcmp(cause, "time"))
		return squeezes->all > 0 && squeezes->budget == 0;
	/* A run that the programs did not see is told as one by time: up to 38 of 15,040 were seen beside much other work. */
	return squeezes->all > 10 && squeezes->time <= 1 + squeezes->all / 200;
}

int main(int argc, char **argv)
{
	static const uint32_t signals[] = { SIGNAL_NET_SQUEEZES_ALL, SIGNAL_NET_SQUEEZES_BUDGET,
					    SIGNAL_NET_SQUEEZES_TIME, SIGNAL_NET_PACKETS };
	const char *cause = argc > 1 ? argv[1] : "none";
	const int seconds = argc > 2 ? atoi(argv[2]) : SECONDS_DEFAULT;
	struct observer_options options = { .root = sysroot_open("/") };
	struct frame *frame = calloc(1, sizeof(*frame));
	struct demand demands[ARRAY_SIZE(signals)] = { 0 };
	struct squeezes squeezes = { 0 };
	struct observer *observer;
	pid_t load;
	int status;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		demands[i].signal = signals[i];
	if (!frame || cause_set(options.root, cause) < 0 || observer_new(&options, &observer) < 0 ||
	    observer_demand(observer, demands, ARRAY_SIZE(demands)) < 0)
		return 1;
	load = fork();
	if (load == 0)
		_exit(load_run(cause, seconds));
	observer_sample(observer, clock_now_ns(), frame);
	for (int i = 0; i < (seconds + 3) * 10; i++) {
		usleep(TICK_US);
		observer_sample(observer, clock_now_ns(), frame);
		count(frame, &squeezes);
	}
	waitpid(load, &status, 0);
	if (status != 0)
		fprintf(stderr, "squeezetruth: no load\n");
	printf("%s: %.0f packets, %.0f squeezes, %.0f by budget, %.0f by time, unknown in %d "
	       "ticks\n",
	       cause, squeezes.packets, squeezes.all, squeezes.budget, squeezes.time,
	       squeezes.ticks_unknown);
	observer_free(observer);
	free(frame);
	return status == 0 && is_as_it_must_be(cause, &squeezes) ? 0 : 1;
}
