// SPDX-License-Identifier: Apache-2.0
#include "observer/service_tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hist.h"
#include "observer/service_programs.h"

/* One service, all CPUs together. */
struct slot {
	bool known; /* `before` is of the previous tick */
	struct service_hist before;
};

struct service_tracer {
	struct service_programs programs;
	uint32_t n_slots;
	uint32_t thin;
	int n_cpus;         /* possible ones */
	struct slot *slots; /* n_slots */
	struct service_hist
		*cpus; /* scratch: one element as the kernel copies it, a struct a CPU */
	struct service_hist total; /* scratch */
};

_Static_assert(sizeof(struct service_hist) % 8 == 0,
	       "the kernel rounds each CPU's part up to 8 bytes");

int service_tracer_open(const struct source_context *context, enum service_way way,
			struct source_status *status, struct service_tracer **ret_tracer)
{
	const struct service_list *services = context->services;
	const uint32_t n_slots = services && services->n ? (uint32_t)services->n : 1;
	struct service_tracer *tracer = calloc(1, sizeof(*tracer));
	int r;

	if (!tracer)
		return service_programs_refuse(way, -ENOMEM, "have memory for", status);
	tracer->n_slots = n_slots;
	tracer->n_cpus = libbpf_num_possible_cpus();
	if (tracer->n_cpus > 0) {
		tracer->slots = calloc(n_slots, sizeof(*tracer->slots));
		tracer->cpus = calloc((size_t)tracer->n_cpus, sizeof(*tracer->cpus));
	}
	r = tracer->slots && tracer->cpus
		    ? service_programs_load(&tracer->programs, way, services, status)
		    : service_programs_refuse(way, -ENOMEM, "have memory for", status);
	if (r < 0) {
		service_tracer_close(tracer);
		return r;
	}
	*ret_tracer = tracer;
	return 0;
}

void service_tracer_close(struct service_tracer *tracer)
{
	if (!tracer)
		return;
	service_programs_unload(&tracer->programs);
	free(tracer->slots);
	free(tracer->cpus);
	free(tracer);
}

/* The bits of sockets, as the programs have them. */
struct bits {
	uint64_t ports[SERVICE_PORT_WORDS], addresses[SERVICE_ADDRESS_WORDS];
};

static void bit_set(struct bits *bits, const struct service_port *key)
{
	const uint32_t bit = service_address_bit(key->address);

	if (key->address)
		bits->addresses[bit / 64] |= 1ull << bit % 64;
	else
		bits->ports[key->port / 64] |= 1ull << key->port % 64;
}

static void bits_clear(uint64_t *words, const uint64_t *gone, const uint64_t *there, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (gone[i] & ~there[i])
			__atomic_fetch_and(&words[i], ~gone[i] | there[i], __ATOMIC_SEQ_CST);
}

/* What no scan since `generation` has seen leaves the table; its bit goes, if nobody else has that one. */
static void listeners_prune(struct service_tracer *tracer, uint32_t generation)
{
	const int fd = tracer->programs.listeners_fd;
	struct service_shared *shared = tracer->programs.shared;
	struct bits gone = { .ports = { 0 } }, there = { .ports = { 0 } };
	struct service_port key, next, *previous = NULL;
	struct service_listener listener;

	while (bpf_map_get_next_key(fd, previous, &next) == 0) {
		bool kept = bpf_map_lookup_elem(fd, &next, &listener) == 0 &&
			    listener.generation >= generation;

		bit_set(kept ? &there : &gone, &next);
		if (!kept && bpf_map_delete_elem(fd, &next) == 0)
			continue; /* from the last one that is still there */
		key = next;
		previous = &key;
	}
	bits_clear(shared->ports, gone.ports, there.ports, SERVICE_PORT_WORDS);
	bits_clear(shared->addresses, gone.addresses, there.addresses, SERVICE_ADDRESS_WORDS);
}

