/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF programs of a source: an object, those of its programs that one way to the events needs, and where they sit.
 *
 *     programs_probe → programs_open → programs_map … → programs_load → programs_share
 *         → programs_attach … → programs_close (also after a failure)
 *
 * What fails is said in text and remedy of a status, with libbpf's own first complaint.
 */
#ifndef FLYBALL_OBSERVER_PROGRAMS_H
#define FLYBALL_OBSERVER_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observer/seat.h"
#include "observer/source.h"

#define PROGRAMS_HOOKS_MAX 5 /* programs of one way */
#define PROGRAMS_REMEDY_BTF \
	"use a kernel with CONFIG_DEBUG_INFO_BTF that allows this kind of program"

struct bpf_map;
struct bpf_object;
struct btf;

struct programs_hook {
	const char *program, *target; /* `target`: what it is attached to */
	/* Whether the kernel has what it needs, else it is left out; NULL = the way cannot do without. */
	bool (*possible)(const struct source_context *context, const struct btf *btf,
			 const char *target);
	bool switched; /* attached only while it is asked for */
};

/* One way to come to the events: a row of a source's table. */
struct programs_way {
	const void *(*elf)(size_t *ret_size);
	int (*attach)(struct seat *seat, const struct source_context *context, const char *target);
	const char *remedy;                             /* when it does not work */
	struct programs_hook hooks[PROGRAMS_HOOKS_MAX]; /* starts first */
};

struct programs {
	const struct programs_way *way;
	const struct source_context *context;
	struct bpf_object *object;
	struct seat seats[PROGRAMS_HOOKS_MAX]; /* indexed as the way's hooks */
	void *shared;                          /* the object's .bss, mapped */
	size_t shared_size;
};

/*
 * Whether BPF programs may work here, by a quick look: the kernel has BTF; the process has the capabilities. `roots`:
 * CAP_PERFMON is not enough for these. Both return 0 or -errno.
 */
int programs_probe(const struct source_context *context, struct source_status *status);
int programs_probe_rights(bool roots, struct source_status *status);

/* `3`: perf events, which kprobes and plain tracepoints are, take CAP_SYS_ADMIN, not only CAP_PERFMON. */
bool programs_perf_is_roots(const struct source_context *context);

/* Says that programs_perf_is_roots(). */
void programs_say_roots(enum source_state state, const char *prefix, struct source_status *status);

/* Opens the object, and marks what the way needs of it. Returns 0 or -errno. */
int programs_open(struct programs *programs, const struct source_context *context,
		  const struct programs_way *way, const struct btf *btf);

/* A map of the object with values of at least that size; NULL when user space and BPF disagree. */
struct bpf_map *programs_map(const struct programs *programs, const char *name, size_t size_least);

/* Makes room for `n` values of that size in a map, for 1 where `n` is 0. Returns 0 or -errno. */
int programs_resize(struct programs *programs, const char *map, size_t size, uint32_t n);

/* The first `size` bytes of a loaded map's values, mapped; the caller unmaps them. NULL for an error. */
void *programs_memory(const struct programs *programs, const char *map, size_t size);

/* Sets all of the object's .rodata. Returns 0 or -errno. */
int programs_settings(struct programs *programs, const void *settings, size_t size);

/* Loads them, and maps what user space tells the running programs: all of the object's .bss. Returns 0 or -errno. */
int programs_load(struct programs *programs, size_t shared_size, struct source_status *status);

/*
 * Attaches what is not attached yet; what is switched with `switched` alone, and else detaches it. Starts come before
 * ends. Returns 0 or -errno.
 */
int programs_attach(struct programs *programs, bool switched);

/* Detaches all, ends first: without their starts they would count orphans. */
void programs_leave(struct programs *programs);

/* Whether they come and go by a system call that waits for nobody: at tracepoints and trampolines, not at breakpoints. */
bool programs_may_rest(const struct programs *programs);

/* Whether a switched program is attached. */
bool programs_switched(const struct programs *programs);

/* Runs and nanoseconds of all programs so far, as far as the kernel counts. */
void programs_cost(const struct programs *programs, uint64_t *ret_runs, uint64_t *ret_run_ns);

/* Detaches and unloads; accepts what is all zeroes. */
void programs_close(struct programs *programs);

/* Forgets libbpf's complaints, and has its next one kept. */
void programs_listen(void);

/* The program that failed, where libbpf has not complained of that one. `target` may be NULL. */
void programs_complain(const char *program, const char *target);

/* Says in `status` that something of the programs failed, with libbpf's own complaint and the way's remedy; returns `error`. */
int programs_refuse(const struct programs_way *way, int error, const char *what,
		    struct source_status *status);

#endif
