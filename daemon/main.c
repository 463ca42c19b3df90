// SPDX-License-Identifier: Apache-2.0
/*
 * The map: every source file in one line.
 *
 *     actuator/actuator.c      the actuator: the only writer
 *     analyzer/analyzer.c      the analyzer: frames to proposals
 *     base/file.c              files replaced whole or not at all
 *     base/hist.c              percentiles of histograms
 *     base/log.c               lines on stderr
 *     base/quantity.c          numbers with units
 *     base/rng.c               a seeded generator
 *     base/scope.c             scopes as text
 *     base/sysroot.c           /proc and /sys under a descriptor
 *     base/words.c             the words of every enum
 *     daemon/catalogue.c       signals and knobs of this build in one place
 *     daemon/cli.c             the table of verbs, parsing, dispatch
 *     daemon/cli_help.c        help and docs/cli.md from the same table
 *     daemon/client.c          the client side of the control socket
 *     daemon/history.c         trials and outcomes recorded in SQLite
 *     daemon/history_open.c    the history file made, taken, refused or put aside
 *     daemon/history_prune.c   the history kept within its bounds
 *     daemon/json.c            knobs, sources, outcomes as JSON
 *     daemon/json_trial.c      trials and targets as JSON
 *     daemon/main.c            dispatches, nothing else
 *     daemon/message.c         messages between the processes
 *     daemon/render.c          colours, tables, wrapped text, progress
 *     daemon/render_chart.c    two histograms on one axis, the interval of an effect
 *     daemon/render_story.c    a trial told line by line
 *     daemon/render_trial.c    the final table of a trial
 *     daemon/sampler.c         sampling in the foreground
 *     daemon/verb_control.c    abort, rollback, freeze, thaw
 *     daemon/verb_daemon.c     daemon
 *     daemon/verb_doctor.c     doctor: what works here
 *     daemon/verb_explain.c    explain: a trial as a story
 *     daemon/verb_help.c       help, version
 *     daemon/verb_knobs.c      knobs
 *     daemon/verb_overhead.c   overhead: what flyball costs
 *     daemon/verb_policy.c     policy check, list, show
 *     daemon/verb_recommend.c  recommend: the plan, nothing written
 *     daemon/verb_shared.c     what several verbs share
 *     daemon/verb_signals.c    signals with present values
 *     daemon/verb_status.c     status
 *     daemon/verb_trial.c      trial, also live (--follow)
 *     daemon/verb_trials.c     trials
 *     daemon/verb_watch.c      watch: signals as they change
 *     observer/observer.c      the observer: sources to frames
 *     policies/policies.c      policy files
 */
#include "daemon/cli.h"

int main(int argc, char **argv)
{
	return cli_run(argc, argv, stdout, stderr);
}
