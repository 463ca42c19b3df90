// SPDX-License-Identifier: Apache-2.0
#include "observer/block_programs.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "observer/block_btf.h"
#include "observer/bpf_complaint.h"
#include "block.skel.h"
#include "block_kprobe.skel.h"
#include "block_tracepoint.skel.h"

#define REMEDY_BTF "use a kernel with CONFIG_DEBUG_INFO_BTF that allows this kind of program"

enum hook_need {
	HOOK_NEEDED,
	HOOK_OPTIONAL, /* left out where the kernel has no such function or event, or no helper that it needs */
	HOOK_ISSUE, /* only times the issue, which the kernel may do itself */
};

struct block_hook {
	const char *program, *target; /* `target`: what it is attached to */
	enum hook_need need;
};

struct block_way_row {
	const void *(*elf)(size_t *ret_size);
	int (*attach)(struct block_seat *seat, const struct source_context *context,
		      const char *target);
	bool switchable;
	const char *remedy;
	struct block_hook hooks[BLOCK_HOOKS_MAX]; /* starts first */
};

static const struct block_way_row ways[BLOCK_WAY_COUNT] = {
	[BLOCK_TP_BTF] = {
		.elf = block_bpf__elf_bytes,
		.attach = block_seat_typed,
		.switchable = true,
		.remedy = REMEDY_BTF,
		.hooks = {
			{ .program = "tp_btf_issue", .target = "block_rq_issue", .need = HOOK_ISSUE },
			{ .program = "tp_btf_complete", .target = "block_rq_complete" },
		},
	},
	[BLOCK_FENTRY] = {
		.elf = block_bpf__elf_bytes,
		.attach = block_seat_typed,
		.switchable = true,
		.remedy = REMEDY_BTF,
		.hooks = {
			{ .program = "fentry_issue", .target = "blk_mq_start_request", .need = HOOK_ISSUE },
			{ .program = "fentry_complete", .target = "blk_update_request" },
			{ .program = "fentry_batch", .target = "blk_mq_end_request_batch",
			  .need = HOOK_OPTIONAL },
		},
	},
	[BLOCK_KPROBE] = {
		.elf = block_kprobe_bpf__elf_bytes,
		.attach = block_seat_kprobe,
		.remedy = "use a kernel with CONFIG_KPROBE_EVENTS",
		.hooks = {
			{ .program = "kprobe_issue", .target = "blk_mq_start_request", .need = HOOK_ISSUE },
			{ .program = "kprobe_complete", .target = "blk_update_request" },
			{ .program = "kprobe_batch", .target = "blk_mq_end_request_batch",
			  .need = HOOK_OPTIONAL },
		},
	},
	/* The issue tells how many sectors must end, so it is needed for every stage. */
	[BLOCK_TRACEPOINT] = {
		.elf = block_tracepoint_bpf__elf_bytes,
		.attach = block_seat_event,
		.remedy = "mount -t tracefs nodev /sys/kernel/tracing",
		.hooks = {
			{ .program = "tracepoint_merge", .target = "block_rq_merge", .need = HOOK_OPTIONAL },
			{ .program = "tracepoint_frontmerge", .target = "block_bio_frontmerge",
			  .need = HOOK_OPTIONAL },
			{ .program = "tracepoint_start", .target = "block_getrq" },
			{ .program = "tracepoint_issue", .target = "block_rq_issue" },
			{ .program = "tracepoint_complete", .target = "block_rq_complete" },
		},
	},
};

int block_programs_refuse(enum block_way way, int error, const char *what,
			  struct source_status *status)
{
	source_say(status, SOURCE_UNAVAILABLE, ways[way].remedy,
		   "unable to %s BPF programs: %s%s%s", what, strerror(-error),
		   bpf_complaint()[0] ? ": " : "", bpf_complaint());
	return error;
}

/* Batches are walked by a helper that came with e6f2dd0f8067 ("bpf: Add bpf_loop helper"), 5.17. */
static bool hook_possible(const struct block_programs *programs, const struct block_hook *hook,
			  const struct btf *btf)
{
	if (hook->need != HOOK_OPTIONAL)
		return true;
	if (programs->way == BLOCK_TRACEPOINT)
		return source_event(programs->context, hook->target) > 0;
	return block_btf_has_function(btf, hook->target) &&
	       libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop, NULL) == 1;
}

/* Of the object's programs only those of the way are loaded. */
static int seats_take(struct block_programs *programs, const struct btf *btf)
{
	const struct block_way_row *way = &ways[programs->way];
	struct bpf_program *program;

	bpf_object__for_each_program(program, programs->object)
	{
		bool wanted = false;

		for (size_t i = 0; i < BLOCK_HOOKS_MAX && way->hooks[i].program; i++) {
			if (strcmp(bpf_program__name(program), way->hooks[i].program) ||
			    !hook_possible(programs, &way->hooks[i], btf))
				continue;
			programs->seats[i].program = program;
			wanted = true;
		}
		bpf_program__set_autoload(program, wanted);
	}
	for (size_t i = 0; i < BLOCK_HOOKS_MAX && way->hooks[i].program; i++)
		if (!programs->seats[i].program && way->hooks[i].need != HOOK_OPTIONAL)
			return -ENOENT;
	return 0;
}

