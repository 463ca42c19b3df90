// SPDX-License-Identifier: Apache-2.0
#include "observer/sched_btf.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool has_member(const struct btf *btf, const char *structure, const char *name)
{
	const int id = btf__find_by_name_kind(btf, structure, BTF_KIND_STRUCT);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	for (uint16_t i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off), name))
			return true;
	return false;
}

/* The tracepoint's type is a pointer to void (void *context, bool preempt, prev, next[, unsigned int prev_state]). */
int sched_btf_has_state(const struct btf *btf)
{
	const int id = btf__find_by_name_kind(btf, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	uint16_t n;

	type = type ? btf__type_by_id(btf, type->type) : NULL;
	type = type && btf_is_ptr(type) ? btf__type_by_id(btf, type->type) : NULL;
	n = type && btf_is_func_proto(type) ? btf_vlen(type) : 0;
	if ((n != 4 && n != 5) || !has_member(btf, "sched_info", "last_queued") ||
	    !has_member(btf, "sched_entity", "cfs_rq"))
		return -EOPNOTSUPP;
	return n == 5;
}
