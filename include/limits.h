/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator allows at all: limits that the actuator holds itself to, whatever core asks for. docs/limits.md. */
#ifndef FLYBALL_LIMITS_H
#define FLYBALL_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "include/knob.h"
#include "include/scope.h"

#define LIMITS_FILE_MAX 200 /* path of the file, with its NUL */
#define LIMIT_RULES_MAX 96
#define LIMIT_PATTERN_MAX (SCOPE_NAME_MAX + 16)
#define LIMIT_NAME_MAX 96
#define LIMIT_TEXT_MAX 256

/* Limits that are one number. */
enum limit_id {
	LIMIT_FREEZE,                /* 1: nothing may be changed */
	LIMIT_TRIALS_AT_ONCE,        /* open changes at once */
	LIMIT_CHANGES_PER_HOUR,      /* of all knobs together */
	LIMIT_CHANGES_PER_HOUR_KNOB, /* of one knob in one scope */
	LIMIT_COOLDOWN,              /* ns after the end of a change in the same place */
	LIMIT_RESUME_AFTER, /* ns for which a foreign hand's knob is left alone; INFINITY = until unpinned */
	LIMIT_LOAD_MODULES, /* 1: a value may make the kernel load a module */
	LIMIT_HARM_LOSS, /* ratio of a day's objective that exploring may cost; core measures it */
	LIMIT_HARM_TIME, /* ns of a day with an unproven value in force */
	LIMIT_OSCILLATION_FLIPS,          /* kept and undone more often than this within … */
	LIMIT_OSCILLATION_WITHIN,         /* … ns: quarantine */
	LIMIT_OSCILLATION_QUARANTINE,     /* ns of the first quarantine; doubles each time */
	LIMIT_OSCILLATION_QUARANTINE_MAX, /* ns, the longest */
	LIMIT_NUMA_RATE,                  /* bytes a second that may be moved between nodes */
	LIMIT_NUMA_FREE,                  /* bytes that must stay free on a node */
	LIMIT_COUNT,
};

enum limit_origin {
	LIMIT_BUILT_IN,
	LIMIT_FILE,     /* the limits file, `line` */
	LIMIT_RUN_TIME, /* `flyball limits --set` */
	LIMIT_ORIGIN_COUNT,
};

struct limit_source {
	uint32_t origin; /* enum limit_origin */
	uint32_t line;
};

enum limit_rule_kind {
	RULE_ALLOW,   /* knob, scope */
	RULE_DENY,    /* knob, scope; wins over every allow */
	RULE_KNOB,    /* knob, scope; min, max, step, changes_per_hour, cooldown */
	RULE_QUIET,   /* days, from, to: no change begins */
	RULE_PROCESS, /* text: pattern of an executable's path or name */
	RULE_PID,     /* pid */
	RULE_CGROUP,  /* text: pattern of a path; also what is below and above it */
	RULE_KIND_COUNT,
};

/* A number that may be given: in the kernel's own number (UNIT_NONE), or in the base of a unit. */
struct limit_bound {
	double value;
	uint32_t given;
	uint32_t unit; /* enum unit */
};

struct limit_rule {
	uint32_t kind; /* enum limit_rule_kind */
	struct limit_source source;
	char knob[KNOB_NAME_MAX]; /* fnmatch(3) pattern; "" = all */
	char text
		[LIMIT_PATTERN_MAX]; /* pattern of a scope's text, of a process, of a cgroup; "" = all */
	struct limit_bound min, max, step;
	struct limit_bound changes_per_hour, cooldown;
	uint32_t days;     /* bit 0 = Sunday, as tm_wday */
	uint32_t from, to; /* minutes of the local day; to <= from: until the next day */
	int32_t pid;
};

/* All limits in force. Rules only ever add up: each that matches must be met, the strictest decides. */
struct limits {
	char file[LIMITS_FILE_MAX]; /* "" = none */
	double value[LIMIT_COUNT];
	struct limit_source source[LIMIT_COUNT];
	uint32_t n_rules;
	struct limit_rule rules[LIMIT_RULES_MAX];
};

/* One limit as people see it. */
struct limit_row {
	char name[LIMIT_NAME_MAX];       /* `oscillation.flips`, `deny`, `vm.swappiness.max` */
	char text[LIMIT_TEXT_MAX];       /* its value: `10min` */
	char from[LIMITS_FILE_MAX + 24]; /* `/etc/flyball/limits.conf:12`, `built-in`, `run time` */
	double value;                    /* of a number, in its base unit; else 0 */
	uint32_t id;                     /* enum limit_id; LIMIT_COUNT for a rule */
	uint32_t pad;
	uint64_t until_ns; /* CLOCK_MONOTONIC, of one that was set for a time; 0 = none */
};

/* A knob in a scope that belongs to somebody else until a time. */
#define PINS_MAX 64
#define PIN_BY_MAX 64
struct pin {
	char knob[KNOB_NAME_MAX];
	struct scope scope;
	char value[KNOB_VALUE_MAX]; /* that was found; "" when pinned by hand */
	char by[PIN_BY_MAX];        /* who, as far as it can be known */
	uint64_t since_ns;          /* CLOCK_REALTIME */
	uint64_t until_ns;          /* CLOCK_REALTIME; UINT64_MAX = until unpinned */
};

#endif
