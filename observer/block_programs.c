// SPDX-License-Identifier: Apache-2.0
#include "observer/block_programs.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "observer/block_btf.h"
#include "block.skel.h"
#include "block_kprobe.skel.h"
#include "block_tracepoint.skel.h"

/* Batches are walked by a helper that came with e6f2dd0f8067 ("bpf: Add bpf_loop helper"), 5.17. */
static bool batch_possible(const struct source_context *context, const struct btf *btf,
			   const char *target)
{
	(void)context;
	return block_btf_has_function(btf, target) &&
	       libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop, NULL) == 1;
}

static bool event_possible(const struct source_context *context, const struct btf *btf,
			   const char *target)
{
	(void)btf;
	return source_event(context, target) > 0;
}

/* What is switched only times the issue, which the kernel may do itself. */
static const struct programs_way ways[BLOCK_WAY_COUNT] = {
	[BLOCK_TP_BTF] = {
		.elf = block_bpf__elf_bytes,
		.attach = seat_typed,
		.remedy = PROGRAMS_REMEDY_BTF,
		.hooks = {
			{ .program = "tp_btf_issue", .target = "block_rq_issue", .switched = true },
			{ .program = "tp_btf_complete", .target = "block_rq_complete" },
		},
	},
	[BLOCK_FENTRY] = {
		.elf = block_bpf__elf_bytes,
		.attach = seat_typed,
		.remedy = PROGRAMS_REMEDY_BTF,
		.hooks = {
			{ .program = "fentry_issue", .target = "blk_mq_start_request", .switched = true },
			{ .program = "fentry_complete", .target = "blk_update_request" },
			{ .program = "fentry_batch", .target = "blk_mq_end_request_batch",
			  .possible = batch_possible },
		},
	},
	[BLOCK_KPROBE] = {
		.elf = block_kprobe_bpf__elf_bytes,
		.attach = seat_kprobe,
		.remedy = "use a kernel with CONFIG_KPROBE_EVENTS",
		.hooks = {
			{ .program = "kprobe_issue", .target = "blk_mq_start_request", .switched = true },
			{ .program = "kprobe_complete", .target = "blk_update_request" },
			{ .program = "kprobe_batch", .target = "blk_mq_end_request_batch",
			  .possible = batch_possible },
		},
	},
	/* The issue tells how many sectors must end, so it is needed for every stage. */
	[BLOCK_TRACEPOINT] = {
		.elf = block_tracepoint_bpf__elf_bytes,
		.attach = seat_event,
		.remedy = "mount -t tracefs nodev /sys/kernel/tracing",
		.hooks = {
			{ .program = "tracepoint_merge", .target = "block_rq_merge", .possible = event_possible },
			{ .program = "tracepoint_frontmerge", .target = "block_bio_frontmerge",
			  .possible = event_possible },
			{ .program = "tracepoint_start", .target = "block_getrq" },
			{ .program = "tracepoint_issue", .target = "block_rq_issue" },
			{ .program = "tracepoint_complete", .target = "block_rq_complete" },
		},
	},
};

/* Opens the object and fits it to the kernel. Returns 0 or -errno. */
static int object_prepare(struct block_programs *programs, const struct source_context *context,
			  uint32_t n_slots)
{
	struct block_settings settings = { .abi = BLOCK_ABI };
	struct btf *btf = btf__load_vmlinux_btf();
	struct bpf_map *hists;
	int r = btf ? 0 : -errno;

	if (r == 0 && programs->way == BLOCK_TP_BTF) {
		r = block_btf_queue_first(btf);
		settings.queue_first = r == 1;
	}
	if (r >= 0)
		r = programs_open(&programs->base, context, &ways[programs->way], btf);
	btf__free(btf);
	if (r < 0)
		return r;
	hists = programs_map(&programs->base, "hists", sizeof(struct block_hist));
	if (!hists)
		return -EPROTO;
	r = bpf_map__set_max_entries(hists, n_slots * BLOCK_OP_COUNT);
	return r < 0 ? r : programs_settings(&programs->base, &settings, sizeof(settings));
}

int block_programs_load(struct block_programs *programs, const struct source_context *context,
			enum block_way way, uint32_t n_slots, struct source_status *status)
{
	int r;

	*programs = (struct block_programs){ .way = way, .hists_fd = -1 };
	/* No care for RLIMIT_MEMLOCK: libbpf sets it where the kernel does not charge BPF memory to the cgroup. */
	programs_listen();
	r = object_prepare(programs, context, n_slots);
	if (r < 0)
		return programs_refuse(&ways[way], r, "prepare", status);
	r = programs_load(&programs->base, sizeof(*programs->shared), status);
	if (r < 0)
		return r;
	programs->shared = programs->base.shared;
	programs->hists_fd = bpf_object__find_map_fd_by_name(programs->base.object, "hists");
	return 0;
}

bool block_programs_switchable(const struct block_programs *programs)
{
	return programs->way == BLOCK_TP_BTF || programs->way == BLOCK_FENTRY;
}

int block_programs_refuse(enum block_way way, int error, const char *what,
			  struct source_status *status)
{
	return programs_refuse(&ways[way], error, what, status);
}
