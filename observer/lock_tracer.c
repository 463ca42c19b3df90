// SPDX-License-Identifier: Apache-2.0
#include "observer/lock_tracer.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "observer/programs.h"
#include "observer/rows.h"
#include "lock.skel.h"
#include "lock_raw.skel.h"

static const struct programs_way ways[LOCK_WAY_COUNT] = {
	[LOCK_TP_BTF] = {
		.elf = lock_bpf__elf_bytes,
		.attach = seat_typed,
		.remedy = PROGRAMS_REMEDY_BTF,
		.hooks = {
			{ .program = "tp_btf_begin", .target = "contention_begin" },
			{ .program = "tp_btf_end", .target = "contention_end" },
		},
	},
	[LOCK_RAW] = {
		.elf = lock_raw_bpf__elf_bytes,
		.attach = seat_raw,
		.remedy = PROGRAMS_REMEDY_BTF,
		.hooks = {
			{ .program = "raw_begin", .target = "contention_begin" },
			{ .program = "raw_end", .target = "contention_end" },
		},
	},
};

struct lock_tracer {
	struct programs programs;
	struct lock_shared *shared;
	struct lock_stats *cpus, *rows;
	uint32_t n_cpus;
	struct rows table;
};

int lock_tracer_probe(const struct source_context *context, enum lock_way way,
		      struct source_status *status)
{
	int r = programs_probe(context, status);

	(void)way;
	return r < 0 ? r : programs_probe_rights(false, status);
}

/* The tracepoints came with 16edd9b511a1 ("locking: Add lock contention tracepoints"), 5.19. */
static int object_prepare(struct lock_tracer *tracer, const struct source_context *context,
			  enum lock_way way, uint32_t n_rows)
{
	const struct lock_settings settings = { .abi = LOCK_ABI };
	struct btf *btf = btf__load_vmlinux_btf();
	const int n_cpus = source_cpus_possible(context->root);
	int r = btf ? 0 : -errno;

	if (r == 0 &&
	    btf__find_by_name_kind(btf, "btf_trace_contention_begin", BTF_KIND_TYPEDEF) <= 0)
		r = -EOPNOTSUPP;
	if (r == 0)
		r = programs_open(&tracer->programs, context, &ways[way], btf);
	btf__free(btf);
	if (r < 0)
		return r;
	if (n_cpus <= 0 || n_cpus > LOCK_CPUS_MAX)
		return -E2BIG;
	tracer->n_cpus = (uint32_t)n_cpus;
	tracer->table.n = n_rows;
	r = programs_resize(&tracer->programs, "cpus", sizeof(struct lock_stats), tracer->n_cpus);
	if (r == 0)
		r = programs_resize(&tracer->programs, "rows", sizeof(struct lock_stats), n_rows);
	return r < 0 ? r : programs_settings(&tracer->programs, &settings, sizeof(settings));
}

static int tracer_start(struct lock_tracer *tracer, const struct source_context *context,
			enum lock_way way, uint32_t n_rows, struct source_status *status)
{
	int r;

	programs_listen();
	r = object_prepare(tracer, context, way, n_rows);
	if (r == -EOPNOTSUPP) {
		source_say(status, SOURCE_UNAVAILABLE, "use Linux 5.19 or later",
			   "the kernel has no tracepoint contention_begin");
		return r;
	}
	if (r < 0)
		return programs_refuse(&ways[way], r, "prepare", status);
	r = programs_load(&tracer->programs, sizeof(*tracer->shared), status);
	if (r < 0)
		return r;
	tracer->shared = tracer->programs.shared;
	tracer->cpus = programs_memory(&tracer->programs, "cpus",
				       tracer->n_cpus * sizeof(struct lock_stats));
	tracer->rows = programs_memory(&tracer->programs, "rows",
				       (n_rows ? n_rows : 1) * sizeof(struct lock_stats));
	tracer->table.places = tracer->shared->places;
	tracer->table.rows = tracer->rows;
	tracer->table.size = sizeof(struct lock_stats);
	r = tracer->cpus && tracer->rows ? programs_attach(&tracer->programs, false) : -ENOMEM;
	return r < 0 ? programs_refuse(&ways[way], r, "attach", status) : 0;
}

int lock_tracer_open(const struct source_context *context, enum lock_way way, uint32_t n_rows,
		     struct source_status *status, struct lock_tracer **ret_tracer)
{
	struct lock_tracer *tracer = calloc(1, sizeof(*tracer));
	int r = -ENOMEM;

	if (!tracer)
		return programs_refuse(&ways[way], r, "have memory for", status);
	r = tracer_start(tracer, context, way, n_rows, status);
	if (r < 0)
		lock_tracer_close(tracer);
	else
		*ret_tracer = tracer;
	return r;
}

void lock_tracer_close(struct lock_tracer *tracer)
{
	if (!tracer)
		return;
	programs_close(&tracer->programs);
	if (tracer->cpus)
		munmap(tracer->cpus, tracer->n_cpus * sizeof(struct lock_stats));
	if (tracer->rows)
		munmap(tracer->rows,
		       (tracer->table.n ? tracer->table.n : 1) * sizeof(struct lock_stats));
	free(tracer);
}

bool lock_tracer_may_rest(const struct lock_tracer *tracer)
{
	return programs_may_rest(&tracer->programs);
}

int lock_tracer_attend(struct lock_tracer *tracer, bool attends)
{
	if (!attends) {
		programs_leave(&tracer->programs);
		return 0;
	}
	/* A begin that was seen before the rest may have had its end in it. */
	__atomic_store_n(&tracer->shared->since_ns, clock_now_ns(), __ATOMIC_SEQ_CST);
	return programs_attach(&tracer->programs, false);
}

int lock_tracer_add(struct lock_tracer *tracer, uint32_t tgid, uint64_t start_ticks)
{
	const int row = rows_add(&tracer->table, rows_key_process(tgid), start_ticks);

	if (row >= 0)
		__atomic_add_fetch(&tracer->shared->processes, 1, __ATOMIC_SEQ_CST);
	return row;
}

void lock_tracer_drop(struct lock_tracer *tracer, uint32_t row)
{
	rows_drop(&tracer->table, row);
	__atomic_sub_fetch(&tracer->shared->processes, 1, __ATOMIC_SEQ_CST);
}

uint32_t lock_tracer_n_cpus(const struct lock_tracer *tracer)
{
	return tracer->n_cpus;
}

const struct lock_stats *lock_tracer_cpu(const struct lock_tracer *tracer, uint32_t cpu)
{
	return &tracer->cpus[cpu];
}

const struct lock_stats *lock_tracer_row(const struct lock_tracer *tracer, uint32_t row)
{
	return &tracer->rows[row];
}

void lock_tracer_status(const struct lock_tracer *tracer, struct source_status *status)
{
	programs_cost(&tracer->programs, &status->bpf_runs, &status->bpf_run_ns);
}
