// SPDX-License-Identifier: Apache-2.0
#include "observer/source.h"

#include <string.h>

#include "base/scope.h"

struct signal_set source_demand_of(const struct source_demand *demand, const struct scope *scope)
{
	struct signal_set signals = { 0 };
	bool matches = false;

	for (size_t i = 0; i < demand->n_demands; i++) {
		const struct scope *pattern = &demand->demands[i].scope;

		/* Several signals of the same instances come one after the other: one fnmatch(3) for them all. */
		if (i == 0 || !scope_equal(&demand->demands[i - 1].scope, pattern))
			matches = scope_matches(scope, pattern);
		if (matches)
			signal_set_add(&signals, demand->demands[i].signal);
	}
	return signals;
}

bool source_demands_kind(const struct source_demand *demand, enum scope_kind kind)
{
	for (size_t i = 0; i < demand->n_demands; i++)
		if (demand->demands[i].scope.kind == kind)
			return true;
	return false;
}

bool source_demands_service(const struct source_demand *demand, uint32_t signal, const char *name)
{
	struct scope scope = { .kind = SCOPE_SERVICE };

	if (!signal_set_has(&demand->signals, signal))
		return false;
	strcpy(scope.name, name);
	for (size_t i = 0; i < demand->n_demands; i++)
		if (demand->demands[i].signal == signal &&
		    scope_matches(&scope, &demand->demands[i].scope))
			return true;
	return false;
}
