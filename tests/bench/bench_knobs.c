// SPDX-License-Identifier: Apache-2.0
/*
 * How long the listing itself takes, without a program's start and without JSON: bench_knobs [COUNT]. All knobs of this
 * build with their values, as `flyball knobs` finds them; a line of JSON a listing: how many, and nanoseconds.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"

#define COUNT_DEFAULT 20

struct seen {
	size_t n, with_value;
};

static void see(const struct knob_found *found, void *context)
{
	struct seen *seen = context;

	seen->n++;
	seen->with_value += found->error == 0 && !(found->reading.flags & KNOB_GONE);
}

int main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : COUNT_DEFAULT;
	_cleanup_free_ const struct knob_row **rows = calloc(knob_rows_count, sizeof(*rows));
	_cleanup_close_ int root = sysroot_open("/");

	if (argc > 2 || count == 0 || !rows || root < 0) {
		fputs("usage: bench_knobs [COUNT]\n", stderr);
		return 64;
	}
	for (size_t i = 0; i < knob_rows_count; i++)
		rows[i] = &knob_rows[i];
	for (size_t i = 0; i < count; i++) {
		struct seen seen = { 0 };
		uint64_t start = clock_now_ns();
		int r = knob_list(root, rows, knob_rows_count, see, &seen);
		uint64_t took = clock_now_ns() - start;

		if (r < 0) {
			fprintf(stderr, "bench_knobs: %s\n", strerror(-r));
			return 1;
		}
		printf("{\"n\":%zu,\"with_value\":%zu,\"ns\":%" PRIu64 "}\n", seen.n,
		       seen.with_value, took);
	}
	return 0;
}
