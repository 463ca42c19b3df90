/* SPDX-License-Identifier: Apache-2.0 */
/* Names of knobs as people write them. */
#ifndef FLYBALL_BASE_KNOB_NAME_H
#define FLYBALL_BASE_KNOB_NAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes the name with dots between its parts. Like sysctl(8): where the first of `.` and `/` in it is a slash, slashes
 * are what divides it and a dot belongs to a part (`net/ipv4/conf/eth0.1/rp_filter`); in the result that dot is a slash
 * (`net.ipv4.conf.eth0/1.rp_filter`). Returns `buffer`; what does not fit is cut.
 */
char *knob_name_dotted(const char *text, char *buffer, size_t size);

/* The other way: a path's part, `net/ipv4/conf/eth0.1/rp_filter`. */
char *knob_name_path(const char *name, char *buffer, size_t size);

/* True when `text`, written either way, means the knob of that (dotted) name. */
bool knob_name_is(const char *text, const char *name);

#endif
