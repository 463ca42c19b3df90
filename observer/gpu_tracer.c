// SPDX-License-Identifier: Apache-2.0
#include "observer/gpu_tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/programs.h"
#include "observer/rows.h"
#include "observer/sandbox.h"
#include "observer/text.h"
#include "gpu_calls.skel.h"

#define TRIES 64 /* calls of a function of our own; some 0.1 ms */
#define ROOT "CAP_SYS_ADMIN"
#define REMEDY_ROOT "use a kernel since 6.6: by uprobe_multi CAP_BPF and CAP_PERFMON do"
#define EVENT_PATH "sys/bus/event_source/devices/uprobe/type"

enum { BEGIN, END, PROGRAM_COUNT };

static const struct programs_way ways[GPU_WAY_COUNT] = {
	[GPU_MULTI] = {
		.elf = gpu_calls_bpf__elf_bytes,
		.remedy = "use a kernel since 6.6 with CONFIG_UPROBES",
		.hooks = { [BEGIN] = { .program = "call_begin" }, [END] = { .program = "call_end" } },
	},
	[GPU_PERF] = {
		.elf = gpu_calls_bpf__elf_bytes,
		.remedy = "use a kernel since 5.15 with CONFIG_UPROBE_EVENTS",
		.hooks = { [BEGIN] = { .program = "call_begin" }, [END] = { .program = "call_end" } },
	},
};

struct gpu_tracer {
	enum gpu_way way;
	uint32_t event_type; /* of perf events */
	uint64_t run_ns;     /* what a run costs, as tried */
	struct programs programs;
	struct uprobes probes[GPU_LIBRARIES_MAX][PROGRAM_COUNT];
	struct gpu_calls_shared *shared;
	struct gpu_calls_stats *cpus, *rows;
	uint32_t n_cpus;
	struct rows table;
};

static int event_type(const struct source_context *context, uint32_t *ret_type)
{
	uint64_t type;
	char text[32];

	if (sysroot_read(context->root, EVENT_PATH, text, sizeof(text)) < 0 ||
	    !text_numbers(text, &type, 1))
		return -ENOENT;
	*ret_type = (uint32_t)type;
	return 0;
}

int gpu_tracer_probe(const struct source_context *context, enum gpu_way way,
		     struct source_status *status)
{
	struct source_status rights;
	uint32_t type;
	int r = programs_probe(context, status);

	if (r < 0)
		return r;
	if (way == GPU_PERF && event_type(context, &type) < 0) {
		source_say(status, SOURCE_UNAVAILABLE, ways[way].remedy,
			   "no uprobes: /" EVENT_PATH " does not exist");
		return -ENOENT;
	}
	r = programs_probe_rights(way == GPU_PERF, status);
	if (r < 0 && programs_probe_rights(false, &rights) == 0)
		source_say(status, SOURCE_UNAVAILABLE, REMEDY_ROOT,
			   "perf events of uprobes take " ROOT);
	return r;
}

void gpu_tracer_caution(enum gpu_way way, struct source_status *status)
{
	if (way == GPU_PERF)
		source_say(status, SOURCE_IDLE, REMEDY_ROOT,
			   "for 'signals' and 'watch' alone, not for the daemon: it takes " ROOT);
}

static int object_prepare(struct gpu_tracer *tracer, const struct source_context *context,
			  uint32_t n_rows)
{
	const struct gpu_calls_settings settings = { .abi = GPU_CALLS_ABI };
	const int n_cpus = source_cpus_possible(context->root);
	struct programs *programs = &tracer->programs;
	int r = programs_open(programs, context, &ways[tracer->way], NULL);

	if (r < 0)
		return r;
	if (n_cpus <= 0 || n_cpus > GPU_CALLS_CPUS_MAX)
		return -E2BIG;
	for (size_t i = 0; tracer->way == GPU_MULTI && r == 0 && i < PROGRAM_COUNT; i++)
		r = bpf_program__set_expected_attach_type(programs->seats[i].program,
							  (enum bpf_attach_type)
								  UPROBES_ATTACH_MULTI);
	tracer->n_cpus = (uint32_t)n_cpus;
	tracer->table.n = n_rows;
	if (r == 0)
		r = programs_resize(programs, "cpus", sizeof(struct gpu_calls_stats),
				    tracer->n_cpus);
	if (r == 0)
		r = programs_resize(programs, "rows", sizeof(struct gpu_calls_stats), n_rows);
	return r < 0 ? r : programs_settings(programs, &settings, sizeof(settings));
}

