// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/splits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "actuator/actuator.h"
#include "actuator/cgroup.h"
#include "actuator/in_netns.h"
#include "base/cleanup.h"
#include "base/sysroot.h"
#include "tests/lab/places.h"

#define BTF_PATH "sys/kernel/btf/vmlinux"
#define CONNECTIONS 4    /* of which both ends would draw: all alike by chance in 2^-8 */
#define GONE_TRIES 4000  /* of half a millisecond: the kernel waits for RCU */
#define ALGORITHM_MAX 16 /* TCP_CA_NAME_MAX */
#define PROGRAM_MAPS 16  /* more than the program has */

int splits_open(struct split_maps *ret_maps, char *ret_text, size_t size)
{
	_cleanup_close_ int root = sysroot_open("/");
	struct split_maps observers;
	struct cgroup_place place;
	const char *lack = NULL;

	if (!sysroot_exists(root, BTF_PATH))
		lack = "/" BTF_PATH;
	else if (cgroup_find(root, NULL, &place) < 0)
		lack = "a mounted cgroup v2";
	else if (split_maps_open(ret_maps, &observers) < 0)
		lack = "BPF maps";
	if (lack) {
		snprintf(ret_text, size, "connections cannot be split without %s", lack);
		return -EXDEV;
	}
	split_maps_close(&observers);
	return 0;
}

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static long describe(int fd, void *info, uint32_t size)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = size;
	attr.info.info = (uintptr_t)info;
	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

static bool uses(int program, uint32_t map)
{
	uint32_t ids[PROGRAM_MAPS] = { 0 };
	struct bpf_prog_info info = { .nr_map_ids = PROGRAM_MAPS, .map_ids = (uintptr_t)ids };

	if (describe(program, &info, sizeof(info)) < 0)
		return false;
	for (uint32_t i = 0; i < info.nr_map_ids && i < PROGRAM_MAPS; i++)
		if (ids[i] == map)
			return true;
	return false;
}

/* A program that nothing holds is gone: those that there are hang on a link. */
static bool is_any_attached(uint32_t map)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	while (bpf(BPF_PROG_GET_NEXT_ID, &attr) == 0) {
		union bpf_attr which;
		_cleanup_close_ int fd = -1;

		memset(&which, 0, sizeof(which));
		which.prog_id = attr.next_id;
		fd = (int)bpf(BPF_PROG_GET_FD_BY_ID, &which);
		if (fd >= 0 && uses(fd, map))
			return true;
		attr.start_id = attr.next_id;
	}
	return false;
}

static const char *await_programs(const struct split_maps *maps)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	struct bpf_map_info map = { 0 };

	if (describe(maps->results, &map, sizeof(map)) < 0)
		return "the map of a split cannot be told";
	for (int i = 0; i < GONE_TRIES; i++) {
		if (!is_any_attached(map.id))
			return NULL;
		nanosleep(&pause, NULL);
	}
	return "the program of a split is still attached";
}

static int socket_at(const char *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && inet_pton(AF_INET, address, &in.sin_addr) == 1 &&
	    bind(fd, (const struct sockaddr *)&in, sizeof(in)) == 0)
		return fd;
	closep(&fd);
	return -1;
}

struct visit {
	const char *base;
	const char *wrong;
};

static bool has(int fd, const char *algorithm)
{
	char name[ALGORITHM_MAX] = "";
	socklen_t size = sizeof(name);

	return getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0 &&
	       !strncmp(name, algorithm, sizeof(name));
}

static const char *try_connection(int listener, const struct sockaddr_in *to, const char *base)
{
	_cleanup_close_ int client = socket_at(PLACE_NETNS_FROM), server = -1;

	if (client < 0 || connect(client, (const struct sockaddr *)to, sizeof(*to)) < 0)
		return "no connection can be made";
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (server < 0)
		return "no connection can be taken";
	return has(client, base) && has(server, base) ? NULL : "a new connection drew the arm";
}

static int connect_here(void *data)
{
	_cleanup_close_ int listener = socket_at(PLACE_NETNS_TO);
	struct visit *visit = data;
	struct sockaddr_in to;
	socklen_t size = sizeof(to);

	if (listener < 0 || listen(listener, CONNECTIONS) < 0 ||
	    getsockname(listener, (struct sockaddr *)&to, &size) < 0)
		return -errno;
	for (int i = 0; i < CONNECTIONS && !visit->wrong; i++)
		visit->wrong = try_connection(listener, &to, visit->base);
	return 0;
}

const char *splits_left(int root, const struct scope *scope, const struct split_maps *maps,
			const char *base)
{
	struct visit visit = { .base = base, .wrong = await_programs(maps) };

	if (!visit.wrong && in_netns(root, scope, connect_here, &visit) < 0)
		return "nothing can listen in the namespace";
	return visit.wrong;
}
