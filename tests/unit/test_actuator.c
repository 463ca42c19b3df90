// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/test_actuator.h"

#include <sched.h>
#include <sys/mount.h>

#include "actuator/journal.h"
#include "base/cleanup.h"

/* A record without companions. */
#define PLAIN_BYTES (off_t) JOURNAL_ALIGNED(JOURNAL_FIXED_BYTES)

static int machine_setup_open(void **state)
{
	machine_setup(state);
	return machine_open(*state);
}

static void begin_writes_nothing_and_arm_base_undo_do(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	machine_expect(m, SWAPPINESS, "60");
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_string_equal(m->outcome.value, "10");
	assert_true(m->outcome.time_ns > 0 && m->outcome.took_ns > 0);
	machine_expect(m, SWAPPINESS, "10");
	assert_int_equal(machine_ask(m, 1, ACTION_BASE), OUTCOME_DONE);
	machine_expect(m, SWAPPINESS, "60");
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, SWAPPINESS, "60");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_REFUSED);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_REFUSED);
	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_REFUSED);
}

static void a_kept_change_survives_a_restart_and_can_be_rolled_back_after_it(void **state)
{
	struct machine *m = *state;
	struct change kept[4];

	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_KEEP), OUTCOME_DONE);
	actuator_close(m->actuator, clock_now_ns());
	machine_expect(m, SWAPPINESS, "10");
	assert_int_equal(machine_open(m), 0);
	assert_int_equal(m->recovery.kept, 1);
	assert_int_equal(actuator_kept(m->actuator, kept, 4), 1);
	assert_int_equal(kept[0].txn, 1);
	assert_int_equal(kept[0].action, ACTION_BEGIN);
	assert_string_equal(kept[0].old_value, "60");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, SWAPPINESS, "60");
	assert_int_equal(actuator_kept(m->actuator, kept, 4), 0);
}

static void kept_changes_of_one_knob_are_rolled_back_from_the_top(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_KEEP), OUTCOME_DONE);
	assert_int_equal(machine_begin(m, 2, "vm.swappiness", "10", "20"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 2, ACTION_KEEP), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_REFUSED);
	machine_expect(m, SWAPPINESS, "20");
	assert_int_equal(machine_ask(m, 2, ACTION_UNDO), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, SWAPPINESS, "60");
}

static void a_foreign_value_is_left_at_every_stage(void **state)
{
	static const enum action actions[] = { ACTION_ARM, ACTION_BASE, ACTION_KEEP, ACTION_UNDO };
	const struct scope host = { .kind = SCOPE_HOST };
	struct machine *m = *state;
	uint64_t txn = 0;
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(actions) * 2; i++) {
		machine_set(m, SWAPPINESS, "60");
		assert_int_equal(machine_begin(m, ++txn, "vm.swappiness", "60", "10"),
				 OUTCOME_DONE);
		if (i % 2)
			assert_int_equal(machine_ask(m, txn, ACTION_ARM), OUTCOME_DONE);
		machine_set(m, SWAPPINESS, "33");
		assert_int_equal(machine_ask(m, txn, actions[i / 2]), OUTCOME_FOREIGN);
		assert_string_equal(m->outcome.value, "33");
		machine_expect(m, SWAPPINESS, "33");
		assert_int_equal(machine_ask(m, txn, ACTION_UNDO), OUTCOME_REFUSED);
		/* From now on it is the other hand's. */
		assert_int_equal(machine_begin(m, ++txn, "vm.swappiness", "33", "10"),
				 OUTCOME_REFUSED);
		assert_int_equal(actuator_unpin(m->actuator, "vm.swappiness", &host, text,
						sizeof(text)),
				 0);
	}
	assert_int_equal(machine_begin(m, ++txn, "vm.swappiness", "60", "10"), OUTCOME_FOREIGN);
	assert_int_equal(machine_recover(m), -EAGAIN);
	actuator_close(take_ptr(m->actuator), clock_now_ns());
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.restored + m->recovery.foreign + m->recovery.kept, 0);
}

