/* SPDX-License-Identifier: Apache-2.0 */
/* Finding series in a frame without looking at all of them. Pure. */
#ifndef FLYBALL_BASE_FRAME_H
#define FLYBALL_BASE_FRAME_H

#include <stdbool.h>

#include "include/frame.h"

/* Makes the index anew, after the series were filled in and before the functions below are called. */
void frame_index(struct frame *frame);

/* The series of a signal in a scope, or NULL. The frame is indexed. */
const struct series *frame_series(const struct frame *frame, uint32_t signal,
				  const struct scope *scope);

/* True when any series of `scope` is in the frame, which is indexed. */
bool frame_has_scope(const struct frame *frame, const struct scope *scope);

#endif
