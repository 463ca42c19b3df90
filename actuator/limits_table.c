// SPDX-License-Identifier: Apache-2.0
/* The limits that are numbers: one row each, and how they are shown. */
#include "actuator/limits.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/quantity.h"

#define HOUR_NS (3600.0 * NSEC_PER_SEC)
#define MINUTES_NS (60.0 * NSEC_PER_SEC)
#define MIB (1024.0 * 1024.0)

#define SWITCH                                                                         \
	.unit = UNIT_NONE, .is_switch = true, .min = 0, .max = 1, .min_text = "false", \
	.max_text = "true"
#define COUNT .unit = UNIT_NONE, .less_is_tighter = true

/* clang-format off: a table reads best as a table. */
const struct limit_number limit_numbers[LIMIT_COUNT] = {
	[LIMIT_FREEZE] = { SWITCH, .key = "freeze", .preset = 0, .preset_text = "false",
			   .about = "nothing is changed, not even by hand; what is in force can "
				    "still be undone" },
	[LIMIT_TRIALS_AT_ONCE] = { COUNT, .key = "trials_at_once", .min = 0, .max = 8, .preset = 8,
				   .min_text = "0", .max_text = "8", .preset_text = "8",
				   .about = "changes that are open at once: trials, and changes by "
					    "hand" },
	[LIMIT_CHANGES_PER_HOUR] = { COUNT, .key = "changes_per_hour", .min = 0, .max = 1000000,
				     .preset = 10000, .min_text = "0", .max_text = "1000000",
				     .preset_text = "10000",
				     .about = "writes of a value to try or to keep, all knobs "
					      "together; going back is never counted" },
	[LIMIT_CHANGES_PER_HOUR_KNOB] = { COUNT, .key = "changes_per_hour_knob", .min = 0,
					  .max = 1000000, .preset = 2000, .min_text = "0",
					  .max_text = "1000000", .preset_text = "2000",
					  .about = "the same for one knob in one scope" },
	[LIMIT_COOLDOWN] = { .key = "cooldown",
			     .unit = UNIT_TIME,
			     .min = 0,
			     .max = 720 * HOUR_NS,
			     .preset = 0,
			     .min_text = "0s",
			     .max_text = "720h",
			     .preset_text = "0s",
			     .about = "how long after the end of a trial no other begins on the "
				      "same knob and scope; "
				      "policies have their own besides" },
	[LIMIT_RESUME_AFTER] = { .key = "resume_after",
				 .unit = UNIT_TIME,
				 .or_never = true,
				 .min = 60 * (double)NSEC_PER_SEC,
				 .max = 8760 * HOUR_NS,
				 .preset = 24 * HOUR_NS,
				 .min_text = "1min",
				 .max_text = "8760h",
				 .preset_text = "24h",
				 .about = "how long a knob that somebody else has changed is left "
					  "alone; `never` = until "
					  "`flyball unpin`" },
	[LIMIT_LOAD_MODULES] = { SWITCH, .key = "load_modules", .less_is_tighter = true,
				 .preset = 0, .preset_text = "false",
				 .about = "a value may be tried that the kernel does not offer "
					  "yet, and would load a module for" },
	[LIMIT_HARM_LOSS] = { .group = "harm_budget",
			      .key = "loss",
			      .unit = UNIT_RATIO,
			      .less_is_tighter = true,
			      .min = 0,
			      .max = 1,
			      .preset = 0.005,
			      .min_text = "0%",
			      .max_text = "100%",
			      .preset_text = "0.5%",
			      .about = "share of a day's objective that trials may cost, past "
				       "which none begins; core "
				       "measures and holds it" },
	[LIMIT_HARM_TIME] = { .group = "harm_budget",
			      .key = "time",
			      .unit = UNIT_TIME,
			      .less_is_tighter = true,
			      .min = 0,
			      .max = 192 * HOUR_NS,
			      .preset = 4 * HOUR_NS,
			      .min_text = "0s",
			      .max_text = "192h",
			      .preset_text = "4h",
			      .about = "time of the last 24 hours with a value on trial in force, "
				       "all trials added up" },
	[LIMIT_OSCILLATION_FLIPS] = { COUNT, .group = "oscillation", .key = "flips", .min = 1,
				      .max = 15, .preset = 6, .min_text = "1", .max_text = "15",
				      .preset_text = "6",
				      .about = "a knob whose kept value goes back (undone, or by "
					       "keeping what it was before) "
					       "more often than this is quarantined" },
	[LIMIT_OSCILLATION_WITHIN] = { .group = "oscillation",
				       .key = "within",
				       .unit = UNIT_TIME,
				       .min = MINUTES_NS,
				       .max = 720 * HOUR_NS,
				       .preset = HOUR_NS,
				       .min_text = "1min",
				       .max_text = "720h",
				       .preset_text = "1h",
				       .about = "over which `flips` are counted" },
	[LIMIT_OSCILLATION_QUARANTINE] = { .group = "oscillation",
					   .key = "quarantine",
					   .unit = UNIT_TIME,
					   .min = MINUTES_NS,
					   .max = 720 * HOUR_NS,
					   .preset = HOUR_NS,
					   .min_text = "1min",
					   .max_text = "720h",
					   .preset_text = "1h",
					   .about = "how long nothing begins on it; twice as long "
						    "each further time" },
	[LIMIT_OSCILLATION_QUARANTINE_MAX] = { .group = "oscillation",
					       .key = "quarantine_max",
					       .unit = UNIT_TIME,
					       .min = MINUTES_NS,
					       .max = 8760 * HOUR_NS,
					       .preset = 168 * HOUR_NS,
					       .min_text = "1min",
					       .max_text = "8760h",
					       .preset_text = "168h",
					       .about = "the longest quarantine" },
	[LIMIT_NUMA_RATE] = { .group = "numa",
			      .key = "rate",
			      .unit = UNIT_BYTES,
			      .less_is_tighter = true,
			      .min = 0,
			      .max = 1024 * 1024 * MIB,
			      .preset = 256 * MIB,
			      .min_text = "0B",
			      .max_text = "1024GiB",
			      .preset_text = "256MiB",
			      .about = "bytes a second that may be moved between memory nodes" },
	[LIMIT_NUMA_FREE] = { .group = "numa",
			      .key = "free",
			      .unit = UNIT_BYTES,
			      .min = 0,
			      .max = 1024 * 1024 * MIB,
			      .preset = 512 * MIB,
			      .min_text = "0B",
			      .max_text = "1024GiB",
			      .preset_text = "512MiB",
			      .about = "memory that must stay free on a node that pages are moved "
				       "to" },
};
/* clang-format on */