static int attach(struct gpu_tracer *tracer, struct uprobes probes[PROGRAM_COUNT], int fd,
		  const struct uprobe_place *places, size_t n)
{
	const struct seat *seats = tracer->programs.seats;
	int r = 0;

	for (size_t i = 0; r == 0 && i < PROGRAM_COUNT; i++) {
		const int program = bpf_program__fd(seats[i].program);

		r = tracer->way == GPU_MULTI
			    ? uprobes_attach_multi(&probes[i], program, fd, i == END, places, n)
			    : uprobes_attach_perf(&probes[i], program, fd, i == END, places, n,
						  tracer->event_type);
		if (r < 0)
			programs_complain(bpf_program__name(seats[i].program), NULL);
	}
	if (r < 0)
		uprobes_detach(&probes[BEGIN]);
	return r;
}

/* Ends first: without their begins they would count orphans. */
static void detach(struct uprobes probes[PROGRAM_COUNT])
{
	uprobes_detach(&probes[END]);
	uprobes_detach(&probes[BEGIN]);
}

static uint64_t ends(const struct gpu_tracer *tracer)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < tracer->n_cpus; i++)
		n += __atomic_load_n(&tracer->cpus[i].counts[GPU_CALLS_ENDS], __ATOMIC_SEQ_CST);
	return n;
}

/* A function to try it on, which begins as most functions do: that instruction the kernel carries out by itself. */
#ifdef __x86_64__
static __attribute__((naked, noinline)) void tried(void)
{
	__asm__("push %rbp\n"
		"pop %rbp\n"
		"ret");
}
#else
static __attribute__((noinline)) void tried(void)
{
	__asm__ volatile("" ::: "memory");
}
#endif

/* What both programs cost who makes a call, with the way into the kernel and back; the least is that of a call that nothing disturbed. */
static uint64_t call_cost_ns(void)
{
	uint64_t least_ns = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		const uint64_t began_ns = clock_now_ns();
		uint64_t ns;

		tried();
		ns = clock_now_ns() - began_ns;
		least_ns = ns < least_ns ? ns : least_ns;
	}
	return least_ns;
}

/* Where a function of this program is in its file; dl_iterate_phdr(3) begins with the program itself. */
static int own_offset(struct dl_phdr_info *info, size_t size, void *data)
{
	struct uprobe_place *place = data;
	const uint64_t address = (uintptr_t)&tried - info->dlpi_addr;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
		    address - segment->p_vaddr < segment->p_filesz)
			place->offset = address - segment->p_vaddr + segment->p_offset;
	}
	return 1;
}

static int attach_try(struct gpu_tracer *tracer)
{
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct uprobes probes[PROGRAM_COUNT] = { 0 };
	struct uprobe_place place = { .cookie = GPU_CALL_WAIT };
	uint64_t before, after;
	int r;

	if (fd < 0)
		return -errno;
	dl_iterate_phdr(own_offset, &place);
	before = ends(tracer);
	r = attach(tracer, probes, fd, &place, 1);
	if (r < 0)
		return r;
	tracer->run_ns = call_cost_ns() / PROGRAM_COUNT;
	after = ends(tracer);
	detach(probes);
	return after > before ? 0 : -EOPNOTSUPP;
}

static int tracer_start(struct gpu_tracer *tracer, const struct source_context *context,
			uint32_t n_rows, struct source_status *status)
{
	const struct programs_way *way = &ways[tracer->way];
	int r;

	programs_listen();
	r = object_prepare(tracer, context, n_rows);
	if (r == 0 && tracer->way == GPU_PERF)
		r = event_type(context, &tracer->event_type);
	if (r < 0)
		return programs_refuse(way, r, "prepare", status);
	r = programs_load(&tracer->programs, sizeof(*tracer->shared), status);
	if (r < 0)
		return r;
	tracer->shared = tracer->programs.shared;
	tracer->cpus = programs_memory(&tracer->programs, "cpus",
				       tracer->n_cpus * sizeof(struct gpu_calls_stats));
	tracer->rows = programs_memory(&tracer->programs, "rows",
				       (n_rows ? n_rows : 1) * sizeof(struct gpu_calls_stats));
	tracer->table.places = tracer->shared->places;
	tracer->table.rows = tracer->rows;
	tracer->table.size = sizeof(struct gpu_calls_stats);
	r = tracer->cpus && tracer->rows ? attach_try(tracer) : -ENOMEM;
	return r < 0 ? programs_refuse(way, r, "attach", status) : 0;
}

