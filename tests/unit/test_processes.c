// SPDX-License-Identifier: Apache-2.0
/*
 * Each worker as a real process, with this test as its supervisor and as its peer: what is no message ends the
 * sender (the supervisor is asked to), never the receiver, which goes on with the next peer.
 */
#include "daemon/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sysroot.h"
#include "daemon/catalogue.h"
#include "daemon/channel.h"

#define WAIT_MS 5000

struct subject {
	enum role role, peer;
	int (*process)(const struct process_context *context);
	pid_t pid;
	int control; /* our end */
	char folder[64];
	const char *policy; /* a file of shipped ones; NULL = none */
	struct policy_set *policies;
	struct daemon_options options;
};

static int wait_for(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, WAIT_MS) == 1 ? 0 : -ETIMEDOUT;
}

/* The next message of that type, passing over others. */
static void expect(int fd, enum role from, enum role to, enum message_type type,
		   struct message *message)
{
	do {
		assert_int_equal(wait_for(fd), 0);
		assert_int_equal(channel_receive(fd, from, to, message, NULL), 1);
	} while (message->header.type != type);
}

static int child_main(const struct subject *s, int control)
{
	struct process_context context = {
		.options = &s->options,
		.account = { .uid = 61199, .gid = 61199 },
		.control = control,
		.listener = -1,
		.root = sysroot_open("/"),
		.state = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};

	log_open("test", LOG_LEVEL_ERROR);
	/* The receiver says in its log what it received: not in the test's. */
	close(STDERR_FILENO);
	open("/dev/null", O_WRONLY);
	return s->process(&context);
}

static void subject_start(struct subject *s)
{
	struct message message;
	int fds[2];

	s->policies = policy_set_new();
	if (s->policy) {
		const struct catalogue catalogue = catalogue_of(NULL);

		assert_int_equal(policy_set_load_file(s->policies, &catalogue, s->policy), 0);
	}
	strcpy(s->folder, "/tmp/flyball-test-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	s->options = (struct daemon_options){
		.mode = ANALYZER_AUTONOMOUS,
		.foreground_plan = true,
		.plan_ns = 3600 * NSEC_PER_SEC,
		.plan_fd = -1,
		.state_dir = s->folder,
		.run_dir = s->folder,
		.tick_ns = 100 * NSEC_PER_MSEC,
		.budget_ratio = s->options.budget_ratio,
		.only = { .kind = SCOPE_KIND_COUNT },
		.policies = s->policies,
	};
	assert_int_equal(channel_pair(fds), 0);
	s->pid = fork();
	if (s->pid == 0) {
		close(fds[0]);
		_exit(child_main(s, fds[1]));
	}
	close(fds[1]);
	s->control = fds[0];
	expect(s->control, s->role, ROLE_SUPERVISOR, MESSAGE_READY, &message);
}

static void subject_stop(struct subject *s)
{
	char command[128];
	int status;

	assert_int_equal(channel_send_word(s->control, MESSAGE_STOP, 0), 0);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(s->control);
	policy_set_free(s->policies);
	snprintf(command, sizeof(command), "rm -rf %s", s->folder);
	assert_int_equal(system(command), 0);
}

/* A new peer; returns the test's end of its channel. */
static int meet(const struct subject *s)
{
	struct message message;
	int fds[2];

	assert_int_equal(channel_pair(fds), 0);
	message_init(&message, MESSAGE_PEER);
	message.word.value = s->peer;
	message.word.pid = getpid();
	assert_int_equal(channel_send(s->control, &message, fds[1]), 0);
	close(fds[1]);
	return fds[0];
}

static void garbage_ends_the_sender_not_the_receiver(struct subject *s)
{
	static char long_one[sizeof(struct message)];
	struct message bad[3], message;
	const struct {
		const void *data;
		size_t size;
	} cases[] = {
		{ "x", 1 },                             /* short */
		{ long_one, sizeof(long_one) },         /* long */
		{ &bad[0], sizeof(bad[0].header) + 8 }, /* a type out of range */
		{ &bad[1], sizeof(bad[1].header) + 8 }, /* only the supervisor may say that */
	};

	message_init(&bad[0], MESSAGE_HEARTBEAT);
	bad[0].header.type = 999;
	message_init(&bad[1], MESSAGE_STOP);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = meet(s);

		assert_int_equal(send(fd, cases[i].data, cases[i].size, 0), cases[i].size);
		expect(s->control, s->role, ROLE_SUPERVISOR, MESSAGE_BAD_PEER, &message);
		assert_int_equal(message.word.value, s->peer);
		assert_int_equal(waitpid(s->pid, NULL, WNOHANG), 0);
		close(fd);
	}
}

