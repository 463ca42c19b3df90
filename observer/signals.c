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
#define SCHED(id, kind_, unit_, name_, about_)                                             \
	[SIGNAL_SCHED_##id] = { .name = "sched." name_,                                    \
				.kind = SIGNAL_##kind_,                                    \
				.unit = UNIT_##unit_,                                      \
				.scope = SCOPE_HOST,                                       \
				.scopes = SCOPE_BIT(SCOPE_CPU) | SCOPE_BIT(SCOPE_CGROUP) | \
					  SCOPE_BIT(SCOPE_PROCESS),                        \
				.source = "sched",                                         \
				.about = about_ }
#define LOCK(id, name_, about_)                                           \
	[SIGNAL_LOCK_KERNEL_##id] = { .name = "lock.kernel." name_,       \
				      .kind = SIGNAL_DISTRIBUTION,        \
				      .unit = UNIT_TIME,                  \
				      .scope = SCOPE_HOST,                \
				      .scopes = SCOPE_BIT(SCOPE_PROCESS), \
				      .source = "lock",                   \
				      .about = about_ }
#define APP(id, kind_, unit_, name_, about_)          \
	[SIGNAL_APP_##id] = { .name = "app." name_,   \
			      .kind = SIGNAL_##kind_, \
			      .unit = UNIT_##unit_,   \
			      .scope = SCOPE_SERVICE, \
			      .source = "app",        \
			      .about = about_ }
#define NETWORK(id, main_, also_, kind_, unit_, source_, name_, about_) \
	[SIGNAL_##id] = { .name = source_ "." name_,                    \
			  .kind = SIGNAL_##kind_,                       \
			  .unit = UNIT_##unit_,                         \
			  .scope = SCOPE_##main_,                       \
			  .scopes = also_,                              \
			  .source = source_,                            \
			  .about = about_ }
#define OF_ROUTES (SCOPE_BIT(SCOPE_NETNS) | SCOPE_BIT(SCOPE_ROUTE))

#define SPLIT(id, kind_, unit_, name_, about_)                        \
	[SIGNAL_TCP_SPLIT_##id] = { .name = "tcp.split." name_,       \
				    .kind = SIGNAL_##kind_,           \
				    .unit = UNIT_##unit_,             \
				    .scope = SCOPE_HOST,              \
				    .scopes = SCOPE_BIT(SCOPE_NETNS), \
				    .source = "tcp_split",            \
				    .about = about_ }

#define GPU(id, also_, unit_, name_, about_)        \
	[SIGNAL_GPU_##id] = { .name = "gpu." name_, \
			      .kind = SIGNAL_GAUGE, \
			      .unit = UNIT_##unit_, \
			      .scope = SCOPE_GPU,   \
			      .scopes = also_,      \
			      .source = "nvml",     \
			      .about = about_ }

#define CALL(id, name_, about_)                                             \
	[SIGNAL_GPU_##id##_LATENCY] = { .name = "gpu." name_ ".latency",    \
					.kind = SIGNAL_DISTRIBUTION,        \
					.unit = UNIT_TIME,                  \
					.scope = SCOPE_HOST,                \
					.scopes = SCOPE_BIT(SCOPE_PROCESS), \
					.source = "gpu-calls",              \
					.about = about_ }

