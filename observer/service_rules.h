/* SPDX-License-Identifier: Apache-2.0 */
/* Services as the BPF programs know them: executables and Unix sockets by their inodes, groups by their numbers. */
#ifndef FLYBALL_OBSERVER_SERVICE_RULES_H
#define FLYBALL_OBSERVER_SERVICE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/service.h"
#include "include/service.h"

/* An executable or a Unix socket, kept open so that the kernel does not give its inode's address to another. */
struct service_file {
	int fd;    /* -1 = the place is free */
	bool used; /* some rule names it */
	dev_t device;
	ino_t inode;
};

struct service_rules {
	struct service_rule rules[SERVICE_RULES_MAX];
	size_t n;
	struct service_file files[SERVICE_FILES_MAX];
	size_t n_files;  /* places; some below may be free */
	uint32_t absent; /* 1 << service: no such executable, socket, group or unit now */
	uint32_t over;   /* 1 << service: something of it found no place, or was not looked at */
	size_t n_over;   /* rules, files, groups and searches over the limits */
};

void service_rules_init(struct service_rules *rules);
void service_rules_deinit(struct service_rules *rules);

/*
 * Looks anew for what the services name: executables and sockets below the descriptor `root`, control groups of version 2 where
 * systemd mounts them. The slot of a service is its place in the list. Files that no rule names any more stay open until
 * service_rules_trim(). Allocates nothing. Returns 0, or -errno when the groups cannot be looked at: the rules stay as they are.
 */
int service_rules_find(struct service_rules *rules, int root, const struct service_list *services);

/* Closes the files that no rule names: nobody may go by their inodes any more. */
void service_rules_trim(struct service_rules *rules);

#endif
