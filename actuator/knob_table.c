// SPDX-License-Identifier: Apache-2.0
/* The catalogue of knobs: one row each. */
#include "actuator/knobs.h"

#include "base/cleanup.h"

/* Shared by all rows of a kind; a row then says only what is its own. */
#define DISK_ROW .family = FAMILY_IO_SCHEDULER, .scope = SCOPE_DISK, .domain = DOMAIN_DISK
#define SYSCTL_ROW .family = FAMILY_SYSCTL, .type = KNOB_INTEGER, .scope = SCOPE_HOST
#define NUMA_ROW \
	.family = FAMILY_NUMA, .type = KNOB_LIST, .scope = SCOPE_PROCESS, .domain = DOMAIN_MEMORY
#define TCP_ROW .family = FAMILY_TCP_CONGESTION, .type = KNOB_CHOICE, .domain = DOMAIN_NETWORK
#define MEMORY_ROW SYSCTL_ROW, .domain = DOMAIN_MEMORY
#define NETWORK_ROW SYSCTL_ROW, .domain = DOMAIN_NETWORK
#define SCHEDULER_ROW SYSCTL_ROW, .domain = DOMAIN_SCHEDULER
#define GROUP_ROW .family = FAMILY_CGROUP, .scope = SCOPE_CGROUP
#define AFFINITY_ROW .family = FAMILY_AFFINITY, .type = KNOB_LIST, .domain = DOMAIN_SCHEDULER
#define PLAIN .unit = UNIT_NONE, .unit_scale = 1
#define BYTES .unit = UNIT_BYTES, .unit_scale = 1
#define KIBIBYTES .unit = UNIT_BYTES, .unit_scale = 1024
#define MICROSECONDS .unit = UNIT_TIME, .unit_scale = 1000
#define CENTISECONDS .unit = UNIT_TIME, .unit_scale = 10000000

/*
 * Ranges are the kernel's own where it has narrow ones, else what a careful operator would try: a value that can
 * take the machine down is outside. What takes the machine's last memory (vm.min_free_kbytes) is no knob.
 */
