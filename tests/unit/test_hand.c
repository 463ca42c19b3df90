// SPDX-License-Identifier: Apache-2.0
/*
 * What blocks does not block the actuator, and nothing lands late. Two things block here for real: opening a FIFO
 * without a writer, for a read; and opening a file on which this process has a lease, for a write.
 */
#include "tests/unit/test_actuator.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "actuator/hand.h"
#include "actuator/knobs.h"
#include "base/cleanup.h"

#define LIMIT_NS (100 * NSEC_PER_MSEC)
#define SOMAXCONN_FILE "proc/sys/net/core/somaxconn"

static int lease = -1;

static int machine_open_impatient(struct machine *m)
{
	struct actuator_options options = machine_options(m);

	options.hand_limit_ns = LIMIT_NS;
	return actuator_open(&options, clock_now_ns(), &m->recovery, &m->actuator);
}

static int machine_recover_impatient(struct machine *m)
{
	struct actuator_options options = machine_options(m);

	options.hand_limit_ns = LIMIT_NS;
	return actuator_recover(&options, clock_now_ns(), &m->recovery);
}

static int setup_impatient(void **state)
{
	signal(SIGIO, SIG_IGN);
	machine_setup(state);
	return machine_open_impatient(*state);
}

/* Reading the file goes on, whoever opens it for writing waits. */
static void block_writes(const struct machine *m, const char *path)
{
	lease = openat(m->root, path, O_RDONLY | O_CLOEXEC);
	assert_true(lease >= 0);
	assert_int_equal(fcntl(lease, F_SETLEASE, F_RDLCK), 0);
}

/* Dead, if not reaped: a hand that is only about to die would still go on, and truncate the file, as none in /sys is. */
static void await_death(pid_t pid)
{
	siginfo_t info;

	assert_true(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0 || errno == ECHILD);
}

static void let_writes_go(void)
{
	closep(&lease);
	lease = -1;
}

static int teardown(void **state)
{
	let_writes_go();
	return machine_teardown(state);
}

static bool is_alive(pid_t pid)
{
	return kill(pid, 0) == 0;
}

static void a_write_that_blocks_is_given_up_and_others_go_on(void **state)
{
	struct machine *m = *state;
	pid_t first = machine_hand();
	struct outcome outcome;
	uint64_t start, now;

	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	block_writes(m, SWAPPINESS);
	start = clock_now_ns();
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_FAILED);
	assert_int_equal(m->outcome.error, ETIMEDOUT);
	assert_string_equal(m->outcome.text, "the write of '10' has not returned for 100 ms");
	assert_true(clock_now_ns() - start < 10 * LIMIT_NS);
	/* Stuck: nobody else may touch its domain, and a knob of another domain has another hand. */
	assert_int_equal(machine_begin(m, 2, "vm.dirty_ratio", "0", "30"), OUTCOME_REFUSED);
	assert_int_equal(machine_begin(m, 3, "net.core.somaxconn", "4096", "8192"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 3, ACTION_ARM), OUTCOME_DONE);
	machine_expect(m, SOMAXCONN_FILE, "8192");
	await_death(first);
	let_writes_go();
	now = clock_now_ns() + NSEC_PER_SEC;
	assert_int_equal(actuator_expire(m->actuator, now, &outcome), 1);
	assert_int_equal(outcome.status, OUTCOME_DONE);
	assert_int_equal(outcome.txn, 1);
	assert_false(is_alive(first));
	machine_expect(m, SWAPPINESS, "60");
	assert_int_equal(machine_ask(m, 3, ACTION_UNDO), OUTCOME_DONE);
}

static void a_read_that_blocks_fails_the_begin_and_nothing_else(void **state)
{
	struct machine *m = *state;
	char path[128];

	assert_int_equal(unlinkat(m->root, SWAPPINESS, 0), 0);
	snprintf(path, sizeof(path), "%s/root/" SWAPPINESS, m->path);
	assert_int_equal(mkfifo(path, 0600), 0);
	for (uint64_t txn = 1; txn <= 2 * HAND_HUNG_MAX; txn++) {
		assert_int_equal(machine_begin(m, txn, "vm.swappiness", "60", "10"),
				 OUTCOME_FAILED);
		assert_int_equal(m->outcome.error, ETIMEDOUT);
		assert_string_equal(m->outcome.text,
				    "unable to read vm.swappiness: it does not return");
	}
	assert_int_equal(machine_begin(m, 20, "net.core.somaxconn", "4096", "8192"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 20, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 20, ACTION_UNDO), OUTCOME_DONE);
}

