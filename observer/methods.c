// SPDX-License-Identifier: Apache-2.0
#include "observer/methods.h"

#include <stdio.h>
#include <string.h>

const char *methods_forced(const struct methods *methods, const struct source_context *context)
{
	const size_t length = strlen(methods->source);

	if (!context->force || strncmp(context->force, methods->source, length) ||
	    context->force[length] != '=')
		return NULL;
	return context->force + length + 1;
}

static void say_unknown(const struct methods *methods, const char *forced,
			struct source_status *status)
{
	char remedy[SOURCE_TEXT_MAX] = "use one of";
	size_t used = strlen(remedy);

	for (size_t i = 0; i < methods->n; i++)
		used += (size_t)snprintf(remedy + used, sizeof(remedy) - used, "%s %s",
					 i ? "," : "", methods->names[i]);
	source_say(status, SOURCE_UNAVAILABLE, remedy, "there is no method '%s'", forced);
}

uint32_t methods_choose(const struct methods *methods, const struct source_context *context,
			uint32_t first, struct source_status *status)
{
	const char *forced = methods_forced(methods, context);
	struct source_status why = *status; /* of a method that is not the best: not to be told */

	for (uint32_t method = first; method < methods->n; method++) {
		struct source_status *target = status->text[0] ? &why : status;

		if (forced && strcmp(methods->names[method], forced))
			continue;
		snprintf(status->method, sizeof(status->method), "%s", methods->names[method]);
		if (methods->probe(context, method, target) == 0)
			return method;
		if (forced)
			return methods->n;
	}
	if (forced && !status->text[0])
		say_unknown(methods, forced, status);
	return methods->n;
}
