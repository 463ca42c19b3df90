/* SPDX-License-Identifier: Apache-2.0 */
/* The trials that the matrices of faults and crashes are made of, one line each; and the command line of both. */
#ifndef FLYBALL_TESTS_MATRIX_H
#define FLYBALL_TESTS_MATRIX_H

#include "tests/lab/onetrial.h"

enum matrix {
	MATRIX_FAULTS,
	MATRIX_CRASHES,
	MATRIX_COUNT,
};

struct tally {
	unsigned int cells, failed;
};

typedef void (*matrix_fn)(struct onetrial *trial, struct tally *tally);

/*
 * `matrix [all] [FAMILY…]`: makes what the trials of these families (of none: of every one) need, calls `fn` for each, and
 * prints the cells by family. Without `all`, cells of trials that take long are left out by the trial's stride. What this
 * machine has not is said. Returns the exit code of the test: 77 where nothing could be tried.
 */
int matrix_run(enum matrix matrix, int argc, char **argv, matrix_fn fn);

/* Prints which cell failed, and why. */
void matrix_complain(const struct onetrial *trial, const char *cell, const char *wrong);

#endif