static void the_actuator_outlives_a_core_that_sends_garbage(void **state)
{
	struct subject s = { .role = ROLE_ACTUATOR,
			     .peer = ROLE_CORE,
			     .process = process_actuator };
	struct message message;
	int fd;

	(void)state;
	subject_start(&s);
	garbage_ends_the_sender_not_the_receiver(&s);
	/* And still works for the next core. */
	fd = meet(&s);
	message_init(&message, MESSAGE_CHANGE);
	message.change.txn = 64;
	message.change.scope = (struct scope){ .kind = SCOPE_DISK, .name = "no-such-disk" };
	strcpy(message.change.knob, "block.no-such-knob");
	assert_int_equal(channel_send(fd, &message, -1), 0);
	expect(fd, ROLE_ACTUATOR, ROLE_CORE, MESSAGE_OUTCOME, &message);
	assert_int_equal(message.outcome.txn, 64);
	assert_int_equal(message.outcome.status, OUTCOME_REFUSED);
	close(fd);
	subject_stop(&s);
}

static void the_actuator_reads_for_core(void **state)
{
	static const struct {
		const char *knob;
		uint32_t flags;
	} cases[] = {
		{ "vm.swappiness", KNOB_WRITABLE },
		{ "no.such.knob", KNOB_GONE },
		{ "block.scheduler", KNOB_GONE },
	};
	struct subject s = { .role = ROLE_ACTUATOR,
			     .peer = ROLE_CORE,
			     .process = process_actuator };
	struct message message;
	int fd;

	(void)state;
	subject_start(&s);
	fd = meet(&s);
	for (uint32_t i = 0; i < 3; i++) {
		message_init(&message, MESSAGE_READ);
		message.reading.slot = i;
		strcpy(message.reading.reading.knob, cases[i].knob);
		assert_int_equal(channel_send(fd, &message, -1), 0);
		expect(fd, ROLE_ACTUATOR, ROLE_CORE, MESSAGE_READING, &message);
		assert_int_equal(message.reading.slot, i);
		assert_string_equal(message.reading.reading.knob, cases[i].knob);
		assert_int_equal(message.reading.reading.flags, cases[i].flags);
		assert_int_equal(message.reading.reading.value[0] != '\0', i == 0);
	}
	close(fd);
	subject_stop(&s);
}

static void the_observer_outlives_a_core_that_sends_garbage(void **state)
{
	struct subject s = { .role = ROLE_OBSERVER,
			     .peer = ROLE_CORE,
			     .process = process_observer };
	struct batch_cursor cursor = { .at = 0 };
	struct message message;
	struct series series;
	int fd;

	(void)state;
	subject_start(&s);
	garbage_ends_the_sender_not_the_receiver(&s);
	fd = meet(&s);
	message_init(&message, MESSAGE_DEMAND);
	message.demand.tick_ns = 20 * NSEC_PER_MSEC;
	message.demand.n_demands = 1;
	message.demand.demands[0].signal = SIGNAL_CPU_USER;
	assert_int_equal(channel_send(fd, &message, -1), 0);
	expect(fd, ROLE_OBSERVER, ROLE_CORE, MESSAGE_FRAME, &message);
	expect(fd, ROLE_OBSERVER, ROLE_CORE, MESSAGE_SERIES, &message);
	assert_int_equal(message.series.n_series, 1);
	assert_int_equal(batch_next(&message.series, &cursor, &series, NULL), 1);
	assert_int_equal(series.signal, SIGNAL_CPU_USER);
	close(fd);
	subject_stop(&s);
}

