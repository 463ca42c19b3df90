// SPDX-License-Identifier: Apache-2.0
#include "observer/sched_tracer.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/idset.h"
#include "base/sysroot.h"
#include "observer/programs.h"
#include "observer/rows.h"
#include "observer/sched_btf.h"
#include "observer/sched_calls.h"
#include "sched.skel.h"
#include "sched_raw.skel.h"

#define NODES_MAX 64 /* nodes that are told apart */
#define NODE_TEXT_BYTES 4096

static const struct programs_way ways[SCHED_WAY_COUNT] = {
	[SCHED_TP_BTF] = {
		.elf = sched_bpf__elf_bytes,
		.attach = seat_typed,
		.remedy = PROGRAMS_REMEDY_BTF,
		.hooks = { { .program = "tp_btf_switch", .target = "sched_switch" } },
	},
	[SCHED_RAW] = {
		.elf = sched_raw_bpf__elf_bytes,
		.attach = seat_raw,
		.remedy = PROGRAMS_REMEDY_BTF,
		.hooks = { { .program = "raw_switch", .target = "sched_switch" } },
	},
};

/* The values of a map that the programs write, mapped. */
struct stats_map {
	struct sched_stats *stats;
	uint32_t n;
};

struct sched_tracer {
	struct programs programs;
	struct sched_shared *shared;
	struct stats_map cpus, rows;
	struct rows table;
	uint32_t kinds[2]; /* rows of processes, of control groups */
};

int sched_tracer_probe(const struct source_context *context, enum sched_way way,
		       struct source_status *status)
{
	int r = programs_probe(context, status);

	(void)way;
	return r < 0 ? r : programs_probe_rights(false, status);
}

/* Opens the object and fits it to the kernel. Returns 0 or -errno. */
static int object_prepare(struct sched_tracer *tracer, const struct source_context *context,
			  enum sched_way way, uint32_t n_rows)
{
	struct sched_settings settings = { .abi = SCHED_ABI };
	struct btf *btf = btf__load_vmlinux_btf();
	int n_cpus = source_cpus_possible(context->root);
	int r = btf ? sched_btf_has_state(btf) : -errno;

	settings.has_state = r == 1;
	sched_calls(settings.calls);
	if (r >= 0)
		r = programs_open(&tracer->programs, context, &ways[way], btf);
	btf__free(btf);
	if (r < 0)
		return r;
	if (n_cpus <= 0 || n_cpus > SCHED_CPUS_MAX)
		return -E2BIG;
	tracer->cpus.n = (uint32_t)n_cpus;
	tracer->rows.n = n_rows;
	r = programs_resize(&tracer->programs, "cpus", sizeof(struct sched_stats), tracer->cpus.n);
	if (r == 0)
		r = programs_resize(&tracer->programs, "rows", sizeof(struct sched_stats), n_rows);
	return r < 0 ? r : programs_settings(&tracer->programs, &settings, sizeof(settings));
}

static int stats_map(const struct sched_tracer *tracer, const char *name, struct stats_map *map)
{
	map->stats = programs_memory(&tracer->programs, name, map->n * sizeof(*map->stats));
	return map->stats ? 0 : -errno;
}

static void stats_unmap(struct stats_map *map)
{
	if (map->stats)
		munmap(map->stats, map->n * sizeof(*map->stats));
}

/* `0-1,4`: the CPUs of each node. */
static void nodes_tell(const struct source_context *context, struct sched_shared *shared)
{
	char path[64], text[NODE_TEXT_BYTES];
	struct idset cpus;

	for (uint8_t node = 0; node < NODES_MAX; node++) {
		ssize_t n;

		snprintf(path, sizeof(path), "sys/devices/system/node/node%u/cpulist", node);
		n = sysroot_read(context->root, path, text, sizeof(text));
		if (n < 0)
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (idset_parse(text, &cpus) < 0)
			continue;
		for (uint32_t cpu = 0; cpu < SCHED_CPUS_MAX; cpu++)
			if (idset_has(&cpus, cpu))
				shared->nodes[cpu] = node;
	}
}

static int tracer_start(struct sched_tracer *tracer, const struct source_context *context,
			enum sched_way way, uint32_t n_rows, struct source_status *status)
{
	int r;

