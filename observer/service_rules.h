/* SPDX-License-Identifier: Apache-2.0 */
/* Services as the BPF programs know them: executables by their inodes, groups by their numbers. */
#ifndef FLYBALL_OBSERVER_SERVICE_RULES_H
#define FLYBALL_OBSERVER_SERVICE_RULES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/service.h"
#include "include/service.h"

#define SERVICE_MOUNTINFO_MAX 65536 /* bytes of /proc/self/mountinfo that are read */

/* An executable, kept open so that the kernel does not give its inode's address to another. */
struct service_file {
	int fd;
	dev_t device;
	ino_t inode;
};

struct service_rules {
	struct service_rule rules[SERVICE_RULES_MAX];
	size_t n;
	struct service_file
		files[SERVICE_FILES_MAX]; /* those found earlier stay: they may still run */
	size_t n_files;
	uint32_t absent;                  /* 1 << service: no such executable, group or unit now */
	size_t n_over;                    /* rules and files that found no place */
	char text[SERVICE_MOUNTINFO_MAX]; /* scratch */
};

void service_rules_init(struct service_rules *rules);
void service_rules_deinit(struct service_rules *rules);

/*
 * Looks anew for what the services name: executables below the descriptor `root`, control groups of version 2 where
 * its mountinfo says they are. The slot of a service is its place in the list. Allocates nothing.
 */
void service_rules_find(struct service_rules *rules, int root, const struct service_list *services);

#endif
