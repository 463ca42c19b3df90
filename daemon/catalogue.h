/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of this build: the observer's signals and the actuator's knobs in one place. */
#ifndef FLYBALL_DAEMON_CATALOGUE_H
#define FLYBALL_DAEMON_CATALOGUE_H

#include "include/catalogue.h"

struct knob_table;

/* Of these knobs; NULL = the build's. As long as they live. */
struct catalogue catalogue_of(const struct knob_table *knobs);

/* Of the build's. Valid for ever; nothing in it is allocated. */
struct catalogue catalogue_here(void);

#endif
