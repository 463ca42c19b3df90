// SPDX-License-Identifier: Apache-2.0
/*
 * Squeezes of a known cause, as the net source tells of them: squeezetruth budget|time|none [SECONDS].
 *
 * Sets how much the kernel may receive at once so that only one cause is possible, while iperf3 sends over loopback without
 * segmentation by the device: many packets at once. Sysctls of the whole machine: for the software machine. Prints what
 * was counted; exits with 1 when it is not as it must be.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <math.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define TICK_US 100000
#define SECONDS_DEFAULT 3

struct squeezes {
	double all, budget, time, packets;
	int ticks_unknown;
};

static int put(int root, const char *path, const char *value)
{
	int r = sysroot_write(root, path, value);

	if (r < 0)
		fprintf(stderr, "squeezetruth: unable to write '%s' to %s: %s\n", value, path,
			strerror(-r));
	return r;
}

/* `time`: until the next tick of the kernel's clock; `budget`: four packets. The other one is out of reach. */
static int cause_set(int root, const char *cause)
{
	const char *budget = !strcmp(cause, "budget") ? "4" : "1000000";
	const char *usecs = !strcmp(cause, "time") ? "1" : "10000000";
	int r = put(root, "proc/sys/net/core/netdev_budget", budget);

	return r < 0 ? r : put(root, "proc/sys/net/core/netdev_budget_usecs", usecs);
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
	return squeezes->all > 10 &&
	       squeezes->all == (!strcmp(cause, "time") ? squeezes->time : squeezes->budget);
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
	char command[256];
	pid_t load;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		demands[i].signal = signals[i];
	if (!frame || offload_off("lo") < 0 || cause_set(options.root, cause) < 0 ||
	    observer_new(&options, &observer) < 0 ||
	    observer_demand(observer, demands, ARRAY_SIZE(demands)) < 0)
		return 1;
	snprintf(command, sizeof(command),
		 "iperf3 -s -1 >/dev/null & sleep 1; iperf3 -c 127.0.0.1 -P 2 -t %d >/dev/null",
		 seconds);
	load = fork();
	if (load == 0)
		_exit(system(command) ? 1 : 0);
	observer_sample(observer, clock_now_ns(), frame);
	for (int i = 0; i < (seconds + 3) * 10; i++) {
		usleep(TICK_US);
		observer_sample(observer, clock_now_ns(), frame);
		count(frame, &squeezes);
	}
	waitpid(load, NULL, 0);
	printf("%s: %.0f packets, %.0f squeezes, %.0f by budget, %.0f by time, unknown in %d "
	       "ticks\n",
	       cause, squeezes.packets, squeezes.all, squeezes.budget, squeezes.time,
	       squeezes.ticks_unknown);
	observer_free(observer);
	free(frame);
	return is_as_it_must_be(cause, &squeezes) ? 0 : 1;
}
