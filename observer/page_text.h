/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a page of metrics, taken apart: OpenMetrics 1.0 and Prometheus' text format 0.0.4. Pure.
 *
 *     page_text_begin → page_text_next … → for a line that somebody wants: page_line_parse
 */
#ifndef FLYBALL_OBSERVER_PAGE_TEXT_H
#define FLYBALL_OBSERVER_PAGE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "include/scope.h"

#define PAGE_LABELS_MAX 32 /* of one sample */

enum page_type {
	PAGE_UNKNOWN,
	PAGE_GAUGE, /* also info, stateset and gaugehistogram: levels */
	PAGE_COUNTER,
	PAGE_HISTOGRAM,
	PAGE_SUMMARY,
	PAGE_TYPE_COUNT,
};

/* What a sample is of its family. */
enum page_part {
	PAGE_LEVEL,   /* a level */
	PAGE_TOTAL,   /* counts up */
	PAGE_EITHER,  /* nobody said which */
	PAGE_BUCKET,  /* of a histogram: how many are at most `le`; counts up */
	PAGE_SUM,     /* of a histogram; counts up */
	PAGE_CREATED, /* since when the family's other samples count, as a time */
};

struct page_text {
	char *at;
	unsigned int line;  /* from 1 on; 0 before the first */
	const char *family; /* of the last # TYPE, and its length */
	size_t length;
	enum page_type type;
	double unit_ns; /* of the family's times: 1e9 for seconds; 0 = it is of no times */
	bool ended;     /* # EOF was seen */
};

/* A line with a sample, before anybody looked past its name. */
struct page_line {
	const char *name;
	size_t length; /* of the name */
	size_t base;   /* of it without what tells the part: `_bucket`, `_created` */
	char *rest;
	enum page_part part;
	double unit_ns;
};

struct page_sample {
	char name[SCOPE_NAME_MAX]; /* `PAGE@METRIC{a=1,b=2}`; "" = does not fit */
	char family
		[SCOPE_NAME_MAX]; /* the same of the base, without `le`: one for all parts; "" likewise */
	double value;
	double le; /* of a bucket */
};

/* Begins with a text that ends in a NUL; it is written into. */
void page_text_begin(struct page_text *text, char *bytes);

/* The next sample. Returns 1; 0 at the end; -EINVAL with a constant sentence for what is no such text. */
int page_text_next(struct page_text *text, struct page_line *ret_line, const char **ret_why);

/*
 * Reads labels and value. Labels are sorted by name; bytes of their values other than letters, digits and . _ : + - become
 * %XX. Returns 0, or -EINVAL as above.
 */
int page_line_parse(const struct page_line *line, const char *page, struct page_sample *ret_sample,
		    const char **ret_why);

#endif
