/* SPDX-License-Identifier: Apache-2.0 */
/* What the parsers of the limits file share: the limits that are being read. */
#ifndef FLYBALL_ACTUATOR_LIMITS_READER_H
#define FLYBALL_ACTUATOR_LIMITS_READER_H

#include "actuator/limits.h"
#include "base/conf_reader.h"

struct reader {
	struct conf conf; /* must be first */
	struct limits *limits;
	struct limit_rule rule; /* that is being read */
	const char *group;      /* that numbers are read from; NULL = the top */
};

/* A number, a switch or a string as text: the command line and the file have the same parsers. */
void limits_scalar_text(const config_setting_t *setting, char *text, size_t size);

/* Lists of rules (limits_rules.c), and what each rule takes. */
extern const struct conf_group limits_place_group, limits_knob_group, limits_protect_group;
void limits_parse_allow(struct reader *reader, const config_setting_t *setting);
void limits_parse_deny(struct reader *reader, const config_setting_t *setting);
void limits_parse_knobs(struct reader *reader, const config_setting_t *setting);
void limits_parse_quiet(struct reader *reader, const config_setting_t *setting);
void limits_parse_protect(struct reader *reader, const config_setting_t *setting);

#endif
