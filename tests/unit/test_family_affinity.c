// SPDX-License-Identifier: Apache-2.0
/* The affinity family on captured processes and interrupts; that it writes is tested on the kernel (tests/native). */
#include "tests/unit/test_actuator.h"

#include "actuator/knobs.h"
#include "actuator/thread.h"
#include "base/cleanup.h"

#define PROCESS "affinity.process.cpus"

/* A captured thread; `flags` and `start` as the kernel writes them. */
static void set_thread(const struct machine *m, int pid, int tid, const char *comm,
		       unsigned int flags, unsigned int start, const char *cpus)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "proc/%d/task/%d/stat", pid, tid);
	snprintf(text, sizeof(text),
		 "%d (%s) S 1 %d 10421 0 -1 %u 124 0 0 0 0 0 0 0 20 0 1 0 %u 3133440 376 "
		 "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n",
		 tid, comm, pid, flags, start);
	machine_set(m, path, text);
	snprintf(path, sizeof(path), "proc/%d/task/%d/status", pid, tid);
	snprintf(text, sizeof(text),
		 "Name:\t%s\nTgid:\t%d\nCpus_allowed:\tf\nCpus_allowed_list:\t%s\nMems_allowed:"
		 "\t1\n",
		 comm, pid, cpus);
	machine_set(m, path, text);
}

static void fill(struct machine *m)
{
	machine_set(m, "sys/devices/system/cpu/online", "0-3\n");
	set_thread(m, 321, 321, "web (1) server", 4194304, 7777, "0-3");
	set_thread(m, 321, 322, "worker", 4194304, 7778, "0,2");
	set_thread(m, 1, 1, "init", 4194560, 1, "0-3");
	set_thread(m, 9, 9, "ksoftirqd/0", 69238848 | THREAD_KERNEL, 3, "0");
	set_thread(m, 50, 50, "flyball-core", 4194304, 9, "0-3");
}

static struct knob_reading reading_of(const struct machine *m, const char *name)
{
	struct scope scope = { .kind = SCOPE_PROCESS };
	struct knob_reading reading;

	snprintf(scope.name, sizeof(scope.name), "%s", name);
	assert_int_equal(knob_read(m->root, knob_find(PROCESS), &scope, &reading), 0);
	return reading;
}

static void a_process_is_its_number_and_its_start(void **state)
{
	struct machine *m = *state;
	struct scope scope = { .kind = SCOPE_PROCESS, .name = "321" }, scopes[2];

	fill(m);
	assert_int_equal(knob_resolve(m->root, knob_find(PROCESS), &scope), 0);
	assert_string_equal(scope.name, "321@7777");
	assert_int_equal(knob_resolve(m->root, knob_find(PROCESS), &scope), 0);
	assert_string_equal(reading_of(m, "321@7777").value, "0-3");
	assert_string_equal(reading_of(m, "321@7777").within, "0-3");
	assert_int_equal(reading_of(m, "321@7777").flags, KNOB_WRITABLE);
	assert_int_equal(reading_of(m, "321@7776").flags, KNOB_GONE);
	assert_int_equal(reading_of(m, "999@1").flags, KNOB_GONE);
	strcpy(scope.name, "999");
	assert_int_equal(knob_resolve(m->root, knob_find(PROCESS), &scope), -ENOENT);
	strcpy(scope.name, "321@7776");
	assert_int_equal(knob_resolve(m->root, knob_find(PROCESS), &scope), -ENOENT);
	assert_int_equal(knob_scopes(m->root, knob_find(PROCESS), scopes, 2), 0);
}

static void what_is_no_process_is_an_error(void **state)
{
	static const char *const bad[] = { "321",   "321@", "@7777",        "0@1",  "-1@1",
					   "1@+1",  "1@1 ", "01@1",         "1@01", "x@1",
					   "1@1@1", "1@-1", "9999999999@1", "1 @1", "321@7777x" };
	struct machine *m = *state;
	struct knob_reading reading;
	uint64_t start;
	pid_t tid;

	fill(m);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct scope scope = { .kind = SCOPE_PROCESS };

		snprintf(scope.name, sizeof(scope.name), "%s", bad[i]);
		if (thread_parse(bad[i], &tid, &start) != -EINVAL)
			fail_msg("'%s' is taken", bad[i]);
		assert_int_equal(knob_read(m->root, knob_find(PROCESS), &scope, &reading), -EINVAL);
	}
}

static void assert_refused(struct machine *m, const char *name, const char *text)
{
	struct change change =
		machine_change(++m->recovery.kept + 100, PROCESS, reading_of(m, name).value, "1");

	change.scope.kind = SCOPE_PROCESS;
	snprintf(change.scope.name, sizeof(change.scope.name), "%s", name);
	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	assert_int_equal(m->outcome.status, OUTCOME_REFUSED);
	assert_string_equal(m->outcome.text, text);
}

static void what_must_not_be_moved_is_refused(void **state)
{
	struct machine *m = *state;

	fill(m);
	assert_int_equal(machine_open(m), 0);
	assert_refused(m, "1@1", "'1@1' is protected by protect.pids 1 (built-in)");
	assert_refused(m, "9@3", "affinity.process.cpus is read-only here");
	assert_refused(m, "50@9",
		       "process 50 (flyball-core) is flyball's own: what it costs would move into "
		       "the measurement");
}

