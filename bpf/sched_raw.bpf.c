// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The same by the raw tracepoint, where the kernel has no typed ones: tasks are read by a helper's calls. */
#define READ(pointer, field) BPF_CORE_READ(pointer, field)
#define READ_BITS(pointer, field) BPF_CORE_READ_BITFIELD_PROBED(pointer, field)
#define CURRENT(task) bpf_get_current_task_btf()
#include "bpf/sched_record.h"

SEC("raw_tp/sched_switch")
int raw_switch(__u64 *ctx)
{
	__u32 state;

	if (settings.has_state)
		state = (__u32)ctx[3];
	else
		state = task_state((struct task_struct *)ctx[1]);
	return task_switch(ctx[0], (struct task_struct *)ctx[1], (struct task_struct *)ctx[2],
			   state);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