static void demand_memory(int fd, uint32_t on_trial)
{
	struct message message;

	message_init(&message, MESSAGE_DEMAND);
	message.demand.tick_ns = 10 * NSEC_PER_MSEC;
	message.demand.n_demands = 1;
	message.demand.demands[0].signal = SIGNAL_MEM_AVAILABLE;
	message.demand.demands[0].on_trial = on_trial;
	assert_int_equal(channel_send(fd, &message, -1), 0);
}

/* The status of the source of memory, once it is thinned so far. */
static void expect_thinning(int fd, uint32_t thinning, struct source_status *ret_status)
{
	struct message message;

	for (int i = 0; i < 10000; i++) {
		expect(fd, ROLE_OBSERVER, ROLE_CORE, MESSAGE_SOURCE, &message);
		*ret_status = message.source;
		if (!strcmp(message.source.name, "memory") && message.source.thinning == thinning)
			return;
	}
	fail();
}

static void expect_budget(int fd, uint32_t state, struct budget_report *ret_report)
{
	struct message message;

	do {
		expect(fd, ROLE_OBSERVER, ROLE_CORE, MESSAGE_BUDGET, &message);
		*ret_report = message.budget;
	} while (message.budget.state != state);
}

static void over_a_small_budget_the_observer_thins_then_drops_and_says_so(void **state)
{
	struct subject s = { .role = ROLE_OBSERVER,
			     .peer = ROLE_CORE,
			     .process = process_observer,
			     .options.budget_ratio = 1e-9 };
	struct batch_cursor cursor = { .at = 0 };
	struct budget_report report;
	struct source_status status;
	struct message message;
	struct series series;
	uint64_t time_ns;
	int fd;

	(void)state;
	subject_start(&s);
	fd = meet(&s);
	demand_memory(fd, 0);
	expect(s.control, ROLE_OBSERVER, ROLE_SUPERVISOR, MESSAGE_COUNT, &message);
	assert_int_equal(message.word.value, 1);
	expect(s.control, ROLE_OBSERVER, ROLE_SUPERVISOR, MESSAGE_COUNT, &message);
	assert_int_equal(message.word.value, 0);
	expect_thinning(fd, SOURCE_THIRTY_SECOND, &status);
	assert_int_equal(status.state, SOURCE_DEGRADED);
	assert_non_null(strstr(status.text, "one tick in 32"));
	assert_true(status.cpu_ratio > 0);
	expect_budget(fd, BUDGET_OVER, &report);
	assert_non_null(strstr(report.text, "memory is sampled at one tick in 32"));
	assert_true(report.total_ratio > report.limit_ratio);
	/* One frame with it, which says that it does not count, one that says why it is without. */
	for (int with = 0, without = 0; !with || !without;) {
		expect(fd, ROLE_OBSERVER, ROLE_CORE, MESSAGE_FRAME, &message);
		time_ns = message.frame.time_ns;
		if (signal_set_has(&message.frame.skipped, SIGNAL_MEM_AVAILABLE)) {
			assert_int_equal(message.frame.n_series, 0);
			without++;
			continue;
		}
		assert_int_equal(message.frame.n_series, 1);
		expect(fd, ROLE_OBSERVER, ROLE_CORE, MESSAGE_SERIES, &message);
		cursor.at = 0;
		assert_int_equal(batch_next(&message.series, &cursor, &series, NULL), 1);
		assert_int_equal(series.flags, SERIES_VALID | SERIES_LOSSY);
		with++;
	}
	expect_thinning(fd, SOURCE_DROPPED, &status);
	assert_int_equal(status.state, SOURCE_UNAVAILABLE);
	/* A trial that needs it has it whole at once, though it is over the budget, which is said. */
	demand_memory(fd, 1);
	expect_thinning(fd, SOURCE_WHOLE, &status);
	assert_int_equal(status.on_trial, 1);
	expect_budget(fd, BUDGET_TRIAL, &report);
	assert_non_null(strstr(report.text, "a running trial needs memory"));
	do
		expect(fd, ROLE_OBSERVER, ROLE_CORE, MESSAGE_FRAME, &message);
	while (message.frame.time_ns <= time_ns || message.frame.n_series == 0);
	expect(fd, ROLE_OBSERVER, ROLE_CORE, MESSAGE_SERIES, &message);
	cursor.at = 0;
	assert_int_equal(batch_next(&message.series, &cursor, &series, NULL), 1);
	assert_int_equal(series.flags, SERIES_VALID);
	close(fd);
	subject_stop(&s);
}

