/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs: one writable setting in one scope, and what was read of it. */
#ifndef FLYBALL_KNOB_H
#define FLYBALL_KNOB_H

#include <stdint.h>

#include "include/scope.h"
#include "include/unit.h"

#define KNOB_NAME_MAX 64   /* `block.scheduler`, with its NUL */
#define KNOB_VALUE_MAX 128 /* longest value, with its NUL */
#define KNOB_CHOICES_MAX 16

enum knob_family {
	FAMILY_SYSCTL,
	FAMILY_NUMA,
	FAMILY_AFFINITY,
	FAMILY_CGROUP,
	FAMILY_TCP_CONGESTION,
	FAMILY_IO_SCHEDULER,
	FAMILY_COUNT,
};

enum knob_type {
	KNOB_INTEGER, /* a decimal number in the row's unit and range */
	KNOB_CHOICE,  /* one of the names that the kernel offers */
	KNOB_TYPE_COUNT,
};

/* Knobs of one domain and scope can influence each other: one domain runs one trial. */
enum knob_domain {
	DOMAIN_DISK,      /* one disk */
	DOMAIN_MEMORY,    /* the machine's memory and writeback */
	DOMAIN_NETWORK,   /* one network namespace */
	DOMAIN_SCHEDULER, /* the CPU scheduler */
	DOMAIN_COUNT,
};

/* One row of the catalogue (actuator/knobs.c). Names are unique and never reused: journals keep them. */
struct knob_row {
	const char *name;
	enum knob_family family;
	enum knob_type type;
	enum scope_kind scope;
	enum knob_domain domain;
	enum unit unit; /* of an integer's value as policies write it */
	int64_t unit_scale; /* what one step of the kernel's number is in `unit`: 1024 for KiB, 1000 for µs */
	int64_t min, max;  /* of an integer, in the kernel's own number */
	const char *path;  /* under the sysroot; `%s` stands for the scope's name */
	const char *about; /* what it affects, for people */
};

enum knob_reading_flag {
	KNOB_WRITABLE = 1u << 0, /* the file exists and allows writing */
	KNOB_GONE = 1u << 1,     /* the scope or the file does not exist (any more) */
};

/* What a knob of a scope is now. */
struct knob_reading {
	char knob[KNOB_NAME_MAX];
	struct scope scope;
	uint32_t flags; /* enum knob_reading_flag */
	uint32_t n_choices;
	char value[KNOB_VALUE_MAX];
	char choices[KNOB_CHOICES_MAX]
		    [KNOB_NAME_MAX]; /* of a KNOB_CHOICE, as the kernel offers them */
};

#endif
