/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs: one writable setting in one scope, and what was read of it. */
#ifndef FLYBALL_KNOB_H
#define FLYBALL_KNOB_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "include/scope.h"
#include "include/unit.h"

#define KNOB_NAME_MAX 64   /* `block.scheduler`, with its NUL */
#define KNOB_VALUE_MAX 128 /* longest value, with its NUL */
#define KNOB_CHOICES_MAX 16
#define KNOB_REASON_MAX 64 /* with its NUL */
#define KNOB_OWNER_MAX 32
#define KNOB_NO_LIMIT "max" /* what a KNOB_LIMIT says for none, as the kernel does */

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
	KNOB_LIMIT,   /* a number as KNOB_INTEGER, or `max` for none */
	KNOB_LIST, /* CPUs or nodes, `0-3,8`; the same set is the same value; "" is the empty one */
	KNOB_TEXT, /* a line in a form of its own, judged by its family (allowed()) */
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

/* One row of the catalogue (actuator/knob_table.c). Names are unique and never reused: journals keep them. */
struct knob_row {
	const char *name;
	enum knob_family family;
	enum knob_type type;
	enum scope_kind scope;
	bool drifts; /* changes by itself: what is neither old nor new is nobody's hand, and is put back */
	bool loads_modules; /* of a KNOB_CHOICE: for a name that it does not offer the kernel loads a module */
	bool per_netns; /* of SCOPE_HOST: each network namespace has its own, SCOPE_NETNS fits, too */
	bool splits; /* new connections can draw one of two values each: its family has split() */
	enum knob_domain domain;
	enum unit unit; /* of an integer's value as policies write it */
	int64_t unit_scale; /* what one step of the kernel's number is in `unit`: 1024 for KiB, 1000 for µs */
	int64_t min,
		max; /* of an integer or a limit, in the kernel's own number; `min` of a list: fewest members */
	const char *path; /* under the sysroot; `%s` stands for the scope's name */
	unsigned int
		field; /* which number of a file with several (`4096 131072 6291456`), from 1; 0 = the whole file */
	const char *
		choices_path; /* of a KNOB_CHOICE whose file holds the value alone; NULL = names and [value] in one */
	const char *choices; /* of a KNOB_CHOICE whose file does not list them: "N Y"; else NULL */
	const char *about;   /* what it affects, for people */
};

/* True when the knob exists once for each scope of that kind. */
static inline bool knob_fits(const struct knob_row *row, uint32_t scope_kind)
{
	return row->scope == scope_kind || (row->per_netns && scope_kind == SCOPE_NETNS);
}

/* Memory and the CPU scheduler are one domain for the whole machine; a disk or a namespace is one each. */
static inline bool knob_domain_is_shared(uint32_t domain)
{
	return domain == DOMAIN_MEMORY || domain == DOMAIN_SCHEDULER;
}

/* True when trials of two scopes in one domain can influence each other. A group's share of the disks is of all disks. */
static inline bool knob_scopes_interfere(uint32_t domain, const struct scope *a,
					 const struct scope *b)
{
	if (knob_domain_is_shared(domain))
		return true;
	if (domain == DOMAIN_DISK && (a->kind != SCOPE_DISK || b->kind != SCOPE_DISK))
		return true;
	return a->kind == b->kind && !strncmp(a->name, b->name, SCOPE_NAME_MAX);
}

enum knob_reading_flag {
	KNOB_WRITABLE = 1u << 0, /* the file exists and allows writing */
	KNOB_GONE = 1u << 1,     /* the scope or the file does not exist (any more) */
	KNOB_HIDDEN =
		1u << 2, /* it is there, but this process may not read it: the actuator answers */
};

/* What a knob of a scope is now. */
struct knob_reading {
	char knob[KNOB_NAME_MAX];
	struct scope scope;
	uint32_t flags; /* enum knob_reading_flag */
	uint32_t n_choices;
	char value[KNOB_VALUE_MAX];
	char owner
		[KNOB_OWNER_MAX]; /* who else decides about it: `admin`, `systemd`, `delegated`; "" = nobody that is known */
	char reason[KNOB_REASON_MAX]; /* why it cannot be written; "" = the file says so */
	char choices[KNOB_CHOICES_MAX]
		    [KNOB_NAME_MAX]; /* of a KNOB_CHOICE, as the kernel offers them */
	char within
		[KNOB_VALUE_MAX]; /* of a KNOB_LIST: what its values must be within; "" = the kernel judges */
};

#endif
