/* SPDX-License-Identifier: Apache-2.0 */
/* The trials that the matrices of faults and crashes are made of, and the machine for them: one line each. */
#ifndef FLYBALL_TESTS_MATRIX_H
#define FLYBALL_TESTS_MATRIX_H

#include "tests/lab/onetrial.h"

/*
 * Makes a loop disk and a network namespace of their own, and calls `fn` for each trial, which returns the number of
 * cells that failed. With `all` no cell is left out, however long that takes. Returns the exit code of the test: 77 where the machine lacks something.
 */
int matrix_run(bool all, unsigned int (*fn)(const struct onetrial *trial));

/* Prints which cell failed, and why. */
void matrix_complain(const struct onetrial *trial, const char *cell, const char *wrong);

#endif