/* Somebody may want the very value that is on trial, before it was ever put in force. */
static void the_arm_by_somebody_elses_hand_is_left(void **state)
{
	static const enum action actions[] = { ACTION_ARM, ACTION_BASE, ACTION_KEEP, ACTION_UNDO };
	const struct scope host = { .kind = SCOPE_HOST };
	struct machine *m = *state;
	uint64_t txn = 0;
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		machine_set(m, SWAPPINESS, "60");
		assert_int_equal(machine_begin(m, ++txn, "vm.swappiness", "60", "10"),
				 OUTCOME_DONE);
		machine_set(m, SWAPPINESS, "10");
		assert_int_equal(machine_ask(m, txn, actions[i]), OUTCOME_FOREIGN);
		machine_expect(m, SWAPPINESS, "10");
		assert_int_equal(actuator_unpin(m->actuator, "vm.swappiness", &host, text,
						sizeof(text)),
				 0);
	}
}

static void a_change_by_hand_is_not_kept(void **state)
{
	struct change change = machine_change(1, "vm.swappiness", "60", "10");
	struct machine *m = *state;

	machine_set(m, SWAPPINESS, "60");
	change.flags = CHANGE_BY_HAND;
	change.deadline_ns = clock_now_ns() + 60 * NSEC_PER_SEC;
	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	assert_int_equal(m->outcome.status, OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_KEEP), OUTCOME_REFUSED);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, SWAPPINESS, "60");
}

static void a_kept_change_that_somebody_replaced_is_left(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_KEEP), OUTCOME_DONE);
	machine_set(m, SWAPPINESS, "33");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_FOREIGN);
	machine_expect(m, SWAPPINESS, "33");
}

static void an_a_a_trial_changes_nothing_and_still_sees_foreign_writes(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "60"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_BASE), OUTCOME_DONE);
	machine_set(m, SWAPPINESS, "33");
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_FOREIGN);
}

static void companions_of_a_scheduler_come_back(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "block.scheduler", "mq-deadline", "bfq"),
			 OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	machine_expect(m, SCHEDULER, "bfq");
	/* What the kernel does at a switch. */
	machine_set(m, QUEUE "nr_requests", "256");
	machine_set(m, QUEUE "wbt_lat_usec", "0");
	machine_set(m, QUEUE "iosched/read_expire", "500");
	machine_set(m, QUEUE "iosched/async_depth", "256");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	assert_string_equal(m->outcome.text, "");
	machine_expect(m, SCHEDULER, "mq-deadline");
	machine_expect(m, QUEUE "nr_requests", "777");
	machine_expect(m, QUEUE "wbt_lat_usec", "5000");
	machine_expect(m, QUEUE "iosched/read_expire", "124");
	machine_expect(m, QUEUE "iosched/async_depth", "32");
}

static void companions_of_a_transaction_that_wrote_nothing_are_not_touched(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "block.scheduler", "mq-deadline", "bfq"),
			 OUTCOME_DONE);
	machine_set(m, QUEUE "nr_requests", "64");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, QUEUE "nr_requests", "64");
}

static void a_companion_that_cannot_be_restored_is_said(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "block.scheduler", "mq-deadline", "bfq"),
			 OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(unlinkat(m->root, QUEUE "wbt_lat_usec", 0), 0);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	assert_string_equal(m->outcome.text,
			    "unable to restore wbt_lat_usec (No such file or directory)");
	machine_expect(m, SCHEDULER, "mq-deadline");
}

static void too_many_tunables_for_a_record_refuse_the_change(void **state)
{
	struct machine *m = *state;
	char path[128];

	/* More than any scheduler has: a sign that the folder is not what was thought. */
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof(path),
			 QUEUE "iosched/a_tunable_with_a_very_long_name_to_fill_the_record_%02d",
			 i);
		machine_set(m, path, "1234567890123456789");
	}
	assert_int_equal(machine_begin(m, 1, "block.scheduler", "mq-deadline", "bfq"),
			 OUTCOME_REFUSED);
	assert_non_null(strstr(m->outcome.text, "do not fit"));
}

