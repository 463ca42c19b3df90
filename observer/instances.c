// SPDX-License-Identifier: Apache-2.0
#include "observer/instances.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "base/words.h"

#define SCAN_INTERVAL_NS NSEC_PER_SEC
#define SCAN_SHARE 100 /* one part in so many of one CPU is the most that scans take */
#define DIRENT_BYTES 16384

int instances_init(struct instances *instances, enum scope_kind kind, size_t max,
		   const struct instances_ops *ops, void *source)
{
	uint32_t n_slots = 16;

	if (max > INSTANCES_MAX)
		max = INSTANCES_MAX;
	while (n_slots < max + max / 2)
		n_slots *= 2;
	*instances = (struct instances){
		.ops = ops, .source = source, .kind = kind, .max = max, .n_slots = n_slots
	};
	instances->places = calloc(max, sizeof(*instances->places));
	instances->first = calloc(n_slots, sizeof(*instances->first));
	instances->next = calloc(max, sizeof(*instances->next));
	if (instances->places && instances->first && instances->next)
		return 0;
	instances_deinit(instances);
	return -ENOMEM;
}

static void instance_go(struct instances *instances, size_t place)
{
	instances->ops->go(instances->source, place);
	instances->places[place].used = false;
	instances->n_used--;
}

void instances_deinit(struct instances *instances)
{
	for (size_t i = 0; instances->places && i < instances->n_places; i++)
		if (instances->places[i].used)
			instance_go(instances, i);
	free(instances->places);
	free(instances->first);
	free(instances->next);
	*instances = (struct instances){ 0 };
}

bool instances_due(const struct instances *instances, const struct sampler *sampler)
{
	return sampler->interval_ns == 0 || sampler->now_ns >= instances->due_ns;
}

static uint32_t slot_of(const struct instances *instances, const struct scope *scope)
{
	return scope_hash(scope) & (instances->n_slots - 1);
}

static void index_add(struct instances *instances, size_t place)
{
	const uint32_t slot = slot_of(instances, &instances->places[place].scope);

	instances->next[place] = instances->first[slot];
	instances->first[slot] = (uint16_t)(place + 1);
}

static void index_all(struct instances *instances)
{
	memset(instances->first, 0, instances->n_slots * sizeof(*instances->first));
	for (size_t i = 0; i < instances->n_places; i++)
		if (instances->places[i].used)
			index_add(instances, i);
}

static struct instance *instance_find(struct instances *instances, const struct scope *scope,
				      uint64_t identity)
{
	for (uint32_t i = instances->first[slot_of(instances, scope)]; i;
	     i = instances->next[i - 1]) {
		struct instance *instance = &instances->places[i - 1];

		if (instance->used && instance->identity == identity &&
		    scope_equal(&instance->scope, scope))
			return instance;
	}
	return NULL;
}

/* The places of those that went are free only when a scan has ended: until then the index knows them. */
static size_t free_place(struct instances *instances)
{
	while (instances->free < instances->n_places && instances->places[instances->free].used)
		instances->free++;
	return instances->free;
}

static void instance_come(struct instances *instances, const struct scope *scope,
			  const struct signal_set *signals, uint64_t identity)
{
	const size_t place = free_place(instances);
	struct instance *instance = &instances->places[place];
	int r;

	if (place == instances->max) {
		instances->n_over++;
		return;
	}
	*instance = (struct instance){ .scope = *scope,
				       .signals = *signals,
				       .identity = identity,
				       .used = true,
				       .present = true };
	instances->n_used++;
	if (place == instances->n_places)
		instances->n_places++;
	r = instances->ops->come(instances->source, instance, place);
	if (r < 0) {
		instances->n_over += r == -EMFILE || r == -ENFILE;
		instance_go(instances, place);
		return;
	}
	index_add(instances, place);
}

void instances_see(struct instances *instances, const char *name, uint64_t identity)
{
	struct scope scope = { .kind = instances->kind };
	struct signal_set signals;
	struct instance *instance;

	if (strlen(name) >= sizeof(scope.name))
		return;
	strcpy(scope.name, name);
	signals = source_demand_of(instances->demand, &scope);
	if (signal_set_empty(&signals) || !scope_valid(&scope))
		return;
	instance = instance_find(instances, &scope, identity);
	if (!instance) {
		instance_come(instances, &scope, &signals, identity);
		return;
	}
	instance->signals = signals;
	instance->present = true;
}

int instances_scan(struct instances *instances, const struct source_demand *demand, uint64_t now_ns)
{
	const uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t wait_ns;
	int r;

	instances->demand = demand;
	instances->n_over = 0;
	instances->free = 0;
	for (size_t i = 0; i < instances->n_places; i++)
		instances->places[i].present = false;
	r = instances->ops->list(instances->source, instances);
	for (size_t i = 0; r == 0 && i < instances->n_places; i++)
		if (instances->places[i].used && !instances->places[i].present)
			instance_go(instances, i);
	while (instances->n_places > 0 && !instances->places[instances->n_places - 1].used)
		instances->n_places--;
	index_all(instances);
	wait_ns = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns) * SCAN_SHARE;
	instances->due_ns = now_ns + (wait_ns > SCAN_INTERVAL_NS ? wait_ns : SCAN_INTERVAL_NS);
	return r;
}

void instances_say(const struct instances *instances, struct source_status *status)
{
	char limit[64] = "";

	if (instances->n_used < instances->max)
		snprintf(limit, sizeof(limit), "no descriptor left");
	else
		snprintf(limit, sizeof(limit), "the limit is %zu", instances->max);
	if (instances->n_over)
		source_say(status, (enum source_state)status->state,
			   "demand fewer by a narrower pattern, or raise LimitNOFILE",
			   "%zu instances of %s found no place: %s", instances->n_over,
			   scope_kind_word(instances->kind), limit);
	else
		source_say(status, (enum source_state)status->state, "", "%s", "");
}

int instances_see_folder(struct instances *instances, int folder, const char *prefix)
{
	/* getdents64(2) by hand: opendir(3) allocates. */
	_Alignas(struct dirent64) char entries[DIRENT_BYTES];
	const size_t length = strlen(prefix);
	ssize_t n;

	if (lseek(folder, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = getdents64(folder, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);

			at += entry->d_reclen;
			if (entry->d_name[0] != '.' && !strncmp(entry->d_name, prefix, length))
				instances_see(instances, entry->d_name + length, entry->d_ino);
		}
	}
	return n < 0 ? -errno : 0;
}
