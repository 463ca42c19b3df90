// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/places.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actuator/cgroup.h"
#include "base/cleanup.h"
#include "base/descriptors.h"
#include "base/netns.h"
#include "base/sysroot.h"
#include "tests/lab/subject.h"

#define DISK_BYTES (16 << 20)
#define SCRATCH "/dev/shm" /* where the trials' journals are: one that goes with the namespace */
#define NETNS_NAME "matrix"
#define ROUTE_PREFIX "198.51.100.0/24" /* documentation only: it leads nowhere */
#define JANITOR_TRIES 500              /* of 10 ms: whoever was killed in a group takes a moment */

/* Hierarchies that groups are made in: controllers of v1, and v2. */
static const char *const hierarchies[] = { "cpu", "cpuset", "blkio", NULL };

static struct {
	int root;
	int disk; /* the loop device; gone with the last descriptor */
	char disk_name[32];
	char group[64];
	int janitor; /* a pipe: its end tells the janitor to begin */
	pid_t janitor_pid;
	pid_t threads, cpuset, memory;
	bool netns;
} places = { .root = -1, .disk = -1, .janitor = -1 };

int places_open(char *ret_text, size_t size)
{
	places.root = sysroot_open("/");
	snprintf(places.group, sizeof(places.group), "/flyball-matrix-%d", getpid());
	if (geteuid() == 0 && places.root >= 0 && unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    (access(SCRATCH, W_OK) < 0 || mount("none", SCRATCH, "tmpfs", 0, "mode=755") == 0))
		return 0;
	snprintf(ret_text, size, "needs root and namespaces of its own");
	return -EPERM;
}

/* In memory. */
static int disk_make(void)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int image = memfd_create("flyball-matrix", MFD_CLOEXEC);
	struct loop_config config = { .fd = (uint32_t)image,
				      .info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };

	if (control < 0 || image < 0 || ftruncate(image, DISK_BYTES) < 0)
		return -errno;
	for (int try = 0; try < 8; try++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE), fd;
		char path[64];

		snprintf(places.disk_name, sizeof(places.disk_name), "loop%d", number);
		snprintf(path, sizeof(path), "/dev/loop%d", number);
		fd = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
			places.disk = fd;
			return 0;
		}
		closep(&fd);
	}
	return -EBUSY;
}

/* The queue belongs to the loop device, which outlives its file. */
static void disk_unmake(void)
{
	char path[64];

	if (places.disk < 0)
		return;
	snprintf(path, sizeof(path), "sys/block/%s/queue/scheduler", places.disk_name);
	sysroot_write(places.root, path, "none");
	closep(&places.disk);
	places.disk = -1;
}

/* Named as ip-netns(8) does it, over a /run that nobody else sees. */
static int netns_make(void)
{
	int status = -1;
	pid_t child;

	if (places.netns)
		return 0;
	if (mount("none", "/run", "tmpfs", 0, "mode=755") < 0 || mkdir("/" NETNS_FOLDER, 0755) < 0)
		return -errno;
	closep(&(int){ creat("/" NETNS_FOLDER "/" NETNS_NAME, 0600) });
	child = fork();
	if (child == 0)
		_exit(unshare(CLONE_NEWNET) < 0 ||
		      mount("/proc/self/ns/net", "/" NETNS_FOLDER "/" NETNS_NAME, NULL, MS_BIND,
			    NULL) < 0 ||
		      system("ip link set lo up") ||
		      system("ip address add " PLACE_NETNS_FROM "/32 dev lo") ||
		      system("ip address add " PLACE_NETNS_TO "/32 dev lo") ||
		      system("ip route add " ROUTE_PREFIX
			     " dev lo metric 7 mtu lock 1400 advmss 1200"));
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		return -EIO;
	places.netns = true;
	return 0;
}

/* The janitor: takes the groups away when whoever made them is gone, even by kill -9. */
static void clean_groups(int pipe_end)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	char byte;

	while (read(pipe_end, &byte, 1) < 0 && errno == EINTR)
		;
	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		struct cgroup_place place;
		char path[CGROUP_PATH_MAX];

		if (cgroup_find(places.root, hierarchies[i], &place) < 0 ||
		    cgroup_path(&place, places.group, "", path, sizeof(path)) < 0)
			continue;
		for (int try = 0; try < JANITOR_TRIES; try++) {
			if (unlinkat(places.root, path, AT_REMOVEDIR) == 0 || errno != EBUSY)
				break;
			nanosleep(&pause, NULL);
		}
	}
}

static int janitor_start(void)
{
	int fds[2];

	if (places.janitor >= 0)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	places.janitor_pid = fork();
	if (places.janitor_pid == 0) {
		const int keep[] = { fds[0], places.root };

		setsid();
		descriptors_close_others(keep, ARRAY_SIZE(keep));
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		clean_groups(fds[0]);
		_exit(0);
	}
	close(fds[0]);
	places.janitor = fds[1];
	return places.janitor_pid < 0 ? -errno : 0;
}

