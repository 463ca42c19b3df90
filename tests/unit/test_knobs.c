// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/test_actuator.h"
#include "tests/unit/test_listing.h"

#include "actuator/usage.h"

#include "actuator/family.h"
#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/knob_name.h"

static void every_row_is_whole_and_its_name_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < knob_rows_count; i++) {
		const struct knob_row *row = &knob_rows[i];

		assert_non_null(row->name);
		assert_non_null(row->path);
		assert_non_null(row->about);
		assert_true(strlen(row->name) < KNOB_NAME_MAX);
		assert_ptr_equal(knob_find(row->name), row);
		assert_non_null(knob_family_ops(row));
		assert_true(row->unit_scale >= 1);
		assert_true(row->path[0] != '/');
		assert_int_equal(strstr(row->path, "%s") != NULL, row->scope != SCOPE_HOST);
		if (row->type == KNOB_INTEGER)
			assert_true(row->min < row->max);
		for (size_t j = 0; j < i; j++)
			assert_true(strcmp(knob_rows[j].path, row->path) ||
				    knob_rows[j].field != row->field);
	}
	assert_null(knob_find("vm.nonsense"));
}

static void forget_usage(struct machine *m)
{
	actuator_close(m->actuator, clock_now_ns());
	assert_true(unlinkat(m->state, USAGE_NAME, 0) == 0 || errno == ENOENT);
	assert_int_equal(machine_open(m), 0);
}

static void every_row_is_set_read_back_and_restored_in_a_folder(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_open(m), 0);
	for (size_t i = 0; i < knob_rows_count; i++) {
		const struct knob_row *row = &knob_rows[i];
		struct scope scope = { .kind = row->scope };
		char path[256], old[32], new_value[32];

		/* Families with scopes of their own have tests of their own. */
		if (row->type != KNOB_INTEGER || row->field ||
		    (row->scope != SCOPE_DISK && row->scope != SCOPE_HOST))
			continue;
		/* More knobs than usage has places for would be refused. */
		if (i % (USAGE_PLACES_MAX / 2) == 0)
			forget_usage(m);
		strcpy(scope.name, row->scope == SCOPE_DISK ? "vda" : "");
		assert_int_equal(knob_path(row, &scope, path, sizeof(path)), 0);
		snprintf(old, sizeof(old), "%lld", (long long)row->min);
		snprintf(new_value, sizeof(new_value), "%lld", (long long)row->max);
		machine_set(m, path, old);
		if (machine_begin(m, 100 + i, row->name, old, new_value) != OUTCOME_DONE)
			fail_msg("%s: %s", row->name, m->outcome.text);
		machine_expect(m, path, old);
		assert_int_equal(machine_ask(m, 100 + i, ACTION_ARM), OUTCOME_DONE);
		machine_expect(m, path, new_value);
		assert_int_equal(machine_ask(m, 100 + i, ACTION_UNDO), OUTCOME_DONE);
		machine_expect(m, path, old);
	}
}

#define RMEM "proc/sys/net/ipv4/tcp_rmem"

