// SPDX-License-Identifier: Apache-2.0
/* The harm budget of core: what a pair costs, what is kept over a restart, and when no trial begins. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/day.h"
#include "daemon/core.h"

#define HOUR (3600 * NSEC_PER_SEC)
#define DAY_S 86400.0

struct fixture {
	char state[64];
	struct policy policy;
	struct policy_set policies;
	struct daemon_options options;
	struct trial trial;
	struct core core;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[96];

	assert_non_null(f);
	strcpy(f->state, "/tmp/flyball-test-XXXXXX");
	assert_non_null(mkdtemp(f->state));
	snprintf(path, sizeof(path), "%s/history", f->state);
	assert_int_equal(mkdir(path, 0700), 0);
	f->policy.trial.window_ns = 10 * NSEC_PER_SEC;
	f->policies = (struct policy_set){ .n_policies = 1, .policies = &f->policy };
	f->options = (struct daemon_options){ .state_dir = f->state, .policies = &f->policies };
	f->core.options = &f->options;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[96];

	snprintf(path, sizeof(path), "%s/history/harm", f->state);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(f->state);
	free(f);
	return 0;
}

static void pair(struct fixture *f, double ratio)
{
	f->trial.n_pairs = 1;
	f->trial.pairs[0].d = log(ratio);
	core_harm_pair(&f->core, &f->trial);
}

static void a_pair_costs_its_time_times_how_much_worse_it_was(void **state)
{
	struct fixture *f = *state;

	pair(f, 0.5);
	assert_true(fabs(core_harm(&f->core) - 10 * 0.5 / DAY_S) < 1e-12);
	/* Gains do not pay for losses. */
	pair(f, 2);
	pair(f, 1);
	assert_true(fabs(core_harm(&f->core) - 10 * 0.5 / DAY_S) < 1e-12);
	pair(f, 0.9);
	assert_true(fabs(core_harm(&f->core) - 10 * 0.6 / DAY_S) < 1e-12);
}

static void the_sum_survives_core_and_damage_is_no_sum(void **state)
{
	struct fixture *f = *state;
	double before;
	char path[96];

	pair(f, 0.5);
	before = core_harm(&f->core);
	memset(&f->core.harm, 0, sizeof(f->core.harm));
	core_harm_open(&f->core);
	assert_true(core_harm(&f->core) == before);
	snprintf(path, sizeof(path), "%s/history/harm", f->state);
	assert_int_equal(truncate(path, 7), 0);
	memset(&f->core.harm, 0, sizeof(f->core.harm));
	core_harm_open(&f->core);
	assert_true(core_harm(&f->core) == 0);
}

static void past_the_budget_no_trial_begins_and_the_limit_is_named(void **state)
{
	struct fixture *f = *state;
	char text[OUTCOME_TEXT_MAX];

	f->core.limits[0] = (struct limit_row){ .name = "harm_budget.loss",
						.text = "0.01%",
						.from = "l:3",
						.value = 0.0001,
						.id = LIMIT_HARM_LOSS };
	f->core.n_limits = 1;
	pair(f, 0.2);
	assert_false(core_harm_refuses(&f->core, text, sizeof(text)));
	pair(f, 0.2);
	assert_true(core_harm_refuses(&f->core, text, sizeof(text)));
	assert_string_equal(text, "harm_budget.loss 0.01% (l:3) of a day is used up: 0.019%");
}

static void a_day_is_forgotten_hour_by_hour(void **state)
{
	struct day day = { 0 };

	(void)state;
	day_add(&day, 100 * HOUR, 1);
	day_add(&day, 110 * HOUR, 2);
	assert_true(day_sum(&day, 123 * HOUR + HOUR - 1) == 3);
	assert_true(day_sum(&day, 124 * HOUR) == 2);
	assert_true(day_sum(&day, 134 * HOUR) == 0);
	day_add(&day, 500 * HOUR, 4);
	assert_true(day_sum(&day, 500 * HOUR) == 4);
	/* A clock that was put back adds to the hour that it knows. */
	day_add(&day, 499 * HOUR, 1);
	assert_true(day_sum(&day, 500 * HOUR) == 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_pair_costs_its_time_times_how_much_worse_it_was,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_sum_survives_core_and_damage_is_no_sum, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			past_the_budget_no_trial_begins_and_the_limit_is_named, setup, teardown),
		cmocka_unit_test(a_day_is_forgotten_hour_by_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
