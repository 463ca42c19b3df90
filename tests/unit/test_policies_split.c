// SPDX-License-Identifier: Apache-2.0
/* Policies whose trials split connections: what belongs together, and what is said where it does not. */
#include "tests/unit/test_policies_catalogue.h"

/* A policy on one line, so that an error's column says where it is. */
#define POLICY(scope, when, knob, objective, rest)                                       \
	"policy: { name = \"s\"; scope = " scope "; when = \"" when "\"; knob = \"" knob \
	"\"; try = [ \"bbr\" ]; objective = { minimize = \"" objective "\"; }; " rest " };"

static void a_split_has_no_washout_and_its_signals_two_sides(void **state)
{
	static const char text[] =
		POLICY("\"netns\"; match = \"blue\"", "psi.io.full < 1%", "tcp.congestion",
		       "tcp.split.rtt.p50", "trial = { split = true; window = \"5s\"; };");
	_cleanup_set_ struct policy_set *set = policy_set_new();

	(void)state;
	policy_set_load_text(set, &test_catalogue, "p", text, strlen(text));
	assert_string_equal(set_errors(set), "");
	assert_int_equal(set->n_policies, 1);
	assert_int_equal(set->policies[0].trial.split, 1);
	assert_int_equal(set->policies[0].trial.washout_ns, 0);
	assert_int_equal(set->policies[0].trial.window_ns, 5000000000);
}

static void a_host_needs_no_match(void **state)
{
	(void)state;
	assert_text_errors(POLICY("\"host\"", "psi.io.full < 1%", "tcp.congestion",
				  "tcp.split.rtt.p50", "trial = { split = true; };"),
			   "");
}

static void a_washout_is_an_error(void **state)
{
	(void)state;
	assert_text_errors(POLICY("\"host\"", "psi.io.full < 1%", "tcp.congestion",
				  "tcp.split.rtt.p50",
				  "\ntrial = { split = true; washout = \"1s\"; };"),
			   "p:2:35: a split has no washout, for nothing is switched: remove it\n");
}

static void a_knob_that_cannot_be_split_is_an_error(void **state)
{
	(void)state;
	assert_text_errors(
		"policy: { name = \"s\"; scope = \"host\"; when = \"psi.io.full < 1%\"; knob = "
		"\"vm.swappiness\"; try = [ 10 ]; objective = { minimize = "
		"\"tcp.split.rtt.p50\"; };\ntrial = { split = true; }; };",
		"p:2:19: connections cannot be split by vm.swappiness: remove it, or use "
		"tcp.congestion\n");
}

static void an_objective_without_sides_is_an_error(void **state)
{
	(void)state;
	assert_text_errors(POLICY("\"host\"", "psi.io.full < 1%", "tcp.congestion", "psi.io.full",
				  "trial = { split = true; };"),
			   "p:1:133: psi.io.full is one value for all connections: a split needs a "
			   "signal "
			   "that tells them apart, such as tcp.split.rtt.p50\n");
}

static void what_only_the_closed_ones_say_is_no_objective(void **state)
{
	(void)state;
	assert_text_errors(POLICY("\"host\"", "psi.io.full < 1%", "tcp.congestion",
				  "tcp.split.duration.p50", "trial = { split = true; };"),
			   "p:1:133: tcp.split.duration is known of connections that have closed "
			   "alone, so an arm that keeps them open would look better: use "
			   "tcp.split.rtt or tcp.split.bytes\n");
}

static void what_has_sides_needs_a_split(void **state)
{
	(void)state;
	assert_text_errors(
		POLICY("\"host\"", "psi.io.full < 1%", "tcp.congestion", "tcp.split.rtt.p50", ""),
		"p:1:133: tcp.split.rtt has values only while connections are split: add "
		"trial = { split = true; }\n");
	assert_text_errors(POLICY("\"host\"", "psi.io.full < 1%", "tcp.congestion", "psi.io.full",
				  "\nguardrails = ( { signal = \"tcp.split.retransmits.rate\"; "
				  "max_rise = \"50%\"; } );"),
			   "p:2:27: this signal has values only while connections are split: add "
			   "trial "
			   "= { split = true; }\n");
}

static void a_condition_on_a_side_can_never_hold(void **state)
{
	(void)state;
	assert_text_errors(POLICY("\"host\"", "tcp.split.rtt.p50 > 1ms", "tcp.congestion",
				  "tcp.split.rtt.p50", "trial = { split = true; };"),
			   "p:1:46: tcp.split.rtt has values only while a trial splits "
			   "connections: "
			   "use another signal in 'when'\n");
}

static void only_true_and_false_are_taken(void **state)
{
	(void)state;
	assert_text_errors(POLICY("\"host\"", "psi.io.full < 1%", "tcp.congestion",
				  "tcp.split.rtt.p50", "\ntrial = { split = 1; };"),
			   "p:2:19: split takes true or false, found a number\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_split_has_no_washout_and_its_signals_two_sides),
		cmocka_unit_test(a_host_needs_no_match),
		cmocka_unit_test(a_washout_is_an_error),
		cmocka_unit_test(a_knob_that_cannot_be_split_is_an_error),
		cmocka_unit_test(an_objective_without_sides_is_an_error),
		cmocka_unit_test(what_only_the_closed_ones_say_is_no_objective),
		cmocka_unit_test(what_has_sides_needs_a_split),
		cmocka_unit_test(a_condition_on_a_side_can_never_hold),
		cmocka_unit_test(only_true_and_false_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