static void an_undo_that_blocks_is_tried_again_and_close_does_not_wait(void **state)
{
	struct machine *m = *state;
	uint64_t start;

	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	block_writes(m, SWAPPINESS);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_FAILED);
	start = clock_now_ns();
	actuator_close(take_ptr(m->actuator), start);
	assert_true(clock_now_ns() - start < 10 * LIMIT_NS);
	assert_int_equal(machine_recover_impatient(m), 0);
	assert_int_equal(m->recovery.failed, 1);
	machine_expect(m, SWAPPINESS, "10");
	while (waitpid(-1, NULL, 0) > 0)
		;
	let_writes_go();
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.restored, 1);
	machine_expect(m, SWAPPINESS, "60");
}

static void kill_the_hand(int signal_number)
{
	pid_t hand = machine_hand();

	(void)signal_number;
	kill(hand, SIGKILL);
	await_death(hand);
	let_writes_go();
}

/* Killed in the middle of a write: the next one begins by reading what is in force. */
static void a_hand_killed_in_a_write_is_replaced_and_the_change_is_made(void **state)
{
	const struct itimerval soon = { .it_value = { .tv_usec = 30000 } };
	struct machine *m = *state;
	pid_t first = machine_hand();

	signal(SIGALRM, kill_the_hand);
	assert_int_equal(machine_begin(m, 1, "block.scheduler", "mq-deadline", "bfq"),
			 OUTCOME_DONE);
	block_writes(m, SCHEDULER);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_string_equal(m->outcome.value, "bfq");
	assert_true(machine_hand() != first && machine_hand() > 0);
	machine_set(m, QUEUE "nr_requests", "256");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, QUEUE "nr_requests", "777");
}

/* Killed after the write, before it could say so: that it wrote is assumed, companions are restored. */
static void a_hand_killed_between_two_requests_is_replaced(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "block.scheduler", "mq-deadline", "bfq"),
			 OUTCOME_DONE);
	kill(machine_hand(), SIGKILL);
	machine_set(m, SCHEDULER, "bfq");
	machine_set(m, QUEUE "nr_requests", "256");
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	kill(machine_hand(), SIGKILL);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, SCHEDULER, "mq-deadline");
	machine_expect(m, QUEUE "nr_requests", "777");
}

/* A child that holds the lock, as a hand that hangs in a write does; ends when `*ret_end` is closed. */
static pid_t hold_lock(const struct machine *m, int *ret_end)
{
	int ready[2], end[2];
	pid_t child;
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		int lock = openat(m->state, HAND_LOCK_NAME, O_RDONLY | O_CREAT, 0600);

		close(end[1]);
		if (flock(lock, LOCK_SH | LOCK_NB) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		_exit(read(end[0], &byte, 1) != 0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(end[0]);
	*ret_end = end[1];
	return child;
}

static void arm_swappiness(struct machine *m)
{
	if (machine_begin(m, 1, "vm.swappiness", "60", "10") != OUTCOME_DONE ||
	    machine_ask(m, 1, ACTION_ARM) != OUTCOME_DONE)
		_exit(2);
}

static void nothing_is_written_while_a_hand_of_a_former_actuator_lives(void **state)
{
	struct machine *m = *state;
	struct outcome outcome;
	int end;
	pid_t holder;

	machine_crash(m, arm_swappiness);
	holder = hold_lock(m, &end);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(machine_recover_impatient(m), 0);
		assert_int_equal(m->recovery.failed, 1);
		assert_non_null(
			strstr(m->recovery.text, "a write of the former actuator still hangs"));
		machine_expect(m, SWAPPINESS, "10");
	}
	assert_int_equal(machine_open_impatient(m), 0);
	assert_int_equal(machine_begin(m, 2, "net.core.somaxconn", "4096", "8192"),
			 OUTCOME_REFUSED);
	assert_int_equal(actuator_expire(m->actuator, actuator_deadline(m->actuator) + LIMIT_NS,
					 &outcome),
			 0);
	machine_expect(m, SWAPPINESS, "10");
	close(end);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	assert_int_equal(actuator_expire(m->actuator, clock_now_ns() + 4 * NSEC_PER_SEC, &outcome),
			 1);
	assert_int_equal(outcome.status, OUTCOME_DONE);
	machine_expect(m, SWAPPINESS, "60");
	assert_int_equal(machine_begin(m, 3, "net.core.somaxconn", "4096", "8192"), OUTCOME_DONE);
}

static void a_hand_dies_with_its_actuator_and_recovery_waits_for_it(void **state)
{
	struct machine *m = *state;
	int report[2], r;

	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	for (int i = 0; i < 20; i++) {
		pid_t hand = 0, child = fork();

		if (child == 0) {
			if (machine_open(m) < 0)
				_exit(1);
			arm_swappiness(m);
			hand = machine_hand();
			if (write(report[1], &hand, sizeof(hand)) != sizeof(hand))
				_exit(1);
			pause();
		}
		assert_int_equal(read(report[0], &hand, sizeof(hand)), sizeof(hand));
		assert_true(hand > 0 && hand != child);
		kill(child, SIGKILL);
		/* Before it is reaped, as soon as its lock of the journal is free. */
		while ((r = machine_recover(m)) == -EAGAIN)
			;
		assert_int_equal(r, 0);
		assert_int_equal(m->recovery.restored, 1);
		machine_expect(m, SWAPPINESS, "60");
		assert_int_equal(waitpid(child, NULL, 0), child);
	}
	close(report[0]);
	close(report[1]);
}

static void a_hand_holds_nothing_that_it_does_not_need(void **state)
{
	struct machine *m = *state;
	char path[64], link[256];
	size_t n = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", machine_hand());
	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		ssize_t length = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		if (length < 0 || atoi(entry->d_name) < 3)
			continue;
		link[length] = '\0';
		assert_true(strstr(link, "/root") || strstr(link, HAND_LOCK_NAME) ||
			    strstr(link, "socket:"));
		n++;
	}
	closedir(dir);
	assert_int_equal(n, 3);
}

