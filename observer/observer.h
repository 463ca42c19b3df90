/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The observer: sources of signals, attached on demand, sampled into frames. It never writes to the system.
 *
 *     observer_new → observer_demand → observer_sample or observer_drain … → observer_demand({}) → observer_free
 */
#ifndef FLYBALL_OBSERVER_H
#define FLYBALL_OBSERVER_H

#include <stddef.h>
#include <stdint.h>

#include "include/demand.h"
#include "include/frame.h"
#include "include/page.h"
#include "include/service.h"
#include "include/signal.h"
#include "include/source.h"
#include "include/split.h"

struct observer;

/* The catalogue: SIGNAL_ID_COUNT rows, indexed by enum signal_id. */
extern const struct signal_row signal_rows[SIGNAL_ID_COUNT];

/* Name of a source of observer_sources(); "?" past their end. */
const char *observer_source_name(size_t source);

/* Name of the source that has a signal in a kind of scope; NULL when none has. */
const char *observer_source_of(uint32_t signal, uint32_t kind);

struct observer_options {
	int root;            /* sysroot descriptor; must outlive the observer */
	const char *run_dir; /* where the socket for pushed metrics lies, in app/; NULL = nowhere */
	const char *force;   /* a source's method by `block=kprobe`; NULL = the best that works */
	const struct split_maps *
		maps; /* of connections that are split; must outlive the observer; NULL = none are */
	const char *nvml; /* the library to load in place of NVIDIA's; NULL = NVML_LIBRARY */
	const char *
		gpu_library; /* the driver's library of CUDA or HIP; must outlive it; NULL = those that there are */
	const struct service_list *services; /* as configured; must outlive it; NULL = none */
	const struct page_list *pages;       /* likewise */
	const struct source_events *events;  /* NULL = as observer_events_read() finds them now */
	struct source_watch
		*watch; /* see there; must outlive the observer; NULL = nobody watches */
};

/*
 * Reads the numbers of tracepoints, which root alone may read: before root is given up. What cannot be read makes
 * a method unavailable that needs it.
 */
void observer_events_read(int root, struct source_events *ret_events);

/*
 * Forces the method of a source by `SOURCE=METHOD`, such as `block=kprobe`. Returns 0, or -EINVAL with a sentence in `complaint` that names the possible ones.
 */
int observer_force(struct observer_options *options, const char *text, char *complaint,
		   size_t size);

/* Makes an observer with nothing attached. The caller frees it. Returns 0 or -errno. */
int observer_new(const struct observer_options *options, struct observer **ret_observer);

/* Detaches everything; accepts NULL. */
void observer_free(struct observer *observer);

/*
 * Replaces the demand: attaches the sources that are needed now and detaches those that are not. A source that
 * cannot be attached is no error: its status says why, its series do not appear. Returns 0, or -EINVAL for a
 * signal or scope out of range (the old demand stays), -E2BIG for more than DEMANDS_MAX.
 */
int observer_demand(struct observer *observer, const struct demand *demands, size_t n_demands);

/*
 * Samples every demanded signal once. `frame` belongs to the caller and is overwritten; allocates nothing.
 * Series of disks that came or went appear and disappear by themselves. Returns 0 or -errno.
 */
int observer_sample(struct observer *observer, uint64_t now_ns, struct frame *frame);

/*
 * Tries every method of a source of observer_sources(), each attached for a moment, with nothing forced: a row a method,
 * best first, IDLE where it works; the first of these is the one that is used. Fills in up to SOURCE_METHODS_MAX rows;
 * returns how many, 0 where there is but one method.
 */
size_t observer_methods(struct observer *observer, size_t source,
			struct source_status *ret_methods);

/*
 * A descriptor that is readable when observer_drain() has something to do between two samples; it stays the same, and
 * nothing is ever there without a demand. Who does not look at it loses nothing but the time of those who push.
 */
int observer_descriptor(const struct observer *observer);
void observer_drain(struct observer *observer);

/*
 * Has a source measure one in 2^`step` of what it may measure by samples (connections of services), from the next sample
 * on, which is a baseline; 0 = all. Returns 0, or -EOPNOTSUPP when it measures no such thing.
 */
int observer_thin(struct observer *observer, const char *source, uint32_t step);

/*
 * Leaves a source of observer_sources() out of some ticks, or altogether, until told otherwise, until nobody demands it, or
 * until a demand says that a running trial needs it. Its series are then SERIES_LOSSY, an increase is the mean of a tick, or of
 * the one tick before the sample where the source is detached in the others, and frame.skipped says what a tick left out.
 */
void observer_restrain(struct observer *observer, size_t source, enum source_thinning thinning);

/*
 * Has the kernel time the runs of BPF programs, all of them, while the returned descriptor is open; some 30 ns a run. Takes
 * CAP_SYS_ADMIN, which the observer has not. Returns the descriptor or -errno.
 */
int observer_count_runs(void);

/* The share of the time, 0 to 1, in which a source's programs are attached: less than 1 where it is thinned and may rest. */
double observer_attends(const struct observer *observer, size_t source);

/*
 * The number of the last frame. What is thinned to every Nth is sampled in those that N divides, and what rests is attached from
 * the one before.
 */
uint64_t observer_seq(const struct observer *observer);

/* Fills in up to SOURCES_MAX rows, one a source in the order of its table; returns how many. */
size_t observer_sources(struct observer *observer, struct source_status *ret_status);

#endif