static void within_its_budget_the_observer_thins_nothing(void **state)
{
	struct subject s = { .role = ROLE_OBSERVER,
			     .peer = ROLE_CORE,
			     .process = process_observer,
			     .options.budget_ratio = 1 };
	struct budget_report report;
	struct message message;
	int fd;

	(void)state;
	subject_start(&s);
	fd = meet(&s);
	demand_memory(fd, 0);
	for (int i = 0; i < 100; i++) {
		expect(fd, ROLE_OBSERVER, ROLE_CORE, MESSAGE_FRAME, &message);
		assert_true(signal_set_empty(&message.frame.skipped));
	}
	do
		expect_budget(fd, BUDGET_WITHIN, &report);
	while (!(report.total_ratio > 0));
	assert_true(report.total_ratio < 1);
	close(fd);
	subject_stop(&s);
}

static void core_outlives_an_observer_that_sends_garbage(void **state)
{
	struct subject s = { .role = ROLE_CORE, .peer = ROLE_OBSERVER, .process = process_core };
	const struct series series = { .signal = SIGNAL_CPU_USER };
	struct batch_cursor cursor;
	struct message message;
	int fd;

	(void)state;
	subject_start(&s);
	garbage_ends_the_sender_not_the_receiver(&s);
	/* A series that no frame announced is out of order. */
	fd = meet(&s);
	expect(fd, ROLE_CORE, ROLE_OBSERVER, MESSAGE_DEMAND, &message);
	message_init(&message, MESSAGE_SERIES);
	batch_begin(&message.series, &cursor);
	batch_add(&message.series, &cursor, &series);
	message_fit(&message);
	assert_int_equal(channel_send(fd, &message, -1), 0);
	expect(s.control, ROLE_CORE, ROLE_SUPERVISOR, MESSAGE_BAD_PEER, &message);
	close(fd);
	/* And the next observer is told what is needed. */
	fd = meet(&s);
	expect(fd, ROLE_CORE, ROLE_OBSERVER, MESSAGE_DEMAND, &message);
	close(fd);
	subject_stop(&s);
}

/* It takes the demand, and nothing comes of it: as one that hangs in a read. */
static void core_says_again_and_again_that_an_observer_is_late(void **state)
{
	struct subject s = { .role = ROLE_CORE,
			     .peer = ROLE_OBSERVER,
			     .process = process_core,
			     .policy = SOURCE_DIR "/policies/disk-read-latency.conf" };
	struct message message;
	int fd;

	(void)state;
	subject_start(&s);
	fd = meet(&s);
	do
		expect(fd, ROLE_CORE, ROLE_OBSERVER, MESSAGE_DEMAND, &message);
	while (message.demand.n_demands == 0);
	for (int i = 0; i < 2; i++) {
		expect(s.control, ROLE_CORE, ROLE_SUPERVISOR, MESSAGE_LATE, &message);
		assert_int_equal(message.word.value, ROLE_OBSERVER);
		assert_int_equal(message.word.pid, getpid());
	}
	close(fd);
	subject_stop(&s);
}

static void a_worker_ends_with_its_supervisor(void **state)
{
	struct subject s = { .role = ROLE_OBSERVER,
			     .peer = ROLE_CORE,
			     .process = process_observer };
	int status;

	(void)state;
	subject_start(&s);
	close(s.control);
	assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
	assert_true(WIFEXITED(status));
	policy_set_free(s.policies);
	assert_int_equal(rmdir(s.folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_actuator_outlives_a_core_that_sends_garbage),
		cmocka_unit_test(the_actuator_reads_for_core),
		cmocka_unit_test(the_observer_outlives_a_core_that_sends_garbage),
		cmocka_unit_test(over_a_small_budget_the_observer_thins_then_drops_and_says_so),
		cmocka_unit_test(within_its_budget_the_observer_thins_nothing),
		cmocka_unit_test(core_outlives_an_observer_that_sends_garbage),
		cmocka_unit_test(core_says_again_and_again_that_an_observer_is_late),
		cmocka_unit_test(a_worker_ends_with_its_supervisor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
