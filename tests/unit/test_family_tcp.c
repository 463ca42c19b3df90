// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/test_actuator.h"

#include "actuator/family.h"
#include "actuator/knobs.h"
#include "base/cleanup.h"

#define IPV4 "proc/sys/net/ipv4/"
#define CONTROL IPV4 "tcp_congestion_control"
#define ALLOWED IPV4 "tcp_allowed_congestion_control"

static int tcp_setup(void **state)
{
	int r = machine_setup(state);
	struct machine *m = *state;

	machine_set(m, CONTROL, "reno\n");
	machine_set(m, ALLOWED, "reno bbr\n");
	machine_set(m, IPV4 "tcp_available_congestion_control", "reno bbr cubic dctcp\n");
	machine_set(m, IPV4 "tcp_ecn", "2\n");
	return r || machine_open(m);
}

static void choices_are_what_is_available(void **state)
{
	struct machine *m = *state;
	const struct scope host = { .kind = SCOPE_HOST };
	struct knob_reading reading;

	assert_int_equal(knob_read(m->root, knob_find("tcp.congestion"), &host, &reading), 0);
	assert_string_equal(reading.value, "reno");
	assert_int_equal(reading.n_choices, 4);
	assert_string_equal(reading.choices[2], "cubic");
	assert_int_equal(reading.flags, KNOB_WRITABLE);
	assert_int_equal(machine_begin(m, 1, "tcp.congestion", "reno", "illinois"),
			 OUTCOME_REFUSED);
	assert_string_equal(m->outcome.text,
			    "'illinois' is not offered: choose one of reno bbr cubic dctcp");
}

/* The kernel lifts the restriction of what becomes the default; the folder of files does not, so the test does. */
static void the_restriction_that_the_kernel_lifts_is_put_back(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "tcp.congestion", "reno", "cubic"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	machine_set(m, ALLOWED, "reno bbr cubic\n");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	assert_string_equal(m->outcome.text, "");
	machine_expect(m, CONTROL, "reno");
	machine_expect(m, ALLOWED, "reno bbr");
}

static void a_list_that_somebody_has_set_meanwhile_is_left(void **state)
{
	static const char *const theirs[] = { "reno", "reno cubic", "reno bbr cubic dctcp",
					      "reno bbr dctcp" };
	struct machine *m = *state;

	for (uint64_t i = 0; i < ARRAY_SIZE(theirs); i++) {
		machine_set(m, ALLOWED, "reno bbr\n");
		assert_int_equal(machine_begin(m, 1 + i, "tcp.congestion", "reno", "cubic"),
				 OUTCOME_DONE);
		assert_int_equal(machine_ask(m, 1 + i, ACTION_ARM), OUTCOME_DONE);
		machine_set(m, ALLOWED, theirs[i]);
		assert_int_equal(machine_ask(m, 1 + i, ACTION_UNDO), OUTCOME_DONE);
		assert_non_null(strstr(m->outcome.text, "somebody else's: left"));
		machine_expect(m, CONTROL, "reno");
		machine_expect(m, ALLOWED, theirs[i]);
	}
}

static void dctcp_is_refused_where_ecn_is_not_the_rule(void **state)
{
	static const char *const asks[] = { "1", "3", "4" }, *const not [] = { "0", "2", "5" };
	struct machine *m = *state;

	for (uint64_t i = 0; i < 3; i++) {
		machine_set(m, IPV4 "tcp_ecn", not [i]);
		assert_int_equal(machine_begin(m, 10 + i, "tcp.congestion", "reno", "dctcp"),
				 OUTCOME_REFUSED);
		assert_non_null(strstr(m->outcome.text, "set it to 1 where every switch marks"));
		machine_set(m, IPV4 "tcp_ecn", asks[i]);
		assert_int_equal(machine_begin(m, 20 + i, "tcp.congestion", "reno", "dctcp"),
				 OUTCOME_DONE);
		assert_int_equal(machine_ask(m, 20 + i, ACTION_UNDO), OUTCOME_DONE);
	}
}

