/* SPDX-License-Identifier: Apache-2.0 */
/* Small builders that the files of json.h share. */
#ifndef FLYBALL_DAEMON_JSON_INTERNAL_H
#define FLYBALL_DAEMON_JSON_INTERNAL_H

#include <jansson.h>
#include <stdint.h>

#include "include/scope.h"

/* A number; null for NAN and infinities, which JSON does not have. */
json_t *json_number(double value);

/* Monotonic nanoseconds as seconds since 1970; null for 0 (not yet) and UINT64_MAX (never). */
json_t *json_time(uint64_t time_ns, int64_t wall_offset_ns);

/* `disk:vda`. */
json_t *json_scope(const struct scope *scope);

#endif