/* A port by itself needs nobody to be found. */
static void listeners_fixed(struct service_tracer *tracer, const struct service_rules *rules)
{
	struct service_shared *shared = tracer->programs.shared;

	for (size_t i = 0; i < rules->n; i++) {
		const struct service_rule *rule = &rules->rules[i];
		struct service_port port = { .netns = rule->netns,
					     .port = rule->port,
					     .udp = rule->udp };
		struct service_listener listener = { .slot = rule->slot,
						     .generation = shared->generation };

		if (rule->group || rule->file || !rule->port)
			continue;
		if (bpf_map_update_elem(tracer->programs.listeners_fd, &port, &listener,
					BPF_NOEXIST) < 0 &&
		    errno != EEXIST)
			__atomic_fetch_add(&shared->lost_listeners, 1, __ATOMIC_SEQ_CST);
		else
			__atomic_fetch_or(&shared->ports[port.port / 64], 1ull << port.port % 64,
					  __ATOMIC_SEQ_CST);
	}
}

/* What no rule names is forgotten before its descriptor is closed: the kernel may give its inode's address to another then. */
static void files_tell(struct service_shared *shared, const struct service_rules *rules)
{
	for (size_t i = 0; i < SERVICE_FILES_MAX; i++) {
		const bool used = i < rules->n_files && rules->files[i].used;

		shared->file_fds[i] = used ? (uint32_t)rules->files[i].fd + 1 : 0;
		if (!used)
			shared->files[i] = 0;
	}
}

/* Of Unix sockets that were found to listen, those that are accepted already: what is new is known from what is not by that. */
static int connections_mark(struct service_tracer *tracer)
{
	struct service_shared *shared = tracer->programs.shared;
	int r;

	if (!__atomic_load_n(&shared->unmarked, __ATOMIC_SEQ_CST))
		return 0;
	r = service_programs_scan(&tracer->programs, SERVICE_SCAN_CONNECTIONS);
	if (r == 0)
		__atomic_store_n(&shared->unmarked, 0, __ATOMIC_SEQ_CST);
	return r;
}

int service_tracer_scan(struct service_tracer *tracer, const struct service_rules *rules)
{
	struct service_shared *shared = tracer->programs.shared;
	uint32_t generation = shared->generation + 1;
	int r;

	__atomic_store_n(&shared->generation, generation, __ATOMIC_SEQ_CST);
	__atomic_store_n(&shared->lost_listeners, 0, __ATOMIC_SEQ_CST); /* they are all met again */
	files_tell(shared, rules);
	r = rules->n_files ? service_programs_scan(&tracer->programs, SERVICE_SCAN_FILES) : 0;
	if (r < 0)
		return r;
	memcpy(shared->rules, rules->rules, sizeof(shared->rules));
	r = service_programs_scan(&tracer->programs, SERVICE_SCAN_LISTENERS);
	if (r < 0)
		return r;
	r = connections_mark(tracer);
	if (r < 0)
		return r;
	listeners_prune(tracer, generation);
	listeners_fixed(tracer, rules);
	return 0;
}

bool service_tracer_may_rest(const struct service_tracer *tracer)
{
	return service_programs_may_rest(&tracer->programs);
}

int service_tracer_attend(struct service_tracer *tracer, bool attends)
{
	/* A request that was read before the rest may have had its answer in it. */
	if (attends)
		__atomic_store_n(&tracer->programs.shared->since_ns, clock_now_ns(),
				 __ATOMIC_SEQ_CST);
	return service_programs_attend(&tracer->programs, attends);
}

void service_tracer_want(struct service_tracer *tracer, uint32_t slots, uint32_t thin)
{
	struct service_shared *shared = tracer->programs.shared;

	tracer->thin = thin <= SERVICE_THIN_MAX ? thin : SERVICE_THIN_MAX;
	__atomic_store_n(&shared->wanted, slots, __ATOMIC_SEQ_CST);
	__atomic_store_n(&shared->thin, tracer->thin, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&shared->epoch, 1, __ATOMIC_SEQ_CST);
	service_tracer_restart(tracer);
}

void service_tracer_look(struct service_tracer *tracer, uint32_t slots)
{
	__atomic_store_n(&tracer->programs.shared->looked, slots, __ATOMIC_SEQ_CST);
}

