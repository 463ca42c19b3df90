// SPDX-License-Identifier: Apache-2.0
/*
 * Congestion control on the kernel itself, in network namespaces that the test makes; of the machine only where the
 * machine may be changed (FLYBALL_DISPOSABLE is set). Needs root; exits with 77 and the reason otherwise.
 */
#include "tests/native/test_netns.h"
#include "tests/unit/test_actuator.h"
#include "tests/unit/test_listing.h"

#include "actuator/in_netns.h"
#include "actuator/knobs.h"
#include "actuator/setting.h"
#include "base/cleanup.h"
#include "base/netns.h"
#include "daemon/privilege.h"

#define IPV4 "proc/sys/net/ipv4/"
#define ALLOWED IPV4 "tcp_allowed_congestion_control"
#define SNAPSHOT_BYTES 16384

/* The actuator on the real root, with a journal of the test's own. */
static int real_setup(void **state)
{
	int r = machine_setup(state);
	struct machine *m = *state;

	close(m->root);
	m->root = sysroot_open("/");
	return r || machine_open(m);
}

static struct scope netns_scope(int i)
{
	struct scope scope = { .kind = SCOPE_NETNS };

	strcpy(scope.name, netns_names[i]);
	return scope;
}

static struct knob_reading reading_of(const struct machine *m, const struct scope *scope)
{
	struct knob_reading reading;

	assert_int_equal(knob_read(m->root, knob_find("tcp.congestion"), scope, &reading), 0);
	return reading;
}

static uint32_t begin_at(struct machine *m, uint64_t txn, const struct scope *scope,
			 const char *old, const char *value)
{
	struct change change = machine_change(txn, "tcp.congestion", old, value);

	change.scope = *scope;
	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	return m->outcome.status;
}

struct snapshot {
	int root;
	char text[SNAPSHOT_BYTES];
};

static int is_tcp(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "tcp_", 4) && strcmp(entry->d_name, "tcp_fastopen_key");
}

static int snapshot_here(void *data)
{
	struct snapshot *s = data;
	struct dirent **entries;
	size_t used = 0;
	int n = scandirat(s->root, IPV4, &entries, is_tcp, alphasort);

	for (int i = 0; i < n; i++) {
		char path[512], value[512];

		snprintf(path, sizeof(path), IPV4 "%s", entries[i]->d_name);
		if (sysroot_read(s->root, path, value, sizeof(value)) >= 0)
			used += (size_t)snprintf(s->text + used, sizeof(s->text) - used, "%s=%s\n",
						 entries[i]->d_name, value);
		free(entries[i]);
	}
	free(entries);
	return n > 20 && used < sizeof(s->text) ? 0 : -EIO;
}

static void snapshot(const struct machine *m, const struct scope *scope, struct snapshot *ret)
{
	*ret = (struct snapshot){ .root = m->root };
	assert_int_equal(in_netns(m->root, scope, snapshot_here, ret), 0);
}

/* Begins, switches to the value and back, and undoes: all of the namespace's TCP settings are as before. */
static void try_algorithm(struct machine *m, uint64_t txn, const struct scope *scope,
			  const char *value)
{
	struct knob_reading before = reading_of(m, scope);
	static struct snapshot s, t;

	snapshot(m, scope, &s);
	assert_int_equal(begin_at(m, txn, scope, before.value, value), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, txn, ACTION_ARM), OUTCOME_DONE);
	assert_string_equal(m->outcome.value, value);
	assert_string_equal(reading_of(m, scope).value, value);
	assert_int_equal(machine_ask(m, txn, ACTION_BASE), OUTCOME_DONE);
	snapshot(m, scope, &t);
	assert_string_equal(s.text, t.text);
	assert_int_equal(machine_ask(m, txn, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, txn, ACTION_UNDO), OUTCOME_DONE);
	assert_string_equal(m->outcome.text, "");
	snapshot(m, scope, &t);
	assert_string_equal(s.text, t.text);
}

