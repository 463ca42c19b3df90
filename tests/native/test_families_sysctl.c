// SPDX-License-Identifier: Apache-2.0
/*
 * Every row of the sysctl family on the kernel itself: set, read back, restored, and everything that any row can reach
 * compared byte for byte. In network namespaces that the test makes; of the machine only where the machine may be
 * changed (FLYBALL_DISPOSABLE is set). Needs root; exits with 77 and the reason otherwise.
 */
#include "tests/native/test_netns.h"
#include "tests/unit/test_actuator.h"

#include <sys/mount.h>

#include "actuator/in_netns.h"
#include "actuator/knobs.h"
#include "base/cleanup.h"

#define SNAPSHOT_BYTES 16384
#define RESERVE "proc/sys/vm/min_free_kbytes"
#define DEBUGFS "/sys/kernel/debug"

struct snapshot {
	int root;
	bool netns; /* only what each namespace has */
	char text[SNAPSHOT_BYTES];
};

static int real_setup(void **state)
{
	int r = machine_setup(state);
	struct machine *m = *state;

	close(m->root);
	m->root = sysroot_open("/");
	return r || machine_open(m);
}

/* The files of all rows, and what one of them disturbs. */
static int snapshot_here(void *data)
{
	struct snapshot *s = data;
	size_t used = 0;

	for (size_t i = 0; i <= knob_rows_count; i++) {
		const struct knob_row *row = &knob_rows[i];
		const char *path = i < knob_rows_count ? row->path : RESERVE;
		char value[512];

		if (i < knob_rows_count &&
		    (row->family != FAMILY_SYSCTL || (s->netns && !row->per_netns)))
			continue;
		if (sysroot_read(s->root, path, value, sizeof(value)) >= 0)
			used += (size_t)snprintf(s->text + used, sizeof(s->text) - used, "%s=%s\n",
						 path, value);
	}
	return used > 100 && used < sizeof(s->text) ? 0 : -EIO;
}

static void snapshot(const struct machine *m, const struct scope *scope, struct snapshot *ret)
{
	*ret = (struct snapshot){ .root = m->root, .netns = scope->kind == SCOPE_NETNS };
	assert_int_equal(in_netns(m->root, scope, snapshot_here, ret), 0);
}

static void ask(struct machine *m, struct change *change, enum action action)
{
	change->action = action;
	actuator_change(m->actuator, change, clock_now_ns(), &m->outcome);
	if (m->outcome.status != OUTCOME_DONE || m->outcome.text[0])
		fail_msg("%s '%s' → '%s': action %d, status %u: %s", change->knob,
			 change->old_value, change->new_value, (int)action, m->outcome.status,
			 m->outcome.text);
}

/* Sets, goes back, sets again, undoes: everything is as before. */
static void try_value(struct machine *m, uint64_t txn, const struct knob_reading *reading,
		      const char *value)
{
	static struct snapshot before, after;
	struct change change = { .txn = txn, .deadline_ns = clock_now_ns() + FAR };

	strcpy(change.knob, reading->knob);
	change.scope = reading->scope;
	strcpy(change.old_value, reading->value);
	strcpy(change.new_value, value);
	snapshot(m, &change.scope, &before);
	ask(m, &change, ACTION_BEGIN);
	ask(m, &change, ACTION_ARM);
	assert_string_equal(m->outcome.value, value);
	ask(m, &change, ACTION_BASE);
	snapshot(m, &change.scope, &after);
	assert_string_equal(before.text, after.text);
	ask(m, &change, ACTION_ARM);
	ask(m, &change, ACTION_UNDO);
	snapshot(m, &change.scope, &after);
	assert_string_equal(before.text, after.text);
}

/* Both ends of a range, or every choice. Returns how many values were tried. */
static uint32_t try_row(struct machine *m, uint64_t *txn, const struct knob_row *row,
			const struct scope *scope)
{
	struct knob_reading reading;
	uint32_t tried = 0;
	char value[32];
	int r;

	r = knob_read(m->root, row, scope, &reading);
	if (r < 0)
		fail_msg("unable to read %s: %s", row->name, strerror(-r));
	if (reading.flags != KNOB_WRITABLE)
		return 0;
	for (uint32_t i = 0; i < reading.n_choices; i++)
		if (strcmp(reading.choices[i], reading.value)) {
			try_value(m, (*txn)++, &reading, reading.choices[i]);
			tried++;
		}
	for (int end = 0; row->type == KNOB_INTEGER && end < 2; end++) {
		snprintf(value, sizeof(value), "%lld", (long long)(end ? row->max : row->min));
		if (knob_same(row, value, reading.value))
			continue;
		try_value(m, (*txn)++, &reading, value);
		tried++;
	}
	return tried;
}

