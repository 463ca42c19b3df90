// SPDX-License-Identifier: Apache-2.0
#include "observer/service_rules.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/sysroot.h"
#include "observer/paths.h"

#define GROUPS_MAX 16 /* control groups of one service: a unit's, in several slices */

_Static_assert(SERVICES_MAX == SERVICE_SLOTS_MAX, "a service's slot is its place in the list");

/* What is found of one service. */
struct found {
	struct service_rules *rules;
	uint32_t files[SERVICE_FILES_MAX]; /* 1 + index; 0 alone = any */
	size_t n_files;
	uint64_t groups[GROUPS_MAX]; /* 0 alone = any */
	size_t n_groups;
};

void service_rules_init(struct service_rules *rules)
{
	memset(rules, 0, sizeof(*rules));
}

void service_rules_deinit(struct service_rules *rules)
{
	for (size_t i = 0; i < rules->n_files; i++)
		closep(&rules->files[i].fd);
	rules->n_files = 0;
}

/* The place of an executable in the list, which it enters if it is new; -1 = no room, or no file. */
static int file_place(struct service_rules *rules, int folder, const char *name)
{
	_cleanup_close_ int fd = openat(folder, name, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -1;
	for (size_t i = 0; i < rules->n_files; i++)
		if (rules->files[i].device == st.st_dev && rules->files[i].inode == st.st_ino)
			return (int)i;
	if (rules->n_files == SERVICE_FILES_MAX) {
		rules->n_over++;
		return -1;
	}
	rules->files[rules->n_files] = (struct service_file){
		.fd = take_fd(&fd),
		.device = st.st_dev,
		.inode = st.st_ino,
	};
	return (int)rules->n_files++;
}

static void found_file(void *data, int folder, const char *name)
{
	struct found *found = data;
	int place = file_place(found->rules, folder, name);

	if (place >= 0 && found->n_files < SERVICE_FILES_MAX)
		found->files[found->n_files++] = (uint32_t)place + 1;
}

/* A group's id is the number of its folder's inode. */
static void found_group(void *data, int folder, const char *name)
{
	struct found *found = data;
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return;
	if (found->n_groups == GROUPS_MAX)
		found->rules->n_over++;
	else
		found->groups[found->n_groups++] = st.st_ino;
}

/*
 * Where the control groups of version 2 are:
 *
 * 41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
 */
static int groups_open(struct service_rules *rules, int root)
{
	char path[256], type[32];

	if (sysroot_read(root, "proc/self/mountinfo", rules->text, sizeof(rules->text)) < 0)
		return -1;
	for (char *line = rules->text, *end; line; line = end ? end + 1 : NULL) {
		const char *dash;

		end = strchr(line, '\n');
		if (end)
			*end = '\0';
		dash = strstr(line, " - ");
		if (dash && sscanf(line, "%*s %*s %*s %*s %255s", path) == 1 &&
		    sscanf(dash, " - %31s", type) == 1 && !strcmp(type, "cgroup2"))
			return openat(root, path + strspn(path, "/"),
				      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return -1;
}

static uint32_t own_netns(int root)
{
	struct stat st;

	return fstatat(root, "proc/self/ns/net", &st, 0) == 0 ? (uint32_t)st.st_ino : 0;
}

static void rules_add(struct service_rules *rules, const struct service *service, uint32_t slot,
		      const struct found *found, uint32_t netns)
{
	for (size_t i = 0; i < found->n_groups; i++) {
		for (size_t j = 0; j < found->n_files; j++) {
			if (rules->n == SERVICE_RULES_MAX) {
				rules->n_over++;
				return;
			}
			rules->rules[rules->n++] = (struct service_rule){
				.group = found->groups[i],
				.file = found->files[j],
				.netns = netns,
				.port = service->port,
				.udp = service->protocol == SERVICE_UDP,
				.used = 1,
				.slot = slot,
			};
		}
	}
}

static void service_find(struct service_rules *rules, int root, int groups,
			 const struct service *service, uint32_t slot)
{
	struct found found = { .rules = rules };
	bool names_process = service->executable[0] || service->cgroup[0] || service->unit[0];

	if (service->executable[0])
		paths_match(root, service->executable, found_file, &found);
	else
		found.n_files = 1;
	if (!service->cgroup[0] && !service->unit[0])
		found.n_groups = 1;
	else if (groups >= 0 && service->unit[0])
		paths_unit(groups, service->unit, found_group, &found);
	else if (groups >= 0 && !strcmp(service->cgroup, "/"))
		found_group(&found, groups, ".");
	else if (groups >= 0)
		paths_match(groups, service->cgroup, found_group, &found);
	if (found.n_files == 0 || found.n_groups == 0)
		rules->absent |= 1u << slot;
	/* A port alone is one of our own network namespace: in another it is somebody else's. */
	rules_add(rules, service, slot, &found, names_process ? 0 : own_netns(root));
}

void service_rules_find(struct service_rules *rules, int root, const struct service_list *services)
{
	_cleanup_close_ int groups = groups_open(rules, root);

	rules->n = 0;
	rules->n_over = 0;
	rules->absent = 0;
	memset(rules->rules, 0, sizeof(rules->rules));
	for (uint32_t i = 0; i < services->n; i++)
		service_find(rules, root, groups, &services->items[i], i);
}