static void every_algorithm_of_a_namespace_is_restored(void **state)
{
	const struct scope scope = netns_scope(0), host = { .kind = SCOPE_HOST };
	struct machine *m = *state;
	struct knob_reading reading = reading_of(m, &scope), own = reading_of(m, &host);

	assert_int_equal(reading.flags, KNOB_WRITABLE);
	assert_true(reading.n_choices >= 1);
	for (uint32_t i = 0; i < reading.n_choices; i++)
		if (strcmp(reading.choices[i], "dctcp"))
			try_algorithm(m, 1 + i, &scope, reading.choices[i]);
	assert_string_equal(reading_of(m, &host).value, own.value);
}

static int write_control(void *data)
{
	const char *value = data;
	_cleanup_close_ int root = sysroot_open("/");

	return sysroot_write(root, IPV4 "tcp_congestion_control", value);
}

static void what_the_machine_restricts_is_not_offered_in_a_namespace(void **state)
{
	const struct scope scope = netns_scope(0), host = { .kind = SCOPE_HOST };
	struct machine *m = *state;
	struct knob_reading inside = reading_of(m, &scope), own = reading_of(m, &host);
	uint32_t restricted = 0;

	for (uint32_t i = 0; i < own.n_choices; i++) {
		bool offered = false;

		for (uint32_t j = 0; j < inside.n_choices; j++)
			offered |= !strcmp(own.choices[i], inside.choices[j]);
		if (offered)
			continue;
		restricted++;
		assert_int_equal(in_netns(m->root, &scope, write_control, own.choices[i]), -EPERM);
		assert_int_equal(begin_at(m, 50 + i, &scope, inside.value, own.choices[i]),
				 OUTCOME_REFUSED);
	}
	if (restricted == 0) {
		print_message("skipped: no algorithm is restricted here\n");
		skip();
	}
}

static void namespaces_are_scopes_under_one_name(void **state)
{
	const struct knob_row *row = knob_find("tcp.congestion");
	struct machine *m = *state;
	struct scope scopes[256];
	char alias[64];
	size_t n, found = 0;

	snprintf(alias, sizeof(alias), "%s-z", netns_names[0]);
	assert_int_equal(netns_shell("ip netns attach %s $$", alias), 0);
	n = knob_scopes(m->root, row, scopes, 256);
	assert_int_equal(scopes[0].kind, SCOPE_HOST);
	for (size_t i = 0; i < n && i < 256; i++) {
		found += !strcmp(scopes[i].name, netns_names[0]) ||
			 !strcmp(scopes[i].name, netns_names[1]);
		/* It is flyball's own. */
		assert_string_not_equal(scopes[i].name, alias);
	}
	assert_int_equal(found, 2);
	assert_listing_is_what_single_questions_say(m->root);
	strcpy(scopes[1].name, alias);
	scopes[1].kind = SCOPE_NETNS;
	assert_int_equal(in_netns(m->root, &scopes[1], write_control, NULL), -EEXIST);
	assert_int_equal(begin_at(m, 1, &scopes[1], "reno", "reno"), OUTCOME_FAILED);
	assert_non_null(strstr(m->outcome.text, "flyball's own: use the scope 'host'"));
	netns_shell("ip netns del %s", alias);
}

static void a_namespace_made_anew_is_left_alone(void **state)
{
	const struct scope scope = netns_scope(1);
	struct machine *m = *state;
	struct knob_reading reading = reading_of(m, &scope);
	const char *other = !strcmp(reading.value, "reno") ? reading.choices[1] : "reno";

	if (reading.n_choices < 2)
		skip();
	assert_int_equal(begin_at(m, 1, &scope, reading.value, other), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	netns_shell("ip netns del %s", netns_names[1]);
	/* Takes the number that became free, lest the new namespace has the old one's by chance. */
	netns_shell("ip netns add %s-between", netns_names[1]);
	netns_shell("ip netns add %s", netns_names[1]);
	assert_int_equal(in_netns(m->root, &scope, write_control, (void *)other), 0);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_GONE);
	assert_string_equal(reading_of(m, &scope).value, other);
	netns_shell("ip netns del %s-between", netns_names[1]);
}

