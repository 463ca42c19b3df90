/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences for operators: why a trial ended as it did. */
#ifndef FLYBALL_ANALYZER_TEXT_H
#define FLYBALL_ANALYZER_TEXT_H

#include <stddef.h>

#include "include/catalogue.h"
#include "include/policy.h"
#include "include/trial.h"

/* Writes `disk.read.latency.p50`; returns `buffer`. */
char *text_ref(const struct catalogue *catalogue, const struct signal_ref *ref, char *buffer,
	       size_t size);

/* The sentence of a verdict that the test reached: REASON_BETTER, WORSE, FUTILE or MAX_PAIRS. */
void text_tested(const struct catalogue *catalogue, const struct policy *policy,
		 const struct trial *trial, enum reason reason, char *buffer, size_t size);

/* The sentence of an arm in which nothing went on: `undid bfq: it stalled, disk.read.latency.p50 had no events …`. */
void text_stalled(const struct catalogue *catalogue, const struct policy *policy,
		  const struct trial *trial, uint32_t n_empty, char *buffer, size_t size);

/* `undid bfq: guardrail psi.io.full max 80.0 % was breached at 91.0 %`. */
void text_guardrail(const struct catalogue *catalogue, const struct policy *policy,
		    const struct trial *trial, uint32_t index, const char *arm, char *buffer,
		    size_t size);

/* Appends as much of `more` as fits. */
void text_append(char *buffer, size_t size, const char *more);

#endif