static void the_limit_in_bytes_comes_back_with_the_ratio(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "vm.dirty_ratio", "0", "30"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	machine_set(m, "proc/sys/vm/dirty_bytes", "0"); /* as the kernel does */
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, "proc/sys/vm/dirty_ratio", "0");
	machine_expect(m, "proc/sys/vm/dirty_bytes", "268435456");
}

/* What the kernel writes to the twin is 0 and nothing else; a limit in bytes makes the ratio read 0, as old does. */
static void a_limit_in_bytes_that_somebody_has_set_meanwhile_is_left(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "vm.dirty_ratio", "0", "10"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	machine_set(m, "proc/sys/vm/dirty_bytes", "1073741824");
	machine_set(m, "proc/sys/vm/dirty_ratio", "0");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	assert_string_equal(m->outcome.text, "found '1073741824' in proc/sys/vm/dirty_bytes, "
					     "which is somebody else's: left");
	assert_int_equal(m->outcome.error, 0);
	machine_expect(m, "proc/sys/vm/dirty_ratio", "0");
	machine_expect(m, "proc/sys/vm/dirty_bytes", "1073741824");
}

static void a_disk_replaced_by_another_of_its_name_is_gone(void **state)
{
	struct machine *m = *state;
	char from[128], to[128];

	assert_int_equal(machine_begin(m, 1, "block.scheduler", "mq-deadline", "bfq"),
			 OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	snprintf(from, sizeof(from), "%s/root/sys/block/vda", m->path);
	snprintf(to, sizeof(to), "%s/root/sys/block/old", m->path);
	assert_int_equal(rename(from, to), 0);
	machine_set(m, SCHEDULER, "none mq-deadline kyber [bfq]");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_GONE);
	machine_expect(m, SCHEDULER, "none mq-deadline kyber [bfq]");
}

static void what_vanishes_ends_the_transaction_as_gone(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_int_equal(unlinkat(m->root, SWAPPINESS, 0), 0);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_GONE);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_REFUSED);
	assert_int_equal(machine_begin(m, 2, "vm.swappiness", "60", "10"), OUTCOME_GONE);
}

static void deadlines_and_silence_undo_by_themselves(void **state)
{
	struct machine *m = *state;
	uint64_t now = clock_now_ns();
	struct change change = machine_change(1, "vm.swappiness", "60", "10");
	struct outcome outcome;

	assert_true(actuator_deadline(m->actuator) == UINT64_MAX);
	change.deadline_ns = now + NSEC_PER_SEC;
	actuator_change(m->actuator, &change, now, &outcome);
	change = machine_change(2, "net.core.somaxconn", "4096", "8192");
	change.deadline_ns = now + FAR;
	actuator_change(m->actuator, &change, now, &outcome);
	for (change.txn = 1; change.txn <= 2; change.txn++) {
		change.action = ACTION_ARM;
		actuator_change(m->actuator, &change, now, &outcome);
		assert_int_equal(outcome.status, OUTCOME_DONE);
	}
	assert_true(actuator_deadline(m->actuator) == now + NSEC_PER_SEC);
	assert_int_equal(actuator_expire(m->actuator, now + NSEC_PER_SEC - 1, &outcome), 0);
	assert_int_equal(actuator_expire(m->actuator, now + NSEC_PER_SEC, &outcome), 1);
	assert_int_equal(outcome.txn, 1);
	assert_int_equal(outcome.unasked, 1);
	assert_int_equal(outcome.action, ACTION_UNDO);
	machine_expect(m, SWAPPINESS, "60");
	assert_int_equal(actuator_expire(m->actuator, now + NSEC_PER_SEC, &outcome), 0);
	actuator_heartbeat(m->actuator, now + 5 * NSEC_PER_SEC);
	assert_true(actuator_deadline(m->actuator) == now + 15 * NSEC_PER_SEC);
	assert_int_equal(actuator_expire(m->actuator, now + 15 * NSEC_PER_SEC - 1, &outcome), 0);
	assert_int_equal(actuator_expire(m->actuator, now + 15 * NSEC_PER_SEC, &outcome), 1);
	assert_int_equal(outcome.txn, 2);
	machine_expect(m, "proc/sys/net/core/somaxconn", "4096");
}

