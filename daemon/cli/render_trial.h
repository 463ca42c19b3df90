/* SPDX-License-Identifier: Apache-2.0 */
/* A trial in JSON (json_trial) for people: the final table, and its story line by line as it happens. */
#ifndef FLYBALL_DAEMON_RENDER_TRIAL_H
#define FLYBALL_DAEMON_RENDER_TRIAL_H

#include <jansson.h>

#include "daemon/cli/render.h"

/* The headline, the table of before and after, and the two histograms where there are. */
void trial_print(FILE *f, const struct style *style, const json_t *trial);

/* `98.8 % lower`, `12 % higher`, from the ratio by which the objective got better. Returns `buffer`. */
char *trial_effect_text(const json_t *trial, double effect, char *buffer, size_t size);

/* A line of a story: a label of one word, then a sentence. */
void story_line(FILE *f, const struct style *style, enum tone tone, const char *label,
		const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The steps of a trial, each some lines. `index` counts from 0. */
void story_opportunity(FILE *f, const struct style *style, const json_t *trial);
void story_ready(FILE *f, const struct style *style, const json_t *trial, size_t index,
		 double value);
void story_screened(FILE *f, const struct style *style, const json_t *trial,
		    const json_t *screened);
void story_chosen(FILE *f, const struct style *style, const json_t *trial);
void story_pair(FILE *f, const struct style *style, const json_t *trial, const json_t *pair,
		size_t index);
void story_verdict(FILE *f, const struct style *style, const json_t *trial);

#endif