/* A plain file in the namespaces' folder is no namespace. */
static void a_namespace_that_is_none_is_gone(void **state)
{
	const struct scope netns = { .kind = SCOPE_NETNS, .name = "blue" };
	const struct knob_row *row = knob_find("tcp.congestion");
	struct machine *m = *state;
	struct knob_reading reading;
	struct scope scopes[4];

	machine_set(m, "run/netns/blue", "");
	assert_int_equal(knob_read(m->root, row, &netns, &reading), 0);
	assert_int_equal(reading.flags, KNOB_GONE);
	assert_int_equal(knob_scopes(m->root, row, scopes, 4), 1);
	assert_int_equal(scopes[0].kind, SCOPE_HOST);
}

static void a_namespace_that_cannot_be_looked_at_is_not_another_one(void **state)
{
	const struct knob_row *row = knob_find("tcp.congestion");
	const struct scope netns = { .kind = SCOPE_NETNS, .name = "blue" };
	const char companions[] = "@netns=4:4026532177\n";
	struct machine *m = *state;

	assert_int_equal(knob_family_ops(row)->same_instance(m->root, row, &netns, companions), 0);
	machine_set(m, "run/netns/other", "");
	assert_int_equal(symlinkat("other", m->root, "run/netns/blue"), 0);
	assert_int_equal(knob_family_ops(row)->same_instance(m->root, row, &netns, companions),
			 -ELOOP);
}

#define AVAILABLE IPV4 "tcp_available_congestion_control"

static void open_with_limits(struct machine *m, const char *text)
{
	struct actuator_options options = machine_options(m);
	char path[128];

	actuator_close(m->actuator, clock_now_ns());
	m->actuator = NULL;
	snprintf(path, sizeof(path), "%s/root/limits.conf", m->path);
	machine_set(m, "limits.conf", text);
	options.limits_file = path;
	assert_int_equal(actuator_open(&options, clock_now_ns(), &m->recovery, &m->actuator), 0);
	assert_string_equal(actuator_note(m->actuator), "");
}

static void a_module_is_loaded_where_the_limits_file_says_so_and_it_is_said(void **state)
{
	static const char *const bad[] = { "../x", "-q", "a b", "Illinois", "abcdefghijklmnop" };
	struct machine *m = *state;

	open_with_limits(m, "load_modules = true;\n");
	for (uint64_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(machine_begin(m, 10 + i, "tcp.congestion", "reno", bad[i]),
				 OUTCOME_REFUSED);
	assert_int_equal(machine_begin(m, 1, "tcp.congestion", "reno", "illinois"), OUTCOME_DONE);
	assert_string_equal(m->outcome.text, "");
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_string_equal(m->outcome.text,
			    "the kernel has loaded a module for 'illinois', which stays");
	machine_expect(m, CONTROL, "illinois");
	machine_set(m, AVAILABLE, "reno bbr cubic dctcp illinois\n");
	assert_int_equal(machine_ask(m, 1, ACTION_BASE), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_string_equal(m->outcome.text, "");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, CONTROL, "reno");
}

/* Somebody may unload a module between the check and the write: writing its name would load it again. */
static void a_module_that_went_is_loaded_for_the_old_value_alone(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "tcp.congestion", "reno", "cubic"), OUTCOME_DONE);
	machine_set(m, AVAILABLE, "reno bbr\n");
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_FAILED);
	assert_int_equal(m->outcome.error, EPERM);
	machine_expect(m, CONTROL, "reno");
	machine_set(m, AVAILABLE, "reno bbr cubic\n");
	assert_int_equal(machine_begin(m, 2, "tcp.congestion", "reno", "cubic"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 2, ACTION_ARM), OUTCOME_DONE);
	machine_set(m, AVAILABLE, "cubic\n");
	assert_int_equal(machine_ask(m, 2, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, CONTROL, "reno");
}

#define ON_TCP(test) cmocka_unit_test_setup_teardown(test, tcp_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_TCP(choices_are_what_is_available),
		ON_TCP(the_restriction_that_the_kernel_lifts_is_put_back),
		ON_TCP(a_list_that_somebody_has_set_meanwhile_is_left),
		ON_TCP(dctcp_is_refused_where_ecn_is_not_the_rule),
		ON_TCP(a_namespace_that_is_none_is_gone),
		ON_TCP(a_namespace_that_cannot_be_looked_at_is_not_another_one),
		ON_TCP(a_module_is_loaded_where_the_limits_file_says_so_and_it_is_said),
		ON_TCP(a_module_that_went_is_loaded_for_the_old_value_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
