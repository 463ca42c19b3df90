// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/test_actuator.h"

#include "actuator/journal.h"
#include "base/cleanup.h"

/* A journal as a crash in the middle of txn 1 leaves it, after txn 2 was kept and txn 3 undone. */
enum record { R2_INTENT, R2_COMMITTED, R3_INTENT, R3_UNDONE, R1_INTENT, R1_APPLIED, R_COUNT };

#define IMAGE_BYTES (R_COUNT * JOURNAL_RECORD_BYTES)

static void entry_of(uint64_t txn, const char *knob, const char *old, const char *new_value,
		     struct journal_entry *ret_entry)
{
	struct change change = machine_change(txn, knob, old, new_value);

	*ret_entry = (struct journal_entry){ .txn = txn, .scope = change.scope };
	memcpy(ret_entry->knob, change.knob, sizeof(change.knob));
	memcpy(ret_entry->old_value, change.old_value, sizeof(change.old_value));
	memcpy(ret_entry->new_value, change.new_value, sizeof(change.new_value));
}

static void make_image(struct machine *m, char *image)
{
	struct journal_entry one, two, three;
	struct journal_scan scan;
	struct journal journal;
	const struct {
		enum journal_type type;
		const struct journal_entry *entry;
	} records[R_COUNT] = {
		[R2_INTENT] = { JOURNAL_INTENT, &two },
		[R2_COMMITTED] = { JOURNAL_COMMITTED, &two },
		[R3_INTENT] = { JOURNAL_INTENT, &three },
		[R3_UNDONE] = { JOURNAL_UNDONE, &three },
		[R1_INTENT] = { JOURNAL_INTENT, &one },
		[R1_APPLIED] = { JOURNAL_APPLIED, &one },
	};
	int fd;

	entry_of(1, "vm.swappiness", "60", "10", &one);
	entry_of(2, "net.core.somaxconn", "4096", "8192", &two);
	entry_of(3, "block.read_ahead_kb", "128", "256", &three);
	assert_int_equal(journal_open(m->root, m->state, &journal), 0);
	assert_int_equal(journal_scan(&journal, NULL, NULL, &scan), 0);
	for (size_t i = 0; i < R_COUNT; i++)
		assert_int_equal(journal_append(&journal, records[i].type, records[i].entry,
						JOURNAL_SYNCED),
				 0);
	journal_close(&journal);
	fd = openat(m->state, JOURNAL_NAME, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, image, IMAGE_BYTES + 1), IMAGE_BYTES);
	close(fd);
}

/* The machine as the crash left it: both arms in force, the third one undone. */
static void lay_out(struct machine *m, const char *image, size_t size)
{
	int fd = openat(m->state, JOURNAL_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, image, size), 0);
	close(fd);
	machine_set(m, SWAPPINESS, "10");
	machine_set(m, "proc/sys/net/core/somaxconn", "8192");
	machine_set(m, QUEUE "read_ahead_kb", "128");
}

static void a_journal_cut_at_any_byte_restores_what_its_whole_records_say(void **state)
{
	struct machine *m = *state;
	char image[IMAGE_BYTES + 1];

	make_image(m, image);
	for (size_t size = 0; size <= IMAGE_BYTES; size++) {
		size_t whole = size / JOURNAL_RECORD_BYTES;

		lay_out(m, image, size);
		assert_int_equal(machine_recover(m), 0);
		assert_int_equal(m->recovery.torn, size % JOURNAL_RECORD_BYTES != 0);
		assert_int_equal(m->recovery.corrupt, 0);
		assert_int_equal(m->recovery.failed, 0);
		machine_expect(m, SWAPPINESS, whole > R1_INTENT ? "60" : "10");
		machine_expect(m, "proc/sys/net/core/somaxconn", whole == 1 ? "4096" : "8192");
		machine_expect(m, QUEUE "read_ahead_kb", "128");
		assert_int_equal(m->recovery.kept, whole > R2_COMMITTED);
		/* Again: nothing is left to do, and nothing is done. */
		assert_int_equal(machine_recover(m), 0);
		assert_int_equal(m->recovery.restored, 0);
		assert_int_equal(m->recovery.torn, 0);
		assert_int_equal(m->recovery.kept, whole > R2_COMMITTED);
	}
}

static void any_flipped_byte_is_found_and_its_record_not_used(void **state)
{
	struct machine *m = *state;
	char image[IMAGE_BYTES + 1];

	make_image(m, image);
	for (size_t at = 0; at < IMAGE_BYTES; at++) {
		size_t hit = at / JOURNAL_RECORD_BYTES;
		char byte = image[at];

		image[at] = (char)(byte ^ (1 << (at % 8)));
		lay_out(m, image, IMAGE_BYTES);
		image[at] = byte;
		assert_int_equal(machine_recover(m), 0);
		assert_int_equal(m->recovery.torn, hit == R_COUNT - 1);
		assert_int_equal(m->recovery.corrupt, hit != R_COUNT - 1);
		/* Each record says everything: intent or applied alone is enough, and committed, too. */
		machine_expect(m, SWAPPINESS, "60");
		machine_expect(m, "proc/sys/net/core/somaxconn",
			       hit == R2_COMMITTED ? "4096" : "8192");
		machine_expect(m, QUEUE "read_ahead_kb", "128");
	}
	/* The last damaged one is kept for people. */
	assert_int_equal(faccessat(m->state, JOURNAL_DAMAGED_NAME, F_OK, 0), 0);
}