static const struct {
	const char *text;
	uint32_t kind;
	int32_t pid;
} preset_rules[] = {
	{ .kind = RULE_ALLOW, .text = "" },
	{ .kind = RULE_PID, .text = "", .pid = 1 },
	{ .kind = RULE_PROCESS, .text = "systemd*" },
	{ .kind = RULE_PROCESS, .text = "dbus-*" },
	{ .kind = RULE_PROCESS, .text = "sshd" },
	{ .kind = RULE_PROCESS, .text = "flyball*" },
	{ .kind = RULE_CGROUP, .text = "/init.scope" },
	{ .kind = RULE_CGROUP, .text = "/system.slice/ssh.service" },
	{ .kind = RULE_CGROUP, .text = "/system.slice/sshd.service" },
};

void limits_defaults(struct limits *ret_limits)
{
	memset(ret_limits, 0, sizeof(*ret_limits));
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		ret_limits->value[i] = limit_numbers[i].preset;
	for (size_t i = 0; i < ARRAY_SIZE(preset_rules); i++) {
		struct limit_rule *rule = &ret_limits->rules[ret_limits->n_rules++];

		rule->kind = preset_rules[i].kind;
		rule->pid = preset_rules[i].pid;
		snprintf(rule->text, sizeof(rule->text), "%s", preset_rules[i].text);
	}
}

char *limit_name(uint32_t id, char *buffer, size_t size)
{
	const struct limit_number *number = &limit_numbers[id];

	snprintf(buffer, size, "%s%s%s", number->group ? number->group : "",
		 number->group ? "." : "", number->key);
	return buffer;
}

/* The largest unit that the value is a whole number of: what a person would have written. */
static void exact_text(double value, enum unit unit, char *buffer, size_t size)
{
	static const struct {
		enum unit unit;
		double factor;
		const char *word;
	} units[] = {
		{ UNIT_TIME, HOUR_NS, "h" },      { UNIT_TIME, MINUTES_NS, "min" },
		{ UNIT_TIME, NSEC_PER_SEC, "s" }, { UNIT_TIME, NSEC_PER_MSEC, "ms" },
		{ UNIT_TIME, 1, "ns" },           { UNIT_BYTES, 1024 * MIB, "GiB" },
		{ UNIT_BYTES, MIB, "MiB" },       { UNIT_BYTES, 1024, "KiB" },
		{ UNIT_BYTES, 1, "B" },
	};

	if (unit == UNIT_NONE || unit == UNIT_RATIO)
		snprintf(buffer, size, "%.10g%s", unit == UNIT_RATIO ? value * 100 : value,
			 unit == UNIT_RATIO ? "%" : "");
	else if (value == 0)
		snprintf(buffer, size, "0%s", unit == UNIT_TIME ? "s" : "B");
	else
		for (size_t i = 0; i < ARRAY_SIZE(units); i++)
			if (units[i].unit == unit &&
			    (fmod(value, units[i].factor) == 0 || units[i].factor == 1)) {
				snprintf(buffer, size, "%.17g%s", value / units[i].factor,
					 units[i].word);
				return;
			}
}

