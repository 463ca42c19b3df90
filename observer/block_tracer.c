// SPDX-License-Identifier: Apache-2.0
#include "observer/block_tracer.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "block.skel.h"

#define BTF_PATH "sys/kernel/btf/vmlinux"
#define REMEDY_PROCFS "counts and mean latencies come from /sys/block/*/stat meanwhile"

/* One operation of one slot, all CPUs together. */
struct slot_op {
	bool known; /* `before` is of the previous tick */
	struct block_hist before;
};

struct block_tracer {
	struct block_bpf *skeleton;
	struct bpf_link *issue, *complete; /* NULL = not attached */
	uint32_t n_slots;
	int n_cpus;              /* possible ones */
	struct slot_op *ops;     /* n_slots * BLOCK_OP_COUNT */
	struct block_hist *cpus; /* scratch: one element as the kernel copies it, a struct a CPU */
	struct block_hist total; /* scratch */
};

_Static_assert(sizeof(struct block_hist) % 8 == 0,
	       "the kernel rounds each CPU's part up to 8 bytes");

/* libbpf's callback carries no context: the one place for its first complaint, cleared before each use. */
static _Thread_local char complaint[SOURCE_TEXT_MAX / 2];

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list ap)
{
	size_t length;

	if (level != LIBBPF_WARN || complaint[0])
		return 0;
	vsnprintf(complaint, sizeof(complaint), format, ap);
	length = strcspn(complaint, "\n");
	complaint[length] = '\0';
	return 0;
}

static int refuse(struct source_status *status, int error, const char *what)
{
	source_say(status, SOURCE_UNAVAILABLE, REMEDY_PROCFS, "unable to %s BPF programs: %s%s%s",
		   what, strerror(-error), complaint[0] ? ": " : "", complaint);
	return error;
}

static bool capability_effective(cap_t caps, cap_value_t value)
{
	cap_flag_value_t flag = CAP_CLEAR;

	return cap_get_flag(caps, value, CAP_EFFECTIVE, &flag) == 0 && flag == CAP_SET;
}

int block_tracer_probe(const struct source_context *context, struct source_status *status)
{
	bool able;
	cap_t caps;

	if (!sysroot_exists(context->root, BTF_PATH)) {
		source_say(status, SOURCE_UNAVAILABLE, "use a kernel with CONFIG_DEBUG_INFO_BTF",
			   "no BTF: /" BTF_PATH " does not exist");
		return -ENOENT;
	}
	caps = cap_get_proc();
	if (!caps)
		return refuse(status, -errno, "ask for the capabilities of");
	able = capability_effective(caps, CAP_SYS_ADMIN) ||
	       (capability_effective(caps, CAP_BPF) && capability_effective(caps, CAP_PERFMON));
	cap_free(caps);
	if (!able) {
		source_say(status, SOURCE_UNAVAILABLE,
			   "run as root, or with CAP_BPF and CAP_PERFMON",
			   "CAP_BPF and CAP_PERFMON are missing");
		return -EPERM;
	}
	return 0;
}

/*
 * Until a54895fa057c ("block: remove the request_queue to argument request based tracepoints"), 5.11, the first
 * argument was the queue. The programs would load there and read rubbish, so the shape is checked: the tracepoint's
 * type is a pointer to void (void *context, struct request *).
 */
static int tracepoint_check(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *type;
	int id, r = -EOPNOTSUPP;

	if (!btf)
		return -errno;
	id = btf__find_by_name_kind(btf, "btf_trace_block_rq_issue", BTF_KIND_TYPEDEF);
	if (id > 0) {
		type = btf__type_by_id(btf, btf__type_by_id(btf, (uint32_t)id)->type);
		type = type && btf_is_ptr(type) ? btf__type_by_id(btf, type->type) : NULL;
		if (type && btf_is_func_proto(type) && btf_vlen(type) == 2)
			r = 0;
	}
	btf__free(btf);
	return r;
}

