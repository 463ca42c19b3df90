// SPDX-License-Identifier: Apache-2.0
/*
 * loopremove add | loopremove remove NUMBER
 *
 * Adds a loop device that did not exist and prints its number, or removes one: the nearest thing to a disk
 * that is pulled out. losetup of Debian 12 can do neither.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FIRST_NUMBER 900 /* far from those that the kernel makes by itself */
#define LAST_NUMBER 999

static int loop_add(int control)
{
	for (int number = FIRST_NUMBER; number <= LAST_NUMBER; number++) {
		if (ioctl(control, LOOP_CTL_ADD, number) >= 0)
			return number;
		if (errno != EEXIST)
			return -errno;
	}
	return -EBUSY;
}

int main(int argc, char **argv)
{
	int control, r;

	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0) {
		fprintf(stderr, "loopremove: unable to open '/dev/loop-control': %s\n",
			strerror(errno));
		return 2;
	}
	if (argc == 2 && !strcmp(argv[1], "add")) {
		r = loop_add(control);
		if (r >= 0)
			printf("%d\n", r);
	} else if (argc == 3 && !strcmp(argv[1], "remove")) {
		r = ioctl(control, LOOP_CTL_REMOVE, atoi(argv[2])) < 0 ? -errno : 0;
	} else {
		fprintf(stderr, "usage: loopremove add | loopremove remove NUMBER\n");
		r = -EINVAL;
	}
	close(control);
	if (r < 0)
		fprintf(stderr, "loopremove: %s\n", strerror(-r));
	return r < 0;
}
