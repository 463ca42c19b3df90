// SPDX-License-Identifier: Apache-2.0
#include "daemon/catalogue.h"

#include "actuator/knobs.h"
#include "observer/observer.h"

struct catalogue catalogue_here(void)
{
	return (struct catalogue){
		.signals = signal_rows,
		.knobs = knob_rows,
		.n_knobs = knob_rows_count,
	};
}
