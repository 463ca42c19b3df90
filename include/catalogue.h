/* SPDX-License-Identifier: Apache-2.0 */
/* What policies may name: the rows of signals and knobs, handed to whoever needs names checked. */
#ifndef FLYBALL_CATALOGUE_H
#define FLYBALL_CATALOGUE_H

#include <stddef.h>

#include "include/knob.h"
#include "include/signal.h"

struct catalogue {
	const struct signal_row *signals; /* SIGNAL_ID_COUNT rows, indexed by enum signal_id */
	const struct knob_row *knobs;
	size_t n_knobs;
};

#endif