void service_tracer_restart(struct service_tracer *tracer)
{
	for (size_t i = 0; i < tracer->n_slots; i++)
		tracer->slots[i].known = false;
}

int service_tracer_slot(const struct service_tracer *tracer, uint32_t netns, uint16_t port)
{
	const struct service_shared *shared = tracer->programs.shared;
	struct service_port key = { .netns = netns, .port = port };
	struct service_listener listener;

	if (!(shared->ports[port / 64] >> port % 64 & 1) ||
	    bpf_map_lookup_elem(tracer->programs.listeners_fd, &key, &listener) < 0)
		return -1;
	return (int)listener.slot;
}

uint32_t service_tracer_lost(const struct service_tracer *tracer)
{
	return __atomic_load_n(&tracer->programs.shared->lost_listeners, __ATOMIC_SEQ_CST);
}

void service_tracer_status(const struct service_tracer *tracer, struct source_status *status)
{
	service_programs_cost(&tracer->programs, &status->bpf_runs, &status->bpf_run_ns);
}

/* The sum over all CPUs; wraps as its parts do. */
static void total_add(struct service_hist *total, const struct service_hist *cpu)
{
	total->requests += cpu->requests;
	total->answers += cpu->answers;
	total->pipelined += cpu->pipelined;
	total->unknown += cpu->unknown;
	total->continued += cpu->continued;
	total->bytes_in += cpu->bytes_in;
	total->bytes_out += cpu->bytes_out;
	total->errors += cpu->errors;
	total->fine += cpu->fine;
	total->unstored += cpu->unstored;
	total->sum += cpu->sum;
	total->clamped += cpu->clamped;
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		total->buckets[i] += cpu->buckets[i];
}

/* One connection in 2^thin was looked at: each stands for so many. */
static void hist_between(const struct service_hist *now, const struct service_hist *before,
			 uint32_t thin, struct hist *hist)
{
	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		hist->buckets[i] = (now->buckets[i] - before->buckets[i]) << thin;
		hist->count += hist->buckets[i];
	}
	hist->sum = (now->sum - before->sum) << thin;
	hist->clamped = (now->clamped - before->clamped) << thin;
	hist_settle(hist);
}

static void counts_between(const struct service_hist *now, const struct service_hist *before,
			   uint32_t thin, struct service_counts *counts)
{
	*counts = (struct service_counts){
		.requests = (now->requests - before->requests) << thin,
		.answers = (now->answers - before->answers) << thin,
		.pipelined = (now->pipelined - before->pipelined) << thin,
		.unknown = (now->unknown - before->unknown) << thin,
		.continued = (now->continued - before->continued) << thin,
		.bytes_in = (now->bytes_in - before->bytes_in) << thin,
		.bytes_out = (now->bytes_out - before->bytes_out) << thin,
		.errors = (now->errors - before->errors) << thin,
		.fine = (now->fine - before->fine) << thin,
		.unstored = now->unstored - before->unstored,
		.clamped = (now->clamped - before->clamped) << thin,
	};
}

int service_tracer_read(struct service_tracer *tracer, uint32_t slot, struct hist *hist,
			struct service_counts *ret_counts)
{
	struct slot *state = &tracer->slots[slot];
	bool known = state->known;

	state->known = false;
	if (bpf_map_lookup_elem(tracer->programs.hists_fd, &slot, tracer->cpus) < 0)
		return -errno;
	memset(&tracer->total, 0, sizeof(tracer->total));
	for (int cpu = 0; cpu < tracer->n_cpus; cpu++)
		total_add(&tracer->total, &tracer->cpus[cpu]);
	*ret_counts = (struct service_counts){ 0 };
	if (known) {
		counts_between(&tracer->total, &state->before, tracer->thin, ret_counts);
		if (hist)
			hist_between(&tracer->total, &state->before, tracer->thin, hist);
	}
	state->before = tracer->total;
	state->known = true;
	return known ? 0 : 1;
}
