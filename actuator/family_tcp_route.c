// SPDX-License-Identifier: Apache-2.0
/*
 * The tcp-congestion family's routes: the congestion control of connections over one route (RTAX_CC_ALGO). The kernel
 * has no way to change one metric, so the route is replaced by itself, in one step and with nothing else changed; what
 * somebody else has changed of it meanwhile is carried over. But the companions hold a digest of the rest of the
 * route: a route that goes elsewhere by the time of the undo is another one, and is left.
 */
#include "actuator/family.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actuator/in_netns.h"
#include "actuator/knobs.h"
#include "actuator/route.h"
#include "base/cleanup.h"
#include "base/sysroot.h"

#define INSTANCE_NAME "@route" /* the line that says which route it was */
#define NETNS_MAX 64           /* namespaces whose routes are listed */
#define LIST_MAX 512           /* 16 names of 16 letters are half of it */

struct visit {
	struct route_key key;
	struct route route;                  /* what was read */
	char algorithm[ROUTE_ALGORITHM_MAX]; /* to write; "" = none */
	bool lock;
};

struct listing {
	struct scope netns, *scopes;
	size_t n, max;
	char last[SCOPE_NAME_MAX]; /* two routes of one name come one after the other */
};

static void list_route(const struct route_key *key, void *data)
{
	struct listing *listing = data;
	struct route_key named = *key;
	struct scope scope = { .kind = SCOPE_ROUTE };

	named.netns = listing->netns;
	if (route_key_format(&named, scope.name, sizeof(scope.name)) < 0 ||
	    !strcmp(scope.name, listing->last))
		return;
	strcpy(listing->last, scope.name);
	if (listing->n < listing->max)
		listing->scopes[listing->n] = scope;
	listing->n++;
}

static int list_here(void *data)
{
	return route_each(list_route, data);
}

static size_t route_scopes(int root, const struct knob_row *row, struct scope *ret_scopes,
			   size_t max)
{
	struct listing listing = { .scopes = ret_scopes, .max = max };
	struct scope netns[NETNS_MAX + 1] = { { .kind = SCOPE_HOST } };
	size_t n = in_netns_scopes(root, netns + 1, NETNS_MAX) + 1;

	(void)row;
	for (size_t i = 0; i < n && i < ARRAY_SIZE(netns); i++) {
		listing.netns = netns[i];
		in_netns(root, &netns[i], list_here, &listing);
	}
	return listing.n;
}

static int read_here(void *data)
{
	struct visit *visit = data;

	return route_read(&visit->key, &visit->route);
}

static int visit_route(int root, const struct scope *scope, int (*fn)(void *data),
		       struct visit *visit)
{
	int r = route_key_parse(scope->name, &visit->key);

	return r < 0 ? r : in_netns(root, &visit->key.netns, fn, visit);
}

/* `bbr,lock` → bbr and the lock; `default` is no algorithm. Returns 0 or -EINVAL. */
static int parse_value(const char *value, struct visit *visit)
{
	const char *comma = strchr(value, ',');
	size_t length = comma ? (size_t)(comma - value) : strlen(value);

	if (length == 0 || length >= sizeof(visit->algorithm) ||
	    (comma && strcmp(comma, ROUTE_LOCK)))
		return -EINVAL;
	memcpy(visit->algorithm, value, length);
	visit->algorithm[length] = '\0';
	if (!strcmp(visit->algorithm, ROUTE_DEFAULT))
		visit->algorithm[0] = '\0';
	visit->lock = comma != NULL;
	return 0;
}

static void add_choice(struct knob_reading *reading, const char *name, const char *suffix)
{
	if (reading->n_choices < KNOB_CHOICES_MAX)
		snprintf(reading->choices[reading->n_choices++], KNOB_NAME_MAX, "%.40s%s", name,
			 suffix);
}

/* Every algorithm first, then every one with the lock, as far as there is room. */
static int read_choices(int root, const struct knob_row *row, struct knob_reading *reading)
{
	char list[LIST_MAX], copy[LIST_MAX], *rest;
	ssize_t n = sysroot_read(root, row->choices_path, list, sizeof(list));

	if (n < 0)
		return (int)n;
	add_choice(reading, ROUTE_DEFAULT, "");
	for (int lock = 0; lock < 2; lock++) {
		strcpy(copy, list);
		for (char *word = strtok_r(copy, " ", &rest); word;
		     word = strtok_r(NULL, " ", &rest))
			add_choice(reading, word, lock ? ROUTE_LOCK : "");
	}
	return 0;
}