/*
 * A hand that only says that it is getting on, `signs` times, every tenth of its limit, and then answers. The limit is a
 * second: a machine may be too busy to let it speak for as long as some tenths of one.
 */
static struct hand getting_on(int signs, uint64_t total_ns)
{
	struct hand hand = { .limit_ns = NSEC_PER_SEC, .total_ns = total_ns, .serial = 1 };
	const struct timespec pause_ns = { .tv_nsec = NSEC_PER_SEC / 10 };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	hand.fd = fds[0];
	hand.pid = fork();
	if (hand.pid == 0) {
		static struct hand_message message;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		hand_receive(fds[1], &message);
		for (int i = 0; i < signs; i++) {
			message.type = HAND_WORKING;
			send(fds[1], &message, hand_message_bytes(&message), MSG_NOSIGNAL);
			nanosleep(&pause_ns, NULL);
		}
		message.type = HAND_ANSWER;
		send(fds[1], &message, hand_message_bytes(&message), MSG_NOSIGNAL);
		_exit(0);
	}
	close(fds[1]);
	return hand;
}

static void signs_of_progress_extend_the_limit_to_a_total(void **state)
{
	const struct scope host = { .kind = SCOPE_HOST };
	struct hand patient = getting_on(15, 30 * NSEC_PER_SEC),
		    endless = getting_on(1000, 2 * NSEC_PER_SEC);
	struct knob_reading reading;

	(void)state;
	assert_int_equal(hand_read(&patient, knob_find("vm.swappiness"), &host, &reading), 0);
	hand_close(&patient);
	assert_int_equal(hand_read(&endless, knob_find("vm.swappiness"), &host, &reading),
			 -ETIMEDOUT);
	hand_close(&endless);
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, setup_impatient, teardown)
#define ON_CLOSED(test) cmocka_unit_test_setup_teardown(test, machine_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_MACHINE(a_write_that_blocks_is_given_up_and_others_go_on),
		ON_MACHINE(a_read_that_blocks_fails_the_begin_and_nothing_else),
		ON_MACHINE(an_undo_that_blocks_is_tried_again_and_close_does_not_wait),
		ON_MACHINE(a_hand_killed_in_a_write_is_replaced_and_the_change_is_made),
		ON_MACHINE(a_hand_killed_between_two_requests_is_replaced),
		ON_CLOSED(nothing_is_written_while_a_hand_of_a_former_actuator_lives),
		ON_CLOSED(a_hand_dies_with_its_actuator_and_recovery_waits_for_it),
		ON_MACHINE(a_hand_holds_nothing_that_it_does_not_need),
		cmocka_unit_test(signs_of_progress_extend_the_limit_to_a_total),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
