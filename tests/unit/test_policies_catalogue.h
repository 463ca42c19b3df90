/* SPDX-License-Identifier: Apache-2.0 */
/* A small catalogue for the tests of policies, and what they share. */
#ifndef FLYBALL_TESTS_UNIT_TEST_POLICIES_CATALOGUE_H
#define FLYBALL_TESTS_UNIT_TEST_POLICIES_CATALOGUE_H

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "include/catalogue.h"
#include "policies/policies.h"
#include "policies/policy_text.h"

#define ROW(id, row_name, row_kind, row_unit, row_scope) \
	[id] = { .name = row_name, .kind = row_kind, .unit = row_unit, .scope = row_scope }

/* Not every id has a row: a table under construction must not crash the reader. */
static const struct signal_row test_signals[SIGNAL_ID_COUNT] = {
	ROW(SIGNAL_DISK_READ_LATENCY, "disk.read.latency", SIGNAL_DISTRIBUTION, UNIT_TIME,
	    SCOPE_DISK),
	ROW(SIGNAL_DISK_READ_QUEUE, "disk.read.queue", SIGNAL_DISTRIBUTION, UNIT_TIME, SCOPE_DISK),
	ROW(SIGNAL_DISK_READ_BYTES, "disk.read.bytes", SIGNAL_COUNTER, UNIT_BYTES, SCOPE_DISK),
	ROW(SIGNAL_DISK_READ_OPS, "disk.read.ops", SIGNAL_COUNTER, UNIT_NONE, SCOPE_DISK),
	ROW(SIGNAL_DISK_WRITE_BYTES, "disk.write.bytes", SIGNAL_COUNTER, UNIT_BYTES, SCOPE_DISK),
	ROW(SIGNAL_DISK_INFLIGHT, "disk.inflight", SIGNAL_GAUGE, UNIT_NONE, SCOPE_DISK),
	ROW(SIGNAL_DISK_BUSY, "disk.busy", SIGNAL_GAUGE, UNIT_RATIO, SCOPE_DISK),
	ROW(SIGNAL_PSI_IO_FULL, "psi.io.full", SIGNAL_GAUGE, UNIT_RATIO, SCOPE_HOST),
	ROW(SIGNAL_PSI_MEMORY_FULL, "psi.memory.full", SIGNAL_GAUGE, UNIT_RATIO, SCOPE_HOST),
	[SIGNAL_PSI_CPU_SOME] = { .name = "psi.cpu.some",
				  .kind = SIGNAL_GAUGE,
				  .unit = UNIT_RATIO,
				  .scope = SCOPE_HOST,
				  .scopes = SCOPE_BIT(SCOPE_CGROUP) },
	[SIGNAL_CPU_USER] = { .name = "cpu.user",
			      .kind = SIGNAL_GAUGE,
			      .unit = UNIT_RATIO,
			      .scope = SCOPE_HOST,
			      .scopes = SCOPE_BIT(SCOPE_CPU) | SCOPE_BIT(SCOPE_CGROUP) |
					SCOPE_BIT(SCOPE_DISK) },
	[SIGNAL_CPU_IDLE] = { .name = "cpu.idle",
			      .kind = SIGNAL_GAUGE,
			      .unit = UNIT_RATIO,
			      .scope = SCOPE_CPU,
			      .scopes = SCOPE_BIT(SCOPE_CGROUP) | SCOPE_BIT(SCOPE_PROCESS) },
	ROW(SIGNAL_MEM_AVAILABLE, "mem.available", SIGNAL_GAUGE, UNIT_BYTES, SCOPE_HOST),
	ROW(SIGNAL_TCP_SPLIT_RTT, "tcp.split.rtt", SIGNAL_DISTRIBUTION, UNIT_TIME, SCOPE_HOST),
	ROW(SIGNAL_TCP_SPLIT_DURATION, "tcp.split.duration", SIGNAL_DISTRIBUTION, UNIT_TIME,
	    SCOPE_HOST),
	ROW(SIGNAL_TCP_SPLIT_RETRANSMITS, "tcp.split.retransmits", SIGNAL_COUNTER, UNIT_NONE,
	    SCOPE_HOST),
	ROW(SIGNAL_APP_VALUE, "app.value", SIGNAL_GAUGE, UNIT_NONE, SCOPE_SERVICE),
	ROW(SIGNAL_APP_COUNT, "app.count", SIGNAL_COUNTER, UNIT_NONE, SCOPE_SERVICE),
	ROW(SIGNAL_APP_LATENCY, "app.latency", SIGNAL_DISTRIBUTION, UNIT_TIME, SCOPE_SERVICE),
};