int gpu_tracer_open(const struct source_context *context, enum gpu_way way, uint32_t n_rows,
		    struct source_status *status, struct gpu_tracer **ret_tracer)
{
	struct gpu_tracer *tracer;
	int r;

	if (sandbox_breaks_at_return()) {
		source_say(status, SOURCE_UNAVAILABLE, "use Linux 6.14 or later",
			   "on this kernel a probe at a return ends programs whose system calls "
			   "are filtered (seccomp), such as containers");
		return -EOPNOTSUPP;
	}
	tracer = calloc(1, sizeof(*tracer));
	if (!tracer)
		return programs_refuse(&ways[way], -ENOMEM, "have memory for", status);
	tracer->way = way;
	r = tracer_start(tracer, context, n_rows, status);
	if (r < 0)
		gpu_tracer_close(tracer);
	else
		*ret_tracer = tracer;
	return r;
}

void gpu_tracer_close(struct gpu_tracer *tracer)
{
	if (!tracer)
		return;
	for (size_t i = 0; i < GPU_LIBRARIES_MAX; i++)
		detach(tracer->probes[i]);
	programs_close(&tracer->programs);
	if (tracer->cpus)
		munmap(tracer->cpus, tracer->n_cpus * sizeof(struct gpu_calls_stats));
	if (tracer->rows)
		munmap(tracer->rows,
		       (tracer->table.n ? tracer->table.n : 1) * sizeof(struct gpu_calls_stats));
	free(tracer);
}

int gpu_tracer_attach(struct gpu_tracer *tracer, size_t number, const struct gpu_library *library)
{
	struct uprobe_place places[UPROBES_MAX];

	for (int i = 0; i < library->n_places; i++) {
		places[i] = library->places[i];
		places[i].cookie = GPU_CALLS_COOKIE(places[i].cookie, number);
	}
	return attach(tracer, tracer->probes[number], library->fd, places,
		      (size_t)library->n_places);
}

/* What is under way there ends unseen, and would hide what its thread calls from further down in the stack. */
void gpu_tracer_detach(struct gpu_tracer *tracer, size_t number)
{
	detach(tracer->probes[number]);
	__atomic_store_n(&tracer->shared->since_ns[number], clock_now_ns(), __ATOMIC_SEQ_CST);
}

int gpu_tracer_add(struct gpu_tracer *tracer, uint32_t tgid, uint64_t start_ticks)
{
	const int row = rows_add(&tracer->table, rows_key_process(tgid), start_ticks);

	if (row >= 0)
		__atomic_add_fetch(&tracer->shared->processes, 1, __ATOMIC_SEQ_CST);
	return row;
}

void gpu_tracer_drop(struct gpu_tracer *tracer, uint32_t row)
{
	rows_drop(&tracer->table, row);
	__atomic_sub_fetch(&tracer->shared->processes, 1, __ATOMIC_SEQ_CST);
}

uint32_t gpu_tracer_n_cpus(const struct gpu_tracer *tracer)
{
	return tracer->n_cpus;
}

const struct gpu_calls_stats *gpu_tracer_cpu(const struct gpu_tracer *tracer, uint32_t cpu)
{
	return &tracer->cpus[cpu];
}

const struct gpu_calls_stats *gpu_tracer_row(const struct gpu_tracer *tracer, uint32_t row)
{
	return &tracer->rows[row];
}

void gpu_tracer_status(const struct gpu_tracer *tracer, struct source_status *status)
{
	programs_cost(&tracer->programs, &status->bpf_runs, &status->bpf_run_ns);
	if (status->bpf_run_ns < status->bpf_runs * tracer->run_ns)
		status->bpf_run_ns = status->bpf_runs * tracer->run_ns;
}
