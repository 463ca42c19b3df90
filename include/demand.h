/* SPDX-License-Identifier: Apache-2.0 */
/* Demand: which signals somebody needs. What nobody demands is not attached and not read. */
#ifndef FLYBALL_DEMAND_H
#define FLYBALL_DEMAND_H

#include <stdint.h>

#include "include/scope.h"
#include "include/signal.h"

#define DEMANDS_MAX 256

struct demand {
	uint32_t signal;    /* enum signal_id */
	uint32_t on_trial;  /* 1: a running trial needs it; its source is not thinned */
	struct scope scope; /* its name is an fnmatch(3) pattern; "" = all instances */
};

#endif
