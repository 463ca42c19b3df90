// SPDX-License-Identifier: Apache-2.0
/*
 * The map: every source file in one line.
 *
 *     actuator/actuator.c              transactions: guarded, journaled, carried out, read back
 *     actuator/affinity_irq.c          the CPUs of interrupts
 *     actuator/affinity_process.c      the CPUs of a process: what each thread has
 *     actuator/affinity_switch.c       the threads of a process switched and put back
 *     actuator/cgroup.c                hierarchies of control groups: mounts, paths, walks
 *     actuator/cgroup_companions.c     what a change of a group's file disturbs
 *     actuator/cgroup_disks.c          limits of disks as one value
 *     actuator/cgroup_files.c          the files of the cgroup family on v1 and v2
 *     actuator/cgroup_list.c           the knobs of all groups in one walk
 *     actuator/cgroup_owner.c          who manages a group
 *     actuator/cgroup_threads.c        masks of the threads inside a cpuset
 *     actuator/companions.c            settings that the kernel changes along with a knob
 *     actuator/family_affinity.c       the CPUs of processes and interrupts
 *     actuator/family_cgroup.c         control groups
 *     actuator/family_io_scheduler.c   the request queue of a disk
 *     actuator/family_numa.c           the nodes that the memory of a process is on
 *     actuator/family_sysctl.c         settings under /proc/sys and what behaves alike
 *     actuator/family_tcp_congestion.c congestion control of a namespace
 *     actuator/family_tcp_route.c      congestion control of a route
 *     actuator/guard.c                 allows or refuses a change; pure
 *     actuator/hand.c                  the child that touches the system, asked and waited for
 *     actuator/hand_work.c             the life of that child
 *     actuator/in_netns.c              knobs that every network namespace has
 *     actuator/intent.c                what is written down before a change
 *     actuator/journal.c               the write-ahead undo log
 *     actuator/journal_record.c        one record of it, as bytes; pure
 *     actuator/knob_command.c          the shell command that does a change by hand
 *     actuator/knob_file.c             knobs that an operator declares in a file
 *     actuator/knob_list.c             many knobs listed in one go
 *     actuator/knob_table.c            the catalogue of knobs, one row each
 *     actuator/knob_value.c            values of knobs checked and compared
 *     actuator/knobs.c                 finding and reading knobs
 *     actuator/limits.c                a change held against the limits; pure
 *     actuator/limits_file.c           the keys of the limits file
 *     actuator/limits_rules.c          the lists of the limits file
 *     actuator/limits_set.c            limits as text, and made stricter at run time
 *     actuator/limits_table.c          the limits that are numbers, one row each
 *     actuator/limits_trust.c          whether a limits file is root's alone
 *     actuator/numa_cpus.c             a process bound to the CPUs of nodes
 *     actuator/numa_exclusive.c        which of its pages no other process maps
 *     actuator/numa_move.c             pages moved from node to node, in slices
 *     actuator/numa_pages.c            where the pages of a process are
 *     actuator/numa_plan.c             what distributions of pages mean
 *     actuator/operator.c              what the operator asks for at run time
 *     actuator/pins.c                  knobs that belong to somebody else
 *     actuator/recovery.c              what a crash left, undone from the journal
 *     actuator/restraint.c             limits, usage and pins held together
 *     actuator/route.c                 routes read and replaced by rtnetlink
 *     actuator/route_request.c         the request that replaces a route by itself
 *     actuator/setting.c               one setting put in force and read back
 *     actuator/split.c                 new connections that draw their congestion control
 *     actuator/split_off.c             the same in a build without BPF
 *     actuator/thread.c                threads: identity, masks, names
 *     actuator/txn.c                   the list of transactions
 *     actuator/usage.c                 what limits count: writes, flips, time on trial
 *     actuator/usage_file.c            the same over the death of the process
 *     analyzer/analyzer.c              the facade: slots, outcomes, decisions
 *     analyzer/arms.c                  the values that a trial may choose from
 *     analyzer/condition.c             when and until, over merged windows
 *     analyzer/demand.c                which signals are needed now
 *     analyzer/evalue.c                the martingale test and the confidence sequence
 *     analyzer/guardrail.c             what must not get worse
 *     analyzer/request.c               changes asked for and not answered yet
 *     analyzer/target.c                a policy on one scope: watching, holding, on trial
 *     analyzer/text.c                  reasons as sentences
 *     analyzer/trial.c                 the phases of a trial
 *     analyzer/trial_answer.c          what the actuator answers to a trial
 *     analyzer/trial_split.c           windows that measure both sides at once
 *     analyzer/window.c                one window from the frames inside it
 *     base/conf_errors.c               all errors of a configuration file, in order
 *     base/conf_lexer.c                words of a configuration file
 *     base/conf_literal.c              numbers with units and what they may stand for
 *     base/conf_outline.c              the shape of a file before libconfig reads it
 *     base/conf_reader.c               groups read by the table of their keys
 *     base/conf_source.c               a file read whole, or refused
 *     base/day.c                       a sum over the last 24 hours
 *     base/descriptors.c               descriptors closed after a fork, and their limit
 *     base/file.c                      files replaced whole or not at all
 *     base/frame.c                     series found in a frame
 *     base/hist.c                      percentiles of histograms
 *     base/idset.c                     sets of CPUs and nodes as text
 *     base/knob_name.c                 names of knobs by dots or slashes
 *     base/log.c                       lines on stderr
 *     base/netns.c                     visits to network namespaces
 *     base/quantity.c                  numbers with units
 *     base/rng.c                       a seeded generator
 *     base/route_key.c                 the name of a route
 *     base/scope.c                     scopes as text
 *     base/signal.c                    references to signals as text
 *     base/sysroot.c                   /proc and /sys under a descriptor
 *     base/words.c                     the words of every enum
 *     bpf/block.bpf.c                  block requests timed in the kernel: tp_btf, fentry
 *     bpf/block_kprobe.bpf.c           the same by kprobes
 *     bpf/block_tracepoint.bpf.c       the same by plain tracepoints
 *     bpf/gpu_calls.bpf.c              calls of CUDA and HIP timed in the kernel: uprobes
 *     bpf/lock.bpf.c                   waits for the kernel's locks counted in the kernel: tp_btf
 *     bpf/lock_raw.bpf.c               the same by raw tracepoints
 *     bpf/sched.bpf.c                  switches of tasks counted in the kernel: tp_btf
 *     bpf/sched_raw.bpf.c              the same by the raw tracepoint
 *     bpf/service.bpf.c                reads and sends of services timed in the kernel: tp_btf, fentry
 *     bpf/service_kprobe.bpf.c         the same by kprobes
 *     bpf/squeeze.bpf.c                packets of each run of receiving, against its budget
 *     bpf/tcp_split.bpf.c              the coin of each new connection, and what became of it
 *     config/config.c                  flyball.conf and conf.d, one table of keys
 *     config/pages.c                   the pages of metrics that it names
 *     config/services.c                the services that it names
 *     daemon/batch.c                   many series as the bytes of one message
 *     daemon/catalogue.c               signals and knobs of this build in one place
 *     daemon/channel.c                 whole messages over a socketpair
 *     daemon/control.c                 the control socket: connections, lines, subscribers
 *     daemon/control_hand.c            what it answers about set, pin, unpin, limits
 *     daemon/control_verbs.c           what the control socket answers
 *     daemon/core.c                    core: frames to the analyzer, its life
 *     daemon/core_decide.c             core: proposals to the actuator, outcomes back
 *     daemon/core_hand.c               core: changes by hand, requests to the actuator
 *     daemon/core_harm.c               core: what exploring has cost
 *     daemon/cpu_time.c                CPU time of processes
 *     daemon/frame_messages.c          a frame cut into messages and put together again
 *     daemon/hang.c                    a source that does not return: named, left out, tried again
 *     daemon/history.c                 trials and outcomes recorded in SQLite
 *     daemon/history_open.c            the history file made, taken, refused or put aside
 *     daemon/history_prune.c           the history kept within its bounds
 *     daemon/json.c                    knobs, sources, outcomes as JSON
 *     daemon/json_trial.c              trials and targets as JSON
 *     daemon/main.c                    dispatches, nothing else
 *     daemon/message.c                 messages between the processes
 *     daemon/place.c                   folders, lock and socket of a daemon
 *     daemon/plan.c                    the plan of recommend mode
 *     daemon/privilege.c               what each process gives up
 *     daemon/process.c                 what each worker does before its own work
 *     daemon/process_actuator.c        the actuator as a process
 *     daemon/process_observer.c        the observer as a process
 *     daemon/seccomp.c                 core's system call filter
 *     daemon/spending.c                what is spent, held against the budget
 *     daemon/supervisor.c              starts, reaps, recovers, restarts
 *     daemon/usage.c                   what the processes cost
 *     daemon/worker.c                  loop and channels of every worker
 *     daemon/cli/cli.c                 the table of verbs, parsing, dispatch
 *     daemon/cli/cli_help.c            help and docs/cli.md from the same table
 *     daemon/cli/client.c              the client side of the control socket
 *     daemon/cli/doctor_sources.c      doctor: sources and their methods
 *     daemon/cli/knob_listing.c        what flyball knobs shows, found and sorted
 *     daemon/cli/looker.c              a child that looks, and is replaced when it hangs
 *     daemon/cli/render.c              colours, tables, wrapped text, progress
 *     daemon/cli/render_chart.c        two histograms on one axis, the interval of an effect
 *     daemon/cli/render_story.c        a trial told line by line
 *     daemon/cli/render_trial.c        the final table of a trial
 *     daemon/cli/sampler.c             sampling in the foreground
 *     daemon/cli/signal_pattern.c      which series a pattern means
 *     daemon/cli/verb_config.c         config check, show
 *     daemon/cli/verb_control.c        abort, rollback, freeze, thaw
 *     daemon/cli/verb_daemon.c         daemon
 *     daemon/cli/verb_doctor.c         doctor: what works here
 *     daemon/cli/verb_explain.c        explain: a trial as a story
 *     daemon/cli/verb_help.c           help, version
 *     daemon/cli/verb_knobs.c          knobs
 *     daemon/cli/verb_limits.c         limits: shown, made stricter, read again
 *     daemon/cli/verb_overhead.c       overhead: what flyball costs
 *     daemon/cli/verb_policy.c         policy check, list, show
 *     daemon/cli/verb_recommend.c      recommend: the plan, nothing written
 *     daemon/cli/verb_set.c            set, pin, unpin, drift
 *     daemon/cli/verb_shared.c         what several verbs share
 *     daemon/cli/verb_signals.c        signals with present values
 *     daemon/cli/verb_status.c         status
 *     daemon/cli/verb_trial.c          trial, also live (--follow)
 *     daemon/cli/verb_trials.c         trials
 *     daemon/cli/verb_watch.c          watch: signals as they change
 *     observer/app.c                   metrics that services push to a socket
 *     observer/app_metrics.c           lines of them, summed up by name
 *     observer/block.c                 disks: durations by BPF or sums, counters by stat
 *     observer/block_btf.c             what the kernel's types say of the block layer
 *     observer/block_method.c          the methods of the block source, best first
 *     observer/block_probe.c           whether a way of the block programs may work here
 *     observer/block_programs.c        the block programs of one method
 *     observer/block_series.c          a disk's series of a tick, held against the stat file
 *     observer/block_tracer.c          the watched disks, their histograms read
 *     observer/block_tracer_off.c      the same in a build without BPF
 *     observer/budget.c                which source is sampled less, and when it comes back
 *     observer/cgroups.c               control groups listed
 *     observer/count_runs.c            the kernel times BPF programs
 *     observer/cpu.c                   /proc/stat: all CPUs, each CPU
 *     observer/cpu_cgroup.c            control groups that run into their limit of CPU time
 *     observer/cpu_state.c             frequency, idle states and heat of CPUs
 *     observer/disks.c                 which disks there are
 *     observer/drm.c                   what processes have of GPUs and NPUs
 *     observer/drm_clients.c           how busy each open of a device kept its engines
 *     observer/drm_fdinfo.c            what a driver says of an open
 *     observer/events.c                the numbers of tracepoints
 *     observer/gpu.c                   NVIDIA's GPUs and the processes on them
 *     observer/gpu_calls.c             calls of CUDA and HIP: launches, waits, copies
 *     observer/gpu_library.c           the driver's libraries, of the machine and as processes have them mapped
 *     observer/gpu_look.c              one look at one of them
 *     observer/gpu_symbols.c           where in such a library the calls are
 *     observer/gpu_tracer.c            the programs at the calls, and their rows
 *     observer/gpu_tracer_off.c        the same in a build without BPF
 *     observer/instances.c             demanded instances as they come and go
 *     observer/lock.c                  waits for the kernel's locks
 *     observer/lock_tracer.c           the programs at contention, and their rows
 *     observer/lock_tracer_off.c       the same in a build without BPF
 *     observer/looks.c                 instances that are too dear for every tick, looked at in turns
 *     observer/memory.c                /proc/meminfo, /proc/vmstat, the same of nodes
 *     observer/memory_cgroup.c         memory.stat of control groups
 *     observer/memory_rows.c           the signals of memory in these files
 *     observer/methods.c               the fallback chain of a source
 *     observer/net.c                   receiving and sending, by CPU and by interface
 *     observer/net_cpus.c              what each CPU took, dropped and left
 *     observer/netstat.c               tables of names over numbers of /proc/net
 *     observer/nics.c                  statistics and interrupts of an interface
 *     observer/numa_maps.c             on which nodes the pages of a process are
 *     observer/numa_process.c          its memory on nodes that it runs on, and on others
 *     observer/nvml.c                  NVIDIA's library, loaded at run time
 *     observer/observer.c              demand to sources, samples to frames
 *     observer/page_hist.c             a histogram of it, in buckets of ours
 *     observer/page_series.c           the demanded series of a page of metrics
 *     observer/page_text.c             its text, taken apart
 *     observer/pages.c                 pages of metrics fetched, without waiting
 *     observer/paths.c                 paths that a pattern stands for
 *     observer/perf_count.c            one counter of perf_event_open
 *     observer/pmu.c                   cycles, instructions, misses, switches of CPUs
 *     observer/processes.c             processes listed
 *     observer/programs.c              the BPF programs of a source, loaded and attached
 *     observer/programs_probe.c        whether BPF programs may work here
 *     observer/psi.c                   /proc/pressure
 *     observer/psi_cgroup.c            pressure of control groups
 *     observer/rapl.c                  the power that processor packages take
 *     observer/rows.c                  rows that programs count for processes and groups
 *     observer/sandbox.c               whether probes at returns end programs under seccomp
 *     observer/sched.c                 tasks: running, waiting, asleep
 *     observer/sched_btf.c             what the kernel's types say of the scheduler
 *     observer/sched_calls.c           system calls whose waits are told apart
 *     observer/sched_series.c          a tick's series, from what the programs count
 *     observer/sched_sums.c            the kernel's own sums of running and waiting
 *     observer/sched_tracer.c          the program at each switch, and its rows
 *     observer/sched_tracer_off.c      the same in a build without BPF
 *     observer/seat.c                  one BPF program attached and detached
 *     observer/service.c               services: latency, throughput, errors by BPF, queues by sock_diag
 *     observer/service_backlog.c       the queues of listening sockets, by sock_diag
 *     observer/service_method.c        the methods of the service source, best first
 *     observer/service_probe.c         whether a way of the service programs may work here
 *     observer/service_programs.c      the BPF programs of one method, loaded and attached
 *     observer/service_rules.c         services as executables' inodes and groups' numbers
 *     observer/service_series.c        a service's series of a tick
 *     observer/service_tracer.c        the services' histograms read
 *     observer/service_tracer_off.c    the same in a build without BPF
 *     observer/signals.c               the table of signals
 *     observer/softirqs.c              software interrupts by CPU
 *     observer/softnet.c               the counters of receiving by CPU
 *     observer/source.c                what all sources share
 *     observer/source_demand.c         what of a source is demanded: of an instance, of a kind, of a service
 *     observer/squeeze.c               squeezes by budget, from its BPF programs
 *     observer/squeeze_off.c           the same where BPF was left out
 *     observer/task_delay.c            what the threads of a process waited for
 *     observer/taskstats.c             the kernel's accounting of a process, over generic netlink
 *     observer/tcp.c                   TCP: the namespaces that are looked into
 *     observer/tcp_counters.c          counters of TCP in a namespace
 *     observer/tcp_dump.c              connections told by sock_diag
 *     observer/tcp_info.c              one connection, as the kernel tells of it
 *     observer/tcp_route.c             the route to a peer
 *     observer/tcp_routes.c            the places of routes that connections use
 *     observer/tcp_snapshot.c          connections looked at in slices
 *     observer/tcp_space.c             what is open in a network namespace
 *     observer/tcp_split.c             results of connections that drew their congestion control
 *     observer/tcp_split_off.c         the same in a build without BPF
 *     observer/tcp_split_probe.c       whether connections could be split here
 *     observer/tcp_table.c             what was known of each connection
 *     observer/text.c                  parsing the kernel's text
 *     observer/thinning.c              the ticks that a thinned source is sampled at
 *     observer/uprobes.c               one program at many places of a file
 *     observer/watch.c                 where the observer is, and what it leaves out as it hung
 *     policies/arms.c                  try: the values of a policy
 *     policies/expression.c            conditions, compiled
 *     policies/policy_reader.c         the keys of a policy, one table
 *     policies/policy_set.c            files and folders of policies
 *     policies/reference.c             disk.read.latency.p99 and its unit
 *     policies/trial_keys.c            the keys of the group trial
 */
#include "daemon/cli/cli.h"

int main(int argc, char **argv)
{
	return cli_run(argc, argv, stdout, stderr);
}
