// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Switches from one task to the next, by the typed tracepoint. What is recorded: bpf/sched_record.h. */
#define READ(pointer, field) ((pointer)->field)
#define READ_BITS(pointer, field) BPF_CORE_READ_BITFIELD(pointer, field)
#define CURRENT(task) (task)
#include "bpf/sched_record.h"

/* prev_state came with fa2c3254d7cf ("sched/tracing: Don't re-read p->state when emitting sched_switch event"), 5.18. */
SEC("tp_btf/sched_switch")
int tp_btf_switch(__u64 *ctx)
{
	__u32 state;

	/* In branches that the compiler cannot merge: the verifier knows how many arguments there are. */
	if (settings.has_state) {
		state = (__u32)ctx[3];
		barrier_var(state);
	} else {
		state = task_state((struct task_struct *)ctx[1]);
		barrier_var(state);
	}
	return task_switch(ctx[0], (struct task_struct *)ctx[1], (struct task_struct *)ctx[2],
			   state);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