/* Whatever the others have become in the meantime. */
static void one_number_of_several_is_set_and_the_others_stay_as_they_are_now(void **state)
{
	const struct knob_row *row = knob_find("net.ipv4.tcp_rmem[default]");
	const struct scope host = { .kind = SCOPE_HOST };
	struct machine *m = *state;
	struct knob_reading reading;

	assert_int_equal(machine_open(m), 0);
	machine_set(m, RMEM, "4096\t131072\t6291456\n");
	assert_int_equal(machine_begin(m, 1, row->name, "131072", "262144"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_string_equal(m->outcome.value, "262144");
	machine_expect(m, RMEM, "4096\t262144\t6291456");
	machine_set(m, RMEM, "8192\t262144\t7000000\n");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, RMEM, "8192\t131072\t7000000");
	/* The field itself is somebody's who has changed it. */
	assert_int_equal(machine_begin(m, 2, row->name, "131072", "262144"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 2, ACTION_ARM), OUTCOME_DONE);
	machine_set(m, RMEM, "8192 5 7000000");
	assert_int_equal(machine_ask(m, 2, ACTION_UNDO), OUTCOME_FOREIGN);
	machine_expect(m, RMEM, "8192 5 7000000");
	assert_int_equal(knob_read(m->root, knob_find("net.ipv4.tcp_rmem[max]"), &host, &reading),
			 0);
	assert_string_equal(reading.value, "7000000");
	machine_set(m, RMEM, "8192 5");
	assert_int_equal(knob_read(m->root, knob_find("net.ipv4.tcp_rmem[max]"), &host, &reading),
			 -EBADMSG);
}

static void a_switch_has_the_choices_of_its_row(void **state)
{
	const struct knob_row *row = knob_find("zswap.enabled");
	const struct scope host = { .kind = SCOPE_HOST };
	struct machine *m = *state;
	struct knob_reading reading;

	assert_int_equal(machine_open(m), 0);
	machine_set(m, row->path, "N\n");
	assert_int_equal(knob_read(m->root, row, &host, &reading), 0);
	assert_string_equal(reading.value, "N");
	assert_int_equal(reading.n_choices, 2);
	assert_string_equal(reading.choices[1], "Y");
	assert_int_equal(machine_begin(m, 1, row->name, "N", "1"), OUTCOME_REFUSED);
	assert_int_equal(machine_begin(m, 2, row->name, "N", "Y"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 2, ACTION_ARM), OUTCOME_DONE);
	machine_expect(m, row->path, "Y");
	assert_int_equal(machine_ask(m, 2, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, row->path, "N");
}

static void names_are_written_by_dots_or_slashes(void **state)
{
	static const char *const pairs[][2] = {
		{ "vm.swappiness", "vm/swappiness" },
		{ "net.ipv4.tcp_rmem[max]", "net/ipv4/tcp_rmem[max]" },
		{ "net.ipv4.conf.eth0/1.rp_filter", "net/ipv4/conf/eth0.1/rp_filter" },
	};
	char text[KNOB_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		assert_string_equal(knob_name_dotted(pairs[i][0], text, sizeof(text)), pairs[i][0]);
		assert_string_equal(knob_name_dotted(pairs[i][1], text, sizeof(text)), pairs[i][0]);
		assert_string_equal(knob_name_path(pairs[i][0], text, sizeof(text)), pairs[i][1]);
		assert_string_equal(knob_name_path(pairs[i][1], text, sizeof(text)), pairs[i][1]);
		assert_true(knob_name_is(pairs[i][0], pairs[i][0]));
		assert_true(knob_name_is(pairs[i][1], pairs[i][0]));
	}
	assert_false(knob_name_is("vm/swap", "vm.swappiness"));
	assert_false(knob_name_is("vm/swappiness", "vm.swap"));
	assert_false(knob_name_is("net/ipv4.tcp", "net.ipv4.tcp"));
	assert_ptr_equal(knob_find("net/ipv4/tcp_rmem[max]"), knob_find("net.ipv4.tcp_rmem[max]"));
	assert_non_null(knob_find("vm/swappiness"));
}

static void a_choice_is_read_with_and_without_brackets(void **state)
{
	struct machine *m = *state;
	const struct knob_row *row = knob_find("block.scheduler");
	const struct scope scope = { .kind = SCOPE_DISK, .name = "vda" };
	struct knob_reading reading;

	assert_int_equal(knob_read(m->root, row, &scope, &reading), 0);
	assert_string_equal(reading.value, "mq-deadline");
	assert_int_equal(reading.n_choices, 4);
	assert_string_equal(reading.choices[3], "bfq");
	assert_int_equal(reading.flags, KNOB_WRITABLE);
	machine_set(m, SCHEDULER, "bfq");
	assert_int_equal(knob_read(m->root, row, &scope, &reading), 0);
	assert_string_equal(reading.value, "bfq");
	machine_set(m, SCHEDULER, "none bfq");
	assert_int_equal(knob_read(m->root, row, &scope, &reading), -EBADMSG);
}

static void what_is_not_there_is_gone_and_a_wrong_scope_is_an_error(void **state)
{
	struct machine *m = *state;
	const struct knob_row *row = knob_find("block.scheduler");
	const struct scope gone = { .kind = SCOPE_DISK, .name = "sdz" },
			   host = { .kind = SCOPE_HOST };
	const struct scope escape = { .kind = SCOPE_DISK, .name = "../vda" };
	struct knob_reading reading;

	assert_int_equal(knob_read(m->root, row, &gone, &reading), 0);
	assert_int_equal(reading.flags, KNOB_GONE);
	assert_int_equal(knob_read(m->root, row, &host, &reading), -EINVAL);
	assert_int_equal(knob_read(m->root, row, &escape, &reading), -EINVAL);
}

static void disks_without_sectors_are_no_scopes(void **state)
{
	struct machine *m = *state;
	struct scope scopes[4];

	machine_set(m, "sys/block/loop0/queue/scheduler", "[none]");
	machine_set(m, "sys/block/loop0/size", "0\n");
	assert_int_equal(knob_scopes(m->root, knob_find("block.scheduler"), scopes, 4), 1);
	assert_string_equal(scopes[0].name, "vda");
	assert_int_equal(knob_scopes(m->root, knob_find("vm.swappiness"), scopes, 4), 1);
	assert_int_equal(knob_scopes(m->root, knob_find("kernel.numa_balancing"), scopes, 4), 0);
}

static void a_listing_says_what_single_questions_say(void **state)
{
	struct machine *m = *state;

	machine_set(m, "sys/block/sdb/queue/scheduler", "[none]");
	machine_set(m, "sys/block/sdb/size", "1\n");
	machine_set(m, "sys/block/loop0/queue/scheduler", "[none]");
	machine_set(m, "sys/block/loop0/size", "0\n");
	machine_set(m, RMEM, "4096 131072 6291456\n");
	machine_set(m, "proc/sys/net/ipv4/tcp_congestion_control", "cubic\n");
	machine_set(m, "proc/sys/net/ipv4/tcp_available_congestion_control", "reno cubic\n");
	/* Nine settings of files above, and those of machine_fill(). */
	assert_true(assert_listing_is_what_single_questions_say(m->root) > 9);
	/* What cannot be read is said of both. */
	machine_set(m, RMEM, "4096\n");
	assert_listing_is_what_single_questions_say(m->root);
}

static void values_are_checked_with_a_remedy(void **state)
{
	const struct knob_row *integer = knob_find("vm.swappiness"),
			      *choice = knob_find("block.scheduler");
	struct knob_reading reading = { .n_choices = 2, .choices = { "none", "mq-deadline" } };
	static const char *const bad[] = { "", " 1", "1 ", "+1", "0x10", "1e3", "-", "1\n" };
	char text[160];

	(void)state;
	assert_int_equal(knob_check(integer, &reading, "0", text, sizeof(text)), 0);
	assert_int_equal(knob_check(integer, &reading, "200", text, sizeof(text)), 0);
	assert_int_equal(knob_check(integer, &reading, "201", text, sizeof(text)), -ERANGE);
	assert_string_equal(text, "201 is out of range: vm.swappiness takes 0 to 200");
	assert_int_equal(knob_check(integer, &reading, "-1", text, sizeof(text)), -ERANGE);
	assert_int_equal(knob_check(integer, &reading, "99999999999999999999", text, sizeof(text)),
			 -ERANGE);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(knob_check(integer, &reading, bad[i], text, sizeof(text)),
				 -EINVAL);
	assert_int_equal(knob_check(choice, &reading, "none", text, sizeof(text)), 0);
	assert_int_equal(knob_check(choice, &reading, "mq-daedline", text, sizeof(text)), -EINVAL);
	assert_string_equal(text, "'mq-daedline' is not offered: did you mean 'mq-deadline'?");
	assert_int_equal(knob_check(choice, &reading, "bfq", text, sizeof(text)), -EINVAL);
	assert_string_equal(text, "'bfq' is not offered: choose one of none mq-deadline");
	assert_true(knob_same(integer, "32", "032"));
	assert_false(knob_same(integer, "32", "33"));
	assert_false(knob_same(choice, "1", "01"));
}

static void a_limit_is_a_number_or_none(void **state)
{
	static const struct knob_row limit = {
		.name = "x.high", .type = KNOB_LIMIT, .min = 4096, .max = INT64_MAX
	};
	struct knob_reading reading = { .flags = KNOB_WRITABLE };
	char text[160];

	(void)state;
	assert_int_equal(knob_check(&limit, &reading, "max", text, sizeof(text)), 0);
	assert_int_equal(knob_check(&limit, &reading, "4096", text, sizeof(text)), 0);
	assert_int_equal(knob_check(&limit, &reading, "0", text, sizeof(text)), -ERANGE);
	assert_string_equal(text,
			    "0 is out of range: x.high takes 4096 to 9223372036854775807, or max");
	assert_int_equal(knob_check(&limit, &reading, "MAX", text, sizeof(text)), -EINVAL);
	assert_int_equal(knob_check(&limit, &reading, "-1", text, sizeof(text)), -ERANGE);
	assert_true(knob_same(&limit, "max", "max"));
	assert_true(knob_same(&limit, "04096", "4096"));
	assert_false(knob_same(&limit, "max", "9223372036854775807"));
	/* Of an integer it is no value. */
	assert_int_equal(knob_check(knob_find("vm.swappiness"), &reading, "max", text,
				    sizeof(text)),
			 -EINVAL);
}

static void a_list_is_a_set_of_what_is_there(void **state)
{
	static const struct knob_row cpus = { .name = "x.cpus", .type = KNOB_LIST, .min = 1 },
				     inherits = { .name = "x.mems", .type = KNOB_LIST };
	struct knob_reading reading = { .within = "0-3,8" };
	char text[160];

	(void)state;
	assert_int_equal(knob_check(&cpus, &reading, "0-3,8", text, sizeof(text)), 0);
	assert_int_equal(knob_check(&cpus, &reading, "8,0", text, sizeof(text)), 0);
	assert_int_equal(knob_check(&cpus, &reading, "0,4", text, sizeof(text)), -ERANGE);
	assert_string_equal(text, "'0,4' is not all there: x.cpus takes members of 0-3,8 here");
	assert_int_equal(knob_check(&cpus, &reading, "", text, sizeof(text)), -ERANGE);
	assert_string_equal(text, "'' is too short: x.cpus takes at least 1");
	assert_int_equal(knob_check(&inherits, &reading, "", text, sizeof(text)), 0);
	assert_int_equal(knob_check(&cpus, &reading, "all", text, sizeof(text)), -EINVAL);
	assert_string_equal(text, "'all' is no list: x.cpus takes numbers such as 0-3,8");
	reading.within[0] = '\0';
	assert_int_equal(knob_check(&cpus, &reading, "0,4", text, sizeof(text)), 0);
	assert_true(knob_same(&cpus, "0,1,2", "0-2"));
	assert_true(knob_same(&inherits, "", ""));
	assert_false(knob_same(&inherits, "", "0"));
}

static void companions_that_do_not_fit_or_are_no_lines_are_refused(void **state)
{
	char text[16] = "", name[8], value[8];
	const char *cursor = "a=1\nb=2\n",
		   *bad[] = { "a", "a=1", "=\n", "toolongname=1\n", "../x=1\n", "/x=1\n" };

	(void)state;
	assert_int_equal(companions_add(text, sizeof(text), "a", "1"), 0);
	assert_int_equal(companions_add(text, sizeof(text), "too-long-a-name", "1"), -E2BIG);
	assert_string_equal(text, "a=1\n");
	assert_int_equal(companions_next(&cursor, name, 8, value, 8), 1);
	assert_int_equal(companions_next(&cursor, name, 8, value, 8), 1);
	assert_string_equal(name, "b");
	assert_string_equal(value, "2");
	assert_int_equal(companions_next(&cursor, name, 8, value, 8), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (strcmp(bad[i], "=\n"))
			assert_int_equal(companions_next(&bad[i], name, 8, value, 8), -EBADMSG);
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_whole_and_its_name_unique),
		ON_MACHINE(every_row_is_set_read_back_and_restored_in_a_folder),
		ON_MACHINE(one_number_of_several_is_set_and_the_others_stay_as_they_are_now),
		ON_MACHINE(a_switch_has_the_choices_of_its_row),
		cmocka_unit_test(names_are_written_by_dots_or_slashes),
		ON_MACHINE(a_choice_is_read_with_and_without_brackets),
		ON_MACHINE(what_is_not_there_is_gone_and_a_wrong_scope_is_an_error),
		ON_MACHINE(disks_without_sectors_are_no_scopes),
		ON_MACHINE(a_listing_says_what_single_questions_say),
		cmocka_unit_test(values_are_checked_with_a_remedy),
		cmocka_unit_test(a_limit_is_a_number_or_none),
		cmocka_unit_test(a_list_is_a_set_of_what_is_there),
		cmocka_unit_test(companions_that_do_not_fit_or_are_no_lines_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
