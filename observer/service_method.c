// SPDX-License-Identifier: Apache-2.0
/* The table of methods, best first: a fallback chain, by what works and never by the kernel's version. */
#include "observer/service.h"

#include "observer/methods.h"

static const char *const names[SERVICE_METHOD_COUNT] = {
	[SERVICE_TP_BTF] = "tp_btf",
	[SERVICE_FENTRY] = "fentry",
	[SERVICE_KPROBE] = "kprobe",
	[SERVICE_SOCK_DIAG] = "sock_diag",
};

const char *service_method_name(size_t method)
{
	return method < SERVICE_METHOD_COUNT ? names[method] : NULL;
}

/* sock_diag(7) is there wherever there is TCP. */
static int method_probe(const struct source_context *context, uint32_t method,
			struct source_status *status)
{
	return method == SERVICE_SOCK_DIAG
		       ? 0
		       : service_tracer_probe(context, (enum service_way)method, status);
}

void service_method_try(const struct source_context *context, size_t method,
			struct source_status *status)
{
	struct service_tracer *tracer = NULL;

	if (method_probe(context, (uint32_t)method, status) < 0 || method == SERVICE_SOCK_DIAG)
		return;
	if (service_tracer_open(context, (enum service_way)method, status, &tracer) < 0)
		return;
	service_tracer_close(tracer);
	service_tracer_caution(context, (enum service_way)method, status);
}

static const struct methods methods = {
	.source = "service",
	.names = names,
	.n = SERVICE_METHOD_COUNT,
	.probe = method_probe,
};

bool service_method_forced(const struct source_context *context)
{
	return methods_forced(&methods, context);
}

uint32_t service_method_choose(const struct source_context *context, uint32_t first,
			       struct source_status *status)
{
	return methods_choose(&methods, context, first, status);
}
