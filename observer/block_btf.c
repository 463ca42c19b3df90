// SPDX-License-Identifier: Apache-2.0
#include "observer/block_btf.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

/*
 * Until a54895fa057c ("block: remove the request_queue to argument request based tracepoints"), 5.11, the first
 * argument was the queue. The tracepoint's type is a pointer to void (void *context, …).
 */
int block_btf_queue_first(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "btf_trace_block_rq_issue", BTF_KIND_TYPEDEF);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL, *last;
	uint16_t n;

	type = type ? btf__type_by_id(btf, type->type) : NULL;
	type = type && btf_is_ptr(type) ? btf__type_by_id(btf, type->type) : NULL;
	n = type && btf_is_func_proto(type) ? btf_vlen(type) : 0;
	if (n != 2 && n != 3)
		return -EOPNOTSUPP;
	last = btf__type_by_id(btf, btf_params(type)[n - 1].type);
	last = last && btf_is_ptr(last) ? btf__type_by_id(btf, last->type) : NULL;
	if (!last || !btf_is_struct(last) ||
	    strcmp(btf__name_by_offset(btf, last->name_off), "request"))
		return -EOPNOTSUPP;
	return n == 3;
}

bool block_btf_has_function(const struct btf *btf, const char *name)
{
	return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
}
