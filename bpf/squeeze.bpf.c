// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Squeezes by budget: net_rx_action() takes each poll's packets off its budget, and stops at the first poll after which
 * nothing is left of it. The same sum is made here. Polls outside of that run (threaded NAPI, busy polling) do not
 * count against its budget.
 */
#include "bpf/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/squeeze.h"

#define NET_RX_SOFTIRQ 3 /* linux/interrupt.h */

/* net.core.netdev_budget, as user space last saw it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} squeeze_budget SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct squeeze_cpu);
} squeeze_cpus SEC(".maps");

static struct squeeze_cpu *this_cpu(void)
{
	const __u32 key = 0;

	return bpf_map_lookup_elem(&squeeze_cpus, &key);
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(squeeze_entry, unsigned int vector)
{
	struct squeeze_cpu *cpu;

	if (vector != NET_RX_SOFTIRQ)
		return 0;
	cpu = this_cpu();
	if (!cpu)
		return 0;
	cpu->work = 0;
	cpu->polling = 1;
	return 0;
}

SEC("tp_btf/napi_poll")
int BPF_PROG(squeeze_poll, void *napi, int work, int budget)
{
	struct squeeze_cpu *cpu = this_cpu();
	const __u32 key = 0;
	__u64 *limit;

	if (!cpu || !cpu->polling)
		return 0;
	cpu->work += work;
	limit = bpf_map_lookup_elem(&squeeze_budget, &key);
	if (!limit || cpu->work < *limit)
		return 0;
	cpu->squeezes++;
	cpu->polling = 0;
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(squeeze_exit, unsigned int vector)
{
	struct squeeze_cpu *cpu;

	if (vector != NET_RX_SOFTIRQ)
		return 0;
	cpu = this_cpu();
	if (cpu)
		cpu->polling = 0;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
