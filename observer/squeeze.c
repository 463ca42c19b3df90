// SPDX-License-Identifier: Apache-2.0
#include "observer/squeeze.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bpf/squeeze.h"
#include "observer/text.h"
#include "squeeze.skel.h"

#define BUDGET_PATH "proc/sys/net/core/netdev_budget"
#define PROGRAMS_MAX 3

struct squeeze {
	struct bpf_object *object;
	int programs[PROGRAMS_MAX], links[PROGRAMS_MAX]; /* descriptors; -1 = not attached */
	const char *names[PROGRAMS_MAX];
	const char *failed; /* the program that did not attach of late; NULL = none */
	size_t n_programs;
	int cpus_map, budget_map; /* descriptors of the object's */
	int budget_fd;
	size_t n_cpus; /* that may be: a per-CPU map has so many values */
	struct squeeze_cpu *cpus;
};

static int be_quiet(enum libbpf_print_level level, const char *format, va_list ap)
{
	(void)level, (void)format, (void)ap;
	return 0;
}

static int budget_tell(struct squeeze *squeeze)
{
	const uint32_t key = 0;
	uint64_t budget;
	char text[32];
	ssize_t n = source_reread(squeeze->budget_fd, text, sizeof(text));

	if (n < 0 || !text_numbers(text, &budget, 1))
		return n < 0 ? (int)n : -EBADMSG;
	return bpf_map_update_elem(squeeze->budget_map, &key, &budget, BPF_ANY) < 0 ? -errno : 0;
}

/* By plain system calls: libbpf's links are allocated. */
int squeeze_attach(struct squeeze *squeeze)
{
	for (size_t i = 0; i < squeeze->n_programs; i++) {
		if (squeeze->links[i] >= 0)
			continue;
		squeeze->links[i] = bpf_raw_tracepoint_open(NULL, squeeze->programs[i]);
		if (squeeze->links[i] < 0) {
			int r = -errno;

			squeeze->failed = squeeze->names[i];
			squeeze_detach(squeeze);
			return r;
		}
	}
	return 0;
}

void squeeze_detach(struct squeeze *squeeze)
{
	for (size_t i = 0; i < PROGRAMS_MAX; i++) {
		closep(&squeeze->links[i]);
		squeeze->links[i] = -1;
	}
}

bool squeeze_attached(const struct squeeze *squeeze)
{
	return squeeze->links[0] >= 0;
}

static int programs_find(struct squeeze *squeeze)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, squeeze->object)
	{
		if (squeeze->n_programs == PROGRAMS_MAX)
			return -E2BIG;
		squeeze->names[squeeze->n_programs] = bpf_program__name(program);
		squeeze->programs[squeeze->n_programs++] = bpf_program__fd(program);
	}
	return 0;
}

static int squeeze_load(struct squeeze *squeeze, const char **ret_what)
{
	libbpf_print_fn_t print = libbpf_set_print(be_quiet);
	const void *elf;
	size_t size;
	int r;

	*ret_what = "load";
	elf = squeeze_bpf__elf_bytes(&size);
	squeeze->object = bpf_object__open_mem(elf, size, NULL);
	r = squeeze->object ? bpf_object__load(squeeze->object) : -errno;
	if (r == 0) {
		squeeze->cpus_map =
			bpf_object__find_map_fd_by_name(squeeze->object, "squeeze_cpus");
		squeeze->budget_map =
			bpf_object__find_map_fd_by_name(squeeze->object, "squeeze_budget");
		r = budget_tell(squeeze);
	}
	if (r == 0) {
		*ret_what = "attach";
		r = programs_find(squeeze);
	}
	/* For a moment, to see whether it works. */
	if (r == 0)
		r = squeeze_attach(squeeze);
	squeeze_detach(squeeze);
	libbpf_set_print(print);
	return r;
}

int squeeze_open(const struct source_context *context, struct squeeze **ret_squeeze, char *ret_text,
		 size_t size)
{
	struct squeeze *squeeze = calloc(1, sizeof(*squeeze));
	int n_cpus = libbpf_num_possible_cpus(), r;
	const char *what = "prepare";

	if (!squeeze || n_cpus < 0) {
		free(squeeze);
		return -ENOMEM;
	}
	squeeze->n_cpus = (size_t)n_cpus;
	for (size_t i = 0; i < PROGRAMS_MAX; i++)
		squeeze->links[i] = -1;
	squeeze->cpus = calloc(squeeze->n_cpus, sizeof(*squeeze->cpus));
	squeeze->budget_fd = source_open_file(context->root, BUDGET_PATH);
	r = squeeze->cpus ? squeeze->budget_fd : -ENOMEM;
	if (r >= 0)
		r = squeeze_load(squeeze, &what);
	if (r < 0) {
		snprintf(ret_text, size, "unable to %s BPF programs: %s%s%s", what, strerror(-r),
			 squeeze->failed ? ": " : "", squeeze->failed ? squeeze->failed : "");
		squeeze_close(squeeze);
		return r;
	}
	*ret_squeeze = squeeze;
	return 0;
}

void squeeze_close(struct squeeze *squeeze)
{
	if (!squeeze)
		return;
	squeeze_detach(squeeze);
	bpf_object__close(squeeze->object);
	closep(&squeeze->budget_fd);
	free(squeeze->cpus);
	free(squeeze);
}

int squeeze_read(struct squeeze *squeeze, uint64_t *ret_counts, size_t max)
{
	const uint32_t key = 0;
	int r = budget_tell(squeeze);

	if (r == 0 && bpf_map_lookup_elem(squeeze->cpus_map, &key, squeeze->cpus) < 0)
		r = -errno;
	for (size_t i = 0; r == 0 && i < max; i++)
		ret_counts[i] = i < squeeze->n_cpus ? squeeze->cpus[i].squeezes : 0;
	return r;
}

void squeeze_status(const struct squeeze *squeeze, struct source_status *status)
{
	status->bpf_runs = 0;
	status->bpf_run_ns = 0;
	for (size_t i = 0; i < squeeze->n_programs; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t length = sizeof(info);

		if (bpf_obj_get_info_by_fd(squeeze->programs[i], &info, &length) < 0)
			continue;
		status->bpf_runs += info.run_cnt;
		status->bpf_run_ns += info.run_time_ns;
	}
}