#define SERVICE(id, kind_, unit_, name_, about_)            \
	[SIGNAL_SERVICE_##id] = { .name = "service." name_, \
				  .kind = SIGNAL_##kind_,   \
				  .unit = UNIT_##unit_,     \
				  .scope = SCOPE_SERVICE,   \
				  .source = "service",      \
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
	     "Page faults that found the page in memory, or needed an empty one; on older kernels "
	     "(6.1) also each major one."),
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

	EACH(PMU_CYCLES, CPU, COUNTER, NONE, "pmu", "pmu.cycles",
	     "Clock cycles that a CPU did not sleep."),
	EACH(PMU_INSTRUCTIONS, CPU, COUNTER, NONE, "pmu", "pmu.instructions",
	     "Instructions that were carried out."),
	EACH(PMU_IPC, CPU, GAUGE, NONE, "pmu", "pmu.ipc", "Instructions a cycle."),
	EACH(PMU_LLC_MISSES, CPU, COUNTER, NONE, "pmu", "pmu.llc.misses",
	     "Reads and writes that the last cache had not."),
	EACH(PMU_BRANCH_MISSES, CPU, COUNTER, NONE, "pmu", "pmu.branch.misses",
	     "Branches that were foretold wrong."),
	EACH(PMU_REMOTE_LOADS, CPU, COUNTER, NONE, "pmu", "pmu.remote.loads",
	     "Reads from the memory of another node."),
	EACH(PERF_FAULTS, CPU, COUNTER, NONE, "perf", "perf.faults", "Page faults of programs."),
	EACH(PERF_SWITCHES, CPU, COUNTER, NONE, "perf", "perf.switches",
	     "Switches from one task to another."),

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

	SCHED(WAKEUP, DISTRIBUTION, TIME, "wakeup",
	      "Time of tasks from being woken, or made, to running."),
	SCHED(PREEMPTED, DISTRIBUTION, TIME, "preempted",
	      "Time of tasks from having to leave a CPU, still ready, to running again."),
	SCHED(RUN, DISTRIBUTION, TIME, "run",
	      "Time that a task stays on a CPU, with the interrupts that it sees."),
	SCHED(BLOCKED_DISK, DISTRIBUTION, TIME, "blocked.disk",
	      "Time of tasks asleep until their I/O has ended, as the kernel counts iowait."),
	SCHED(BLOCKED_LOCK, DISTRIBUTION, TIME, "blocked.lock",
	      "Time of tasks asleep in a futex call."),
	SCHED(BLOCKED_NETWORK, DISTRIBUTION, TIME, "blocked.network",
	      "Time of tasks asleep in a call on a socket; not in poll or epoll."),
	SCHED(BLOCKED_OTHER, DISTRIBUTION, TIME, "blocked.other",
	      "Time of tasks in uninterruptible sleep that is none of these: locks of the kernel, "
	      "memory."),
	SCHED(SLEEP, DISTRIBUTION, TIME, "sleep",
	      "Time of tasks in any other sleep: timers, poll, pipes, children."),
	[SIGNAL_LOCK_FUTEX_WAIT] = { .name = "lock.futex.wait",
				     .kind = SIGNAL_DISTRIBUTION,
				     .unit = UNIT_TIME,
				     .scope = SCOPE_HOST,
				     .scopes = SCOPE_BIT(SCOPE_CPU) | SCOPE_BIT(SCOPE_CGROUP) |
					       SCOPE_BIT(SCOPE_PROCESS),
				     .source = "sched",
				     .about = "Time of threads from going to sleep in a futex call "
					      "to running again." },
	SCHED(WAIT, DISTRIBUTION, TIME, "wait",
	      "Time of tasks from being ready to running: sched.wakeup and sched.preempted."),
	SCHED(WAITING, GAUGE, NONE, "waiting",
	      "Tasks in run queues that did not run, on average: the waits that ended in the "
	      "tick."),
	SCHED(SWITCHES, COUNTER, NONE, "switches", "Times that a task left a CPU."),
	SCHED(INVOLUNTARY, COUNTER, NONE, "switches.involuntary",
	      "Times that a task had to leave a CPU, or yielded it."),
	SCHED(MIGRATIONS, COUNTER, NONE, "migrations",
	      "Moves of tasks to another CPU, as the kernel counts; seen when they run there."),
	SCHED(MIGRATIONS_NODE, COUNTER, NONE, "migrations.node",
	      "Tasks that run on another node than before."),

	LOCK(SPIN, "spin",
	     "Time of waits for spinlocks and rwlocks of the kernel, on a CPU; the first who waits "
	     "for a spinlock is not seen."),
	LOCK(MUTEX, "mutex", "Time of waits for mutexes of the kernel, spinning and asleep."),
	LOCK(RWSEM, "rwsem",
	     "Time of waits for read-write semaphores of the kernel, such as mmap_lock."),
	LOCK(OTHER, "other", "Time of waits for other sleeping locks of the kernel."),
	LOCK(WAIT, "wait", "Time of waits for any lock of the kernel."),

	SERVICE(LATENCY, DISTRIBUTION, TIME, "latency",
		"From the first byte of a request that the service reads to the first byte of its "
		"answer."),
	SERVICE(REQUESTS, COUNTER, NONE, "requests", "Requests whose first byte was read."),
	SERVICE(BYTES_IN, COUNTER, BYTES, "bytes.in", "Bytes that the service read."),
	SERVICE(BYTES_OUT, COUNTER, BYTES, "bytes.out", "Bytes that the service sent."),
	SERVICE(ERRORS, COUNTER, NONE, "errors",
		"Answers that say that they are errors of the service, in HTTP/1, memcached's "
		"text, "
		"Redis, MySQL or PostgreSQL in clear; no value where answers are in none of "
		"these."),
	SERVICE(QUEUE, GAUGE, NONE, "queue", "Connections that wait to be accepted."),
	SERVICE(QUEUE_DROPS, COUNTER, NONE, "queue.drops",
		"Connections for which a listening socket had no room, or no memory."),

	APP(VALUE, GAUGE, NONE, "value",
	    "A level that a service pushes (`NAME 12`) or has on a page."),
	APP(COUNT, COUNTER, NONE, "count",
	    "Events that a service counts: pushed (`NAME +3`), or a page's counter."),
	APP(LATENCY, DISTRIBUTION, TIME, "latency",
	    "Durations that a service measures: `NAME 1.2ms`, one each, or a page's histogram."),

	SPLIT(RTT, DISTRIBUTION, TIME, "rtt",
	      "In a split trial: smoothed round-trip time of each connection, once a round trip."),
	SPLIT(RTT_MIN, DISTRIBUTION, TIME, "rtt.min",
	      "In a split trial: least round-trip time of each connection that closed."),
	SPLIT(DURATION, DISTRIBUTION, TIME, "duration",
	      "In a split trial: time from established to closed of each connection that closed."),
	SPLIT(DELIVERY, DISTRIBUTION, BYTES, "delivery",
	      "In a split trial: delivery rate in bytes a second of each connection that closed, "
	      "as "
	      "the kernel measured it last."),
	SPLIT(BYTES, COUNTER, BYTES, "bytes", "In a split trial: bytes acknowledged."),
	SPLIT(RETRANSMITS, COUNTER, NONE, "retransmits", "In a split trial: segments sent again."),
	SPLIT(CONNECTIONS, COUNTER, NONE, "connections",
	      "In a split trial: connections that drew their congestion control."),
	NETWORK(TCP_CONNECTIONS, HOST, SCOPE_BIT(SCOPE_NETNS), GAUGE, NONE, "tcp", "connections",
		"Connections that are established, or closed by the peer alone."),
	NETWORK(TCP_OPENS_ACTIVE, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp",
		"opens.active", "Connections asked for from here."),
	NETWORK(TCP_OPENS_PASSIVE, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp",
		"opens.passive", "Connections asked for by peers."),
	NETWORK(TCP_SEGMENTS_IN, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp", "segments.in",
		"Segments received, also bad ones."),
	NETWORK(TCP_SEGMENTS_OUT, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp",
		"segments.out", "Segments sent, without those sent again."),
	NETWORK(TCP_RETRANSMITS, HOST, OF_ROUTES, COUNTER, NONE, "tcp", "retransmits",
		"Segments sent again."),
	NETWORK(TCP_RESETS_SENT, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp", "resets.sent",
		"Resets sent."),
	NETWORK(TCP_RESETS_ESTABLISHED, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp",
		"resets.established",
		"Established connections that a reset ended, on either side."),
	NETWORK(TCP_TIMEOUTS, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp", "timeouts",
		"Retransmission timers that ran out."),
	NETWORK(TCP_OUT_OF_ORDER, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp",
		"out_of_order",
		"Packets received before one that precedes them; joined segments are one."),
	NETWORK(TCP_ZERO_WINDOWS, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp",
		"zero_windows",
		"Times that a receive window was closed: the application did not read."),
	NETWORK(TCP_ZERO_WINDOW_PROBES, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp",
		"zero_window.probes", "Probes sent because the peer's window was closed."),
	NETWORK(TCP_LISTEN_OVERFLOWS, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp",
		"listen.overflows", "Connections that found the queue of a listener full."),
	NETWORK(TCP_LISTEN_DROPS, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp",
		"listen.drops",
		"Connections that a listener dropped for any reason, overflows among them."),
	NETWORK(TCP_BACKLOG_DROPS, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp",
		"backlog.drops",
		"Segments dropped because the socket was busy and its backlog full."),
	NETWORK(TCP_MEMORY_PRESSURES, HOST, SCOPE_BIT(SCOPE_NETNS), COUNTER, NONE, "tcp",
		"memory.pressures", "Times that TCP's memory came under pressure."),
	NETWORK(TCP_MEMORY, HOST, 0, GAUGE, BYTES, "tcp", "memory",
		"Memory of all TCP sockets of the machine."),
	NETWORK(TCP_RTT, HOST, OF_ROUTES, DISTRIBUTION, TIME, "tcp", "rtt",
		"Smoothed round-trip time of each connection that had data acknowledged."),
	NETWORK(TCP_CWND, HOST, OF_ROUTES, DISTRIBUTION, NONE, "tcp", "cwnd",
		"Congestion window of each such connection, in packets."),
	NETWORK(TCP_DELIVERY_RATE, HOST, OF_ROUTES, DISTRIBUTION, BYTES, "tcp", "delivery_rate",
		"Bytes a second that each such connection delivered, by the kernel's latest "
		"sample."),
	NETWORK(NET_PACKETS, HOST, SCOPE_BIT(SCOPE_CPU), COUNTER, NONE, "net", "packets",
		"Packets handed to the network stack, after they were joined (GRO)."),
	NETWORK(NET_DROPS_BACKLOG, HOST, SCOPE_BIT(SCOPE_CPU), COUNTER, NONE, "net",
		"drops.backlog",
		"Packets dropped because the backlog of the CPU was full "
		"(net.core.netdev_max_backlog)."),
	NETWORK(NET_DROPS_FLOW_LIMIT, HOST, SCOPE_BIT(SCOPE_CPU), COUNTER, NONE, "net",
		"drops.flow_limit",
		"Packets dropped because one flow had too much of a backlog that filled up "
		"(net.core.flow_limit_cpu_bitmap)."),
	NETWORK(NET_SQUEEZES_ALL, HOST, SCOPE_BIT(SCOPE_CPU), COUNTER, NONE, "net", "squeezes.all",
		"Times that receiving stopped with work left."),
	NETWORK(NET_SQUEEZES_BUDGET, HOST, SCOPE_BIT(SCOPE_CPU), COUNTER, NONE, "net",
		"squeezes.budget",
		"Of these, those by the number of packets (net.core.netdev_budget)."),
	NETWORK(NET_SQUEEZES_TIME, HOST, SCOPE_BIT(SCOPE_CPU), COUNTER, NONE, "net",
		"squeezes.time", "Of these, those by time alone (net.core.netdev_budget_usecs)."),
	NETWORK(NET_RPS, HOST, SCOPE_BIT(SCOPE_CPU), COUNTER, NONE, "net", "rps",
		"Times that a CPU was woken by another one to receive (RPS)."),
	NETWORK(NET_BACKLOG, HOST, SCOPE_BIT(SCOPE_CPU), GAUGE, NONE, "net", "backlog",
		"Packets that wait in the backlog at the tick."),
	NETWORK(NET_SOFTIRQS_SHARE, CPU, 0, GAUGE, RATIO, "net", "softirqs.share",
		"Share of all CPUs' software interrupts of receiving that this CPU had."),
	NETWORK(NET_RX_BYTES, NIC, 0, COUNTER, BYTES, "net", "rx.bytes", "Bytes received."),
	NETWORK(NET_RX_PACKETS, NIC, 0, COUNTER, NONE, "net", "rx.packets", "Packets received."),
	NETWORK(NET_RX_ERRORS, NIC, 0, COUNTER, NONE, "net", "rx.errors",
		"Bad packets received, of all kinds."),
	NETWORK(NET_RX_DROPS_RING, NIC, 0, COUNTER, NONE, "net", "rx.drops.ring",
		"Packets that the interface lost because the host gave it no buffer in time "
		"(rx_missed_errors)."),
	NETWORK(NET_RX_DROPS_FIFO, NIC, 0, COUNTER, NONE, "net", "rx.drops.fifo",
		"Overflows of the interface's own queue (rx_fifo_errors)."),
	NETWORK(NET_RX_DROPS_STACK, NIC, 0, COUNTER, NONE, "net", "rx.drops.stack",
		"Packets received and then dropped: nobody wanted them, or there was no memory "
		"(rx_dropped)."),
	NETWORK(NET_RX_DROPS_INACTIVE, NIC, 0, COUNTER, NONE, "net", "rx.drops.inactive",
		"Packets dropped because the interface is an idle part of another one "
		"(rx_nohandler)."),
	NETWORK(NET_TX_BYTES, NIC, 0, COUNTER, BYTES, "net", "tx.bytes", "Bytes sent."),
	NETWORK(NET_TX_PACKETS, NIC, 0, COUNTER, NONE, "net", "tx.packets", "Packets sent."),
	NETWORK(NET_TX_ERRORS, NIC, 0, COUNTER, NONE, "net", "tx.errors",
		"Packets that could not be sent, of all kinds."),
	NETWORK(NET_TX_DROPS, NIC, 0, COUNTER, NONE, "net", "tx.drops",
		"Packets dropped on their way out (tx_dropped)."),
	NETWORK(NET_IRQS, NIC, 0, COUNTER, NONE, "net", "irqs", "Interrupts of the interface."),
	NETWORK(NET_IRQS_SHARE, NIC, 0, GAUGE, RATIO, "net", "irqs.share",
		"Share of them on the CPU that had most: 100 % is all on one."),

	GPU(BUSY, SCOPE_BIT(SCOPE_PROCESS), RATIO, "busy",
	    "Share of the last sample (1/6 s to 1 s) in which a kernel ran; of a process, what it "
	    "had of "
	    "the GPU that it uses most."),
	GPU(MEMORY_USED, SCOPE_BIT(SCOPE_PROCESS), BYTES, "memory.used",
	    "Memory in use, with what the driver keeps; of a process, on all GPUs."),
	GPU(MEMORY_TOTAL, 0, BYTES, "memory.total", "Memory that the GPU has."),
	GPU(MEMORY_BUSY, 0, RATIO, "memory.busy",
	    "Share of the last sample in which its memory was read or written."),
	GPU(CLOCK_SM, 0, NONE, "clock.sm", "Clock of the multiprocessors, Hz."),
	GPU(CLOCK_MEMORY, 0, NONE, "clock.memory", "Clock of the memory, Hz."),
	GPU(POWER, 0, NONE, "power", "Power that the board takes, in watts."),
	GPU(TEMPERATURE, 0, NONE, "temperature", "Temperature of the chip, in degrees Celsius."),
	GPU(PCIE_RX, 0, BYTES, "pcie.rx", "Bytes a second that it receives, measured for 20 ms."),
	GPU(PCIE_TX, 0, BYTES, "pcie.tx", "Bytes a second that it sends, measured for 20 ms."),
	GPU(THROTTLE_HEAT, 0, NONE, "throttle.heat", "1 while heat keeps its clocks low, else 0."),
	GPU(THROTTLE_POWER, 0, NONE, "throttle.power",
	    "1 while a limit of power, or the power supply, keeps its clocks low, else 0."),
	GPU(THROTTLE_OTHER, 0, NONE, "throttle.other",
	    "1 while settings, other GPUs, the display or no cause that it tells keep its clocks "
	    "low, "
	    "else 0."),
	OF(PROCESS, DRM_BUSY, GAUGE, RATIO, "drm", "drm.busy",
	   "Share of the time that an engine of a GPU or an NPU worked for it, of the one that it "
	   "uses "
	   "most."),
	OF(PROCESS, DRM_MEMORY_USED, GAUGE, BYTES, "drm", "drm.memory.used",
	   "Memory of its GPUs' buffers that is there, in the device and in the machine."),
	OF(PROCESS, DRM_MEMORY_TOTAL, GAUGE, BYTES, "drm", "drm.memory.total",
	   "Memory of all its GPUs' buffers, also shared ones and such as are not there now."),
	CALL(LAUNCH, "launch",
	     "Time of calls of CUDA and HIP that hand work to a GPU, from call to return; not when "
	     "the GPU begins."),
	CALL(WAIT, "wait",
	     "Time of calls of CUDA and HIP that wait for a GPU: for a stream, an event, all of "
	     "it."),
	CALL(COPY, "copy",
	     "Time of synchronous copies of CUDA and HIP, with the wait for what goes before "
	     "them."),
};