static void undo_next_and_close_undo_what_is_open(void **state)
{
	struct machine *m = *state;
	struct outcome outcome;

	for (int round = 0; round < 2; round++) {
		assert_int_equal(machine_begin(m, 1 + 2 * (uint64_t)round, "vm.swappiness", "60",
					       "10"),
				 OUTCOME_DONE);
		assert_int_equal(machine_ask(m, 1 + 2 * (uint64_t)round, ACTION_ARM), OUTCOME_DONE);
		if (round == 0) {
			assert_int_equal(actuator_undo_next(m->actuator, clock_now_ns(), &outcome),
					 1);
			assert_int_equal(actuator_undo_next(m->actuator, clock_now_ns(), &outcome),
					 0);
		} else {
			actuator_close(take_ptr(m->actuator), clock_now_ns());
		}
		machine_expect(m, SWAPPINESS, "60");
	}
	assert_int_equal(machine_recover(m), 0);
	assert_string_equal(m->recovery.text, "");
}

static void one_domain_of_a_scope_has_one_open_transaction(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_int_equal(machine_begin(m, 2, "vm.dirty_ratio", "0", "10"), OUTCOME_REFUSED);
	assert_int_equal(machine_begin(m, 3, "block.nr_requests", "777", "64"), OUTCOME_DONE);
	assert_int_equal(machine_begin(m, 4, "block.scheduler", "mq-deadline", "bfq"),
			 OUTCOME_REFUSED);
}

static void frozen_refuses_the_arm_and_allows_the_way_back(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	actuator_freeze(m->actuator, true);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_REFUSED);
	assert_int_equal(machine_ask(m, 1, ACTION_KEEP), OUTCOME_REFUSED);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, SWAPPINESS, "60");
}

static void arm_with(struct machine *m)
{
	if (machine_begin(m, 1, "block.scheduler", "mq-deadline", "bfq") != OUTCOME_DONE ||
	    machine_ask(m, 1, ACTION_ARM) != OUTCOME_DONE)
		_exit(2);
	machine_set(m, QUEUE "nr_requests", "256");
}

static void arm_and_go_back_half(struct machine *m)
{
	arm_with(m);
	machine_set(m, SCHEDULER,
		    "mq-deadline"); /* killed between the scheduler and its companions */
}

static void after_a_kill_recovery_restores_companions_too(void **state)
{
	struct machine *m = *state;

	for (int half = 0; half < 2; half++) {
		machine_set(m, SCHEDULER, "none [mq-deadline] kyber bfq");
		machine_crash(m, half ? arm_and_go_back_half : arm_with);
		assert_int_equal(machine_recover(m), 0);
		assert_int_equal(m->recovery.restored, 1);
		machine_expect(m, QUEUE "nr_requests", "777");
		assert_int_equal(machine_recover(m), 0);
		assert_int_equal(m->recovery.restored, 0);
	}
}

static void the_journal_stays_bounded(void **state)
{
	struct machine *m = *state;
	struct stat st;

	assert_int_equal(machine_begin(m, 9999, "net.core.somaxconn", "4096", "8192"),
			 OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 9999, ACTION_KEEP), OUTCOME_DONE);
	for (uint64_t txn = 1; txn < 1200; txn++) {
		assert_int_equal(machine_begin(m, txn, "vm.swappiness", "60", "10"), OUTCOME_DONE);
		assert_int_equal(machine_ask(m, txn, ACTION_ARM), OUTCOME_DONE);
		assert_int_equal(machine_ask(m, txn, ACTION_UNDO), OUTCOME_DONE);
		assert_int_equal(fstatat(m->state, JOURNAL_NAME, &st, 0), 0);
		assert_true(st.st_size <= JOURNAL_BYTES_MAX + 4 * PLAIN_BYTES);
	}
	actuator_close(take_ptr(m->actuator), clock_now_ns());
	assert_int_equal(machine_open(m), 0);
	assert_int_equal(m->recovery.kept, 1);
	assert_int_equal(m->recovery.corrupt + m->recovery.torn, 0);
}

