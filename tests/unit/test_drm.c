// SPDX-License-Identifier: Apache-2.0
/* What processes have of GPUs and NPUs by fdinfo: the format, opens that are counted once, shares, and what is not to be had. */
#include "tests/unit/test_source.h"

#include <errno.h>

#include "observer/drm_fdinfo.h"

#define INFO "proc/17/fdinfo/5"

/* A descriptor of a process: what it is of, and what the driver says. */
static void put_descriptor(struct files *f, int pid, int descriptor, const char *target,
			   const char *capture)
{
	char path[64], full[160];

	snprintf(path, sizeof(path), "proc/%d/fd/.keep", pid);
	put(f, path, "");
	snprintf(full, sizeof(full), "%s/proc/%d/fd/%d", f->folder, pid, descriptor);
	unlink(full);
	assert_int_equal(symlink(target, full), 0);
	snprintf(path, sizeof(path), "proc/%d/fdinfo/%d", pid, descriptor);
	put_capture(f, path, capture);
}

static void put_process(struct files *f, int pid, int start)
{
	char path[64], text[160];

	snprintf(path, sizeof(path), "proc/%d/task/%d/stat", pid, pid);
	snprintf(text, sizeof(text),
		 "%d (a b) c) S 1 1 1 0 -1 4194560 0 0 0 0 1 2 0 0 20 0 1 0 %d 1 2\n", pid, start);
	put(f, path, text);
}

static void put_machine(struct files *f)
{
	put(f, "sys/class/drm/renderD128/dev", "226:128\n");
	put_process(f, 17, 500);
	put_process(f, 18, 600);
}

static void begin(struct files *f)
{
	start(f, SIGNAL_DRM_BUSY, SIGNAL_DRM_MEMORY_TOTAL, SCOPE_PROCESS);
	tick(f);
	lost(f, "drm");
}

static void an_engine_is_busy_for_a_share_of_the_time(void **state)
{
	struct files *f = *state;

	put_machine(f);
	put_descriptor(f, 17, 5, "/dev/dri/renderD128", "drm/i915");
	begin(f);
	add_to(f, INFO, "drm-engine-render:\t", TICK_NS / 4);
	add_to(f, INFO, "drm-engine-video:\t", TICK_NS); /* of two engines */
	tick(f);
	expect(f, SIGNAL_DRM_BUSY, "17@500", 0.5);
	expect(f, SIGNAL_DRM_MEMORY_USED, "17@500", 1024 * 1024);
	expect(f, SIGNAL_DRM_MEMORY_TOTAL, "17@500", 4096 * 1024);
	add_to(f, INFO, "drm-engine-render:\t", TICK_NS * 3 / 4);
	tick(f);
	expect(f, SIGNAL_DRM_BUSY, "17@500", 0.75);
	tick(f);
	expect(f, SIGNAL_DRM_BUSY, "17@500", 0);
	assert_null(find(f, SIGNAL_DRM_BUSY, "18@600"));
	assert_int_equal(lost(f, "drm"), 0);
}

static void cycles_are_held_against_all_cycles(void **state)
{
	struct files *f = *state;

	put_machine(f);
	put_descriptor(f, 17, 5, "/dev/dri/renderD128", "drm/xe");
	begin(f);
	add_to(f, INFO, "drm-cycles-rcs:\t", 300);
	add_to(f, INFO, "drm-total-cycles-rcs:\t", 1000);
	tick(f);
	expect(f, SIGNAL_DRM_BUSY, "17@500", 0.3);
}

static void older_names_of_memory_and_other_units_are_understood(void **state)
{
	struct files *f = *state;

	put_machine(f);
	put_descriptor(f, 17, 5, "/dev/dri/renderD128", "drm/amdgpu");
	begin(f);
	tick(f);
	expect(f, SIGNAL_DRM_MEMORY_USED, "17@500", 3 << 20);
	expect_invalid(f, SIGNAL_DRM_MEMORY_TOTAL, "17@500");
}

static void an_npu_counts_too_and_other_files_do_not(void **state)
{
	struct files *f = *state;

	put_machine(f);
	put_descriptor(f, 17, 5, "/dev/accel/accel0", "drm/npu");
	put_descriptor(f, 17, 6, "socket:[1]", "drm/i915");
	begin(f);
	add_to(f, INFO, "drm-engine-npu-amdxdna:\t", TICK_NS / 2);
	add_to(f, "proc/17/fdinfo/6", "drm-engine-render:\t", TICK_NS);
	tick(f);
	expect(f, SIGNAL_DRM_BUSY, "17@500", 0.5);
	expect_invalid(f, SIGNAL_DRM_MEMORY_USED, "17@500");
}

/* dup(2), and a descriptor that was handed to another process: the very same open. */
static void an_open_counts_once(void **state)
{
	struct files *f = *state;

	put_machine(f);
	put_descriptor(f, 17, 5, "/dev/dri/renderD128", "drm/i915");
	put_descriptor(f, 17, 6, "/dev/dri/renderD128", "drm/i915");
	begin(f);
	tick(f);
	put_descriptor(f, 18, 9, "/dev/dri/renderD128", "drm/i915");
	for (int i = 0; i < 6; i++)
		tick(f); /* 18 had none, and is looked at every ten seconds */
	expect(f, SIGNAL_DRM_MEMORY_USED, "17@500", 1 << 20);
	assert_null(find(f, SIGNAL_DRM_MEMORY_USED, "18@600"));
}

