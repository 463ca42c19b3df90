// SPDX-License-Identifier: Apache-2.0
#include "daemon/catalogue.h"

#include "actuator/knobs.h"
#include "observer/observer.h"

struct catalogue catalogue_of(const struct knob_table *knobs)
{
	return (struct catalogue){
		.signals = signal_rows,
		.knobs = knobs ? knobs->rows : knob_rows,
		.n_knobs = knobs ? knobs->n : knob_rows_count,
	};
}

struct catalogue catalogue_here(void)
{
	return catalogue_of(NULL);
}
