/* SPDX-License-Identifier: Apache-2.0 */
/* The service source's BPF methods: what bpf/service*.bpf.c see of the services' connections. */
#ifndef FLYBALL_OBSERVER_SERVICE_TRACER_H
#define FLYBALL_OBSERVER_SERVICE_TRACER_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/service.h"
#include "include/hist.h"
#include "observer/service_rules.h"
#include "observer/source.h"

struct service_tracer;

/* How the programs come to reads and sends, best first. */
enum service_way {
	SERVICE_TP_BTF, /* typed tracepoints at the end of all of them: sock_recv_length, sock_send_length */
	SERVICE_FENTRY, /* trampolines at the end of TCP's, UDP's and Unix sockets' functions */
	SERVICE_KPROBE, /* breakpoints in TCP's functions */
	SERVICE_WAY_COUNT,
};

/* What a service did in a tick, where only a part of the connections is looked at an estimate for all. */
struct service_counts {
	uint64_t requests, answers;
	uint64_t pipelined, unknown,
		unstored; /* that could not be measured: see struct service_hist */
	uint64_t continued;
	uint64_t bytes_in, bytes_out;
	uint64_t errors, fine; /* answers in a protocol that shows errors */
	uint64_t clamped;
};

/* Whether it may work here, by a quick look; when not, -errno and why in text and remedy of `status`. */
int service_tracer_probe(const struct source_context *context, enum service_way way,
			 struct source_status *status);

/* Where it works for root alone: says so in text and remedy of `status`. */
void service_tracer_caution(const struct source_context *context, enum service_way way,
			    struct source_status *status);

/*
 * Loads the programs, with room for the context's services, one at least, and attaches them; those at Unix sockets only if
 * they may be some service's. Nothing is watched yet. Returns 0 or -errno,
 * with why in text and remedy of `status` and nothing left behind.
 */
int service_tracer_open(const struct source_context *context, enum service_way way,
			struct source_status *status, struct service_tracer **ret_tracer);

/* Whether a way sees such a service's sockets, and the first bytes of answers. */
bool service_way_sees(enum service_way way, const struct service *service);
bool service_way_looks(enum service_way way);

/* Detaches and unloads; accepts NULL. */
void service_tracer_close(struct service_tracer *tracer);

/* Whether its programs may be detached in ticks that are left out; attaches them again, or detaches them: 0 or -errno. */
bool service_tracer_may_rest(const struct service_tracer *tracer);
int service_tracer_attend(struct service_tracer *tracer, bool attends);

/*
 * Finds the sockets that the rules fit, from now on and among all that are open. What the rules' files hold that no rule
 * names is not looked for any more. Allocates nothing. Returns 0 or -errno.
 */
int service_tracer_scan(struct service_tracer *tracer, const struct service_rules *rules);

/* Measures those services (1 << slot) and one connection in 2^thin. The next read of every slot is a baseline. */
void service_tracer_want(struct service_tracer *tracer, uint32_t slots, uint32_t thin);

/* Looks at the first bytes of those services' answers (1 << slot), by a way that can. */
void service_tracer_look(struct service_tracer *tracer, uint32_t slots);

/* What a slot added since the previous call. Returns 0; 1 for a baseline (all is 0); -errno. `hist` may be NULL. */
int service_tracer_read(struct service_tracer *tracer, uint32_t slot, struct hist *hist,
			struct service_counts *ret_counts);

/* The next service_tracer_read() of every slot is a baseline. */
void service_tracer_restart(struct service_tracer *tracer);

/* The slot of whoever listens on a TCP port of the network namespace; -1 = nobody. */
int service_tracer_slot(const struct service_tracer *tracer, uint32_t netns, uint16_t port);

/* Listening sockets that found no place in the table, since the last scan began. */
uint32_t service_tracer_lost(const struct service_tracer *tracer);

/* Fills in bpf_runs and bpf_run_ns. */
void service_tracer_status(const struct service_tracer *tracer, struct source_status *status);

#endif