static void try_rows(struct machine *m, const struct scope *scope, size_t *ret_rows)
{
	uint32_t values = 0;
	uint64_t txn = 1;

	*ret_rows = 0;
	for (size_t i = 0; i < knob_rows_count; i++) {
		const struct knob_row *row = &knob_rows[i];
		uint32_t tried;

		if (row->family != FAMILY_SYSCTL || !knob_fits(row, scope->kind))
			continue;
		tried = try_row(m, &txn, row, scope);
		if (tried == 0)
			print_message("not here: %s\n", row->name);
		values += tried;
		*ret_rows += tried > 0;
	}
	print_message("%zu rows, %u values\n", *ret_rows, values);
}

static void every_row_of_a_namespace_is_restored_in_it_alone(void **state)
{
	struct scope scope = { .kind = SCOPE_NETNS };
	const struct scope host = { .kind = SCOPE_HOST };
	static struct snapshot before, after;
	struct machine *m = *state;
	struct knob_reading reading;
	size_t rows;

	strcpy(scope.name, netns_names[0]);
	snapshot(m, &host, &before);
	try_rows(m, &scope, &rows);
	assert_true(rows >= 20);
	snapshot(m, &host, &after);
	assert_string_equal(before.text, after.text);
	/* What only the machine has is no knob of a namespace. */
	assert_int_equal(knob_read(m->root, knob_find("net.core.rmem_max"), &scope, &reading),
			 -EINVAL);
}

/* What is written in a namespace is seen there and nowhere else. */
static void a_namespace_has_its_own_value(void **state)
{
	const struct knob_row *row = knob_find("net.ipv4.tcp_rmem[max]");
	struct scope scope = { .kind = SCOPE_NETNS }, other = { .kind = SCOPE_NETNS };
	const struct scope host = { .kind = SCOPE_HOST };
	struct knob_reading here, there, now;
	struct change change = { .txn = 1, .deadline_ns = clock_now_ns() + FAR };
	struct machine *m = *state;

	strcpy(scope.name, netns_names[0]);
	strcpy(other.name, netns_names[1]);
	assert_int_equal(knob_read(m->root, row, &scope, &here), 0);
	assert_int_equal(knob_read(m->root, row, &host, &there), 0);
	strcpy(change.knob, "net/ipv4/tcp_rmem[max]");
	change.scope = scope;
	strcpy(change.old_value, here.value);
	strcpy(change.new_value, "7654321");
	ask(m, &change, ACTION_BEGIN);
	ask(m, &change, ACTION_ARM);
	assert_int_equal(knob_read(m->root, row, &scope, &now), 0);
	assert_string_equal(now.value, "7654321");
	assert_int_equal(knob_read(m->root, row, &host, &now), 0);
	assert_string_equal(now.value, there.value);
	assert_int_equal(knob_read(m->root, row, &other, &now), 0);
	assert_string_not_equal(now.value, "7654321");
	ask(m, &change, ACTION_UNDO);
	assert_int_equal(knob_read(m->root, row, &scope, &now), 0);
	assert_string_equal(now.value, here.value);
}

static void every_row_of_the_machine_is_restored(void **state)
{
	const struct scope host = { .kind = SCOPE_HOST };
	struct machine *m = *state;
	size_t rows;

	if (!getenv("FLYBALL_DISPOSABLE")) {
		print_message("skipped: only where FLYBALL_DISPOSABLE is set (tests/vm/run)\n");
		skip();
	}
	if (!sysroot_exists(m->root, "sys/kernel/debug/sched"))
		mount("none", DEBUGFS, "debugfs", 0, NULL);
	/* Not what the kernel would compute. */
	sysroot_write(m->root, RESERVE, "23456");
	try_rows(m, &host, &rows);
	assert_true(rows >= 60);
	/* Beside a limit in bytes, which a ratio sets to 0. */
	sysroot_write(m->root, "proc/sys/vm/dirty_bytes", "268435456");
	sysroot_write(m->root, "proc/sys/vm/dirty_background_bytes", "134217728");
	try_rows(m, &host, &rows);
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, real_setup, machine_teardown)

static int tests(void)
{
	const struct CMUnitTest all[] = {
		REAL(every_row_of_a_namespace_is_restored_in_it_alone),
		REAL(a_namespace_has_its_own_value),
		REAL(every_row_of_the_machine_is_restored),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return netns_run_tests(tests);
}
