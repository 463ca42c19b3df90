// SPDX-License-Identifier: Apache-2.0
/* Looks in turns: when an instance is looked at again, and what is said of those that may not be. */
#include "observer/looks.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"

#define N 3
#define PAUSE_NS (10 * NSEC_PER_SEC)

struct fake {
	struct looks looks;
	struct instances instances;
	struct instance places[N];
	int results[N];
	size_t n_looks[N];
	uint64_t busy_ns; /* CPU time that a look takes */
	uint64_t losses[LOSS_COUNT];
};

static int fake_look(void *source, size_t place, struct sampler *sampler, uint64_t *ret_pause_ns)
{
	struct fake *fake = source;
	const uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	(void)sampler;
	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns < fake->busy_ns)
		;
	fake->n_looks[place]++;
	*ret_pause_ns = PAUSE_NS;
	return fake->results[place];
}

static void tick(struct fake *fake, uint64_t now_ns)
{
	struct sampler sampler = { .now_ns = now_ns, .losses = fake->losses };

	looks_visit(&fake->looks, &fake->instances, fake_look, fake, &sampler);
}

static int setup(void **state)
{
	static struct fake fake;

	fake = (struct fake){ .instances = { .n_places = N } };
	fake.instances.places = fake.places;
	for (size_t i = 0; i < N; i++)
		fake.places[i].used = true;
	*state = &fake;
	return looks_init(&fake.looks, 100);
}

static int teardown(void **state)
{
	struct fake *fake = *state;

	looks_deinit(&fake->looks);
	return 0;
}

static void each_is_looked_at_again_after_its_pause(void **state)
{
	struct fake *fake = *state;

	tick(fake, NSEC_PER_SEC);
	tick(fake, PAUSE_NS);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(fake->n_looks[i], 1);
	looks_forget(&fake->looks, 1);
	tick(fake, PAUSE_NS);
	assert_int_equal(fake->n_looks[0], 1);
	assert_int_equal(fake->n_looks[1], 2);
	fake->places[2].used = false;
	tick(fake, 3 * PAUSE_NS);
	assert_int_equal(fake->n_looks[0], 2);
	assert_int_equal(fake->n_looks[2], 1);
}

/* Between two looks, too, and not any more when it may be looked at, or is gone. */
static void who_may_not_be_looked_at_is_counted_as_long_as_it_is_so(void **state)
{
	struct fake *fake = *state;

	fake->results[0] = -EACCES;
	fake->results[1] = -EPERM;
	for (uint64_t i = 1; i < 8; i++) {
		tick(fake, i * NSEC_PER_SEC);
		assert_int_equal(looks_denied(&fake->looks, &fake->instances), 2);
	}
	fake->places[1].used = false;
	assert_int_equal(looks_denied(&fake->looks, &fake->instances), 1);
	fake->results[0] = 0;
	tick(fake, 2 * PAUSE_NS);
	assert_int_equal(looks_denied(&fake->looks, &fake->instances), 0);
	assert_int_equal(fake->losses[LOSS_EVENT], 0);
}

static void what_fails_otherwise_is_a_loss_and_what_has_ended_is_none(void **state)
{
	struct fake *fake = *state;

	fake->results[0] = -ESRCH;
	fake->results[1] = -ENOENT;
	fake->results[2] = -EBADMSG;
	tick(fake, NSEC_PER_SEC);
	assert_int_equal(fake->losses[LOSS_EVENT], 1);
	assert_int_equal(looks_denied(&fake->looks, &fake->instances), 0);
}

/* Dear ones share the ticks, in turns; and each costs no more of a CPU than its share. */
static void a_tick_ends_when_its_time_is_used(void **state)
{
	struct fake *fake = *state;

	fake->busy_ns = LOOKS_TICK_NS + 1;
	for (uint64_t i = 0; i < N; i++) {
		tick(fake, NSEC_PER_SEC + i);
		for (uint64_t j = 0; j < N; j++)
			assert_int_equal(fake->n_looks[j], j <= i);
	}
	fake->looks.share = 10000;
	looks_forget(&fake->looks, 0);
	tick(fake, 2 * NSEC_PER_SEC);
	assert_int_equal(fake->n_looks[0], 2);
	assert_true(fake->looks.places[0].due_ns > 2 * NSEC_PER_SEC + 4 * PAUSE_NS);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_is_looked_at_again_after_its_pause),
		TEST(who_may_not_be_looked_at_is_counted_as_long_as_it_is_so),
		TEST(what_fails_otherwise_is_a_loss_and_what_has_ended_is_none),
		TEST(a_tick_ends_when_its_time_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
