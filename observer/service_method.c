// SPDX-License-Identifier: Apache-2.0
/* The table of methods, best first: a fallback chain, by what works and never by the kernel's version. */
#include "observer/service.h"

#include <stdio.h>
#include <string.h>

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
	if (service_tracer_open(context, (enum service_way)method, 1, status, &tracer) < 0)
		return;
	service_tracer_close(tracer);
	service_tracer_caution(context, (enum service_way)method, status);
}

uint32_t service_method_choose(const struct source_context *context, uint32_t first,
			       struct source_status *status)
{
	const char *forced = source_method_forced(context, "service");
	struct source_status why = *status; /* of a method that is not the best: not to be told */

	for (uint32_t method = first; method < SERVICE_METHOD_COUNT; method++) {
		struct source_status *target = status->text[0] ? &why : status;

		if (forced && strcmp(names[method], forced))
			continue;
		snprintf(status->method, sizeof(status->method), "%s", names[method]);
		if (method_probe(context, method, target) == 0)
			return method;
		if (forced)
			break;
	}
	return SERVICE_METHOD_COUNT;
}