/* v1's cpusets begin with nothing, and v2's files come with their controllers. */
static int group_make(void)
{
	char text[256];
	int made = 0, r = janitor_start();

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(hierarchies); i++) {
		static const char *const controllers[] = { "+cpu", "+cpuset", "+io", "+memory" };
		static const char *const inherited[] = { "cpuset.cpus", "cpuset.mems" };
		struct cgroup_place place;
		char path[CGROUP_PATH_MAX];

		if (cgroup_find(places.root, hierarchies[i], &place) < 0)
			continue;
		for (size_t j = 0; place.v2 && j < ARRAY_SIZE(controllers); j++)
			cgroup_write_text(places.root, &place, "/", "cgroup.subtree_control",
					  controllers[j]);
		cgroup_path(&place, places.group, "", path, sizeof(path));
		if (mkdirat(places.root, path, 0755) < 0 && errno != EEXIST)
			continue;
		made++;
		for (size_t j = 0; !place.v2 && j < ARRAY_SIZE(inherited); j++)
			if (cgroup_read_text(places.root, &place, "/", inherited[j], text,
					     sizeof(text)) > 0)
				cgroup_write_text(places.root, &place, places.group, inherited[j],
						  text);
	}
	return r < 0 ? r : made ? 0 : -EROFS;
}

/* In the group from the start: before Linux 6.2 threads that come to it lose their masks. */
static void cpuset_run(void)
{
	struct cgroup_place place;

	if (cgroup_find(places.root, "cpuset", &place) < 0 &&
	    cgroup_find(places.root, NULL, &place) < 0)
		_exit(1);
	if (cgroup_write_text(places.root, &place, places.group, "cgroup.procs", "0") < 0)
		_exit(1);
	subject_threads();
}

/* With the CPUs of the machine, and a process in it. */
static int cpuset_make(void)
{
	struct cgroup_place place;
	char text[256];
	int r = group_make();

	if (r == 0)
		r = cgroup_find(places.root, "cpuset", &place);
	if (r == -ENOENT)
		r = cgroup_find(places.root, NULL, &place);
	if (r == 0 && place.v2 &&
	    cgroup_read_text(places.root, &place, "/", "cpuset.cpus.effective", text,
			     sizeof(text)) > 0)
		r = cgroup_write_text(places.root, &place, places.group, "cpuset.cpus", text);
	return r < 0 ? r : subject_start(cpuset_run, places.root, &places.cpuset);
}

static int make(enum place place, struct scope *scope)
{
	int r = 0;

	switch (place) {
	case PLACE_DISK:
		*scope = (struct scope){ .kind = SCOPE_DISK };
		r = places.disk >= 0 ? 0 : disk_make();
		strcpy(scope->name, places.disk_name);
		return r;
	case PLACE_NETNS:
		*scope = (struct scope){ .kind = SCOPE_NETNS, .name = NETNS_NAME };
		return netns_make();
	case PLACE_ROUTE:
		*scope = (struct scope){ .kind = SCOPE_ROUTE,
					 .name = ROUTE_PREFIX "@main+7@" NETNS_NAME };
		return netns_make();
	case PLACE_GROUP:
	case PLACE_CPUSET:
		*scope = (struct scope){ .kind = SCOPE_CGROUP };
		strcpy(scope->name, places.group);
		return place == PLACE_GROUP ? group_make() : cpuset_make();
	case PLACE_THREADS:
		r = subject_start(subject_threads, places.root, &places.threads);
		return r < 0 ? r : subject_scope(places.root, places.threads, scope);
	case PLACE_MEMORY:
		if (access("/sys/devices/system/node/node1", F_OK) < 0)
			return -EXDEV;
		r = subject_start(subject_memory, places.root, &places.memory);
		return r < 0 ? r : subject_scope(places.root, places.memory, scope);
	default:
		*scope = (struct scope){ .kind = SCOPE_HOST };
		return 0;
	}
}

int place_scope(enum place place, struct scope *ret_scope, char *ret_text, size_t size)
{
	static const char *const whats[PLACE_COUNT] = {
		[PLACE_HOST] = "a namespace",          [PLACE_DISK] = "a loop disk",
		[PLACE_NETNS] = "a network namespace", [PLACE_ROUTE] = "a route",
		[PLACE_GROUP] = "a control group",     [PLACE_CPUSET] = "a cpuset",
		[PLACE_THREADS] = "a process",         [PLACE_MEMORY] = "a process on a node",
	};
	struct scope scope = { .kind = SCOPE_HOST };
	int r = make(place, &scope);

	if (r == -EXDEV)
		snprintf(ret_text, size, "this machine has one node of memory");
	else if (r < 0)
		snprintf(ret_text, size, "unable to make %s: %s", whats[place], strerror(-r));
	else
		*ret_scope = scope;
	return r;
}

void places_reset(void)
{
	subject_reset(places.threads);
	subject_reset(places.cpuset);
}

void places_close(void)
{
	subject_end(&places.threads);
	subject_end(&places.cpuset);
	subject_end(&places.memory);
	disk_unmake();
	if (places.janitor >= 0) {
		closep(&places.janitor);
		waitpid(places.janitor_pid, NULL, 0);
	}
	closep(&places.root);
}
