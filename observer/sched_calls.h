/* SPDX-License-Identifier: Apache-2.0 */
/* System calls whose waits the scheduler source tells apart. */
#ifndef FLYBALL_OBSERVER_SCHED_CALLS_H
#define FLYBALL_OBSERVER_SCHED_CALLS_H

#include <stdint.h>

#include "bpf/sched.h"

/* Fills in what a wait in each call is for, by its number: enum sched_call. */
void sched_calls(uint8_t ret_calls[SCHED_CALLS]);

#endif
