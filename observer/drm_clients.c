// SPDX-License-Identifier: Apache-2.0
#include "observer/drm_clients.h"

#include <errno.h>
#include <string.h>

void drm_clients_begin(struct drm_clients *clients, size_t owner)
{
	for (size_t i = 0; i < clients->n; i++)
		if (clients->places[i].owner == owner)
			clients->places[i].present = false;
}

static void client_free(struct drm_clients *clients, size_t place)
{
	clients->places[place].used = false;
	while (clients->n > 0 && !clients->places[clients->n - 1].used)
		clients->n--;
}

void drm_clients_drop(struct drm_clients *clients, size_t owner)
{
	for (size_t i = clients->n; i-- > 0;)
		if (clients->places[i].used && clients->places[i].owner == owner)
			client_free(clients, i);
}

/* The place of the client, or of a new one; NULL = no room. */
static struct drm_client *client_of(struct drm_clients *clients, const struct drm_fdinfo *info)
{
	struct drm_client *free = NULL;

	for (size_t i = 0; i < clients->n; i++) {
		struct drm_client *client = &clients->places[i];

		if (!client->used)
			free = client;
		else if (client->info.client == info->client &&
			 !strcmp(client->info.device, info->device))
			return client;
	}
	if (!free && clients->n < DRM_CLIENTS_MAX)
		free = &clients->places[clients->n++];
	return free;
}

static const struct drm_engine *engine_find(const struct drm_fdinfo *info, const char *name)
{
	for (size_t i = 0; i < info->n_engines; i++)
		if (!strcmp(info->engines[i].name, name))
			return &info->engines[i];
	return NULL;
}

/* A driver may say less than before: the larger value counts until it is reached again. */
static void engine_hold(struct drm_engine *now, const struct drm_engine *before)
{
	if (now->busy_ns < before->busy_ns)
		now->busy_ns = before->busy_ns;
	if (now->busy_cycles < before->busy_cycles)
		now->busy_cycles = before->busy_cycles;
	if (now->total_cycles < before->total_cycles)
		now->total_cycles = before->total_cycles;
}

static double engine_share(const struct drm_engine *now, const struct drm_engine *before,
			   uint64_t interval_ns)
{
	const uint64_t total_cycles = now->total_cycles - before->total_cycles;

	if (now->has_ns && interval_ns > 0)
		return (double)(now->busy_ns - before->busy_ns) / (double)interval_ns /
		       (double)now->capacity;
	if (now->has_cycles && total_cycles > 0)
		return (double)(now->busy_cycles - before->busy_cycles) / (double)total_cycles /
		       (double)now->capacity;
	return NAN;
}

int drm_clients_take(struct drm_clients *clients, size_t owner, const struct drm_fdinfo *info,
		     uint64_t now_ns)
{
	struct drm_client *client = client_of(clients, info);
	struct drm_fdinfo now = *info;

	if (!client)
		return -ENOSPC;
	if (client->used && (client->owner != owner || client->present))
		return 0;
	for (size_t i = 0; i < now.n_engines; i++) {
		const struct drm_engine *before =
			client->used ? engine_find(&client->info, now.engines[i].name) : NULL;

		client->shares[i] = NAN;
		if (!before)
			continue;
		engine_hold(&now.engines[i], before);
		client->shares[i] = engine_share(&now.engines[i], before, now_ns - client->at_ns);
	}
	client->used = client->present = true;
	client->owner = owner;
	client->at_ns = now_ns;
	client->info = now;
	return 0;
}

/* What all clients of the process have of one engine of one device. */
static double engine_sum(const struct drm_clients *clients, const struct drm_client *like,
			 size_t engine)
{
	double sum = NAN;

	for (size_t i = 0; i < clients->n; i++) {
		const struct drm_client *client = &clients->places[i];
		const struct drm_engine *same;
		double share;

		if (!client->used || client->owner != like->owner ||
		    strcmp(client->info.device, like->info.device))
			continue;
		same = engine_find(&client->info, like->info.engines[engine].name);
		share = same ? client->shares[same - client->info.engines] : (double)NAN;
		if (!isnan(share))
			sum = isnan(sum) ? share : sum + share;
	}
	return sum;
}

static double plus(double sum, bool has, uint64_t bytes)
{
	return has ? (isnan(sum) ? 0 : sum) + (double)bytes : sum;
}

struct drm_use drm_clients_use(struct drm_clients *clients, size_t owner)
{
	struct drm_use use = DRM_USE_NONE;

	for (size_t i = clients->n; i-- > 0;)
		if (clients->places[i].used && clients->places[i].owner == owner &&
		    !clients->places[i].present)
			client_free(clients, i);
	for (size_t i = 0; i < clients->n; i++) {
		const struct drm_client *client = &clients->places[i];

		if (!client->used || client->owner != owner)
			continue;
		use.n_clients++;
		use.resident_bytes = plus(use.resident_bytes, client->info.has_resident,
					  client->info.resident_bytes);
		use.total_bytes =
			plus(use.total_bytes, client->info.has_total, client->info.total_bytes);
		for (size_t j = 0; j < client->info.n_engines; j++)
			use.busy_ratio = fmax(use.busy_ratio, engine_sum(clients, client, j));
	}
	/* A driver may catch up with work of before, and a tick's time is not quite that of its readings. */
	use.busy_ratio = isnan(use.busy_ratio) ? use.busy_ratio : fmin(use.busy_ratio, 1);
	return use;
}