/* Behind the limits and the guard, which refuse some of them before it is asked. */
static void the_family_itself_refuses_them_too(void **state)
{
	static const struct {
		const char *name, *text;
	} refused[] = {
		{ "1@1", "process 1 (init) is the machine's first process, and all others inherit "
			 "its CPUs" },
		{ "9@3", "process 9 (ksoftirqd/0) is a thread of the kernel, which knows where it "
			 "must run" },
		{ "50@9", "process 50 (flyball-core) is flyball's own: what it costs would move "
			  "into the measurement" },
	};
	const struct knob_row *row = knob_find(PROCESS);
	struct machine *m = *state;
	char text[OUTCOME_TEXT_MAX];

	fill(m);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct knob_reading reading = reading_of(m, refused[i].name);

		assert_int_equal(knob_allowed(m->root, row, &reading, "1", text, sizeof(text)),
				 -EPERM);
		assert_string_equal(text, refused[i].text);
	}
	/* The kernel's are not writable for anybody, either. */
	assert_int_equal(reading_of(m, "9@3").flags & KNOB_WRITABLE, 0);
}

/* The number of a captured process may be a process of this machine. */
static void a_folder_of_captured_files_moves_no_process_of_this_machine(void **state)
{
	struct machine *m = *state;
	struct change change = machine_change(1, PROCESS, "0-3", "1");
	struct thread thread;
	struct idset cpus;

	fill(m);
	assert_int_equal(thread_read(m->root, 321, 321, &thread), 0);
	assert_string_equal(thread.comm, "web (1) server");
	assert_int_equal(idset_parse("0", &cpus), 0);
	assert_int_equal(thread_set_cpus(m->root, &thread, &cpus), -EXDEV);
	assert_int_equal(machine_open(m), 0);
	change.scope = (struct scope){ .kind = SCOPE_PROCESS, .name = "321@7777" };
	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	assert_int_equal(m->outcome.status, OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_FAILED);
}

static void an_interrupt_is_a_file_and_its_device(void **state)
{
	struct machine *m = *state;
	struct change change = machine_change(1, "affinity.irq.cpus", "0-3", "1");
	struct scope scopes[4];

	fill(m);
	machine_set(m, "proc/irq/36/smp_affinity_list", "0-3\n");
	machine_set(m, "proc/irq/default_smp_affinity", "f\n");
	machine_set(m, "sys/kernel/irq/36/actions", "virtio1-req.0\n");
	assert_int_equal(knob_scopes(m->root, knob_find("affinity.irq.cpus"), scopes, 4), 1);
	assert_string_equal(scopes[0].name, "36");
	assert_int_equal(machine_open(m), 0);
	change.scope = scopes[0];
	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	assert_int_equal(m->outcome.status, OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	machine_expect(m, "proc/irq/36/smp_affinity_list", "1");
	assert_int_equal(machine_ask(m, 1, ACTION_BASE), OUTCOME_DONE);
	machine_expect(m, "proc/irq/36/smp_affinity_list", "0-3");
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	/* That it cannot be told whose it is does not make it another's. */
	assert_int_equal(unlinkat(m->root, "sys/kernel/irq/36/actions", 0), 0);
	assert_int_equal(mkdirat(m->root, "sys/kernel/irq/36/actions", 0755), 0);
	assert_int_equal(machine_ask(m, 1, ACTION_BASE), OUTCOME_FAILED);
	machine_expect(m, "proc/irq/36/smp_affinity_list", "1");
	assert_int_equal(unlinkat(m->root, "sys/kernel/irq/36/actions", AT_REMOVEDIR), 0);
	/* The number is another device's now: its affinity is none of ours. */
	machine_set(m, "sys/kernel/irq/36/actions", "nvme0q1\n");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_GONE);
	machine_expect(m, "proc/irq/36/smp_affinity_list", "1");
}

static void a_command_does_the_same_by_hand(void **state)
{
	struct machine *m = *state;
	const struct scope process = { .kind = SCOPE_PROCESS, .name = "321@7777" },
			   irq = { .kind = SCOPE_IRQ, .name = "36" };
	char text[128];

	assert_int_equal(knob_command(m->root, knob_find(PROCESS), &process, "0,2", text,
				      sizeof(text)),
			 0);
	assert_string_equal(text, "taskset -a -c -p 0,2 321");
	assert_int_equal(knob_command(m->root, knob_find("affinity.irq.cpus"), &irq, "0", text,
				      sizeof(text)),
			 0);
	assert_string_equal(text, "echo 0 > /proc/irq/36/smp_affinity_list");
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_MACHINE(a_process_is_its_number_and_its_start),
		ON_MACHINE(what_is_no_process_is_an_error),
		ON_MACHINE(what_must_not_be_moved_is_refused),
		ON_MACHINE(the_family_itself_refuses_them_too),
		ON_MACHINE(a_folder_of_captured_files_moves_no_process_of_this_machine),
		ON_MACHINE(an_interrupt_is_a_file_and_its_device),
		ON_MACHINE(a_command_does_the_same_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
