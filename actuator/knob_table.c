// SPDX-License-Identifier: Apache-2.0
/* The catalogue of knobs: one row each. */
#include "actuator/knobs.h"

#include "base/cleanup.h"

/* Shared by all rows of a kind; a row then says only what is its own. */
#define DISK_ROW .family = FAMILY_IO_SCHEDULER, .scope = SCOPE_DISK, .domain = DOMAIN_DISK
#define SYSCTL_ROW .family = FAMILY_SYSCTL, .type = KNOB_INTEGER, .scope = SCOPE_HOST
#define NUMA_ROW .family = FAMILY_NUMA, .type = KNOB_LIST, .scope = SCOPE_PROCESS
#define TCP_ROW .family = FAMILY_TCP_CONGESTION, .type = KNOB_CHOICE, .domain = DOMAIN_NETWORK
#define MEMORY_ROW SYSCTL_ROW, .domain = DOMAIN_MEMORY
#define MEMORY_CHOICE \
	.family = FAMILY_SYSCTL, .type = KNOB_CHOICE, .scope = SCOPE_HOST, .domain = DOMAIN_MEMORY
#define NETWORK_ROW SYSCTL_ROW, .domain = DOMAIN_NETWORK
#define NETNS_ROW NETWORK_ROW, .per_netns = true
#define SCHEDULER_ROW SYSCTL_ROW, .domain = DOMAIN_SCHEDULER
#define GROUP_ROW .family = FAMILY_CGROUP, .scope = SCOPE_CGROUP
#define AFFINITY_ROW .family = FAMILY_AFFINITY, .type = KNOB_LIST, .domain = DOMAIN_SCHEDULER
#define PLAIN .unit = UNIT_NONE, .unit_scale = 1
#define BYTES .unit = UNIT_BYTES, .unit_scale = 1
#define KIBIBYTES .unit = UNIT_BYTES, .unit_scale = 1024
#define MICROSECONDS .unit = UNIT_TIME, .unit_scale = 1000
#define NANOSECONDS .unit = UNIT_TIME, .unit_scale = 1
#define MILLISECONDS .unit = UNIT_TIME, .unit_scale = 1000000
#define SECONDS .unit = UNIT_TIME, .unit_scale = 1000000000
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

	{ MEMORY_ROW, .name = "vm.watermark_boost_factor", PLAIN, .min = 0, .max = 150000,
	  .path = "proc/sys/vm/watermark_boost_factor",
	  .about = "How much more is reclaimed when memory of different kinds is mixed, in "
		   "1/10,000; 0 switches it off." },
	{ MEMORY_ROW, .name = "vm.dirtytime_expire_seconds", SECONDS, .min = 60, .max = 86400,
	  .path = "proc/sys/vm/dirtytime_expire_seconds",
	  .about = "Age at which an inode is written whose time stamps alone have changed." },
	{ MEMORY_ROW, .name = "vm.page_lock_unfairness", PLAIN, .min = 0, .max = 100,
	  .path = "proc/sys/vm/page_lock_unfairness",
	  .about = "How often a waiter for a locked page may be overtaken before it is handed the "
		   "lock." },
	{ MEMORY_ROW, .name = "vm.extfrag_threshold", PLAIN, .min = 0, .max = 1000,
	  .path = "proc/sys/vm/extfrag_threshold",
	  .about = "How fragmented memory must be before it is compacted rather than reclaimed for "
		   "a large allocation." },
	{ MEMORY_ROW, .name = "vm.compact_unevictable_allowed", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/vm/compact_unevictable_allowed",
	  .about = "Whether compaction may move locked memory, which its owners notice as minor "
		   "faults." },
	{ MEMORY_ROW, .name = "vm.zone_reclaim_mode", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/vm/zone_reclaim_mode",
	  .about = "Whether a node frees its own page cache before it takes memory of another "
		   "node." },

	{ MEMORY_CHOICE, .name = "thp.enabled", PLAIN,
	  .path = "sys/kernel/mm/transparent_hugepage/enabled",
	  .about = "Which programs get huge pages for their anonymous memory." },
	{ MEMORY_CHOICE, .name = "thp.defrag", PLAIN,
	  .path = "sys/kernel/mm/transparent_hugepage/defrag",
	  .about = "Who waits for memory to be compacted when there is no huge page." },
	{ MEMORY_ROW, .name = "thp.khugepaged.defrag", PLAIN, .min = 0, .max = 1,
	  .path = "sys/kernel/mm/transparent_hugepage/khugepaged/defrag",
	  .about = "Whether khugepaged reclaims and compacts memory to get its huge pages." },
	{ MEMORY_ROW, .name = "thp.khugepaged.pages_to_scan", PLAIN, .min = 64, .max = 65536,
	  .path = "sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan",
	  .about = "Pages that khugepaged looks at each time that it wakes." },
	{ MEMORY_ROW, .name = "thp.khugepaged.scan_sleep_millisecs", MILLISECONDS, .min = 10,
	  .max = 600000,
	  .path = "sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs",
	  .about = "How long khugepaged sleeps between two looks." },
	{ MEMORY_ROW, .name = "thp.khugepaged.alloc_sleep_millisecs", MILLISECONDS, .min = 10,
	  .max = 600000,
	  .path = "sys/kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs",
	  .about = "How long khugepaged sleeps when it got no huge page." },
	{ MEMORY_ROW, .name = "thp.khugepaged.max_ptes_none", PLAIN, .min = 0, .max = 511,
	  .path = "sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none",
	  .about = "Unused pages that khugepaged may fill with zeros to make a huge page." },
	{ MEMORY_ROW, .name = "thp.khugepaged.max_ptes_swap", PLAIN, .min = 0, .max = 511,
	  .path = "sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_swap",
	  .about = "Pages that khugepaged may read back from swap to make a huge page." },
	{ MEMORY_ROW, .name = "thp.khugepaged.max_ptes_shared", PLAIN, .min = 0, .max = 511,
	  .path = "sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_shared",
	  .about = "Shared pages that khugepaged may copy to make a huge page." },

	/* Not 2 (unmerge everything now): it is an action, and can need more memory than there is. */
	{ MEMORY_ROW, .name = "ksm.run", PLAIN, .min = 0, .max = 1, .path = "sys/kernel/mm/ksm/run",
	  .about = "Whether equal pages of programs that ask for it are merged; stopped, merged "
		   "ones stay so." },
	{ MEMORY_ROW, .name = "ksm.pages_to_scan", PLAIN, .min = 10, .max = 100000,
	  .path = "sys/kernel/mm/ksm/pages_to_scan",
	  .about = "Pages that the merging of equal pages looks at each time that it wakes." },
	{ MEMORY_ROW, .name = "ksm.sleep_millisecs", MILLISECONDS, .min = 1, .max = 60000,
	  .path = "sys/kernel/mm/ksm/sleep_millisecs",
	  .about = "How long the merging of equal pages sleeps between two looks." },
	{ MEMORY_ROW, .name = "ksm.use_zero_pages", PLAIN, .min = 0, .max = 1,
	  .path = "sys/kernel/mm/ksm/use_zero_pages",
	  .about = "Whether pages of zeros are merged with the kernel's own zero page." },
	{ MEMORY_ROW, .name = "ksm.smart_scan", PLAIN, .min = 0, .max = 1,
	  .path = "sys/kernel/mm/ksm/smart_scan",
	  .about = "Whether pages that were not merged for a while are looked at less often." },

	{ MEMORY_CHOICE, .name = "zswap.enabled", PLAIN,
	  .path = "sys/module/zswap/parameters/enabled", .choices = "N Y",
	  .about = "Whether pages on their way to swap are compressed in memory first." },
	{ MEMORY_ROW, .name = "zswap.max_pool_percent", PLAIN, .min = 1, .max = 50,
	  .path = "sys/module/zswap/parameters/max_pool_percent",
	  .about = "Per cent of memory that compressed swap may take." },
	{ MEMORY_ROW, .name = "zswap.accept_threshold_percent", PLAIN, .min = 1, .max = 100,
	  .path = "sys/module/zswap/parameters/accept_threshold_percent",
	  .about = "Per cent of its limit that compressed swap must be under to take pages again "
		   "once it was full." },
	{ MEMORY_CHOICE, .name = "zswap.shrinker_enabled", PLAIN,
	  .path = "sys/module/zswap/parameters/shrinker_enabled", .choices = "N Y",
	  .about = "Whether cold compressed pages are written to swap when memory is short." },
	{ MEMORY_CHOICE, .name = "mm.numa_demotion", PLAIN,
	  .path = "sys/kernel/mm/numa/demotion_enabled", .choices = "false true",
	  .about =
		  "Whether cold pages move to a slower node's memory instead of being reclaimed." },

	{ NETNS_ROW, .name = "net.core.somaxconn", PLAIN, .min = 64, .max = 65535,
	  .path = "proc/sys/net/core/somaxconn",
	  .about = "Longest queue of connections that wait for accept()." },
	{ NETWORK_ROW, .name = "net.core.netdev_budget", PLAIN, .min = 32, .max = 10000,
	  .path = "proc/sys/net/core/netdev_budget",
	  .about = "Packets handled in one round of receiving." },
	/* Not under two jiffies, which the kernel refuses: 8 ms at the usual 250 Hz. */
	{ NETWORK_ROW, .name = "net.core.netdev_budget_usecs", MICROSECONDS, .min = 8000,
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
	{ NETWORK_ROW, .name = "net.core.rmem_default", BYTES, .min = 65536, .max = 67108864,
	  .path = "proc/sys/net/core/rmem_default",
	  .about = "Receive buffer of sockets whose programs ask for none, but for TCP." },
	{ NETWORK_ROW, .name = "net.core.wmem_default", BYTES, .min = 65536, .max = 67108864,
	  .path = "proc/sys/net/core/wmem_default",
	  .about = "Send buffer of sockets whose programs ask for none, but for TCP." },
	{ NETWORK_ROW, .name = "net.core.busy_poll", MICROSECONDS, .min = 0, .max = 1000,
	  .path = "proc/sys/net/core/busy_poll",
	  .about = "How long poll() and select() poll the device of their sockets; 0 = not at "
		   "all." },
	{ NETWORK_ROW, .name = "net.core.dev_weight", PLAIN, .min = 16, .max = 1024,
	  .path = "proc/sys/net/core/dev_weight",
	  .about = "Packets that one device may hand over in one turn." },
	{ NETWORK_ROW, .name = "net.core.gro_normal_batch", PLAIN, .min = 1, .max = 256,
	  .path = "proc/sys/net/core/gro_normal_batch",
	  .about = "Packets that are handed up together after they were joined." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_notsent_lowat", BYTES, .min = 4096, .max = 4294967295,
	  .path = "proc/sys/net/ipv4/tcp_notsent_lowat",
	  .about = "Unsent bytes in a socket over which it is not writable." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_slow_start_after_idle", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/net/ipv4/tcp_slow_start_after_idle",
	  .about = "Whether a connection that was idle starts slowly again." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_max_syn_backlog", PLAIN, .min = 128, .max = 65536,
	  .path = "proc/sys/net/ipv4/tcp_max_syn_backlog",
	  .about = "Half-open connections that a listener keeps." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_limit_output_bytes", BYTES, .min = 65536,
	  .max = 67108864, .path = "proc/sys/net/ipv4/tcp_limit_output_bytes",
	  .about = "Bytes of one connection that may wait in queueing disciplines and device." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_autocorking", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/net/ipv4/tcp_autocorking",
	  .about = "Whether small writes are held back to be merged." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_min_tso_segs", PLAIN, .min = 1, .max = 64,
	  .path = "proc/sys/net/ipv4/tcp_min_tso_segs",
	  .about = "Least number of segments in an offloaded send." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_tso_win_divisor", PLAIN, .min = 1, .max = 64,
	  .path = "proc/sys/net/ipv4/tcp_tso_win_divisor",
	  .about = "Share of the congestion window (1/n) that one offloaded send may take." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_rmem[min]", BYTES, .min = 4096, .max = 1048576,
	  .path = "proc/sys/net/ipv4/tcp_rmem", .field = 1,
	  .about = "Bytes of a TCP socket's receive buffer that it has also under memory "
		   "pressure." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_rmem[default]", BYTES, .min = 4096, .max = 67108864,
	  .path = "proc/sys/net/ipv4/tcp_rmem", .field = 2,
	  .about = "First size of a TCP socket's receive buffer." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_rmem[max]", BYTES, .min = 65536, .max = 268435456,
	  .path = "proc/sys/net/ipv4/tcp_rmem", .field = 3,
	  .about = "Largest size to which a TCP socket's receive buffer grows by itself." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_wmem[min]", BYTES, .min = 4096, .max = 1048576,
	  .path = "proc/sys/net/ipv4/tcp_wmem", .field = 1,
	  .about = "Bytes of a TCP socket's send buffer that it has also under memory pressure." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_wmem[default]", BYTES, .min = 4096, .max = 67108864,
	  .path = "proc/sys/net/ipv4/tcp_wmem", .field = 2,
	  .about = "First size of a TCP socket's send buffer." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_wmem[max]", BYTES, .min = 65536, .max = 268435456,
	  .path = "proc/sys/net/ipv4/tcp_wmem", .field = 3,
	  .about = "Largest size to which a TCP socket's send buffer grows by itself." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_moderate_rcvbuf", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/net/ipv4/tcp_moderate_rcvbuf",
	  .about = "Whether TCP receive buffers grow by themselves." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_fin_timeout", SECONDS, .min = 5, .max = 120,
	  .path = "proc/sys/net/ipv4/tcp_fin_timeout",
	  .about = "How long a closed connection waits for the other side to close, too." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_tw_reuse", PLAIN, .min = 0, .max = 2,
	  .path = "proc/sys/net/ipv4/tcp_tw_reuse",
	  .about = "Whether ports of ended connections are used again for new ones: 0 no, 1 yes, 2 "
		   "on loopback." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_mtu_probing", PLAIN, .min = 0, .max = 2,
	  .path = "proc/sys/net/ipv4/tcp_mtu_probing",
	  .about = "Whether TCP searches for the largest packet that gets through: 0 no, 1 when "
		   "some are lost, 2 always." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_no_metrics_save", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/net/ipv4/tcp_no_metrics_save",
	  .about = "Whether what a connection has learnt about its path is forgotten when it "
		   "ends." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_fastopen", PLAIN, .min = 0, .max = 3,
	  .path = "proc/sys/net/ipv4/tcp_fastopen",
	  .about = "Whether data may travel in the first packet: 1 as client, 2 as server, 3 "
		   "both." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_pacing_ss_ratio", PLAIN, .min = 100, .max = 1000,
	  .path = "proc/sys/net/ipv4/tcp_pacing_ss_ratio",
	  .about = "How fast packets are spread out in slow start, in per cent of the present "
		   "rate." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_pacing_ca_ratio", PLAIN, .min = 100, .max = 1000,
	  .path = "proc/sys/net/ipv4/tcp_pacing_ca_ratio",
	  .about = "How fast packets are spread out after slow start, in per cent of the present "
		   "rate." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_reordering", PLAIN, .min = 3, .max = 127,
	  .path = "proc/sys/net/ipv4/tcp_reordering",
	  .about = "Packets by which a connection expects others to be overtaken at first." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_max_reordering", PLAIN, .min = 3, .max = 1000,
	  .path = "proc/sys/net/ipv4/tcp_max_reordering",
	  .about = "Packets by which it may come to expect others to be overtaken." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_early_retrans", PLAIN, .min = 0, .max = 4,
	  .path = "proc/sys/net/ipv4/tcp_early_retrans",
	  .about = "Whether the end of a burst is probed for a loss: 0 no, 3 yes." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_thin_linear_timeouts", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/net/ipv4/tcp_thin_linear_timeouts",
	  .about = "Whether connections with little data retransmit at even intervals." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_comp_sack_delay_ns", NANOSECONDS, .min = 0,
	  .max = 100000000, .path = "proc/sys/net/ipv4/tcp_comp_sack_delay_ns",
	  .about = "Longest time that selective acknowledgements are collected." },
	{ NETNS_ROW, .name = "net.ipv4.tcp_comp_sack_nr", PLAIN, .min = 0, .max = 255,
	  .path = "proc/sys/net/ipv4/tcp_comp_sack_nr",
	  .about = "Selective acknowledgements that are collected at most; 0 = none." },
	{ NETNS_ROW, .name = "net.ipv4.udp_rmem_min", BYTES, .min = 4096, .max = 1048576,
	  .path = "proc/sys/net/ipv4/udp_rmem_min",
	  .about = "Bytes of a UDP socket's receive buffer that it has also under memory "
		   "pressure." },
	{ NETNS_ROW, .name = "net.ipv4.udp_wmem_min", BYTES, .min = 4096, .max = 1048576,
	  .path = "proc/sys/net/ipv4/udp_wmem_min",
	  .about = "Bytes of a UDP socket's send buffer that it has also under memory pressure." },

	{ NUMA_ROW, .name = "numa.process.node", .domain = DOMAIN_MEMORY, PLAIN, .min = 1,
	  .drifts = true, .path = "proc/%s/numa_maps",
	  .about = "The nodes that the memory of a process is on; its own anonymous pages are "
		   "moved, at most 1 GiB." },
	{ NUMA_ROW, .name = "numa.process.cpus", .domain = DOMAIN_SCHEDULER, PLAIN, .min = 1,
	  .path = "proc/%s/task",
	  .about = "The nodes on whose CPUs every thread of a process may run." },

	{ TCP_ROW, .name = "tcp.congestion", .scope = SCOPE_HOST, .per_netns = true, PLAIN,
	  .loads_modules = true, .splits = true, .path = "proc/sys/net/ipv4/tcp_congestion_control",
	  .choices_path = "proc/sys/net/ipv4/tcp_available_congestion_control",
	  .about = "How new TCP connections avoid congestion; of the machine, or of a network "
		   "namespace, which takes unrestricted algorithms alone. A module is loaded only "
		   "where the limit load_modules allows it. "
		   "A trial can split it: each new connection draws its own." },
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

	/* In debugfs, which a locked-down kernel keeps closed. Up to 6.5 there were the three after the first. */
	{ SCHEDULER_ROW, .name = "sched.base_slice_ns", NANOSECONDS, .min = 100000,
	  .max = 100000000, .path = "sys/kernel/debug/sched/base_slice_ns",
	  .about = "Turn of a task on a CPU that others wait for." },
	{ SCHEDULER_ROW, .name = "sched.latency_ns", NANOSECONDS, .min = 1000000, .max = 1000000000,
	  .path = "sys/kernel/debug/sched/latency_ns",
	  .about = "Time in which every task that waits for a CPU gets a turn." },
	{ SCHEDULER_ROW, .name = "sched.min_granularity_ns", NANOSECONDS, .min = 100000,
	  .max = 100000000, .path = "sys/kernel/debug/sched/min_granularity_ns",
	  .about = "Shortest turn of a task on a CPU that others wait for." },
	{ SCHEDULER_ROW, .name = "sched.wakeup_granularity_ns", NANOSECONDS, .min = 0,
	  .max = 100000000, .path = "sys/kernel/debug/sched/wakeup_granularity_ns",
	  .about =
		  "How much more another task must have had before one that wakes takes its CPU." },
	{ SCHEDULER_ROW, .name = "sched.migration_cost_ns", NANOSECONDS, .min = 0, .max = 10000000,
	  .path = "sys/kernel/debug/sched/migration_cost_ns",
	  .about = "How long after it ran a task counts as warm on its CPU and is not moved." },
	{ SCHEDULER_ROW, .name = "sched.nr_migrate", PLAIN, .min = 1, .max = 128,
	  .path = "sys/kernel/debug/sched/nr_migrate",
	  .about = "Tasks that one balancing of CPUs may move." },
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