static void arm_and_die(struct machine *m)
{
	const struct scope scope = netns_scope(0);

	if (begin_at(m, 1, &scope, reading_of(m, &scope).value, "reno") != OUTCOME_DONE ||
	    machine_ask(m, 1, ACTION_ARM) != OUTCOME_DONE)
		_exit(2);
}

static void a_crash_is_recovered_in_the_namespace(void **state)
{
	const struct scope scope = netns_scope(0);
	struct machine *m = *state;
	static struct snapshot s, t;

	if (!strcmp(reading_of(m, &scope).value, "reno"))
		skip();
	actuator_close(m->actuator, clock_now_ns());
	m->actuator = NULL;
	snapshot(m, &scope, &s);
	machine_crash(m, arm_and_die);
	assert_string_equal(reading_of(m, &scope).value, "reno");
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.restored, 1);
	snapshot(m, &scope, &t);
	assert_string_equal(s.text, t.text);
}

/* The kernel says ENOENT of an algorithm that is not there any more: the setting is, and is still owed its old value. */
static void an_old_value_that_the_kernel_lacks_is_not_a_knob_that_is_gone(void **state)
{
	struct machine *m = *state;
	struct outcome outcome = { 0 };
	static struct txn txn;

	txn.row = knob_find("tcp.congestion");
	txn.touched = true;
	txn.entry.scope = netns_scope(0);
	strcpy(txn.entry.old_value, "no-such");
	strcpy(txn.entry.new_value, reading_of(m, &txn.entry.scope).value);
	assert_false(setting_put(m->root, &txn, SETTING_OLD, &outcome));
	assert_int_equal(outcome.status, OUTCOME_FAILED);
	assert_int_equal(outcome.error, ENOENT);
	assert_string_equal(outcome.text,
			    "the kernel does not know 'no-such' now: load the module that has it");
}

/* The second name becomes one more of the first's namespace, and is a namespace of its own again after it. */
static int names_setup(void **state)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "ip netns del %2$s && touch /run/netns/%2$s && "
		 "mount --bind /run/netns/%1$s /run/netns/%2$s",
		 netns_names[0], netns_names[1]);
	return system(command) != 0 || real_setup(state);
}

static int names_teardown(void **state)
{
	int r = machine_teardown(state);

	return netns_shell("ip netns del %1$s && ip netns add %1$s", netns_names[1]) != 0 || r;
}

static void expect_namesake(const struct machine *m, int i)
{
	assert_int_equal(m->outcome.status, OUTCOME_REFUSED);
	assert_non_null(strstr(m->outcome.text, "in the same namespace by another name"));
	assert_non_null(strstr(m->outcome.text, netns_names[i]));
	assert_non_null(strstr(m->outcome.text, ": use that name alone"));
}

static void two_names_of_one_namespace_are_one_knob(void **state)
{
	const struct scope scopes[] = { netns_scope(0), netns_scope(1) };
	struct change other = machine_change(3, "net.ipv4.tcp_autocorking", "1", "0");
	struct machine *m = *state;
	struct knob_reading reading = reading_of(m, &scopes[0]);

	for (uint64_t i = 0; i < 2; i++) {
		assert_int_equal(begin_at(m, 10 * i + 1, &scopes[i], reading.value, reading.value),
				 OUTCOME_DONE);
		begin_at(m, 10 * i + 2, &scopes[!i], reading.value, reading.value);
		expect_namesake(m, (int)i);
		/* The domain is the namespace, whatever the knob. */
		other.txn = 10 * i + 3;
		other.scope = scopes[!i];
		actuator_change(m->actuator, &other, clock_now_ns(), &m->outcome);
		expect_namesake(m, (int)i);
		assert_int_equal(machine_ask(m, 10 * i + 1, ACTION_UNDO), OUTCOME_DONE);
	}
}