static void kept_changes_have_a_limit_that_is_said(void **state)
{
	struct machine *m = *state;
	char now[16] = "60", next[16];

	for (uint64_t txn = 1; txn <= ACTUATOR_KEPT_MAX; txn++) {
		snprintf(next, sizeof(next), "%d", (int)txn);
		assert_int_equal(machine_begin(m, txn, "vm.swappiness", now, next), OUTCOME_DONE);
		assert_int_equal(machine_ask(m, txn, ACTION_KEEP), OUTCOME_DONE);
		memcpy(now, next, sizeof(now));
	}
	assert_int_equal(machine_begin(m, 100, "vm.swappiness", now, "99"), OUTCOME_REFUSED);
	assert_non_null(strstr(m->outcome.text, "roll some back"));
	for (uint64_t txn = ACTUATOR_KEPT_MAX; txn >= 1; txn--)
		assert_int_equal(machine_ask(m, txn, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, SWAPPINESS, "60");
}

static off_t journal_size(const struct machine *m)
{
	struct stat st;

	assert_int_equal(fstatat(m->state, JOURNAL_NAME, &st, 0), 0);
	return st.st_size;
}

static void nothing_is_written_when_the_journal_is_on_a_full_disk(void **state)
{
	struct machine *m = *state;
	char path[128], filler[4096] = "";
	int fd;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		print_message("skipped: a mount namespace of its own is not permitted here\n");
		skip();
	}
	snprintf(path, sizeof(path), "%s/state", m->path);
	assert_int_equal(mount("none", path, "tmpfs", 0, "size=512k"), 0);
	close(m->state);
	m->state = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(machine_open(m), 0);
	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	fd = openat(m->state, "filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, filler, sizeof(filler)) > 0)
		;
	close(fd);
	assert_int_equal(machine_begin(m, 2, "net.core.somaxconn", "4096", "8192"), OUTCOME_FAILED);
	assert_int_equal(m->outcome.error, ENOSPC);
	assert_string_equal(m->outcome.text, "unable to write 'journal' in the state folder: No "
					     "space left on device; "
					     "free some space there");
	assert_int_equal(machine_ask(m, 2, ACTION_ARM), OUTCOME_REFUSED);
	machine_expect(m, "proc/sys/net/core/somaxconn", "4096");
	/* What was begun before had its room reserved: it ends as on an empty disk. */
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, SWAPPINESS, "60");
	assert_int_equal(journal_size(m), 3 * PLAIN_BYTES);
	assert_int_equal(unlinkat(m->state, "filler", 0), 0);
	assert_int_equal(machine_begin(m, 3, "net.core.somaxconn", "4096", "8192"), OUTCOME_DONE);
	actuator_close(take_ptr(m->actuator), clock_now_ns());
	assert_int_equal(machine_recover(m), 0);
	assert_string_equal(m->recovery.text, "");
	assert_int_equal(umount2(path, MNT_DETACH), 0);
}

static void limit_file_size(rlim_t bytes)
{
	machine_limit(RLIMIT_FSIZE, bytes);
}

static void when_the_journal_fails_undo_still_happens_and_keep_does_not(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_int_equal(machine_begin(m, 2, "net.core.somaxconn", "4096", "8192"), OUTCOME_DONE);
	/* 100 bytes fit of the next record: it is torn, and taken back. */
	limit_file_size(2 * PLAIN_BYTES + 100);
	assert_int_equal(machine_ask(m, 1, ACTION_KEEP), OUTCOME_FAILED);
	assert_int_equal(m->outcome.error, EFBIG);
	assert_int_equal(journal_size(m), 2 * PLAIN_BYTES);
	machine_expect(m, SWAPPINESS, "60");
	assert_int_equal(machine_ask(m, 2, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 2, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, "proc/sys/net/core/somaxconn", "4096");
	limit_file_size(RLIM_INFINITY);
	/* The owed records are written before the next intent. */
	assert_int_equal(machine_begin(m, 3, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 3, ACTION_UNDO), OUTCOME_DONE);
	actuator_close(take_ptr(m->actuator), clock_now_ns());
	assert_int_equal(machine_recover(m), 0);
	assert_string_equal(m->recovery.text, "");
}

static void an_arm_that_cannot_be_written_fails_and_leaves_old(void **state)
{
	struct machine *m = *state;

	machine_set(m, SWAPPINESS, "6");
	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "6", "100"), OUTCOME_DONE);
	/* The file takes one byte: "100" becomes "1", as if the kernel had rounded it. */
	limit_file_size(1);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_FAILED);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(m->outcome.error, EIO);
	machine_expect(m, SWAPPINESS, "6");
	assert_int_equal(machine_begin(m, 2, "vm.swappiness", "6", "100"), OUTCOME_DONE);
}

