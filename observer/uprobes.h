/* SPDX-License-Identifier: Apache-2.0 */
/* Programs at many places of one file, in every process that has it mapped. By plain system calls: allocates nothing. */
#ifndef FLYBALL_OBSERVER_UPROBES_H
#define FLYBALL_OBSERVER_UPROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPROBES_MAX 64 /* places of one file */

/* linux/bpf.h of a later kernel than we are built on: since 89ae89f53d20 ("bpf: Add multi uprobe link"), 6.6 */
#define UPROBES_ATTACH_MULTI 48

struct uprobe_place {
	uint64_t offset; /* in the file */
	uint64_t cookie; /* what the program gets by bpf_get_attach_cookie() */
};

/* Of one program at one file. */
struct uprobes {
	size_t n;
	int links[UPROBES_MAX];
};

/*
 * Attaches a program to places of the file that is open at `fd`, whatever its name is now, at the entry of the function there or, if
 * `at_return`, at its return. multi: by one link, takes a program that was loaded for UPROBES_ATTACH_MULTI. perf: by a perf event each, of
 * the dynamic type `event_type`. Returns 0, or -errno with nothing attached.
 */
int uprobes_attach_multi(struct uprobes *uprobes, int program, int fd, bool at_return,
			 const struct uprobe_place *places, size_t n);
int uprobes_attach_perf(struct uprobes *uprobes, int program, int fd, bool at_return,
			const struct uprobe_place *places, size_t n, uint32_t event_type);

/* Detaches all; accepts what is all zeroes. */
void uprobes_detach(struct uprobes *uprobes);

#endif