static int tcp_route_read(int root, const struct knob_row *row, const struct scope *scope,
			  struct knob_reading *ret_reading)
{
	struct knob_reading reading = { .scope = *scope };
	struct visit visit = { 0 };
	int r = visit_route(root, scope, read_here, &visit);

	if (r == 0)
		r = read_choices(root, row, &reading);
	if (r < 0)
		return knob_unreadable(r, row, scope, ret_reading);
	snprintf(reading.knob, sizeof(reading.knob), "%s", row->name);
	snprintf(reading.value, sizeof(reading.value), "%s%s",
		 visit.route.algorithm[0] ? visit.route.algorithm : ROUTE_DEFAULT,
		 visit.route.lock ? ROUTE_LOCK : "");
	if (visit.route.writable)
		reading.flags |= KNOB_WRITABLE;
	*ret_reading = reading;
	return 0;
}

static int write_here(void *data)
{
	struct visit *visit = data;

	return route_write(&visit->key, visit->algorithm, visit->lock);
}

static int tcp_route_write(int root, const struct knob_row *row, const struct scope *scope,
			   const char *value)
{
	struct visit visit = { 0 };
	int r = parse_value(value, &visit);

	(void)row;
	return r < 0 ? r : visit_route(root, scope, write_here, &visit);
}

/* The digest as text. */
static int instance(int root, const struct scope *scope, struct visit *visit, char *ret_text,
		    size_t size)
{
	int r = visit_route(root, scope, read_here, visit);

	if (r == 0)
		snprintf(ret_text, size, "%016" PRIx64, visit->route.digest);
	return r;
}

static int tcp_route_capture(int root, const struct knob_row *row, const struct scope *scope,
			     char *ret_companions, size_t companions_size, char *ret_text,
			     size_t text_size)
{
	struct visit visit = { 0 };
	char text[32];
	int r;

	(void)row;
	ret_companions[0] = '\0';
	r = instance(root, scope, &visit, text, sizeof(text));
	if (r == 0)
		r = in_netns_capture(root, &visit.key.netns, ret_companions, companions_size);
	if (r == 0)
		r = companions_add(ret_companions, companions_size, INSTANCE_NAME, text);
	if (r < 0)
		snprintf(ret_text, text_size, "unable to write down which route it is: %s",
			 strerror(-r));
	return r;
}

static int tcp_route_same_instance(int root, const struct knob_row *row, const struct scope *scope,
				   const char *companions)
{
	char name[KNOB_NAME_MAX], value[KNOB_VALUE_MAX], now[32];
	const char *cursor = companions;
	struct visit visit = { 0 };
	int r = instance(root, scope, &visit, now, sizeof(now));

	(void)row;
	if (r < 0)
		return error_is_gone(r) ? 0 : r;
	r = in_netns_same(root, &visit.key.netns, companions);
	if (r <= 0)
		return r;
	while (companions_next(&cursor, name, sizeof(name), value, sizeof(value)) > 0)
		if (!strcmp(name, INSTANCE_NAME))
			return !strcmp(now, value);
	return 1;
}

static int tcp_route_allowed(int root, const struct knob_row *row, const struct scope *scope,
			     const struct knob_reading *reading, const char *value, char *ret_text,
			     size_t size)
{
	struct visit visit = { 0 };

	if (knob_same(row, reading->value, value))
		return 0;
	if (parse_value(value, &visit) < 0 || route_key_parse(scope->name, &visit.key) < 0) {
		snprintf(ret_text, size, "'%.40s' is no algorithm", value);
		return -EINVAL;
	}
	return tcp_congestion_check(root, &visit.key.netns, visit.algorithm, ret_text, size);
}

/* ip-route(8) would have to be told all of the route again, and loses what it does not know. */
static int tcp_route_command(int root, const struct knob_row *row, const struct scope *scope,
			     const char *value, char *buffer, size_t size)
{
	(void)root;
	(void)row;
	(void)scope;
	(void)value;
	(void)buffer;
	(void)size;
	return -EINVAL;
}

const struct knob_family_ops family_tcp_route = {
	.scopes = route_scopes,
	.read = tcp_route_read,
	.write = tcp_route_write,
	.capture = tcp_route_capture,
	.same_instance = tcp_route_same_instance,
	.allowed = tcp_route_allowed,
	.command = tcp_route_command,
};