static void old_that_cannot_be_written_back_stays_in_the_journal_and_blocks_its_domain(void **state)
{
	struct machine *m = *state;

	machine_set(m, SWAPPINESS, "100");
	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "100", "6"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(unlinkat(m->root, SWAPPINESS, 0), 0);
	assert_int_equal(mkdirat(m->root, SWAPPINESS, 0755), 0);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_FAILED);
	assert_int_equal(machine_begin(m, 2, "vm.dirty_ratio", "0", "30"), OUTCOME_REFUSED);
	assert_int_equal(unlinkat(m->root, SWAPPINESS, AT_REMOVEDIR), 0);
	machine_set(m, SWAPPINESS, "6");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, SWAPPINESS, "100");
}

static void a_second_actuator_is_turned_away(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_recover(m), -EAGAIN);
	actuator_close(take_ptr(m->actuator), clock_now_ns());
	assert_int_equal(machine_recover(m), 0);
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_setup_open, machine_teardown)
#define ON_CLOSED(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_MACHINE(begin_writes_nothing_and_arm_base_undo_do),
		ON_MACHINE(a_kept_change_survives_a_restart_and_can_be_rolled_back_after_it),
		ON_MACHINE(kept_changes_of_one_knob_are_rolled_back_from_the_top),
		ON_MACHINE(a_foreign_value_is_left_at_every_stage),
		ON_MACHINE(the_arm_by_somebody_elses_hand_is_left),
		ON_MACHINE(a_change_by_hand_is_not_kept),
		ON_MACHINE(a_kept_change_that_somebody_replaced_is_left),
		ON_MACHINE(an_a_a_trial_changes_nothing_and_still_sees_foreign_writes),
		ON_MACHINE(companions_of_a_scheduler_come_back),
		ON_MACHINE(companions_of_a_transaction_that_wrote_nothing_are_not_touched),
		ON_MACHINE(a_companion_that_cannot_be_restored_is_said),
		ON_MACHINE(too_many_tunables_for_a_record_refuse_the_change),
		ON_MACHINE(the_limit_in_bytes_comes_back_with_the_ratio),
		ON_MACHINE(a_limit_in_bytes_that_somebody_has_set_meanwhile_is_left),
		ON_MACHINE(a_disk_replaced_by_another_of_its_name_is_gone),
		ON_MACHINE(what_vanishes_ends_the_transaction_as_gone),
		ON_MACHINE(deadlines_and_silence_undo_by_themselves),
		ON_MACHINE(undo_next_and_close_undo_what_is_open),
		ON_MACHINE(one_domain_of_a_scope_has_one_open_transaction),
		ON_MACHINE(frozen_refuses_the_arm_and_allows_the_way_back),
		ON_CLOSED(after_a_kill_recovery_restores_companions_too),
		ON_MACHINE(the_journal_stays_bounded),
		ON_MACHINE(kept_changes_have_a_limit_that_is_said),
		ON_MACHINE(when_the_journal_fails_undo_still_happens_and_keep_does_not),
		ON_MACHINE(an_arm_that_cannot_be_written_fails_and_leaves_old),
		ON_MACHINE(
			old_that_cannot_be_written_back_stays_in_the_journal_and_blocks_its_domain),
		ON_MACHINE(a_second_actuator_is_turned_away),
		ON_CLOSED(nothing_is_written_when_the_journal_is_on_a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
