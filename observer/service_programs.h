/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service programs of one way: which they are, loaded, attached.
 *
 *     service_programs_load → service_programs_scan … → service_programs_unload (also after a failure)
 */
#ifndef FLYBALL_OBSERVER_SERVICE_PROGRAMS_H
#define FLYBALL_OBSERVER_SERVICE_PROGRAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/service.h"
#include "observer/service_tracer.h"

#define SERVICE_HOOKS_MAX 12 /* programs of one way, but those that look for listeners */

struct bpf_link;
struct bpf_object;
struct bpf_program;

struct service_programs {
	enum service_way way;
	struct bpf_object *object;
	struct bpf_program *programs[SERVICE_HOOKS_MAX + 1];
	struct bpf_link *links[SERVICE_HOOKS_MAX + 1];
	struct bpf_link *scans[2];     /* of our own files, of all */
	struct service_shared *shared; /* of the programs, mapped */
	int hists_fd, listeners_fd;    /* maps; belong to the object */
};

/* Loads and attaches. Returns 0, or -errno with why in text and remedy of `status`. */
int service_programs_load(struct service_programs *programs, enum service_way way,
			  const struct service_list *services, struct source_status *status);

/* Attaches those at reads and sends, or detaches them: who listens is known meanwhile. Returns 0 or -errno. */
int service_programs_attend(struct service_programs *programs, bool attends);

/* Whether that waits for nobody, and misses nobody. */
bool service_programs_may_rest(const struct service_programs *programs);

/* Runs the program over open files. Allocates nothing. Returns 0 or -errno. */
int service_programs_scan(const struct service_programs *programs, enum service_scan scan);

/* Runs and nanoseconds of all programs so far, as far as the kernel counts. */
void service_programs_cost(const struct service_programs *programs, uint64_t *ret_runs,
			   uint64_t *ret_run_ns);

/* Detaches and unloads; accepts what is all zeroes. */
void service_programs_unload(struct service_programs *programs);

/* Says in `status` that something failed, with libbpf's own complaint and the way's remedy; returns `error`. */
int service_programs_refuse(enum service_way way, int error, const char *what,
			    struct source_status *status);

#endif
