// SPDX-License-Identifier: Apache-2.0
/* The table of methods, best first: a fallback chain, by what works and never by the kernel's version. */
#include "observer/block.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TRIAL_STAGES STAGES_MASK /* what is attached to see whether it works: everything */

static const char *const names[METHOD_COUNT] = {
	[BLOCK_TP_BTF] = "tp_btf",         [BLOCK_FENTRY] = "fentry",  [BLOCK_KPROBE] = "kprobe",
	[BLOCK_TRACEPOINT] = "tracepoint", [METHOD_PROCFS] = "procfs",
};

const char *block_method_name(size_t method)
{
	return method < METHOD_COUNT ? names[method] : NULL;
}

bool block_method_forced(const struct source_context *context)
{
	return source_method_forced(context, "block") != NULL;
}

static int method_probe(const struct source_context *context, uint32_t method,
			struct source_status *status)
{
	if (method == METHOD_PROCFS)
		return 0; /* works wherever there is a /sys/block */
	return block_tracer_probe(context, (enum block_way)method, status);
}

void block_method_try(const struct source_context *context, size_t method,
		      struct source_status *status)
{
	struct block_tracer *tracer = NULL;

	if (method_probe(context, (uint32_t)method, status) < 0 || method == METHOD_PROCFS)
		return;
	if (block_tracer_open(context, (enum block_way)method, 1, TRIAL_STAGES, status, &tracer) <
	    0)
		return;
	block_tracer_close(tracer);
	block_tracer_caution(context, (enum block_way)method, status);
}

static void say_unknown(const char *forced, struct source_status *status)
{
	char remedy[SOURCE_TEXT_MAX] = "use one of";
	size_t used = strlen(remedy);

	for (size_t i = 0; i < METHOD_COUNT; i++)
		used += (size_t)snprintf(remedy + used, sizeof(remedy) - used, "%s %s",
					 i ? "," : "", names[i]);
	source_say(status, SOURCE_UNAVAILABLE, remedy, "there is no method '%s'", forced);
}

uint32_t block_method_choose(const struct source_context *context, uint32_t first,
			     struct source_status *status)
{
	const char *forced = source_method_forced(context, "block");
	struct source_status why = *status; /* of a method that is not the best: not to be told */

	for (uint32_t method = first; method < METHOD_COUNT; method++) {
		struct source_status *target = status->text[0] ? &why : status;

		if (forced && strcmp(names[method], forced))
			continue;
		snprintf(status->method, sizeof(status->method), "%s", names[method]);
		if (method_probe(context, method, target) == 0)
			return method;
		if (forced)
			return METHOD_COUNT;
	}
	if (!status->text[0])
		say_unknown(forced, status);
	return METHOD_COUNT;
}