static void what_is_kept_by_one_name_stands_on_what_was_by_the_other(void **state)
{
	const struct scope scopes[] = { netns_scope(0), netns_scope(1) };
	struct machine *m = *state;
	struct knob_reading old = reading_of(m, &scopes[0]);
	const char *arm = !strcmp(old.value, old.choices[0]) ? old.choices[1] : old.choices[0];

	if (old.n_choices < 2)
		skip();
	assert_int_equal(begin_at(m, 1, &scopes[0], old.value, arm), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_KEEP), OUTCOME_DONE);
	assert_int_equal(begin_at(m, 2, &scopes[1], arm, old.value), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 2, ACTION_KEEP), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_REFUSED);
	assert_non_null(strstr(m->outcome.text, "stands on this one"));
	assert_int_equal(machine_ask(m, 2, ACTION_UNDO), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	assert_string_equal(reading_of(m, &scopes[1]).value, old.value);
}

/* What the actuator keeps is enough for a namespace; what core keeps is not, and it says so. */
static int as_actuator(struct machine *m)
{
	const struct scope scope = netns_scope(0);
	struct knob_reading reading;

	if (privilege_actuator() < 0)
		return 10;
	reading = reading_of(m, &scope);
	if (reading.flags != KNOB_WRITABLE)
		return 11;
	if (in_netns(m->root, &scope, write_control, reading.value) < 0)
		return 12;
	return 0;
}

static int as_core(struct machine *m)
{
	static const struct account nobody = { .uid = 61199, .gid = 61199 };
	const struct scope scope = netns_scope(0);
	struct knob_reading reading;

	if (privilege_core(&nobody) < 0)
		return 10;
	reading = reading_of(m, &scope);
	return reading.flags == KNOB_HIDDEN && reading.value[0] == '\0' ? 0 : 11;
}

static void the_actuator_may_enter_and_core_may_not(void **state)
{
	int (*const as[])(struct machine *) = { as_actuator, as_core };

	for (size_t i = 0; i < 2; i++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			_exit(as[i](*state));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
}

static void the_machine_s_own_algorithm_is_restored_with_the_restrictions(void **state)
{
	const struct scope host = { .kind = SCOPE_HOST };
	struct machine *m = *state;
	struct knob_reading reading;
	uint32_t tried = 0;

	if (!getenv("FLYBALL_DISPOSABLE")) {
		print_message("skipped: only where FLYBALL_DISPOSABLE is set (tests/vm/run)\n");
		skip();
	}
	reading = reading_of(m, &host);
	for (uint32_t i = 0; i < reading.n_choices; i++) {
		if (!strcmp(reading.choices[i], "dctcp"))
			sysroot_write(m->root, IPV4 "tcp_ecn", "1");
		try_algorithm(m, 80 + i, &host, reading.choices[i]);
		tried++;
		sysroot_write(m->root, IPV4 "tcp_ecn", "2");
	}
	print_message("%u algorithms of the machine\n", tried);
	assert_true(tried >= 2);
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, real_setup, machine_teardown)

static int tests(void)
{
	const struct CMUnitTest all[] = {
		REAL(every_algorithm_of_a_namespace_is_restored),
		REAL(what_the_machine_restricts_is_not_offered_in_a_namespace),
		REAL(namespaces_are_scopes_under_one_name),
		REAL(a_namespace_made_anew_is_left_alone),
		REAL(a_crash_is_recovered_in_the_namespace),
		REAL(an_old_value_that_the_kernel_lacks_is_not_a_knob_that_is_gone),
		cmocka_unit_test_setup_teardown(two_names_of_one_namespace_are_one_knob,
						names_setup, names_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_kept_by_one_name_stands_on_what_was_by_the_other, names_setup,
			names_teardown),
		REAL(the_actuator_may_enter_and_core_may_not),
		REAL(the_machine_s_own_algorithm_is_restored_with_the_restrictions),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return netns_run_tests(tests);
}
