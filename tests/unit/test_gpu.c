// SPDX-License-Identifier: Apache-2.0
/* GPUs by NVML, over a stand-in for NVIDIA's library: values, processes, what is not to be had, and when it is loaded. */
#include "tests/unit/test_source.h"

#include <dlfcn.h>

#include "tests/lab/nvml.h"

#define DRIVER "proc/driver/nvidia/version"

static struct fake_nvml *fake;
static void *library;

static int gpu_setup(void **state)
{
	struct files *f;

	files_setup(state);
	f = *state;
	f->nvml = NVML;
	put(f, DRIVER, "NVRM version: NVIDIA UNIX x86_64 Kernel Module\n");
	put(f, "proc/17/task/17/stat",
	    "17 (train) S 1 1 1 0 -1 4194560 0 0 0 0 1 2 0 0 20 0 1 0 500 1 2\n");
	put(f, "proc/18/task/18/stat",
	    "18 (serve) S 1 1 1 0 -1 4194560 0 0 0 0 1 2 0 0 20 0 1 0 600 1 2\n");
	library = dlopen(NVML, RTLD_NOW);
	assert_non_null(library);
	fake = dlsym(library, "fake_nvml");
	assert_non_null(fake);
	*fake = (struct fake_nvml){
		.n_gpus = 2,
		.utilization = { .gpu = 75, .memory = 30 },
		.memory = { { .total = 80ull << 30, .free = 50ull << 30, .used = 30ull << 30 },
			    { .total = 2ull << 30, .free = 1ull << 30, .used = 1ull << 30 } },
	};
	return 0;
}

static int gpu_teardown(void **state)
{
	files_teardown(state);
	assert_int_equal(fake->n_open, 0);
	dlclose(library);
	return 0;
}

#define GPU_TEST(name) cmocka_unit_test_setup_teardown(name, gpu_setup, gpu_teardown)

/* Long enough for another look at each GPU, also where this process is held up in one. */
static void minute(struct files *f)
{
	f->now_ns += 60 * NSEC_PER_SEC;
	assert_int_equal(observer_sample(f->observer, f->now_ns, f->frame), 0);
}

static void begin(struct files *f, uint32_t kind)
{
	start(f, SIGNAL_GPU_BUSY, SIGNAL_GPU_THROTTLE_OTHER, kind);
	minute(f);
	lost(f, "nvml");
}

static void a_gpu_has_load_memory_clocks_power_and_traffic(void **state)
{
	struct files *f = *state;

	begin(f, SCOPE_GPU);
	expect_invalid(f, SIGNAL_GPU_BUSY, "0"); /* a baseline */
	minute(f);
	expect(f, SIGNAL_GPU_BUSY, "0", 0.75);
	expect(f, SIGNAL_GPU_MEMORY_BUSY, "0", 0.3);
	expect(f, SIGNAL_GPU_MEMORY_USED, "0", 30.0 * (1 << 30));
	expect(f, SIGNAL_GPU_MEMORY_TOTAL, "0", 80.0 * (1 << 30));
	expect(f, SIGNAL_GPU_CLOCK_SM, "0", 1980e6);
	expect(f, SIGNAL_GPU_CLOCK_MEMORY, "0", 2619e6);
	expect(f, SIGNAL_GPU_POWER, "0", 123.456);
	expect(f, SIGNAL_GPU_TEMPERATURE, "0", 41);
	expect(f, SIGNAL_GPU_PCIE_RX, "0", 1000 * 1024);
	expect(f, SIGNAL_GPU_PCIE_TX, "0", 20 * 1024);
	assert_int_equal(status_of(f, "nvml")->state, SOURCE_ATTACHED);
}

static void what_a_gpu_does_not_support_is_no_value_and_no_loss(void **state)
{
	struct files *f = *state;

	begin(f, SCOPE_GPU);
	minute(f);
	expect(f, SIGNAL_GPU_MEMORY_USED, "1", 1 << 30);
	expect_invalid(f, SIGNAL_GPU_BUSY, "1");
	expect_invalid(f, SIGNAL_GPU_PCIE_RX, "1");
	expect_invalid(f, SIGNAL_GPU_THROTTLE_HEAT, "1");
	assert_int_equal(lost(f, "nvml"), 0);
}

static void a_gpu_that_is_lost_has_no_values_and_is_counted(void **state)
{
	struct files *f = *state;

	begin(f, SCOPE_GPU);
	fake->result = NVML_GPU_IS_LOST;
	minute(f);
	expect_invalid(f, SIGNAL_GPU_BUSY, "0");
	expect_invalid(f, SIGNAL_GPU_MEMORY_USED, "0");
	assert_true(lost(f, "nvml") > 0);
	fake->result = NVML_SUCCESS;
	minute(f);
	expect(f, SIGNAL_GPU_BUSY, "0", 0.75);
}