	programs_listen();
	r = object_prepare(tracer, context, way, n_rows);
	if (r < 0)
		return programs_refuse(&ways[way], r, "prepare", status);
	r = programs_load(&tracer->programs, sizeof(*tracer->shared), status);
	if (r < 0)
		return r;
	tracer->shared = tracer->programs.shared;
	nodes_tell(context, tracer->shared);
	r = stats_map(tracer, "cpus", &tracer->cpus);
	if (r == 0 && tracer->rows.n)
		r = stats_map(tracer, "rows", &tracer->rows);
	tracer->table = (struct rows){
		.places = tracer->shared->places,
		.rows = tracer->rows.stats,
		.size = sizeof(struct sched_stats),
		.n = tracer->rows.n,
	};
	if (r == 0)
		r = programs_attach(&tracer->programs, false);
	if (r < 0)
		return programs_refuse(&ways[way], r, "attach", status);
	__atomic_store_n(&tracer->shared->attached, 1, __ATOMIC_SEQ_CST);
	return 0;
}

int sched_tracer_open(const struct source_context *context, enum sched_way way, uint32_t n_rows,
		      struct source_status *status, struct sched_tracer **ret_tracer)
{
	struct sched_tracer *tracer = calloc(1, sizeof(*tracer));
	int r = -ENOMEM;

	if (!tracer)
		return programs_refuse(&ways[way], r, "have memory for", status);
	r = tracer_start(tracer, context, way, n_rows, status);
	if (r < 0)
		sched_tracer_close(tracer);
	else
		*ret_tracer = tracer;
	return r;
}

void sched_tracer_close(struct sched_tracer *tracer)
{
	if (!tracer)
		return;
	programs_close(&tracer->programs);
	stats_unmap(&tracer->cpus);
	stats_unmap(&tracer->rows);
	free(tracer);
}

bool sched_tracer_may_rest(const struct sched_tracer *tracer)
{
	return programs_may_rest(&tracer->programs);
}

int sched_tracer_attend(struct sched_tracer *tracer, bool attends)
{
	int r;

	if (!attends) {
		__atomic_store_n(&tracer->shared->attached, 0, __ATOMIC_SEQ_CST);
		programs_leave(&tracer->programs);
		return 0;
	}
	/* Nobody writes these now. What a CPU did meanwhile was not to be seen, so it is not lost. */
	for (uint32_t cpu = 0; cpu < tracer->cpus.n; cpu++) {
		tracer->cpus.stats[cpu].began = 0;
		tracer->cpus.stats[cpu].kernel_switches = 0;
	}
	__atomic_store_n(&tracer->shared->since, 0, __ATOMIC_SEQ_CST);
	r = programs_attach(&tracer->programs, false);
	if (r == 0)
		__atomic_store_n(&tracer->shared->attached, 1, __ATOMIC_SEQ_CST);
	return r;
}

void sched_tracer_want(struct sched_tracer *tracer, uint32_t times, bool moves)
{
	const uint32_t waits = moves || (times & SCHED_TIMES_OFF);
	const uint32_t classes = times & ~tracer->shared->times & SCHED_TIMES_CLASS;
	const bool grows = classes || waits > tracer->shared->waits;

	__atomic_store_n(&tracer->shared->times, times, __ATOMIC_SEQ_CST);
	__atomic_store_n(&tracer->shared->waits, waits, __ATOMIC_SEQ_CST);
	/* How a task left its CPU before that was not noted: it is no orphan. */
	if (grows)
		__atomic_store_n(&tracer->shared->since, 0, __ATOMIC_SEQ_CST);
}

static void kinds_count(struct sched_tracer *tracer, uint64_t key, uint32_t more)
{
	const bool process = key >> 63;

	tracer->kinds[!process] += more;
	__atomic_store_n(&tracer->shared->processes, tracer->kinds[0], __ATOMIC_SEQ_CST);
	__atomic_store_n(&tracer->shared->cgroups, tracer->kinds[1], __ATOMIC_SEQ_CST);
	__atomic_store_n(&tracer->shared->rows, tracer->kinds[0] + tracer->kinds[1],
			 __ATOMIC_SEQ_CST);
}

int sched_tracer_add(struct sched_tracer *tracer, uint64_t key, uint64_t start_ticks)
{
	const int row = rows_add(&tracer->table, key, start_ticks);

	if (row >= 0)
		kinds_count(tracer, key, 1);
	return row;
}

void sched_tracer_drop(struct sched_tracer *tracer, uint32_t row)
{
	kinds_count(tracer, rows_drop(&tracer->table, row), UINT32_MAX);
}

uint32_t sched_tracer_n_cpus(const struct sched_tracer *tracer)
{
	return tracer->cpus.n;
}

const struct sched_stats *sched_tracer_cpu(const struct sched_tracer *tracer, uint32_t cpu)
{
	return &tracer->cpus.stats[cpu];
}

const struct sched_stats *sched_tracer_row(const struct sched_tracer *tracer, uint32_t row)
{
	return &tracer->rows.stats[row];
}

void sched_tracer_status(const struct sched_tracer *tracer, struct source_status *status)
{
	programs_cost(&tracer->programs, &status->bpf_runs, &status->bpf_run_ns);
}