static struct bpf_map *map_of(const struct block_programs *programs, const char *name,
			      size_t size_least)
{
	struct bpf_map *map = bpf_object__find_map_by_name(programs->object, name);

	return map && bpf_map__value_size(map) >= size_least ? map : NULL;
}

/* Opens the object and fits it to the kernel. Returns 0 or -errno. */
static int object_prepare(struct block_programs *programs, uint32_t n_slots)
{
	struct block_settings settings = { .abi = BLOCK_ABI };
	struct bpf_map *hists, *rodata;
	struct btf *btf = btf__load_vmlinux_btf();
	size_t size;
	const void *elf = ways[programs->way].elf(&size);
	int r = btf ? 0 : -errno;

	if (r == 0 && programs->way == BLOCK_TP_BTF) {
		r = block_btf_queue_first(btf);
		settings.queue_first = r == 1;
	}
	if (r >= 0) {
		programs->object = bpf_object__open_mem(elf, size, NULL);
		r = programs->object ? seats_take(programs, btf) : -errno;
	}
	btf__free(btf);
	if (r < 0)
		return r;
	hists = map_of(programs, "hists", sizeof(struct block_hist));
	rodata = map_of(programs, ".rodata", sizeof(settings));
	if (!hists || !rodata)
		return -EPROTO;
	r = bpf_map__set_max_entries(hists, n_slots * BLOCK_OP_COUNT);
	return r < 0 ? r
		     : bpf_map__set_initial_value(rodata, &settings, bpf_map__value_size(rodata));
}

/* Maps what user space tells the running programs: libbpf does so for skeletons alone. */
static int shared_map(struct block_programs *programs)
{
	const struct bpf_map *bss = map_of(programs, ".bss", sizeof(*programs->shared));
	void *memory;

	if (!bss)
		return -EPROTO;
	memory = mmap(NULL, sizeof(*programs->shared), PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(bss), 0);
	if (memory == MAP_FAILED)
		return -errno;
	programs->shared = memory;
	return 0;
}

int block_programs_load(struct block_programs *programs, const struct source_context *context,
			enum block_way way, uint32_t n_slots, struct source_status *status)
{
	int r;

	*programs = (struct block_programs){ .way = way, .context = context, .hists_fd = -1 };
	for (size_t i = 0; i < BLOCK_HOOKS_MAX; i++)
		programs->seats[i].fd = -1;
	/* No care for RLIMIT_MEMLOCK: libbpf sets it where the kernel does not charge BPF memory to the cgroup. */
	bpf_complaint_begin();
	r = object_prepare(programs, n_slots);
	if (r < 0)
		return block_programs_refuse(way, r, "prepare", status);
	r = bpf_object__load(programs->object);
	if (r < 0)
		return block_programs_refuse(way, r, "load", status);
	r = shared_map(programs);
	if (r < 0)
		return block_programs_refuse(way, r, "agree with", status);
	programs->hists_fd = bpf_object__find_map_fd_by_name(programs->object, "hists");
	return 0;
}

int block_programs_attach(struct block_programs *programs, bool issue)
{
	const struct block_way_row *way = &ways[programs->way];

	for (size_t i = 0; i < BLOCK_HOOKS_MAX; i++) {
		struct block_seat *seat = &programs->seats[i];
		int r;

		if (!seat->program)
			continue;
		if (way->hooks[i].need == HOOK_ISSUE && !issue) {
			block_seat_leave(seat);
			continue;
		}
		r = block_seat_taken(seat)
			    ? 0
			    : way->attach(seat, programs->context, way->hooks[i].target);
		if (r < 0)
			return r;
	}
	return 0;
}

bool block_programs_switchable(const struct block_programs *programs)
{
	return ways[programs->way].switchable;
}

bool block_programs_issue_attached(const struct block_programs *programs)
{
	for (size_t i = 0; i < BLOCK_HOOKS_MAX; i++)
		if (ways[programs->way].hooks[i].need == HOOK_ISSUE &&
		    block_seat_taken(&programs->seats[i]))
			return true;
	return false;
}

void block_programs_cost(const struct block_programs *programs, uint64_t *ret_runs,
			 uint64_t *ret_run_ns)
{
	uint64_t runs = 0, run_ns = 0;

	for (size_t i = 0; i < BLOCK_HOOKS_MAX; i++) {
		const struct bpf_program *program = programs->seats[i].program;
		struct bpf_prog_info info = { 0 };
		uint32_t length = sizeof(info);

		if (!program ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length) < 0)
			continue;
		runs += info.run_cnt;
		run_ns += info.run_time_ns;
	}
	*ret_runs = runs;
	*ret_run_ns = run_ns;
}

void block_programs_unload(struct block_programs *programs)
{
	if (!programs->context)
		return;
	/* The ends first: without their starts they would count orphans. */
	for (size_t i = BLOCK_HOOKS_MAX; i-- > 0;)
		block_seat_leave(&programs->seats[i]);
	if (programs->shared)
		munmap(programs->shared, sizeof(*programs->shared));
	bpf_object__close(programs->object);
}