static void throttling_is_told_apart_by_its_cause(void **state)
{
	static const struct {
		unsigned long long reasons;
		double heat, power, other;
	} rows[] = {
		{ 0x0, 0, 0, 0 },        { 0x1, 0, 0, 0 } /* idle */,
		{ 0x4, 0, 1, 0 },        { 0x20, 1, 0, 0 },
		{ 0x8 | 0x40, 1, 0, 0 }, { 0x8 | 0x80, 0, 1, 0 },
		{ 0x8, 0, 0, 1 },        { 0x2, 0, 0, 1 },
		{ 0x4 | 0x20, 1, 1, 0 }, { 0x10 | 0x100, 0, 0, 1 },
	};
	struct files *f = *state;

	begin(f, SCOPE_GPU);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fake->reasons = rows[i].reasons;
		minute(f);
		expect(f, SIGNAL_GPU_THROTTLE_HEAT, "0", rows[i].heat);
		expect(f, SIGNAL_GPU_THROTTLE_POWER, "0", rows[i].power);
		expect(f, SIGNAL_GPU_THROTTLE_OTHER, "0", rows[i].other);
	}
}

static void a_process_has_memory_on_all_gpus_and_its_share_of_one(void **state)
{
	struct files *f = *state;

	fake->n_processes[0] = 2;
	fake->n_processes[1] = 1;
	fake->processes[0] = (struct nvml_process){ .pid = 17, .used_bytes = 4ull << 30 };
	fake->processes[1] = (struct nvml_process){ .pid = 18, .used_bytes = NVML_NOT_AVAILABLE };
	fake->sample = (struct nvml_sample){ .pid = 17, .time_us = 1000, .sm = 99 };
	begin(f, SCOPE_PROCESS);
	minute(f);
	/* That sample was of before; none has come since. */
	expect(f, SIGNAL_GPU_BUSY, "17@500", 0);
	expect(f, SIGNAL_GPU_MEMORY_USED, "17@500", 8.0 * (1 << 30));
	expect_invalid(f, SIGNAL_GPU_MEMORY_USED, "18@600");
	fake->sample = (struct nvml_sample){ .pid = 17, .time_us = 2000, .sm = 60 };
	minute(f);
	expect(f, SIGNAL_GPU_BUSY, "17@500", 0.6);
	expect(f, SIGNAL_GPU_BUSY, "18@600", 0);
	fake->n_processes[0] = fake->n_processes[1] = 0;
	minute(f);
	assert_null(find(f, SIGNAL_GPU_MEMORY_USED, "17@500"));
	assert_int_equal(lost(f, "nvml"), 0);
}

static void another_process_with_the_same_number_is_another_row(void **state)
{
	struct files *f = *state;

	fake->n_processes[0] = 1;
	fake->processes[0] = (struct nvml_process){ .pid = 17, .used_bytes = 4096 };
	begin(f, SCOPE_PROCESS);
	minute(f);
	expect(f, SIGNAL_GPU_MEMORY_USED, "17@500", 4096);
	put(f, "proc/17/task/17/stat",
	    "17 (new) S 1 1 1 0 -1 4194560 0 0 0 0 1 2 0 0 20 0 1 0 900 1 2\n");
	minute(f);
	assert_null(find(f, SIGNAL_GPU_MEMORY_USED, "17@500"));
	expect(f, SIGNAL_GPU_MEMORY_USED, "17@900", 4096);
}

static void more_processes_than_there_is_room_for_are_counted(void **state)
{
	struct files *f = *state;

	fake->n_processes[0] = 300;
	for (unsigned int i = 0; i < 300; i++)
		fake->processes[i] = (struct nvml_process){ .pid = 17 + i, .used_bytes = 4096 };
	begin(f, SCOPE_PROCESS);
	minute(f);
	assert_true(lost(f, "nvml") > 0);
}

static void a_gpu_is_asked_once_a_second_and_the_last_values_stand(void **state)
{
	struct files *f = *state;
	unsigned int before;

	begin(f, SCOPE_GPU);
	minute(f);
	before = fake->n_calls;
	for (int i = 0; i < 8; i++) {
		f->now_ns += 100 * NSEC_PER_MSEC;
		assert_int_equal(observer_sample(f->observer, f->now_ns, f->frame), 0);
		expect(f, SIGNAL_GPU_BUSY, "0", 0.75);
	}
	assert_int_equal(fake->n_calls, before);
	f->now_ns += 5 * NSEC_PER_SEC;
	assert_int_equal(observer_sample(f->observer, f->now_ns, f->frame), 0);
	assert_true(fake->n_calls > before);
}

static void a_slow_library_is_asked_more_rarely_and_one_gpu_a_tick(void **state)
{
	struct files *f = *state;
	unsigned int before;

	fake->pcie_ns =
		25 * NSEC_PER_MSEC; /* two of them: one part in 50 is every 2.5 s at the most */
	begin(f, SCOPE_GPU);
	before = fake->n_calls;
	tick(f);
	assert_true(fake->n_calls > before); /* the other one's turn */
	expect(f, SIGNAL_GPU_MEMORY_TOTAL, "1", 2.0 * (1 << 30));
	before = fake->n_calls;
	f->now_ns += 400 * NSEC_PER_MSEC; /* 2.4 s after the first one's */
	assert_int_equal(observer_sample(f->observer, f->now_ns, f->frame), 0);
	assert_int_equal(fake->n_calls, before);
	minute(f);
	assert_true(fake->n_calls > before);
}