static void a_process_without_is_looked_at_every_ten_seconds(void **state)
{
	struct files *f = *state;

	put_machine(f);
	begin(f);
	put_descriptor(f, 17, 5, "/dev/dri/renderD128", "drm/i915");
	for (int i = 0; i < 4; i++) {
		tick(f);
		assert_null(find(f, SIGNAL_DRM_MEMORY_USED, "17@500"));
	}
	tick(f);
	expect(f, SIGNAL_DRM_MEMORY_USED, "17@500", 1 << 20);
}

static void opens_of_one_device_add_up(void **state)
{
	struct files *f = *state;

	put_machine(f);
	put_descriptor(f, 17, 5, "/dev/dri/renderD128", "drm/i915");
	put_descriptor(f, 17, 6, "/dev/dri/renderD128", "drm/i915");
	add_to(f, "proc/17/fdinfo/6", "drm-client-id:\t", 1);
	begin(f);
	add_to(f, INFO, "drm-engine-render:\t", TICK_NS / 4);
	add_to(f, "proc/17/fdinfo/6", "drm-engine-render:\t", TICK_NS / 2);
	tick(f);
	expect(f, SIGNAL_DRM_BUSY, "17@500", 0.75);
	expect(f, SIGNAL_DRM_MEMORY_USED, "17@500", 2 << 20);
}

static void a_count_that_falls_is_held_until_it_is_reached_again(void **state)
{
	struct files *f = *state;

	put_machine(f);
	put_descriptor(f, 17, 5, "/dev/dri/renderD128", "drm/i915");
	begin(f);
	add_to(f, INFO, "drm-engine-render:\t", -1000000);
	tick(f);
	expect(f, SIGNAL_DRM_BUSY, "17@500", 0);
	add_to(f, INFO, "drm-engine-render:\t", 1000000 + TICK_NS / 2);
	tick(f);
	expect(f, SIGNAL_DRM_BUSY, "17@500", 0.5);
}

static void another_process_with_the_same_number_begins_anew(void **state)
{
	struct files *f = *state;

	put_machine(f);
	put_descriptor(f, 17, 5, "/dev/dri/renderD128", "drm/i915");
	begin(f);
	put_process(f, 17, 900);
	add_to(f, INFO, "drm-engine-render:\t", TICK_NS / 2);
	tick(f);
	assert_null(find(f, SIGNAL_DRM_BUSY, "17@500"));
	expect_invalid(f, SIGNAL_DRM_BUSY, "17@900");
}

static void garbage_is_no_value_and_is_counted(void **state)
{
	static const char *const bad[] = {
		"drm-driver:\ti915\ndrm-client-id:\tx\n",
		"drm-driver:\ti915\ndrm-client-id:\t1\ndrm-engine-render:\t-5 ns\n",
		"drm-driver:\ti915\ndrm-client-id:\t1\ndrm-engine-render:\t5 parsecs\n",
		"drm-driver:\ti915\ndrm-client-id:\t1\ndrm-engine-capacity-render:\t0\n",
		"drm-driver:\ti915\ndrm-client-id:\t1\ndrm-memory-a:\t99999999999999999999\n",
		"drm-driver:\ti915\ndrm-client-id:\t1\ndrm-memory-a:\t18446744073709551615 KiB\n",
		"drm-driver:\ta-name-that-is-longer-than-any-driver-has\ndrm-client-id:\t1\n",
	};
	struct files *f = *state;

	put_machine(f);
	put_descriptor(f, 17, 5, "/dev/dri/renderD128", "drm/i915");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(f, INFO, bad[i]);
		start(f, SIGNAL_DRM_BUSY, SIGNAL_DRM_MEMORY_TOTAL, SCOPE_PROCESS);
		tick(f);
		assert_int_equal(status_of(f, "drm")->losses[LOSS_EVENT], 1);
		assert_null(find(f, SIGNAL_DRM_BUSY, "17@500"));
	}
}

static void a_driver_that_names_no_client_is_passed_over(void **state)
{
	char text[] = "drm-driver:\tnvidia-drm\n", other[] = "pos:\t0\nflags:\t02\n";
	struct drm_fdinfo info;

	(void)state;
	assert_int_equal(drm_fdinfo_parse(text, &info), -ENOENT);
	assert_int_equal(drm_fdinfo_parse(other, &info), -ENOENT);
}

static void a_machine_without_a_gpu_is_not_broken(void **state)
{
	struct files *f = *state;

	put_process(f, 17, 500);
	begin(f);
	assert_int_equal(status_of(f, "drm")->state, SOURCE_UNAVAILABLE);
	assert_int_equal(status_of(f, "drm")->optional, 1);
	assert_non_null(strstr(status_of(f, "drm")->text, "renderD128"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_engine_is_busy_for_a_share_of_the_time),
		TEST(cycles_are_held_against_all_cycles),
		TEST(older_names_of_memory_and_other_units_are_understood),
		TEST(an_npu_counts_too_and_other_files_do_not),
		TEST(an_open_counts_once),
		TEST(a_process_without_is_looked_at_every_ten_seconds),
		TEST(opens_of_one_device_add_up),
		TEST(a_count_that_falls_is_held_until_it_is_reached_again),
		TEST(another_process_with_the_same_number_begins_anew),
		TEST(garbage_is_no_value_and_is_counted),
		cmocka_unit_test(a_driver_that_names_no_client_is_passed_over),
		TEST(a_machine_without_a_gpu_is_not_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