static int tracer_load(struct block_tracer *tracer, struct source_status *status)
{
	struct block_bpf *skeleton;
	int r;

	r = tracepoint_check();
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, REMEDY_PROCFS,
			   "the kernel has no tracepoint block_rq_issue(request): %s",
			   strerror(-r));
		return r;
	}
	skeleton = tracer->skeleton = block_bpf__open();
	if (!skeleton)
		return refuse(status, -errno, "open");
	r = bpf_map__set_max_entries(skeleton->maps.hists, tracer->n_slots * BLOCK_OP_COUNT);
	if (r < 0)
		return refuse(status, r, "size the maps of");
	r = block_bpf__load(skeleton);
	if (r < 0)
		return refuse(status, r, "load");
	if (skeleton->rodata->abi != BLOCK_ABI)
		return refuse(status, -EPROTO, "agree with");
	return 0;
}

int block_tracer_open(uint32_t n_slots, uint32_t stages, struct source_status *status,
		      struct block_tracer **ret_tracer)
{
	struct block_tracer *tracer = calloc(1, sizeof(*tracer));
	int r;

	if (!tracer)
		return refuse(status, -ENOMEM, "have memory for");
	/*
	 * No care for RLIMIT_MEMLOCK: kernels that charge BPF memory to the cgroup (5.11) do not look at it, libbpf
	 * probes for that and leaves it alone, and older ones have not the tracepoints either.
	 */
	libbpf_set_print(keep_complaint);
	complaint[0] = '\0';
	tracer->n_slots = n_slots;
	tracer->n_cpus = libbpf_num_possible_cpus();
	if (tracer->n_cpus > 0) {
		tracer->ops = calloc((size_t)n_slots * BLOCK_OP_COUNT, sizeof(*tracer->ops));
		tracer->cpus = calloc((size_t)tracer->n_cpus, sizeof(*tracer->cpus));
	}
	r = tracer->ops && tracer->cpus ? tracer_load(tracer, status)
					: refuse(status, -ENOMEM, "have memory for");
	if (r == 0) {
		r = block_tracer_stages(tracer, stages);
		if (r < 0)
			refuse(status, r, "attach");
	}
	if (r < 0) {
		block_tracer_close(tracer);
		return r;
	}
	*ret_tracer = tracer;
	return 0;
}

void block_tracer_close(struct block_tracer *tracer)
{
	if (!tracer)
		return;
	/* The end first: without its start it would count orphans. */
	bpf_link__destroy(tracer->complete);
	bpf_link__destroy(tracer->issue);
	block_bpf__destroy(tracer->skeleton);
	free(tracer->ops);
	free(tracer->cpus);
	free(tracer);
}

static int tracer_attach(struct bpf_program *program, struct bpf_link **link)
{
	if (*link)
		return 0;
	*link = bpf_program__attach(program);
	return *link ? 0 : -errno;
}

int block_tracer_stages(struct block_tracer *tracer, uint32_t stages)
{
	int r = 0;

	if (stages & BLOCK_STAGES_ISSUE) {
		r = tracer_attach(tracer->skeleton->progs.on_issue, &tracer->issue);
	} else {
		bpf_link__destroy(tracer->issue);
		tracer->issue = NULL;
	}
	return r < 0 ? r : tracer_attach(tracer->skeleton->progs.on_complete, &tracer->complete);
}

/* The disk's place in the table, or the first free one on its way; NULL when it would lie too far away. */
static uint64_t *table_place(struct block_tracer *tracer, uint32_t dev)
{
	uint64_t *places = (uint64_t *)tracer->skeleton->bss->places, *free_place = NULL;

	for (uint32_t i = 0; i < BLOCK_PROBES; i++) {
		uint64_t *place = &places[(block_place_first(dev) + i) % BLOCK_TABLE];

		if (block_place_dev(*place) == dev)
			return place;
		if (!free_place && (*place == 0 || *place == BLOCK_GONE))
			free_place = place;
		if (*place == 0)
			break;
	}
	return free_place;
}

int block_tracer_watch(struct block_tracer *tracer, uint32_t slot, uint32_t dev, uint32_t wanted)
{
	uint64_t *place, since_ns;

	if (slot >= tracer->n_slots)
		return -ENOSPC;
	place = table_place(tracer, dev);
	if (!place)
		return -ENOSPC;
	/* Nothing is measured until both are in place: what was allocated before has an issue that nobody stamped. */
	__atomic_store_n(&tracer->skeleton->bss->since_ns[slot], UINT64_MAX, __ATOMIC_SEQ_CST);
	__atomic_store_n(place, block_place(dev, slot, wanted), __ATOMIC_SEQ_CST);
	since_ns = clock_now_ns();
	__atomic_store_n(&tracer->skeleton->bss->since_ns[slot], since_ns, __ATOMIC_SEQ_CST);
	for (uint32_t op = 0; op < BLOCK_OP_COUNT; op++)
		tracer->ops[slot * BLOCK_OP_COUNT + op].known = false;
	return 0;
}

