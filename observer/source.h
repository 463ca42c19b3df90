/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source of signals, as observer.c drives it. One .c each, listed in `sources` of observer.c.
 *
 *     probe → open(demand) → sample … → demand(new demand) → sample … → close
 *
 * A source is open only while one of its signals is demanded. open() and demand() may allocate, sample() may not.
 */
#ifndef FLYBALL_OBSERVER_SOURCE_H
#define FLYBALL_OBSERVER_SOURCE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "include/demand.h"
#include "include/frame.h"
#include "include/page.h"
#include "include/source.h"
#include "include/service.h"
#include "include/split.h"

/* What a source may use of the outside. */
struct source_context {
	int root;                            /* sysroot descriptor */
	const struct service_list *services; /* see struct observer_options */
	const struct page_list *pages;       /* likewise */
	const char *force;                   /* likewise */
	struct source_events events;
	const char *run_dir;           /* likewise */
	const struct split_maps *maps; /* likewise */
	const char *nvml;              /* likewise */
	const char *gpu_library;       /* likewise */
	int epoll; /* a source adds what it wants to drain() between the ticks, level-triggered */
};

/* The demand on one source. */
struct source_demand {
	const struct demand
		*demands; /* all of them its own; stay until the next demand() or close() */
	size_t n_demands;
	struct signal_set signals; /* of everything in `demands` */
	struct signal_set host;    /* of what is demanded of the host */
};

/* One tick, as a source sees it. */
struct sampler {
	struct frame *frame;
	uint64_t now_ns;
	uint64_t interval_ns; /* since the previous tick; 0 = a baseline: nothing is valid yet */
	const struct source_demand *demand; /* of the source */
	uint64_t *losses;                   /* of the source, indexed by enum loss */
};

struct source_ops {
	const char *name;
	enum signal_id first, last; /* its rows of the catalogue, which lie together … */
	uint32_t
		scopes; /* … in these kinds of scopes, a SCOPE_BIT() each; 0 = in all that they have */
	size_t state_size; /* bytes, zeroed before open() */

	/*
	 * What it needs may come while it is open: then open() and demand() return 0 with state UNAVAILABLE, too, and sample()
	 * looks again. It is opened even where probe() found nothing.
	 */
	bool comes_later;

	/* Says whether and how it would work: method, state (IDLE or UNAVAILABLE), text, remedy. Attaches nothing. */
	void (*probe)(const struct source_context *context, struct source_status *status);

	/*
	 * The name of a method, best first, NULL past the end; and whether it works here, by attaching it for a moment:
	 * IDLE or UNAVAILABLE, text, remedy. NULL where there is but one.
	 */
	const char *(*method)(size_t index);
	void (*try_method)(const struct source_context *context, size_t index,
			   struct source_status *status);

	/*
	 * Attaches, and sets the state (ATTACHED or DEGRADED) with its texts. Returns 0, or -errno with state
	 * UNAVAILABLE; close() follows in either case.
	 */
	int (*open)(void *state, const struct source_context *context,
		    const struct source_demand *demand, struct source_status *status);

	/* Takes over a new demand while open; the same contract. NULL where sampler.demand says everything. */
	int (*demand)(void *state, const struct source_demand *demand,
		      struct source_status *status);

	/* Adds its demanded series to the frame. What cannot be read is an invalid series and a LOSS_EVENT. */
	void (*sample)(void *state, struct sampler *sampler);

	/* Takes in what waits, between the ticks; bounded, allocates nothing. NULL = nothing ever does. */
	void (*drain)(void *state);

	/*
	 * Where looking costs something between the samples, too: a thinned source rests, detached, but for the tick before each
	 * of its samples. attend(true) comes before a baseline; either may allocate. Returns 0, or -errno, and close()
	 * follows. may_rest: whether its method comes and goes that cheaply. Both NULL = it costs nothing between.
	 */
	bool (*may_rest)(const void *state);
	int (*attend)(void *state, bool attends);

	/* As observer_thin(); kept while the source is open; for a thinned source that may not rest. NULL = it cannot. */
	void (*thin)(void *state, uint32_t step);

	/* Detaches; also what open() or demand() left half-done. */
	void (*close)(void *state);

	/* Refreshes what changes between samples (bpf_runs, texts); NULL = nothing. */
	void (*status)(void *state, struct source_status *status);
};

extern const struct source_ops block_source;
extern const struct source_ops psi_source;
extern const struct source_ops cgroup_psi_source;
extern const struct source_ops cpu_source;
extern const struct source_ops cpu_state_source;
extern const struct source_ops cgroup_cpu_source;
extern const struct source_ops rapl_source;
extern const struct source_ops memory_source;
extern const struct source_ops cgroup_memory_source;
extern const struct source_ops numa_process_source;
extern const struct source_ops task_delay_source;
extern const struct source_ops pmu_source;
extern const struct source_ops perf_source;
extern const struct source_ops sched_source;
extern const struct source_ops lock_source;
extern const struct source_ops app_source;
extern const struct source_ops service_source;
extern const struct source_ops tcp_split_source;
extern const struct source_ops tcp_source;
extern const struct source_ops net_source;
extern const struct source_ops nvml_source;
extern const struct source_ops drm_source;
extern const struct source_ops gpu_calls_source;

/*
 * Adds a series without a value; a distribution gets an empty histogram. NULL when the frame is full, which is
 * counted as LOSS_SERIES.
 */
struct series *sampler_add(struct sampler *sampler, enum signal_id signal,
			   const struct scope *scope);

/* Adds a series with its value, which is not valid in a baseline or where `value` is NAN. */
void sampler_value(struct sampler *sampler, enum signal_id signal, const struct scope *scope,
		   double value);

/* The same of the host, if it is demanded. */
void sampler_host(struct sampler *sampler, enum signal_id signal, double value);

/* True when the signal is demanded of the host. */
static inline bool sampler_wants_host(const struct sampler *sampler, enum signal_id signal)
{
	return signal_set_has(&sampler->demand->host, signal);
}

/* The signals that are demanded of one instance. */
struct signal_set source_demand_of(const struct source_demand *demand, const struct scope *scope);

/* Whether that series of a service is demanded. */
bool source_demands_service(const struct source_demand *demand, uint32_t signal, const char *name);

/* True when some signal is demanded of instances of that kind. */
bool source_demands_kind(const struct source_demand *demand, enum scope_kind kind);

/* Sets state, text and remedy; either text may be "". */
void source_say(struct source_status *status, enum source_state state, const char *remedy,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The number of a tracepoint of the table in events.c, or -errno. */
int source_event(const struct source_context *context, const char *name);

/* The highest number of a CPU that may ever be there, plus one: `0,2-3` is four. Returns it, or -errno. */
int source_cpus_possible(int root);

/*
 * Opens a file of the sysroot to be read again at every tick. Returns the descriptor, which the caller owns, or
 * -errno; also the error of a first read (a file may open and then say -EOPNOTSUPP).
 */
int source_open_file(int root, const char *path);

/*
 * Reads a small file that is kept open again, in one pread(2), as a string: for files that the kernel gives whole (psi,
 * stat, meminfo). Returns its length, or -errno; -EFBIG when it fills the buffer.
 */
ssize_t source_reread(int fd, char *buffer, size_t size);

#endif
