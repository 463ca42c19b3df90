// SPDX-License-Identifier: Apache-2.0
#include "base/words.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "include/decision.h"
#include "include/outcome.h"
#include "include/service.h"
#include "include/source.h"

/* clang-format off: tables of words read best as tables. */
#define WORDS(name, count, ...)                                                            \
	static const char *const name##_words[count] = { __VA_ARGS__ };                    \
	const char *name##_word(uint32_t value)                                            \
	{                                                                                  \
		return value < (count) && name##_words[value] ? name##_words[value] : "?"; \
	}                                                                                  \
	int name##_parse(const char *word)                                                 \
	{                                                                                  \
		for (size_t i = 0; i < (count); i++)                                       \
			if (name##_words[i] && !strcmp(name##_words[i], word))             \
				return (int)i;                                             \
		return -EINVAL;                                                            \
	}

WORDS(scope_kind, SCOPE_KIND_COUNT, [SCOPE_HOST] = "host", [SCOPE_CPU] = "cpu",
      [SCOPE_NODE] = "node", [SCOPE_DISK] = "disk", [SCOPE_NIC] = "nic", [SCOPE_NETNS] = "netns",
      [SCOPE_CGROUP] = "cgroup", [SCOPE_PROCESS] = "process", [SCOPE_SERVICE] = "service",
      [SCOPE_GPU] = "gpu", [SCOPE_IRQ] = "irq", [SCOPE_ROUTE] = "route")
WORDS(signal_kind, SIGNAL_KIND_COUNT, [SIGNAL_COUNTER] = "counter", [SIGNAL_GAUGE] = "gauge",
      [SIGNAL_DISTRIBUTION] = "distribution")
WORDS(signal_stat, STAT_COUNT, [STAT_VALUE] = "", [STAT_P50] = "p50", [STAT_P90] = "p90",
      [STAT_P99] = "p99", [STAT_MEAN] = "mean", [STAT_RATE] = "rate")
WORDS(unit, UNIT_COUNT, [UNIT_NONE] = "number", [UNIT_TIME] = "time", [UNIT_BYTES] = "bytes",
      [UNIT_RATIO] = "ratio")
WORDS(knob_family, FAMILY_COUNT, [FAMILY_SYSCTL] = "sysctl", [FAMILY_NUMA] = "numa",
      [FAMILY_AFFINITY] = "affinity", [FAMILY_CGROUP] = "cgroup",
      [FAMILY_TCP_CONGESTION] = "tcp-congestion", [FAMILY_IO_SCHEDULER] = "io-scheduler")
WORDS(knob_type, KNOB_TYPE_COUNT, [KNOB_INTEGER] = "integer", [KNOB_CHOICE] = "choice",
      [KNOB_LIMIT] = "limit", [KNOB_LIST] = "list", [KNOB_TEXT] = "text")
WORDS(knob_domain, DOMAIN_COUNT, [DOMAIN_DISK] = "disk", [DOMAIN_MEMORY] = "memory",
      [DOMAIN_NETWORK] = "network", [DOMAIN_SCHEDULER] = "scheduler")
WORDS(condition_op, CONDITION_OP_COUNT, [CONDITION_LESS] = "<", [CONDITION_LESS_EQUAL] = "<=",
      [CONDITION_GREATER] = ">", [CONDITION_GREATER_EQUAL] = ">=", [CONDITION_AND] = "and",
      [CONDITION_OR] = "or", [CONDITION_NOT] = "not")
WORDS(guardrail_kind, GUARDRAIL_KIND_COUNT, [GUARDRAIL_MAX] = "max", [GUARDRAIL_MIN] = "min",
      [GUARDRAIL_MAX_DROP] = "max_drop", [GUARDRAIL_MAX_RISE] = "max_rise")
WORDS(objective_direction, OBJECTIVE_DIRECTION_COUNT, [OBJECTIVE_MINIMIZE] = "minimize",
      [OBJECTIVE_MAXIMIZE] = "maximize")
WORDS(action, ACTION_COUNT, [ACTION_BEGIN] = "begin", [ACTION_ARM] = "arm", [ACTION_BASE] = "base",
      [ACTION_KEEP] = "keep", [ACTION_UNDO] = "undo", [ACTION_SPLIT] = "split")
WORDS(outcome_status, OUTCOME_STATUS_COUNT, [OUTCOME_DONE] = "done", [OUTCOME_REFUSED] = "refused",
      [OUTCOME_FOREIGN] = "foreign", [OUTCOME_GONE] = "gone", [OUTCOME_FAILED] = "failed")
WORDS(trial_phase, TRIAL_PHASE_COUNT, [TRIAL_READING] = "reading", [TRIAL_READY] = "readiness",
      [TRIAL_SCREENING] = "screening", [TRIAL_TESTING] = "testing", [TRIAL_CLOSING] = "closing",
      [TRIAL_ENDED] = "ended")
WORDS(verdict, VERDICT_COUNT, [VERDICT_NONE] = "running", [VERDICT_KEPT] = "kept",
      [VERDICT_REVERTED] = "reverted", [VERDICT_INCONCLUSIVE] = "inconclusive",
      [VERDICT_ABORTED] = "aborted")
WORDS(reason, REASON_COUNT, [REASON_NONE] = "none", [REASON_BETTER] = "better",
      [REASON_WORSE] = "worse", [REASON_GUARDRAIL] = "guardrail", [REASON_FUTILE] = "futile",
      [REASON_MAX_PAIRS] = "max-pairs", [REASON_NO_ARM] = "no-arm",
      [REASON_FOREIGN] = "foreign-write", [REASON_GONE] = "gone", [REASON_REFUSED] = "refused",
      [REASON_FAILED] = "failed", [REASON_OVER] = "opportunity-over", [REASON_BLIND] = "blind",
      [REASON_OPERATOR] = "operator", [REASON_FROZEN] = "frozen", [REASON_DEADLINE] = "deadline",
      [REASON_PEER] = "process-died", [REASON_DRY_RUN] = "dry-run")
WORDS(loss, LOSS_COUNT, [LOSS_ORPHAN_END] = "orphan_ends", [LOSS_CLAMPED] = "clamped",
      [LOSS_CONNECTION] = "connections", [LOSS_INSTANCE] = "instances", [LOSS_EVENT] = "events",
      [LOSS_SERIES] = "series", [LOSS_FRAME] = "frames", [LOSS_PIPELINED] = "pipelined",
      [LOSS_ROUTE] = "routes")
WORDS(service_protocol, SERVICE_PROTOCOL_COUNT, [SERVICE_TCP] = "tcp", [SERVICE_UDP] = "udp")
WORDS(source_state, SOURCE_STATE_COUNT, [SOURCE_UNAVAILABLE] = "unavailable",
      [SOURCE_IDLE] = "idle", [SOURCE_ATTACHED] = "attached", [SOURCE_DEGRADED] = "degraded")
WORDS(source_thinning, SOURCE_THINNING_COUNT, [SOURCE_WHOLE] = "whole", [SOURCE_HALF] = "half",
      [SOURCE_QUARTER] = "quarter", [SOURCE_EIGHTH] = "eighth", [SOURCE_SIXTEENTH] = "sixteenth",
      [SOURCE_THIRTY_SECOND] = "thirty-second", [SOURCE_DROPPED] = "dropped")
WORDS(budget_state, BUDGET_STATE_COUNT, [BUDGET_WITHIN] = "within", [BUDGET_OVER] = "over",
      [BUDGET_TRIAL] = "trial", [BUDGET_NOTHING] = "nothing")
WORDS(event_kind, EVENT_COUNT, [EVENT_OPPORTUNITY] = "opportunity", [EVENT_BEGUN] = "begun",
      [EVENT_READY] = "ready", [EVENT_SCREENED] = "screened", [EVENT_CHOSEN] = "chosen",
      [EVENT_PAIR] = "pair", [EVENT_VOID] = "void", [EVENT_VERDICT] = "verdict")

/* clang-format on */

#define DISTANCE_MAX 128 /* bytes of a word; longer ones have no near word */

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

size_t words_distance(const char *a, const char *b, size_t limit)
{
	size_t n = strlen(a), m = strlen(b);
	size_t rows[3][DISTANCE_MAX + 1];

	if (n > DISTANCE_MAX || m > DISTANCE_MAX)
		return limit;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *now = rows[i % 3], *before = rows[(i + 2) % 3],
		       *two_before = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			now[j] = min3(before[j] + 1, now[j - 1] + 1,
				      before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    two_before[j - 2] + 1 < now[j])
				now[j] = two_before[j - 2] + 1;
		}
	}
	return rows[n % 3][m] < limit ? rows[n % 3][m] : limit;
}

const char *words_nearest(const char *word, const char *const *candidates, size_t n)
{
	/* A third of the letters may differ: enough for typing errors, too little for another word. */
	size_t best = strlen(word) / 3 + 2;
	const char *nearest = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t distance = words_distance(word, candidates[i], best);

		if (distance < best) {
			best = distance;
			nearest = candidates[i];
		}
	}
	return nearest;
}
