// SPDX-License-Identifier: Apache-2.0
#include "observer/service_rules.h"

#include <fcntl.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "observer/cgroups.h"
#include "observer/paths.h"

#define GROUPS_MAX 16 /* control groups of one service: a unit's, in several slices */

_Static_assert(SERVICES_MAX == SERVICE_SLOTS_MAX, "a service's slot is its place in the list");

/* What is found of one service. */
struct found {
	struct service_rules *rules;
	uint32_t slot;
	uint32_t files[SERVICE_FILES_MAX]; /* 1 + index; 0 alone = any */
	size_t n_files;
	uint32_t sockets[SERVICE_FILES_MAX]; /* likewise */
	size_t n_sockets;
	uint64_t groups[GROUPS_MAX]; /* 0 alone = any */
	size_t n_groups;
};

void service_rules_init(struct service_rules *rules)
{
	memset(rules, 0, sizeof(*rules));
}

void service_rules_trim(struct service_rules *rules)
{
	for (size_t i = 0; i < rules->n_files; i++) {
		if (rules->files[i].used)
			continue;
		closep(&rules->files[i].fd);
		rules->files[i].fd = -1;
	}
	while (rules->n_files > 0 && rules->files[rules->n_files - 1].fd < 0)
		rules->n_files--;
}

void service_rules_deinit(struct service_rules *rules)
{
	for (size_t i = 0; i < rules->n_files; i++)
		closep(&rules->files[i].fd);
	rules->n_files = 0;
}

/* One more that is over a limit. */
static void found_over(const struct found *found)
{
	found->rules->over |= 1u << found->slot;
	found->rules->n_over++;
}

/* The place of a file of that kind in the list, which it enters if it is new; -1 = no such file, -ENOSPC = no room. */
static int file_place(struct service_rules *rules, int folder, const char *name, mode_t kind)
{
	size_t place = rules->n_files;
	_cleanup_close_ int fd = openat(folder, name, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (st.st_mode & S_IFMT) != kind)
		return -1;
	for (size_t i = rules->n_files; i-- > 0;) {
		if (rules->files[i].fd < 0)
			place = i;
		else if (rules->files[i].device == st.st_dev && rules->files[i].inode == st.st_ino)
			return (int)i;
	}
	if (place == SERVICE_FILES_MAX)
		return -ENOSPC;
	rules->files[place] = (struct service_file){
		.fd = take_fd(&fd),
		.device = st.st_dev,
		.inode = st.st_ino,
	};
	rules->n_files += place == rules->n_files;
	return (int)place;
}

/* One more of a list of them. */
static void found_put(struct found *found, int place, uint32_t *list, size_t *n)
{
	if (place == -ENOSPC || (place >= 0 && *n == SERVICE_FILES_MAX))
		found_over(found);
	else if (place >= 0)
		list[(*n)++] = (uint32_t)place + 1;
}

static void found_file(void *data, int folder, const char *name)
{
	struct found *found = data;
	int place = file_place(found->rules, folder, name, S_IFREG);

	found_put(found, place, found->files, &found->n_files);
}

static void found_socket(void *data, int folder, const char *name)
{
	struct found *found = data;
	int place = file_place(found->rules, folder, name, S_IFSOCK);

	found_put(found, place, found->sockets, &found->n_sockets);
}

/* A group's id is the number of its folder's inode. */
static void found_group(void *data, int folder, const char *name)
{
	struct found *found = data;
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return;
	if (found->n_groups == GROUPS_MAX)
		found_over(found);
	else
		found->groups[found->n_groups++] = st.st_ino;
}

static uint32_t own_netns(int root)
{
	struct stat st;

	return fstatat(root, "proc/self/ns/net", &st, 0) == 0 ? (uint32_t)st.st_ino : 0;
}

static void file_use(struct service_rules *rules, uint32_t file)
{
	if (file)
		rules->files[file - 1].used = true;
}

/* A rule for each group, executable and Unix socket together. */
static void rules_add(struct service_rules *rules, const struct service *service,
		      const struct found *found, uint32_t netns)
{
	const size_t n = found->n_groups * found->n_files * found->n_sockets;

	for (size_t i = 0; i < n; i++) {
		struct service_rule rule = {
			.group = found->groups[i % found->n_groups],
			.file = found->files[i / found->n_groups % found->n_files],
			.socket = found->sockets[i / found->n_groups / found->n_files],
			.netns = netns,
			.slot = found->slot,
			.port = service->port,
			.udp = service->protocol == SERVICE_UDP,
			.used = 1,
		};

		if (rules->n == SERVICE_RULES_MAX) {
			found_over(found);
			return;
		}
		file_use(rules, rule.file);
		file_use(rules, rule.socket);
		rules->rules[rules->n++] = rule;
	}
}

static bool names_group(const struct service *service)
{
	return service->cgroup[0] || service->unit[0];
}

static void service_find(struct service_rules *rules, int root, int groups,
			 const struct service *service, uint32_t slot)
{
	struct found found = { .rules = rules, .slot = slot };
	const bool names_process =
		service->executable[0] || service->socket[0] || names_group(service);
	int r = 0;

	if (service->executable[0])
		r = paths_match(root, service->executable, found_file, &found);
	else
		found.n_files = 1;
	if (r < 0)
		found_over(&found);
	r = 0;
	if (service->socket[0])
		r = paths_match(root, service->socket, found_socket, &found);
	else
		found.n_sockets = 1;
	if (r < 0)
		found_over(&found);
	r = 0;
	if (!names_group(service))
		found.n_groups = 1;
	else if (groups >= 0 && service->unit[0])
		r = paths_unit(groups, service->unit, found_group, &found);
	else if (groups >= 0 && !strcmp(service->cgroup, "/"))
		found_group(&found, groups, ".");
	else if (groups >= 0)
		r = paths_match(groups, service->cgroup, found_group, &found);
	if (r < 0)
		found_over(&found);
	if (found.n_files == 0 || found.n_sockets == 0 || found.n_groups == 0)
		rules->absent |= 1u << slot;
	/* A port alone is one of our own network namespace: in another it is somebody else's. */
	rules_add(rules, service, &found, names_process ? 0 : own_netns(root));
}

/* Where some service needs them; without version 2 there are none. Returns 0 or -errno. */
static int groups_open(struct cgroups *groups, int root, const struct service_list *services)
{
	struct source_status why; /* the caller has the number */
	int r;

	groups->folder = -1;
	for (size_t i = 0; i < services->n; i++) {
		if (!names_group(&services->items[i]))
			continue;
		r = cgroups_open(groups, root, &why);
		return r == -EOPNOTSUPP ? 0 : r;
	}
	return 0;
}

int service_rules_find(struct service_rules *rules, int root, const struct service_list *services)
{
	struct cgroups groups;
	int r = groups_open(&groups, root, services);

	if (r < 0)
		return r;
	rules->n = 0;
	rules->n_over = 0;
	rules->absent = rules->over = 0;
	memset(rules->rules, 0, sizeof(rules->rules));
	for (size_t i = 0; i < rules->n_files; i++)
		rules->files[i].used = false;
	for (uint32_t i = 0; i < services->n; i++)
		service_find(rules, root, groups.folder, &services->items[i], i);
	cgroups_close(&groups);
	return 0;
}
