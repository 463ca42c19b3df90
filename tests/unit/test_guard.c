// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/test_actuator.h"

#include "actuator/guard.h"
#include "actuator/knobs.h"

static struct guard_view view_of(const char *knob)
{
	return (struct guard_view){ .now_ns = 1000,
				    .only = { .kind = SCOPE_KIND_COUNT },
				    .row = knob_find(knob) };
}

static struct change change_of(const char *knob)
{
	struct change change = machine_change(1, knob, "60", "10");

	change.deadline_ns = 2000;
	return change;
}

static enum outcome_status judge(const struct guard_view *view, const struct change *change)
{
	char text[160] = "";
	enum outcome_status status = guard_request(view, change, text, sizeof(text));

	assert_int_equal(status == OUTCOME_DONE, text[0] == '\0');
	return status;
}

static void a_plain_begin_is_allowed(void **state)
{
	struct guard_view view = view_of("vm.swappiness");
	struct change change = change_of("vm.swappiness");

	(void)state;
	assert_int_equal(judge(&view, &change), OUTCOME_DONE);
}

#define REFUSED_WHEN(spoil)                                               \
	do {                                                              \
		struct guard_view view = view_of("vm.swappiness");        \
		struct change change = change_of("vm.swappiness");        \
		spoil;                                                    \
		assert_int_equal(judge(&view, &change), OUTCOME_REFUSED); \
	} while (0)

static void each_limit_alone_refuses(void **state)
{
	(void)state;
	REFUSED_WHEN(change.action = ACTION_COUNT);
	REFUSED_WHEN(change.txn = 0);
	REFUSED_WHEN(view.known = true);
	REFUSED_WHEN(view.row = NULL);
	REFUSED_WHEN(change.scope.kind = SCOPE_DISK; strcpy(change.scope.name, "vda"));
	REFUSED_WHEN(view.only.kind = SCOPE_DISK);
	REFUSED_WHEN(change.deadline_ns = 1000);
	REFUSED_WHEN(change.deadline_ns = 0);
	REFUSED_WHEN(view.busy = 5);
	REFUSED_WHEN(view.frozen = true);
	REFUSED_WHEN(view.n_open = ACTUATOR_OPEN_MAX);
	REFUSED_WHEN(view.n_kept = ACTUATOR_KEPT_MAX);
	REFUSED_WHEN(memset(change.knob, 'x', sizeof(change.knob)));
	REFUSED_WHEN(memset(change.old_value, 'x', sizeof(change.old_value)));
	REFUSED_WHEN(memset(change.new_value, 'x', sizeof(change.new_value)));
	REFUSED_WHEN(memset(change.scope.name, 'x', sizeof(change.scope.name)));
	REFUSED_WHEN(change.scope.kind = 4000);
}

static void frozen_allows_going_back_only(void **state)
{
	struct guard_view view = view_of("vm.swappiness");
	struct change change = change_of("vm.swappiness");
	static const bool allowed[ACTION_COUNT] = { [ACTION_BASE] = true, [ACTION_UNDO] = true };

	(void)state;
	view.frozen = true;
	for (change.action = 0; change.action < ACTION_COUNT; change.action++)
		assert_int_equal(judge(&view, &change) == OUTCOME_DONE, allowed[change.action]);
}

static void only_what_has_a_program_for_it_is_split_and_not_by_hand(void **state)
{
	struct guard_view view = view_of("vm.swappiness");
	struct change change = change_of("vm.swappiness");

	(void)state;
	change.flags = CHANGE_SPLIT;
	assert_int_equal(judge(&view, &change), OUTCOME_REFUSED);
	view = view_of("tcp.congestion");
	change = machine_change(1, "tcp.congestion", "cubic", "bbr");
	change.flags = CHANGE_SPLIT;
	assert_int_equal(judge(&view, &change), OUTCOME_DONE);
	change.flags = CHANGE_SPLIT | CHANGE_BY_HAND;
	change.deadline_ns = view.now_ns + NSEC_PER_SEC;
	assert_int_equal(judge(&view, &change), OUTCOME_REFUSED);
	change.flags = CHANGE_BY_HAND;
	assert_int_equal(judge(&view, &change), OUTCOME_DONE);
}

