// SPDX-License-Identifier: Apache-2.0
/*
 * The map: every source file in one line.
 *
 *     actuator/actuator.c              transactions: guarded, journaled, carried out, read back
 *     actuator/companions.c            settings that the kernel changes along with a knob
 *     actuator/family_io_scheduler.c   the request queue of a disk
 *     actuator/family_sysctl.c         integers under /proc/sys
 *     actuator/guard.c                 allows or refuses a change; pure
 *     actuator/hand.c                  the child that touches the system, asked and waited for
 *     actuator/hand_work.c             the life of that child
 *     actuator/journal.c               the write-ahead undo log
 *     actuator/journal_record.c        one record of it, as bytes; pure
 *     actuator/knob_table.c            the catalogue of knobs, one row each
 *     actuator/knobs.c                 finding, reading and checking knobs
 *     actuator/recovery.c              what a crash left, undone from the journal
 *     actuator/setting.c               one setting put in force and read back
 *     actuator/txn.c                   the list of transactions
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
 *     analyzer/window.c                one window from the frames inside it
 *     base/descriptors.c               descriptors closed after a fork
 *     base/file.c                      files replaced whole or not at all
 *     base/hist.c                      percentiles of histograms
 *     base/log.c                       lines on stderr
 *     base/quantity.c                  numbers with units
 *     base/rng.c                       a seeded generator
 *     base/scope.c                     scopes as text
 *     base/sysroot.c                   /proc and /sys under a descriptor
 *     base/words.c                     the words of every enum
 *     bpf/block.bpf.c                  block requests timed in the kernel
 *     daemon/catalogue.c               signals and knobs of this build in one place
 *     daemon/channel.c                 whole messages over a socketpair
 *     daemon/cli.c                     the table of verbs, parsing, dispatch
 *     daemon/cli_help.c                help and docs/cli.md from the same table
 *     daemon/client.c                  the client side of the control socket
 *     daemon/control.c                 the control socket: connections, lines, subscribers
 *     daemon/control_verbs.c           what the control socket answers
 *     daemon/core.c                    core: frames to the analyzer, its life
 *     daemon/core_decide.c             core: proposals to the actuator, outcomes back
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
 *     daemon/process_actuator.c        the actuator as a process
 *     daemon/process_observer.c        the observer as a process
 *     daemon/render.c                  colours, tables, wrapped text, progress
 *     daemon/render_chart.c            two histograms on one axis, the interval of an effect
 *     daemon/render_story.c            a trial told line by line
 *     daemon/render_trial.c            the final table of a trial
 *     daemon/sampler.c                 sampling in the foreground
 *     daemon/seccomp.c                 core's system call filter
 *     daemon/supervisor.c              starts, reaps, recovers, restarts
 *     daemon/usage.c                   what the processes cost
 *     daemon/verb_control.c            abort, rollback, freeze, thaw
 *     daemon/verb_daemon.c             daemon
 *     daemon/verb_doctor.c             doctor: what works here
 *     daemon/verb_explain.c            explain: a trial as a story
 *     daemon/verb_help.c               help, version
 *     daemon/verb_knobs.c              knobs
 *     daemon/verb_overhead.c           overhead: what flyball costs
 *     daemon/verb_policy.c             policy check, list, show
 *     daemon/verb_recommend.c          recommend: the plan, nothing written
 *     daemon/verb_shared.c             what several verbs share
 *     daemon/verb_signals.c            signals with present values
 *     daemon/verb_status.c             status
 *     daemon/verb_trial.c              trial, also live (--follow)
 *     daemon/verb_trials.c             trials
 *     daemon/verb_watch.c              watch: signals as they change
 *     daemon/worker.c                  loop and channels of every worker
 *     observer/block.c                 disks: durations by BPF or sums, counters by stat
 *     observer/block_tracer.c          the BPF programs attached, read and detached
 *     observer/block_tracer_off.c      the same in a build without BPF
 *     observer/cpu.c                   /proc/stat
 *     observer/disks.c                 which disks there are
 *     observer/memory.c                /proc/meminfo and /proc/vmstat
 *     observer/observer.c              demand to sources, samples to frames
 *     observer/psi.c                   /proc/pressure
 *     observer/signals.c               the table of signals
 *     observer/source.c                what all sources share
 *     observer/text.c                  parsing the kernel's text
 *     policies/arms.c                  try: the values of a policy
 *     policies/errors.c                all errors of a file, in order
 *     policies/expression.c            conditions, compiled
 *     policies/lexer.c                 words of a condition
 *     policies/literal.c               string literals and where they stand
 *     policies/outline.c               the shape of a file before libconfig reads it
 *     policies/policy_reader.c         the keys of a policy, one table
 *     policies/policy_set.c            files and folders of policies
 *     policies/reader.c                what all key parsers share
 *     policies/reference.c             disk.read.latency.p99 and its unit
 *     policies/source.c                a file read whole, or refused
 *     policies/trial_keys.c            the keys of the group trial
 */
#include "daemon/cli.h"

int main(int argc, char **argv)
{
	return cli_run(argc, argv, stdout, stderr);
}