static const struct knob_row test_knobs[] = {
	{ .name = "block.scheduler",
	  .type = KNOB_CHOICE,
	  .scope = SCOPE_DISK,
	  .domain = DOMAIN_DISK,
	  .family = FAMILY_IO_SCHEDULER },
	{ .name = "block.read_ahead_kb",
	  .type = KNOB_INTEGER,
	  .scope = SCOPE_DISK,
	  .domain = DOMAIN_DISK,
	  .unit = UNIT_BYTES,
	  .unit_scale = 1024,
	  .min = 0,
	  .max = 16384 },
	{ .name = "block.wbt_lat_usec",
	  .type = KNOB_INTEGER,
	  .scope = SCOPE_DISK,
	  .domain = DOMAIN_DISK,
	  .unit = UNIT_TIME,
	  .unit_scale = 1000,
	  .min = 0,
	  .max = 10000000 },
	{ .name = "block.nr_requests",
	  .type = KNOB_INTEGER,
	  .scope = SCOPE_DISK,
	  .domain = DOMAIN_DISK,
	  .unit = UNIT_NONE,
	  .unit_scale = 1,
	  .min = 4,
	  .max = 4096 },
	{ .name = "cgroup.memory.high",
	  .type = KNOB_LIMIT,
	  .scope = SCOPE_DISK,
	  .domain = DOMAIN_DISK,
	  .unit = UNIT_BYTES,
	  .unit_scale = 1,
	  .min = 4096,
	  .max = INT64_MAX },
	{ .name = "affinity.process.cpus",
	  .type = KNOB_LIST,
	  .scope = SCOPE_DISK,
	  .domain = DOMAIN_DISK,
	  .unit = UNIT_NONE,
	  .unit_scale = 1,
	  .min = 1 },
	{ .name = "numa.process.node",
	  .type = KNOB_LIST,
	  .scope = SCOPE_PROCESS,
	  .domain = DOMAIN_MEMORY,
	  .family = FAMILY_NUMA },
	{ .name = "vm.swappiness",
	  .type = KNOB_INTEGER,
	  .scope = SCOPE_HOST,
	  .domain = DOMAIN_MEMORY,
	  .unit = UNIT_NONE,
	  .unit_scale = 1,
	  .min = 0,
	  .max = 200 },
	{ .name = "tcp.congestion",
	  .type = KNOB_CHOICE,
	  .scope = SCOPE_HOST,
	  .per_netns = true,
	  .splits = true,
	  .domain = DOMAIN_NETWORK,
	  .family = FAMILY_TCP_CONGESTION },
};

static const struct catalogue test_catalogue = {
	.signals = test_signals,
	.knobs = test_knobs,
	.n_knobs = ARRAY_SIZE(test_knobs),
};

static inline void policy_set_freep(struct policy_set **set)
{
	policy_set_free(*set);
}

#define _cleanup_set_ _cleanup_(policy_set_freep)

/* All errors of a set, `file:line:column: text` a line; in one buffer of its own, so one call at a time. */
static inline const char *set_errors(const struct policy_set *set)
{
	static char all[POLICY_ERRORS_MAX * (POLICY_TEXT_MAX + 64)];
	size_t length = 0;

	all[0] = '\0';
	for (size_t i = 0; i < set->n_errors && i < POLICY_ERRORS_MAX; i++)
		length += (size_t)snprintf(all + length, sizeof(all) - length, "%s:%u:%u: %s\n",
					   set->errors[i].file, set->errors[i].line,
					   set->errors[i].column, set->errors[i].text);
	return all;
}

static inline void assert_text_errors(const char *text, const char *expected)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();

	assert_non_null(set);
	policy_set_load_text(set, &test_catalogue, "p", text, strlen(text));
	assert_string_equal(set_errors(set), expected);
	assert_int_equal(set->n_policies, expected[0] ? 0 : 1);
}

#endif
