/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instances of one kind of scope that somebody demands, as they come and go: CPUs, nodes, control groups, processes. A
 * source keeps what it has of each (descriptors, the values of the last tick) in an array of its own, by the place.
 *
 *     instances_init                      in open()
 *     instances_scan                      in open() and demand(); in sample() when instances_due()
 *       → ops.list → instances_see …      names all there are; what nobody demands takes no place
 *       → ops.come, ops.go                opens and closes what the source has at a place
 *     instances[0 … n_places): used       in sample()
 *     instances_deinit                    in close(), which lets go of all
 *
 * An instance keeps its place while it is there. One that has the same name and another identity (an inode, a start
 * time) is another one: the old one goes, the new one comes, and nothing is ever subtracted across the two. What finds no
 * place, or cannot be opened for want of descriptors, is counted in n_over: LOSS_INSTANCE each tick.
 */
#ifndef FLYBALL_OBSERVER_INSTANCES_H
#define FLYBALL_OBSERVER_INSTANCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observer/source.h"

#define INSTANCES_MAX 10240 /* of one source; as many as a frame has series */

struct instance {
	struct scope scope;        /* kind and name */
	struct signal_set signals; /* demanded of it */
	uint64_t identity;         /* what it is besides its name; 0 = the name is all */
	bool used;                 /* else the place is free */
	bool present;              /* seen by the scan under way */
};

struct instances;

struct instances_ops {
	/* Calls instances_see() for all there are. Returns 0 or -errno: then what is there stays as it was. */
	int (*list)(void *source, struct instances *instances);

	/*
	 * A new one at `place`: opens what is read of it. Returns 0; -EMFILE or -ENFILE: counted in n_over, tried again at
	 * the next scan; any other -errno: it is gone already.
	 */
	int (*come)(void *source, const struct instance *instance, size_t place);

	/* It went, or is not demanded any more: closes all. Also called after a come() that failed. */
	void (*go)(void *source, size_t place);
};

struct instances {
	const struct instances_ops *ops;
	void *source;
	enum scope_kind kind;
	size_t max;      /* places */
	size_t n_places; /* all that are used lie below */
	size_t n_used;
	size_t n_over;                      /* demanded, but without a place */
	size_t free;                        /* no place below is free */
	const struct source_demand *demand; /* of the scan under way */
	uint64_t due_ns;                    /* when the next scan is */
	uint32_t n_slots;
	uint16_t *first, *next; /* by the hash of the name, as struct frame_index */
	struct instance *places;
};

/* Makes `max` places (INSTANCES_MAX at most); memory is touched as places are used. Returns 0 or -ENOMEM. */
int instances_init(struct instances *instances, enum scope_kind kind, size_t max,
		   const struct instances_ops *ops, void *source);

/* Lets all go; accepts what is all zeroes. */
void instances_deinit(struct instances *instances);

/*
 * True in a baseline and when the next scan is due: a second after the last one, and later where that one took long, so
 * that scans take one part in 100 of one CPU at most.
 */
bool instances_due(const struct instances *instances, const struct sampler *sampler);

/* Looks which there are. Allocates nothing. Returns 0 or -errno. */
int instances_scan(struct instances *instances, const struct source_demand *demand,
		   uint64_t now_ns);

/* There is one of that name. Names that are too long, or that are no names of the kind, are passed over. */
void instances_see(struct instances *instances, const char *name, uint64_t identity);

/* For ops.list: sees every entry of a folder that begins with `prefix`, under the rest of its name, by its inode. */
int instances_see_folder(struct instances *instances, int folder, const char *prefix);

/* For status(): says how many have no place, and the remedy; "" when all have one. The state stays as it is. */
void instances_say(const struct instances *instances, struct source_status *status);

/* For sample(): counts what has no place. */
static inline void instances_count(const struct instances *instances, struct sampler *sampler)
{
	sampler->losses[LOSS_INSTANCE] += instances->n_over;
}

/* Adds a series of an instance, if it is demanded; see sampler_value(). */
static inline void instance_value(const struct instance *instance, struct sampler *sampler,
				  enum signal_id signal, double value)
{
	if (signal_set_has(&instance->signals, signal))
		sampler_value(sampler, signal, &instance->scope, value);
}

#endif