const struct knob_row knob_rows[] = {
	{ DISK_ROW, .name = "block.scheduler", .type = KNOB_CHOICE, PLAIN,
	  .path = "sys/block/%s/queue/scheduler",
	  .about = "The I/O scheduler of a disk: who waits when readers and writers compete." },
	{ DISK_ROW, .name = "block.read_ahead_kb", .type = KNOB_INTEGER, KIBIBYTES, .min = 0,
	  .max = 65536, .path = "sys/block/%s/queue/read_ahead_kb",
	  .about = "How far a sequential reader is read ahead of; the kernel rounds down to whole "
		   "pages." },
	{ DISK_ROW, .name = "block.nr_requests", .type = KNOB_INTEGER, PLAIN, .min = 4, .max = 2048,
	  .path = "sys/block/%s/queue/nr_requests",
	  .about = "Requests that may wait in a disk's queue; without a scheduler at most the "
		   "device's own depth." },
	/* -1 asks the kernel for its default and cannot be read back as -1: a value that cannot be verified. */
	{ DISK_ROW, .name = "block.wbt_lat_usec", .type = KNOB_INTEGER, MICROSECONDS, .min = 0,
	  .max = 10000000, .path = "sys/block/%s/queue/wbt_lat_usec",
	  .about = "Read latency that writeback throttling defends; 0 switches the throttling "
		   "off." },

	{ MEMORY_ROW, .name = "vm.dirty_ratio", PLAIN, .min = 1, .max = 60,
	  .path = "proc/sys/vm/dirty_ratio",
	  .about = "Per cent of memory that may be dirty before writers must write back "
		   "themselves." },
	{ MEMORY_ROW, .name = "vm.dirty_background_ratio", PLAIN, .min = 1, .max = 50,
	  .path = "proc/sys/vm/dirty_background_ratio",
	  .about = "Per cent of memory that may be dirty before the kernel begins to write back." },
	{ MEMORY_ROW, .name = "vm.dirty_expire_centisecs", CENTISECONDS, .min = 100, .max = 36000,
	  .path = "proc/sys/vm/dirty_expire_centisecs",
	  .about = "Age at which dirty data is written back." },
	{ MEMORY_ROW, .name = "vm.dirty_writeback_centisecs", CENTISECONDS, .min = 10, .max = 36000,
	  .path = "proc/sys/vm/dirty_writeback_centisecs",
	  .about = "Interval of the periodic writeback." },
	{ MEMORY_ROW, .name = "vm.swappiness", PLAIN, .min = 0, .max = 200,
	  .path = "proc/sys/vm/swappiness",
	  .about = "How readily anonymous memory is swapped rather than page cache dropped." },
	{ MEMORY_ROW, .name = "vm.vfs_cache_pressure", PLAIN, .min = 1, .max = 1000,
	  .path = "proc/sys/vm/vfs_cache_pressure",
	  .about = "How readily inodes and directory entries are reclaimed, against page cache." },
	{ MEMORY_ROW, .name = "vm.page-cluster", PLAIN, .min = 0, .max = 6,
	  .path = "proc/sys/vm/page-cluster",
	  .about = "Pages read at once from swap, as a power of two." },
	{ MEMORY_ROW, .name = "vm.watermark_scale_factor", PLAIN, .min = 1, .max = 1000,
	  .path = "proc/sys/vm/watermark_scale_factor",
	  .about = "How early kswapd wakes and how much it frees, in 1/10,000 of memory." },
	{ MEMORY_ROW, .name = "vm.compaction_proactiveness", PLAIN, .min = 0, .max = 100,
	  .path = "proc/sys/vm/compaction_proactiveness",
	  .about = "How eagerly memory is compacted in the background for huge pages." },

	{ NETWORK_ROW, .name = "net.core.somaxconn", PLAIN, .min = 64, .max = 65535,
	  .path = "proc/sys/net/core/somaxconn",
	  .about = "Longest queue of connections that wait for accept()." },
	{ NETWORK_ROW, .name = "net.core.netdev_budget", PLAIN, .min = 32, .max = 10000,
	  .path = "proc/sys/net/core/netdev_budget",
	  .about = "Packets handled in one round of receiving." },
	{ NETWORK_ROW, .name = "net.core.netdev_budget_usecs", MICROSECONDS, .min = 500,
	  .max = 100000, .path = "proc/sys/net/core/netdev_budget_usecs",
	  .about = "Longest time of one round of receiving." },
	{ NETWORK_ROW, .name = "net.core.netdev_max_backlog", PLAIN, .min = 100, .max = 1000000,
	  .path = "proc/sys/net/core/netdev_max_backlog",
	  .about = "Received packets that may wait for a CPU before more are dropped." },
	{ NETWORK_ROW, .name = "net.core.rmem_max", BYTES, .min = 65536, .max = 268435456,
	  .path = "proc/sys/net/core/rmem_max",
	  .about = "Largest receive buffer that a program may ask for." },
	{ NETWORK_ROW, .name = "net.core.wmem_max", BYTES, .min = 65536, .max = 268435456,
	  .path = "proc/sys/net/core/wmem_max",
	  .about = "Largest send buffer that a program may ask for." },
	{ NETWORK_ROW, .name = "net.core.busy_read", MICROSECONDS, .min = 0, .max = 1000,
	  .path = "proc/sys/net/core/busy_read",
	  .about = "How long a blocking read of a new socket polls the device; 0 = not at all." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_notsent_lowat", BYTES, .min = 4096, .max = 4294967295,
	  .path = "proc/sys/net/ipv4/tcp_notsent_lowat",
	  .about = "Unsent bytes in a socket over which it is not writable." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_slow_start_after_idle", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/net/ipv4/tcp_slow_start_after_idle",
	  .about = "Whether a connection that was idle starts slowly again." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_max_syn_backlog", PLAIN, .min = 128, .max = 65536,
	  .path = "proc/sys/net/ipv4/tcp_max_syn_backlog",
	  .about = "Half-open connections that a listener keeps." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_limit_output_bytes", BYTES, .min = 65536,
	  .max = 67108864, .path = "proc/sys/net/ipv4/tcp_limit_output_bytes",
	  .about = "Bytes of one connection that may wait in queueing disciplines and device." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_autocorking", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/net/ipv4/tcp_autocorking",
	  .about = "Whether small writes are held back to be merged." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_min_tso_segs", PLAIN, .min = 1, .max = 64,
	  .path = "proc/sys/net/ipv4/tcp_min_tso_segs",
	  .about = "Least number of segments in an offloaded send." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_tso_win_divisor", PLAIN, .min = 1, .max = 64,
	  .path = "proc/sys/net/ipv4/tcp_tso_win_divisor",
	  .about = "Share of the congestion window (1/n) that one offloaded send may take." },

	{ NUMA_ROW, .name = "numa.process.node", PLAIN, .min = 1, .drifts = true,
	  .path = "proc/%s/numa_maps",
	  .about = "The nodes that the memory of a process is on; its own anonymous pages are "
		   "moved, at most 1 GiB." },

	{ TCP_ROW, .name = "tcp.congestion", .scope = SCOPE_HOST, .per_netns = true, PLAIN,
	  .path = "proc/sys/net/ipv4/tcp_congestion_control",
	  .choices_path = "proc/sys/net/ipv4/tcp_available_congestion_control",
	  .about = "How new TCP connections avoid congestion; of the machine, or of a network "
		   "namespace, which takes unrestricted algorithms alone. No module is loaded." },
	{ TCP_ROW, .name = "tcp.congestion.route", .scope = SCOPE_ROUTE, PLAIN,
	  .path = "rtnetlink:%s",
	  .choices_path = "proc/sys/net/ipv4/tcp_available_congestion_control",
	  .about = "How new TCP connections over one route avoid congestion: 'default' is what "
		   "its namespace says; with ',lock' programs cannot choose another one." },

	{ SCHEDULER_ROW, .name = "kernel.numa_balancing", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/kernel/numa_balancing",
	  .about = "Whether pages move to the node whose CPUs use them." },
	{ SCHEDULER_ROW, .name = "kernel.sched_autogroup_enabled", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/kernel/sched_autogroup_enabled",
	  .about = "Whether each session gets an equal share of the CPUs." },
	{ SCHEDULER_ROW, .name = "kernel.sched_cfs_bandwidth_slice_us", MICROSECONDS, .min = 1000,
	  .max = 50000, .path = "proc/sys/kernel/sched_cfs_bandwidth_slice_us",
	  .about = "CPU time that a limited group hands to a CPU at once." },
	{ SCHEDULER_ROW, .name = "kernel.timer_migration", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/kernel/timer_migration",
	  .about = "Whether timers move from idle to busy CPUs." },

	/* The files of v2; cgroup_files.c knows where v1 has them. */
	{ GROUP_ROW, .name = "cgroup.cpu.weight", .type = KNOB_INTEGER, .domain = DOMAIN_SCHEDULER,
	  PLAIN, .min = 1, .max = 10000, .path = "sys/fs/cgroup%s/cpu.weight",
	  .about = "Share of the CPUs against the groups beside it (v2); 100 is usual." },
	{ GROUP_ROW, .name = "cgroup.cpu.shares", .type = KNOB_INTEGER, .domain = DOMAIN_SCHEDULER,
	  PLAIN, .min = 2, .max = 262144, .path = "sys/fs/cgroup/cpu%s/cpu.shares",
	  .about = "Share of the CPUs against the groups beside it (v1); 1024 is usual." },
	{ GROUP_ROW, .name = "cgroup.cpu.max", .type = KNOB_LIMIT, .domain = DOMAIN_SCHEDULER,
	  MICROSECONDS, .min = 1000, .max = 1000000000, .path = "sys/fs/cgroup%s/cpu.max",
	  .about = "CPU time that the group may use in each period (100 ms where nobody changed "
		   "it); "
		   "v1: cpu.cfs_quota_us." },
	{ GROUP_ROW, .name = "cgroup.cpu.idle", .type = KNOB_INTEGER, .domain = DOMAIN_SCHEDULER,
	  PLAIN, .min = 0, .max = 1, .path = "sys/fs/cgroup%s/cpu.idle",
	  .about = "1: the group runs only where nothing else wants the CPU." },
	{ GROUP_ROW, .name = "cgroup.cpuset.cpus", .type = KNOB_LIST, .domain = DOMAIN_SCHEDULER,
	  PLAIN, .path = "sys/fs/cgroup%s/cpuset.cpus",
	  .about = "CPUs that the group may use; empty: those of the group above (v2)." },
	{ GROUP_ROW, .name = "cgroup.cpuset.mems", .type = KNOB_LIST, .domain = DOMAIN_MEMORY,
	  PLAIN, .path = "sys/fs/cgroup%s/cpuset.mems",
	  .about = "Nodes whose memory the group may use; empty: those of the group above (v2). v2 "
		   "moves pages along, and back." },
	{ GROUP_ROW, .name = "cgroup.memory.high", .type = KNOB_LIMIT, .domain = DOMAIN_MEMORY,
	  BYTES, .min = 1048576, .max = 1125899906842624, .path = "sys/fs/cgroup%s/memory.high",
	  .about = "Memory over which the group is slowed down and reclaimed from; the kernel "
		   "rounds "
		   "down to whole pages." },
	{ GROUP_ROW, .name = "cgroup.memory.low", .type = KNOB_LIMIT, .domain = DOMAIN_MEMORY,
	  BYTES, .min = 0, .max = 1125899906842624, .path = "sys/fs/cgroup%s/memory.low",
	  .about = "Memory that is not reclaimed from the group while others have some to give." },
	{ GROUP_ROW, .name = "cgroup.io.weight", .type = KNOB_INTEGER, .domain = DOMAIN_DISK, PLAIN,
	  .min = 1, .max = 10000, .path = "sys/fs/cgroup%s/io.weight",
	  .about = "Share of the disks against the groups beside it, where io.cost is on (v2)." },
	{ GROUP_ROW, .name = "cgroup.io.bfq.weight", .type = KNOB_INTEGER, .domain = DOMAIN_DISK,
	  PLAIN, .min = 1, .max = 1000, .path = "sys/fs/cgroup%s/io.bfq.weight",
	  .about = "Share of the disks against the groups beside it, where the scheduler is bfq." },
	{ GROUP_ROW, .name = "cgroup.io.max", .type = KNOB_TEXT, .domain = DOMAIN_DISK, PLAIN,
	  .path = "sys/fs/cgroup%s/io.max",
	  .about =
		  "Limits of the group's disks, `8:0 rbps=1048576 wiops=120; 259:0 wbps=65536`, or "
		  "max; a change is of one disk (v2)." },

	{ AFFINITY_ROW, .name = "affinity.process.cpus", .scope = SCOPE_PROCESS, PLAIN, .min = 1,
	  .path = "proc/%s/status",
	  .about = "CPUs that every thread of a process may run on (sched_setaffinity)." },
	{ AFFINITY_ROW, .name = "affinity.irq.cpus", .scope = SCOPE_IRQ, PLAIN, .min = 1,
	  .path = "proc/irq/%s/smp_affinity_list",
	  .about = "CPUs that may handle an interrupt. irqbalance, where it runs, has its own "
		   "view." },
};

const size_t knob_rows_count = ARRAY_SIZE(knob_rows);
