// SPDX-License-Identifier: Apache-2.0
/* The table of methods, best first: a fallback chain, by what works and never by the kernel's version. */
#include "observer/block.h"

#include "observer/methods.h"

#define TRIAL_STAGES STAGES_MASK /* what is attached to see whether it works: everything */

static const char *const names[METHOD_COUNT] = {
	[BLOCK_TP_BTF] = "tp_btf",         [BLOCK_FENTRY] = "fentry",  [BLOCK_KPROBE] = "kprobe",
	[BLOCK_TRACEPOINT] = "tracepoint", [METHOD_PROCFS] = "procfs",
};

const char *block_method_name(size_t method)
{
	return method < METHOD_COUNT ? names[method] : NULL;
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

static const struct methods methods = {
	.source = "block",
	.names = names,
	.n = METHOD_COUNT,
	.probe = method_probe,
};

bool block_method_forced(const struct source_context *context)
{
	return methods_forced(&methods, context);
}

uint32_t block_method_choose(const struct source_context *context, uint32_t first,
			     struct source_status *status)
{
	return methods_choose(&methods, context, first, status);
}