static void a_gpu_that_may_not_be_used_is_left_out(void **state)
{
	struct files *f = *state;

	fake->denied = 1;
	begin(f, SCOPE_GPU);
	minute(f);
	assert_null(find(f, SIGNAL_GPU_MEMORY_TOTAL, "0"));
	expect(f, SIGNAL_GPU_MEMORY_TOTAL, "1", 2.0 * (1 << 30));
	assert_int_equal(status_of(f, "nvml")->state, SOURCE_DEGRADED);
	fake->n_gpus = 1;
	begin(f, SCOPE_GPU);
	assert_int_equal(status_of(f, "nvml")->state, SOURCE_UNAVAILABLE);
}

static void a_driver_that_refuses_says_why(void **state)
{
	struct files *f = *state;

	fake->init_result = 9;
	begin(f, SCOPE_GPU);
	assert_int_equal(status_of(f, "nvml")->state, SOURCE_UNAVAILABLE);
	assert_non_null(strstr(status_of(f, "nvml")->text, "Driver Not Loaded"));
}

static void a_library_that_is_not_there_or_lacks_functions_is_said(void **state)
{
	struct files *f = *state;

	f->nvml = "/nowhere/libnvidia-ml.so.1";
	begin(f, SCOPE_GPU);
	assert_int_equal(status_of(f, "nvml")->state, SOURCE_UNAVAILABLE);
	assert_non_null(strstr(status_of(f, "nvml")->text, "/nowhere/libnvidia-ml.so.1"));
	f->nvml = NVML_LACKING;
	begin(f, SCOPE_GPU);
	assert_int_equal(status_of(f, "nvml")->state, SOURCE_UNAVAILABLE);
	assert_non_null(strstr(status_of(f, "nvml")->text, "nvmlShutdown"));
}

static void a_machine_without_the_driver_is_not_broken(void **state)
{
	struct files *f = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/" DRIVER, f->folder);
	assert_int_equal(unlink(path), 0);
	begin(f, SCOPE_GPU);
	assert_int_equal(status_of(f, "nvml")->state, SOURCE_UNAVAILABLE);
	assert_int_equal(status_of(f, "nvml")->optional, 1);
	assert_non_null(strstr(status_of(f, "nvml")->text, DRIVER));
}

static bool loaded(void)
{
	void *handle = dlopen(NVML, RTLD_LAZY | RTLD_NOLOAD);

	if (handle)
		dlclose(handle);
	return handle != NULL;
}

static void the_library_is_loaded_only_while_a_signal_is_demanded(void **state)
{
	struct files *f = *state;
	const struct observer_options options = { .root = f->root, .nvml = NVML };
	const struct demand demand = { .signal = SIGNAL_GPU_POWER, .scope.kind = SCOPE_GPU };

	/* The test's own handle away: only the source has one. */
	dlclose(library);
	assert_false(loaded());
	assert_int_equal(observer_new(&options, &f->observer), 0);
	minute(f);
	assert_int_equal(status_of(f, "nvml")->state, SOURCE_IDLE);
	assert_false(loaded());
	assert_int_equal(observer_demand(f->observer, &demand, 1), 0);
	assert_true(loaded());
	assert_int_equal(observer_demand(f->observer, NULL, 0), 0);
	assert_false(loaded());
	library = dlopen(NVML, RTLD_NOW);
	fake = dlsym(library, "fake_nvml");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GPU_TEST(a_gpu_has_load_memory_clocks_power_and_traffic),
		GPU_TEST(what_a_gpu_does_not_support_is_no_value_and_no_loss),
		GPU_TEST(a_gpu_that_is_lost_has_no_values_and_is_counted),
		GPU_TEST(throttling_is_told_apart_by_its_cause),
		GPU_TEST(a_process_has_memory_on_all_gpus_and_its_share_of_one),
		GPU_TEST(another_process_with_the_same_number_is_another_row),
		GPU_TEST(more_processes_than_there_is_room_for_are_counted),
		GPU_TEST(a_gpu_is_asked_once_a_second_and_the_last_values_stand),
		GPU_TEST(a_slow_library_is_asked_more_rarely_and_one_gpu_a_tick),
		GPU_TEST(a_gpu_that_may_not_be_used_is_left_out),
		GPU_TEST(a_driver_that_refuses_says_why),
		GPU_TEST(a_library_that_is_not_there_or_lacks_functions_is_said),
		GPU_TEST(a_machine_without_the_driver_is_not_broken),
		GPU_TEST(the_library_is_loaded_only_while_a_signal_is_demanded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