void block_tracer_forget(struct block_tracer *tracer, uint32_t slot, uint32_t dev)
{
	uint64_t *place;

	if (slot >= tracer->n_slots)
		return;
	place = table_place(tracer, dev);
	if (place && block_place_dev(*place) == dev)
		__atomic_store_n(place, BLOCK_GONE, __ATOMIC_SEQ_CST);
}

void block_tracer_restart(struct block_tracer *tracer)
{
	for (size_t i = 0; i < (size_t)tracer->n_slots * BLOCK_OP_COUNT; i++)
		tracer->ops[i].known = false;
}

static bool program_info(const struct bpf_program *program, struct bpf_prog_info *ret_info)
{
	uint32_t length = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return bpf_obj_get_info_by_fd(bpf_program__fd(program), ret_info, &length) == 0;
}

void block_tracer_status(const struct block_tracer *tracer, struct source_status *status)
{
	struct bpf_prog_info issue, complete;

	if (!program_info(tracer->skeleton->progs.on_issue, &issue) ||
	    !program_info(tracer->skeleton->progs.on_complete, &complete))
		return;
	status->bpf_runs = issue.run_cnt + complete.run_cnt;
	status->bpf_run_ns = issue.run_time_ns + complete.run_time_ns;
}

/* The sum over all CPUs; wraps as its parts do. */
static void total_add(struct block_hist *total, const struct block_hist *cpu)
{
	total->ends += cpu->ends;
	total->orphans += cpu->orphans;
	for (size_t stage = 0; stage < BLOCK_STAGE_COUNT; stage++) {
		total->sums[stage] += cpu->sums[stage];
		total->clamped[stage] += cpu->clamped[stage];
		for (size_t i = 0; i < HIST_BUCKETS; i++)
			total->buckets[stage][i] += cpu->buckets[stage][i];
	}
}

static int total_read(struct block_tracer *tracer, uint32_t key)
{
	if (bpf_map_lookup_elem(bpf_map__fd(tracer->skeleton->maps.hists), &key, tracer->cpus) < 0)
		return -errno;
	memset(&tracer->total, 0, sizeof(tracer->total));
	for (int cpu = 0; cpu < tracer->n_cpus; cpu++)
		total_add(&tracer->total, &tracer->cpus[cpu]);
	return 0;
}

/* The count is of the buckets, not one of its own: they can never disagree. */
static void hist_between(const struct block_hist *now, const struct block_hist *before,
			 size_t stage, struct hist *hist)
{
	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		hist->buckets[i] = now->buckets[stage][i] - before->buckets[stage][i];
		hist->count += hist->buckets[i];
	}
	hist->sum = now->sums[stage] - before->sums[stage];
	hist->clamped = now->clamped[stage] - before->clamped[stage];
}

int block_tracer_read(struct block_tracer *tracer, uint32_t slot, uint32_t op,
		      struct hist *hists[BLOCK_STAGE_COUNT], struct block_losses *ret_losses)
{
	const uint32_t key = slot * BLOCK_OP_COUNT + op;
	struct slot_op *state;
	bool known;
	int r;

	if (slot >= tracer->n_slots)
		return -ENOSPC;
	state = &tracer->ops[key];
	known = state->known;
	state->known = false;
	r = total_read(tracer, key);
	if (r < 0)
		return r;
	*ret_losses = (struct block_losses){ .total = tracer->total.ends };
	for (size_t stage = 0; known && stage < BLOCK_STAGE_COUNT; stage++) {
		ret_losses->clamped += tracer->total.clamped[stage] - state->before.clamped[stage];
		if (hists[stage])
			hist_between(&tracer->total, &state->before, stage, hists[stage]);
	}
	if (known) {
		ret_losses->ends = tracer->total.ends - state->before.ends;
		ret_losses->orphans = tracer->total.orphans - state->before.orphans;
	}
	state->before = tracer->total;
	state->known = true;
	return known ? 0 : 1;
}