static void the_only_limit_matches_patterns(void **state)
{
	struct guard_view view = view_of("block.nr_requests");
	struct change change = change_of("block.nr_requests");

	(void)state;
	view.only = (struct scope){ .kind = SCOPE_DISK, .name = "vd*" };
	assert_int_equal(judge(&view, &change), OUTCOME_DONE);
	strcpy(view.only.name, "loop*");
	assert_int_equal(judge(&view, &change), OUTCOME_REFUSED);
}

static void the_value_read_decides(void **state)
{
	struct guard_view view = view_of("vm.swappiness");
	struct change change = change_of("vm.swappiness");
	struct knob_reading reading = { .value = "60", .flags = KNOB_WRITABLE };
	char text[160];

	(void)state;
	view.reading = &reading;
	assert_int_equal(guard_value(&view, &change, text, sizeof(text)), OUTCOME_DONE);
	strcpy(change.new_value, "999");
	assert_int_equal(guard_value(&view, &change, text, sizeof(text)), OUTCOME_REFUSED);
	strcpy(change.old_value, "61");
	assert_int_equal(guard_value(&view, &change, text, sizeof(text)), OUTCOME_FOREIGN);
	/* Who changes by hand what core cannot see says nothing of what is in force; a trial must. */
	change.old_value[0] = '\0';
	assert_int_equal(guard_value(&view, &change, text, sizeof(text)), OUTCOME_FOREIGN);
	change.flags = CHANGE_BY_HAND;
	strcpy(change.new_value, "10");
	assert_int_equal(guard_value(&view, &change, text, sizeof(text)), OUTCOME_DONE);
	strcpy(change.old_value, "61");
	assert_int_equal(guard_value(&view, &change, text, sizeof(text)), OUTCOME_FOREIGN);
	reading.flags = 0;
	assert_int_equal(guard_value(&view, &change, text, sizeof(text)), OUTCOME_REFUSED);
	reading.flags = KNOB_GONE;
	assert_int_equal(guard_value(&view, &change, text, sizeof(text)), OUTCOME_GONE);
}

static void a_namespace_that_is_busy_by_another_name_is_busy(void **state)
{
	const struct scope blue = { .kind = SCOPE_NETNS, .name = "blue" };
	struct guard_view view = view_of("tcp.congestion");
	char text[160] = "";

	(void)state;
	assert_int_equal(guard_captured(&view, text, sizeof(text)), OUTCOME_DONE);
	assert_string_equal(text, "");
	view.namesake = 7;
	view.namesake_scope = &blue;
	assert_int_equal(guard_captured(&view, text, sizeof(text)), OUTCOME_REFUSED);
	assert_string_equal(text, "transaction 7 is open in the same namespace by another name, "
				  "'netns:blue': use that name alone");
}

static void an_a_a_trial_of_a_value_out_of_our_range_is_allowed(void **state)
{
	struct guard_view view = view_of("vm.dirty_ratio");
	struct change change = machine_change(1, "vm.dirty_ratio", "0", "0");
	struct knob_reading reading = { .value = "0", .flags = KNOB_WRITABLE };
	char text[160];

	(void)state;
	view.reading = &reading;
	assert_int_equal(guard_value(&view, &change, text, sizeof(text)), OUTCOME_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_begin_is_allowed),
		cmocka_unit_test(each_limit_alone_refuses),
		cmocka_unit_test(frozen_allows_going_back_only),
		cmocka_unit_test(only_what_has_a_program_for_it_is_split_and_not_by_hand),
		cmocka_unit_test(the_only_limit_matches_patterns),
		cmocka_unit_test(the_value_read_decides),
		cmocka_unit_test(a_namespace_that_is_busy_by_another_name_is_busy),
		cmocka_unit_test(an_a_a_trial_of_a_value_out_of_our_range_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