char *limit_value_text(uint32_t id, double value, char *buffer, size_t size)
{
	const struct limit_number *number = &limit_numbers[id];

	if (number->is_switch)
		snprintf(buffer, size, "%s", value != 0 ? "true" : "false");
	else if (isinf(value))
		snprintf(buffer, size, "never");
	else
		exact_text(value, number->unit, buffer, size);
	return buffer;
}

char *limit_from(const struct limits *limits, const struct limit_source *source, char *buffer,
		 size_t size)
{
	if (source->origin == LIMIT_FILE)
		snprintf(buffer, size, "%s:%u", limits->file, source->line);
	else
		snprintf(buffer, size, "%s",
			 source->origin == LIMIT_RUN_TIME ? "run time" : "built-in");
	return buffer;
}

static size_t add_bound(char *text, size_t used, size_t size, const char *name,
			const struct limit_bound *bound)
{
	char value[48];

	if (!bound->given || used >= size)
		return used;
	exact_text(bound->value, (enum unit)bound->unit, value, sizeof(value));
	return used +
	       (size_t)snprintf(text + used, size - used, "%s%s %s", used ? ", " : "", name, value);
}

static void knob_rule_text(const struct limit_rule *rule, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	used = add_bound(text, used, size, "min", &rule->min);
	used = add_bound(text, used, size, "max", &rule->max);
	used = add_bound(text, used, size, "step", &rule->step);
	used = add_bound(text, used, size, "changes_per_hour", &rule->changes_per_hour);
	used = add_bound(text, used, size, "cooldown", &rule->cooldown);
	if (rule->text[0] && used < size)
		snprintf(text + used, size - used, " of %.150s", rule->text);
}

static void quiet_text(const struct limit_rule *rule, char *text, size_t size)
{
	static const char days[] = "sun mon tue wed thu fri sat ";
	size_t used = 0;

	for (uint32_t i = 0; i < 7; i++)
		if (rule->days & 1u << i)
			used += (size_t)snprintf(text + used, size - used, "%.3s%s", days + 4 * i,
						 rule->days >> (i + 1) ? "," : "");
	snprintf(text + used, size - used, " %02u:%02u-%02u:%02u", rule->from / 60, rule->from % 60,
		 rule->to / 60, rule->to % 60);
}

void limit_rule_row(const struct limits *limits, const struct limit_rule *rule,
		    struct limit_row *ret_row)
{
	static const char *const names[RULE_KIND_COUNT] = {
		[RULE_ALLOW] = "allow",
		[RULE_DENY] = "deny",
		[RULE_KNOB] = "",
		[RULE_QUIET] = "quiet_hours",
		[RULE_PROCESS] = "protect.processes",
		[RULE_PID] = "protect.pids",
		[RULE_CGROUP] = "protect.cgroups",
	};

	*ret_row = (struct limit_row){ .id = LIMIT_COUNT };
	snprintf(ret_row->name, sizeof(ret_row->name), "%s",
		 rule->kind == RULE_KNOB ? rule->knob : names[rule->kind]);
	limit_from(limits, &rule->source, ret_row->from, sizeof(ret_row->from));
	if (rule->kind == RULE_KNOB)
		knob_rule_text(rule, ret_row->text, sizeof(ret_row->text));
	else if (rule->kind == RULE_QUIET)
		quiet_text(rule, ret_row->text, sizeof(ret_row->text));
	else if (rule->kind == RULE_PID)
		snprintf(ret_row->text, sizeof(ret_row->text), "%d", rule->pid);
	else if (rule->kind == RULE_ALLOW || rule->kind == RULE_DENY)
		snprintf(ret_row->text, sizeof(ret_row->text), "%s%s%.150s",
			 rule->knob[0] ? rule->knob : "every knob", rule->text[0] ? " of " : "",
			 rule->text);
	else
		snprintf(ret_row->text, sizeof(ret_row->text), "%.200s", rule->text);
}
