// SPDX-License-Identifier: Apache-2.0
#include "observer/observer.h"

#define DISK(id, kind_, unit_, name_, about_)          \
	[SIGNAL_DISK_##id] = { .name = "disk." name_,  \
			       .kind = SIGNAL_##kind_, \
			       .unit = UNIT_##unit_,   \
			       .scope = SCOPE_DISK,    \
			       .source = "block",      \
			       .about = about_ }
/* `also_`: the further kinds of scopes that have it. */
#define EACH(id, also_, kind_, unit_, source_, name_, about_) \
	[SIGNAL_##id] = { .name = name_,                      \
			  .kind = SIGNAL_##kind_,             \
			  .unit = UNIT_##unit_,               \
			  .scope = SCOPE_HOST,                \
			  .scopes = SCOPE_BIT(SCOPE_##also_), \
			  .source = source_,                  \
			  .about = about_ }
#define BOTH(id, also_, too_, kind_, unit_, source_, name_, about_)                     \
	[SIGNAL_##id] = { .name = name_,                                                \
			  .kind = SIGNAL_##kind_,                                       \
			  .unit = UNIT_##unit_,                                         \
			  .scope = SCOPE_HOST,                                          \
			  .scopes = SCOPE_BIT(SCOPE_##also_) | SCOPE_BIT(SCOPE_##too_), \
			  .source = source_,                                            \
			  .about = about_ }
#define HOST(id, kind_, unit_, source_, name_, about_) \
	[SIGNAL_##id] = { .name = name_,               \
			  .kind = SIGNAL_##kind_,      \
			  .unit = UNIT_##unit_,        \
			  .scope = SCOPE_HOST,         \
			  .source = source_,           \
			  .about = about_ }
#define OF(scope_, id, kind_, unit_, source_, name_, about_) \
	[SIGNAL_##id] = { .name = name_,                     \
			  .kind = SIGNAL_##kind_,            \
			  .unit = UNIT_##unit_,              \
			  .scope = SCOPE_##scope_,           \
			  .source = source_,                 \
			  .about = about_ }
#define APP(id, kind_, unit_, name_, about_)          \
	[SIGNAL_APP_##id] = { .name = "app." name_,   \
			      .kind = SIGNAL_##kind_, \
			      .unit = UNIT_##unit_,   \
			      .scope = SCOPE_SERVICE, \
			      .source = "app",        \
			      .about = about_ }

const struct signal_row signal_rows[SIGNAL_ID_COUNT] = {
	DISK(READ_LATENCY, DISTRIBUTION, TIME, "read.latency",
	     "Time of reads from allocation of the request to completion."),
	DISK(READ_QUEUE, DISTRIBUTION, TIME, "read.queue",
	     "Time of reads from allocation of the request to its issue to the driver."),
	DISK(READ_SERVICE, DISTRIBUTION, TIME, "read.service",
	     "Time of reads from issue to the driver to completion."),
	DISK(READ_BYTES, COUNTER, BYTES, "read.bytes", "Bytes of completed reads."),
	DISK(READ_OPS, COUNTER, NONE, "read.ops", "Completed reads."),
	DISK(WRITE_LATENCY, DISTRIBUTION, TIME, "write.latency",
	     "Time of writes from allocation of the request to completion."),
	DISK(WRITE_QUEUE, DISTRIBUTION, TIME, "write.queue",
	     "Time of writes from allocation of the request to its issue to the driver."),
	DISK(WRITE_SERVICE, DISTRIBUTION, TIME, "write.service",
	     "Time of writes from issue to the driver to completion."),
	DISK(WRITE_BYTES, COUNTER, BYTES, "write.bytes", "Bytes of completed writes."),
	DISK(WRITE_OPS, COUNTER, NONE, "write.ops",
	     "Completed writes; the kernel counts a flush without data as one, too."),
	DISK(INFLIGHT, GAUGE, NONE, "inflight", "Requests in flight at the tick."),
	DISK(BUSY, GAUGE, RATIO, "busy", "Share of the tick with at least one request in flight."),

	EACH(PSI_CPU_SOME, CGROUP, GAUGE, RATIO, "psi", "psi.cpu.some",
	     "Share of the tick in which some task waited for a CPU."),
	EACH(PSI_IO_SOME, CGROUP, GAUGE, RATIO, "psi", "psi.io.some",
	     "Share of the tick in which some task waited for I/O."),
	EACH(PSI_IO_FULL, CGROUP, GAUGE, RATIO, "psi", "psi.io.full",
	     "Share of the tick in which all non-idle tasks waited for I/O."),
	EACH(PSI_MEMORY_SOME, CGROUP, GAUGE, RATIO, "psi", "psi.memory.some",
	     "Share of the tick in which some task waited for memory."),
	EACH(PSI_MEMORY_FULL, CGROUP, GAUGE, RATIO, "psi", "psi.memory.full",
	     "Share of the tick in which all non-idle tasks waited for memory."),

	EACH(CPU_USER, CPU, GAUGE, RATIO, "cpu", "cpu.user",
	     "Share of the CPUs' time in user space, with nice and guests."),
	EACH(CPU_SYSTEM, CPU, GAUGE, RATIO, "cpu", "cpu.system",
	     "Share of the CPUs' time in the kernel."),
	EACH(CPU_IOWAIT, CPU, GAUGE, RATIO, "cpu", "cpu.iowait",
	     "Share of the CPUs' time idle while a task waited for I/O."),
	EACH(CPU_IRQ, CPU, GAUGE, RATIO, "cpu", "cpu.irq",
	     "Share of the CPUs' time in hard and soft interrupts."),
	EACH(CPU_STEAL, CPU, GAUGE, RATIO, "cpu", "cpu.steal",
	     "Share of the CPUs' time that the hypervisor gave to others."),
	EACH(CPU_IDLE, CPU, GAUGE, RATIO, "cpu", "cpu.idle", "Share of the CPUs' time idle."),

	OF(CPU, CPU_FREQUENCY, GAUGE, NONE, "cpu-state", "cpu.frequency",
	   "Clock frequency that its driver says, Hz."),
	OF(CPU, CPU_IDLE_SHALLOW, GAUGE, RATIO, "cpu-state", "cpu.idle.shallow",
	   "Share of the tick in the shallowest idle state, mostly polling."),
	OF(CPU, CPU_IDLE_DEEP, GAUGE, RATIO, "cpu-state", "cpu.idle.deep",
	   "Share of the tick in the deepest idle state."),
	OF(CPU, CPU_THROTTLE_CORE, COUNTER, NONE, "cpu-state", "cpu.throttle.core",
	   "Times that heat slowed the core down."),
	OF(CPU, CPU_THROTTLE_PACKAGE, COUNTER, NONE, "cpu-state", "cpu.throttle.package",
	   "Times that heat slowed its package down."),
	OF(CGROUP, CPU_THROTTLED, GAUGE, RATIO, "cgroup-cpu", "cpu.throttled",
	   "Share of the periods in which the group ran into its limit of CPU time."),
	OF(CGROUP, CPU_THROTTLED_TIME, COUNTER, TIME, "cgroup-cpu", "cpu.throttled.time",
	   "Time that its run queues waited for the next period, of all CPUs."),
	HOST(CPU_POWER, GAUGE, NONE, "rapl", "cpu.power",
	     "Power that all processor packages take, in watts."),

	HOST(MEM_AVAILABLE, GAUGE, BYTES, "memory", "mem.available",
	     "Memory that can be had without swapping, by the kernel's estimate."),
	EACH(MEM_FREE, NODE, GAUGE, BYTES, "memory", "mem.free", "Memory that nobody uses."),
	BOTH(MEM_CACHED, NODE, CGROUP, GAUGE, BYTES, "memory", "mem.cached",
	     "Page cache, without swap cache; of a node with buffers."),
	BOTH(MEM_DIRTY, NODE, CGROUP, GAUGE, BYTES, "memory", "mem.dirty",
	     "Page cache that waits to be written."),
	BOTH(MEM_WRITEBACK, NODE, CGROUP, GAUGE, BYTES, "memory", "mem.writeback",
	     "Page cache being written now."),
	HOST(MEM_SWAP_USED, GAUGE, BYTES, "memory", "mem.swap.used", "Swap space in use."),
	EACH(MEM_FAULTS_MINOR, CGROUP, COUNTER, NONE, "memory", "mem.faults.minor",
	     "Page faults that found the page in memory, or needed an empty one."),
	EACH(MEM_FAULTS_MAJOR, CGROUP, COUNTER, NONE, "memory", "mem.faults.major",
	     "Page faults that needed a read from disk."),
	EACH(MEM_SWAP_IN, CGROUP, COUNTER, NONE, "memory", "mem.swap.in",
	     "Pages read back from swap; of a group not on v1."),
	EACH(MEM_SWAP_OUT, CGROUP, COUNTER, NONE, "memory", "mem.swap.out",
	     "Pages written to swap; of a group not on v1."),
	HOST(MEM_STALL_RECLAIM, COUNTER, NONE, "memory", "mem.stall.reclaim",
	     "Allocations that had to reclaim memory themselves first."),
	HOST(MEM_STALL_COMPACT, COUNTER, NONE, "memory", "mem.stall.compact",
	     "Allocations that had to compact memory themselves first."),
	EACH(MEM_SCAN_KSWAPD, CGROUP, COUNTER, NONE, "memory", "mem.scan.kswapd",
	     "Pages that kswapd looked at to reclaim them; of a group not on v1."),
	EACH(MEM_SCAN_DIRECT, CGROUP, COUNTER, NONE, "memory", "mem.scan.direct",
	     "Pages that allocating tasks looked at to reclaim them; of a group not on v1."),
	BOTH(MEM_REFAULTS, NODE, CGROUP, COUNTER, NONE, "memory", "mem.refaults",
	     "Pages read back soon after they were reclaimed: the working set does not fit."),
	EACH(MEM_THP_SUCCESS, CGROUP, COUNTER, NONE, "memory", "mem.thp.success",
	     "Transparent huge pages given at a fault or by khugepaged; of a group not on v1."),
	HOST(MEM_THP_FAILURE, COUNTER, NONE, "memory", "mem.thp.failure",
	     "Transparent huge pages wanted at a fault or by khugepaged, and not to be had."),

	EACH(NUMA_HIT, NODE, COUNTER, NONE, "memory", "numa.hit",
	     "Pages given on the node that was wanted."),
	EACH(NUMA_MISS, NODE, COUNTER, NONE, "memory", "numa.miss",
	     "Pages given on a node although another one was wanted."),
	EACH(NUMA_FOREIGN, NODE, COUNTER, NONE, "memory", "numa.foreign",
	     "Pages wanted on a node and given on another one."),
	EACH(NUMA_LOCAL, NODE, COUNTER, NONE, "memory", "numa.local",
	     "Pages given on a node to a task that ran on it."),
	EACH(NUMA_OTHER, NODE, COUNTER, NONE, "memory", "numa.other",
	     "Pages given on a node to a task that ran on another one."),
	EACH(NUMA_HINT_MARKED, CGROUP, COUNTER, NONE, "memory", "numa.hint.marked",
	     "Page table entries that balancing marked to see who uses them."),
	EACH(NUMA_HINT_FAULTS, CGROUP, COUNTER, NONE, "memory", "numa.hint.faults",
	     "Faults on marked entries."),
	HOST(NUMA_HINT_LOCAL, COUNTER, NONE, "memory", "numa.hint.local",
	     "Faults on marked entries whose page was on the task's own node."),
	EACH(NUMA_MIGRATED, CGROUP, COUNTER, NONE, "memory", "numa.migrated",
	     "Pages that balancing moved to another node."),
	OF(PROCESS, NUMA_PAGES_LOCAL, GAUGE, BYTES, "numa-process", "numa.pages.local",
	   "Memory on the nodes that its threads last ran on."),
	OF(PROCESS, NUMA_PAGES_REMOTE, GAUGE, BYTES, "numa-process", "numa.pages.remote",
	   "Memory on other nodes."),
	OF(PROCESS, NUMA_PAGES_AGE, GAUGE, TIME, "numa-process", "numa.pages.age",
	   "How long ago the two were looked at: every 10 s, and more rarely where it takes "
	   "long."),

	OF(PROCESS, TASK_DELAY_CPU, COUNTER, TIME, "task-delay", "task.delay.cpu",
	   "Time that its threads waited for a CPU."),
	OF(PROCESS, TASK_DELAY_BLKIO, COUNTER, TIME, "task-delay", "task.delay.blkio",
	   "Time that its threads waited for reads and writes to end."),
	OF(PROCESS, TASK_DELAY_SWAPIN, COUNTER, TIME, "task-delay", "task.delay.swapin",
	   "Time that its threads waited for pages to come back from swap."),
	OF(PROCESS, TASK_DELAY_FREEPAGES, COUNTER, TIME, "task-delay", "task.delay.freepages",
	   "Time that its threads waited for memory to be reclaimed."),
	OF(PROCESS, TASK_DELAY_THRASHING, COUNTER, TIME, "task-delay", "task.delay.thrashing",
	   "Time that its threads waited for pages that had just been reclaimed."),
	OF(PROCESS, TASK_DELAY_COMPACT, COUNTER, TIME, "task-delay", "task.delay.compact",
	   "Time that its threads waited for memory to be compacted."),
	OF(PROCESS, TASK_DELAY_WPCOPY, COUNTER, TIME, "task-delay", "task.delay.wpcopy",
	   "Time that its threads waited for pages to be copied on a write."),

	APP(VALUE, GAUGE, NONE, "value", "A level that a service pushes: `NAME 12`."),
	APP(COUNT, COUNTER, NONE, "count", "Events that a service counts: `NAME +3`."),
	APP(LATENCY, DISTRIBUTION, TIME, "latency",
	    "Durations that a service measures: `NAME 1.2ms`, one each."),
};