static void a_lost_undone_does_not_undo_a_later_change_of_the_knob(void **state)
{
	struct machine *m = *state;
	struct journal_entry first, second;
	struct journal_scan scan;
	struct journal journal;

	entry_of(1, "vm.swappiness", "60", "10", &first);
	entry_of(2, "vm.swappiness", "60", "10", &second);
	assert_int_equal(journal_open(m->root, m->state, &journal), 0);
	assert_int_equal(journal_scan(&journal, NULL, NULL, &scan), 0);
	assert_int_equal(journal_append(&journal, JOURNAL_INTENT, &first, JOURNAL_LAZY), 0);
	assert_int_equal(journal_append(&journal, JOURNAL_INTENT, &second, JOURNAL_LAZY), 0);
	assert_int_equal(journal_append(&journal, JOURNAL_COMMITTED, &second, JOURNAL_LAZY), 0);
	journal_close(&journal);
	machine_set(m, SWAPPINESS, "10");
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.restored, 0);
	assert_int_equal(m->recovery.kept, 1);
	machine_expect(m, SWAPPINESS, "10");
}

static void another_boot_has_nothing_to_undo(void **state)
{
	struct machine *m = *state;
	char image[IMAGE_BYTES + 1];

	make_image(m, image);
	lay_out(m, image, IMAGE_BYTES);
	machine_set(m, "proc/sys/kernel/random/boot_id", BOOT_B);
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.other_boot, 2);
	assert_non_null(strstr(m->recovery.text, "2 changes of another boot"));
	assert_int_equal(m->recovery.restored + m->recovery.kept, 0);
	machine_expect(m, SWAPPINESS, "10");
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.other_boot, 0);
	assert_string_equal(m->recovery.text, "");
}

static void what_cannot_be_restored_stays_in_the_journal(void **state)
{
	struct machine *m = *state;
	char image[IMAGE_BYTES + 1];

	make_image(m, image);
	lay_out(m, image, IMAGE_BYTES);
	assert_int_equal(unlinkat(m->root, SWAPPINESS, 0), 0);
	assert_int_equal(mkdirat(m->root, SWAPPINESS, 0755), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(machine_recover(m), 0);
		assert_int_equal(m->recovery.failed, 1);
		assert_non_null(strstr(m->recovery.text,
				       "unable to restore vm.swappiness of host to '60'"));
	}
	assert_int_equal(unlinkat(m->root, SWAPPINESS, AT_REMOVEDIR), 0);
	machine_set(m, SWAPPINESS, "10");
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.restored, 1);
	machine_expect(m, SWAPPINESS, "60");
}

static void foreign_and_vanished_values_are_left_and_said(void **state)
{
	struct machine *m = *state;
	char image[IMAGE_BYTES + 1];

	make_image(m, image);
	lay_out(m, image, IMAGE_BYTES);
	machine_set(m, SWAPPINESS, "33");
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.foreign, 1);
	machine_expect(m, SWAPPINESS, "33");
	lay_out(m, image, IMAGE_BYTES);
	assert_int_equal(unlinkat(m->root, SWAPPINESS, 0), 0);
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.gone, 1);
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.gone, 0);
}

static void a_journal_in_whose_place_a_folder_stands_is_an_error(void **state)
{
	struct machine *m = *state;

	assert_int_equal(mkdirat(m->state, JOURNAL_NAME, 0700), 0);
	assert_int_equal(machine_recover(m), -EISDIR);
}

static void without_a_boot_id_nothing_starts(void **state)
{
	struct machine *m = *state;

	assert_int_equal(unlinkat(m->root, "proc/sys/kernel/random/boot_id", 0), 0);
	assert_int_equal(machine_recover(m), -ENOENT);
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_MACHINE(a_journal_cut_at_any_byte_restores_what_its_whole_records_say),
		ON_MACHINE(any_flipped_byte_is_found_and_its_record_not_used),
		ON_MACHINE(a_lost_undone_does_not_undo_a_later_change_of_the_knob),
		ON_MACHINE(another_boot_has_nothing_to_undo),
		ON_MACHINE(what_cannot_be_restored_stays_in_the_journal),
		ON_MACHINE(foreign_and_vanished_values_are_left_and_said),
		ON_MACHINE(a_journal_in_whose_place_a_folder_stands_is_an_error),
		ON_MACHINE(without_a_boot_id_nothing_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
