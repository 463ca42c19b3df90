// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>
#undef FAR /* of 16-bit machines; the tests have a FAR of their own */

#include "tests/unit/test_actuator.h"

#include "actuator/journal.h"
#include "base/cleanup.h"

/*
 * A journal as a crash in the middle of txn 1 leaves it, after txn 2 was kept and txn 3, which has many companions,
 * was undone.
 */
enum record { R2_INTENT, R2_COMMITTED, R3_INTENT, R3_UNDONE, R1_INTENT, R1_APPLIED, R_COUNT };

#define LARGE_LINES 80
#define IMAGE_MAX 32768

struct image {
	char bytes[IMAGE_MAX];
	size_t size;
	size_t ends[R_COUNT]; /* where each record ends */
};

/* What a scan gave. */
struct seen {
	size_t n;
	enum journal_type types[R_COUNT];
	uint64_t txns[R_COUNT];
	struct journal_scan scan;
};

static void entry_of(uint64_t txn, const char *knob, const char *old, const char *new_value,
		     struct journal_entry *ret_entry)
{
	struct change change = machine_change(txn, knob, old, new_value);

	*ret_entry = (struct journal_entry){ .txn = txn, .scope = change.scope };
	memcpy(ret_entry->knob, change.knob, sizeof(change.knob));
	memcpy(ret_entry->old_value, change.old_value, sizeof(change.old_value));
	memcpy(ret_entry->new_value, change.new_value, sizeof(change.new_value));
}

/* Lines that say nothing to restore(): what counts here is their length. */
static void add_companions(struct journal_entry *entry, size_t lines)
{
	for (size_t i = 0; i < lines; i++)
		assert_int_equal(companions_add(entry->companions, sizeof(entry->companions),
						"@note",
						"a mask of the CPUs of one thread, "
						"f0f0f0f0f0f0f0f0, and so on, "
						"FLBLFLBLFLBLFLBLFLBLFLBLFLBLFLBLFLBLFLBLFLBLFLBL"),
				 0);
}

static void pass_record(const struct journal_record *record, void *context)
{
	(void)record;
	(void)context;
}

static void open_journal(struct machine *m, struct journal *journal)
{
	struct journal_scan scan;

	assert_int_equal(journal_open(m->root, m->state, journal), 0);
	assert_int_equal(journal_scan(journal, pass_record, NULL, &scan), 0);
}

static void make_image(struct machine *m, struct image *image)
{
	struct journal_entry one, two, three;
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
	add_companions(&three, LARGE_LINES);
	open_journal(m, &journal);
	for (size_t i = 0; i < R_COUNT; i++) {
		assert_int_equal(journal_append(&journal, records[i].type, records[i].entry,
						JOURNAL_SYNCED),
				 0);
		image->ends[i] = journal.end;
	}
	journal_close(&journal);
	fd = openat(m->state, JOURNAL_NAME, O_RDONLY | O_CLOEXEC);
	image->size = (size_t)read(fd, image->bytes, sizeof(image->bytes));
	assert_int_equal(image->size, image->ends[R_COUNT - 1]);
	assert_int_equal(image->size % JOURNAL_ALIGN, 0);
	assert_true(image->ends[R3_INTENT] - image->ends[R2_COMMITTED] > 8192);
	/* A record that ends a transaction does not repeat its companions. */
	assert_int_equal(image->ends[R3_UNDONE] - image->ends[R3_INTENT],
			 JOURNAL_ALIGNED(JOURNAL_FIXED_BYTES));
	close(fd);
}

/* How many whole records `size` bytes hold. */
static size_t whole_records(const struct image *image, size_t size)
{
	size_t n = 0;

	while (n < R_COUNT && image->ends[n] <= size)
		n++;
	return n;
}

static size_t record_at(const struct image *image, size_t offset)
{
	return whole_records(image, offset);
}

static void note_record(const struct journal_record *record, void *context)
{
	struct seen *seen = context;

	assert_true(seen->n < R_COUNT);
	seen->types[seen->n] = record->type;
	seen->txns[seen->n++] = record->entry.txn;
	assert_true(strlen(record->entry.companions) < COMPANIONS_MAX);
}

static void write_journal(struct machine *m, const char *bytes, size_t size)
{
	int fd = openat(m->state, JOURNAL_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, bytes, size), 0);
	close(fd);
}

static void scan_bytes(struct machine *m, const char *bytes, size_t size, struct seen *seen)
{
	struct journal journal;

	*seen = (struct seen){ 0 };
	write_journal(m, bytes, size);
	assert_int_equal(journal_open(m->root, m->state, &journal), 0);
	assert_int_equal(journal_scan(&journal, note_record, seen, &seen->scan), 0);
	journal_close(&journal);
}

/* The machine as the crash left it: both arms in force, the third one undone. */
static void lay_out(struct machine *m, const char *bytes, size_t size)
{
	write_journal(m, bytes, size);
	machine_set(m, SWAPPINESS, "10");
	machine_set(m, "proc/sys/net/core/somaxconn", "8192");
	machine_set(m, QUEUE "read_ahead_kb", "128");
}

static void a_journal_cut_at_any_byte_restores_what_its_whole_records_say(void **state)
{
	static struct image image;
	struct machine *m = *state;

	make_image(m, &image);
	for (size_t size = 0; size <= image.size; size++) {
		size_t whole = whole_records(&image, size);
		bool torn = size != 0 && (whole == 0 || size != image.ends[whole - 1]);

		/* The middle of the large one says the same all over. */
		if (size > image.ends[R2_COMMITTED] + 1024 && size < image.ends[R3_INTENT] - 128 &&
		    size % 61)
			continue;
		lay_out(m, image.bytes, size);
		assert_int_equal(machine_recover(m), 0);
		assert_int_equal(m->recovery.torn, torn);
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

static void a_journal_cut_at_any_byte_gives_its_whole_records_and_no_others(void **state)
{
	static struct image image;
	struct machine *m = *state;
	struct seen seen;

	make_image(m, &image);
	for (size_t size = 0; size <= image.size; size++) {
		scan_bytes(m, image.bytes, size, &seen);
		assert_int_equal(seen.n, whole_records(&image, size));
		assert_int_equal(seen.scan.corrupt, 0);
	}
}

/* One damaged record costs itself alone: also one whose length is damaged, however long it was. */
static void any_flipped_byte_costs_its_own_record_and_no_other(void **state)
{
	static const unsigned char flips[] = { 0x01, 0x80, 0xff, 0x40 };
	static struct image image;
	struct machine *m = *state;
	struct seen whole, seen;

	make_image(m, &image);
	scan_bytes(m, image.bytes, image.size, &whole);
	assert_int_equal(whole.n, R_COUNT);
	for (size_t i = 0; i < image.size * sizeof(flips); i++) {
		size_t at = i / sizeof(flips), hit = record_at(&image, at);
		char byte = image.bytes[at];

		image.bytes[at] = (char)(byte ^ flips[i % sizeof(flips)]);
		scan_bytes(m, image.bytes, image.size, &seen);
		image.bytes[at] = byte;
		assert_int_equal(seen.n, R_COUNT - 1);
		for (size_t j = 0; j < seen.n; j++) {
			assert_int_equal(seen.types[j], whole.types[j + (j >= hit)]);
			assert_int_equal(seen.txns[j], whole.txns[j + (j >= hit)]);
		}
		assert_int_equal(seen.scan.torn, hit == R_COUNT - 1);
		assert_int_equal(seen.scan.corrupt, hit != R_COUNT - 1);
	}
}

static void any_flipped_byte_is_found_and_its_record_not_used(void **state)
{
	static struct image image;
	struct machine *m = *state;

	make_image(m, &image);
	for (size_t at = 0; at < image.size; at++) {
		size_t hit = record_at(&image, at);
		char byte = image.bytes[at];

		if (hit == R3_INTENT && at > image.ends[R2_COMMITTED] + 1024 && at % 61)
			continue;
		image.bytes[at] = (char)(byte ^ (1 << (at % 8)));
		lay_out(m, image.bytes, image.size);
		image.bytes[at] = byte;
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

static void two_torn_records_at_the_end_are_damage_and_a_crash(void **state)
{
	static struct image image;
	struct machine *m = *state;
	struct seen seen;

	make_image(m, &image);
	image.bytes[image.ends[R3_UNDONE] + 100] ^= 1;
	image.bytes[image.ends[R1_INTENT] + 100] ^= 1;
	scan_bytes(m, image.bytes, image.size, &seen);
	assert_int_equal(seen.n, R1_INTENT);
	assert_int_equal(seen.scan.torn, 1);
	assert_int_equal(seen.scan.corrupt, 1);
}

static void what_a_shorter_record_leaves_of_a_torn_one_is_no_record(void **state)
{
	static struct image image;
	struct machine *m = *state;
	struct journal_entry next;
	struct journal journal;
	struct seen seen = { 0 };

	make_image(m, &image);
	write_journal(m, image.bytes, image.ends[R3_INTENT] - 1);
	entry_of(9, "vm.swappiness", "60", "10", &next);
	open_journal(m, &journal);
	assert_int_equal(journal.end, image.ends[R2_COMMITTED]);
	assert_int_equal(journal_append(&journal, JOURNAL_INTENT, &next, JOURNAL_LAZY), 0);
	assert_int_equal(journal_scan(&journal, note_record, &seen, &seen.scan), 0);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.txns[2], 9);
	assert_int_equal(seen.scan.torn, 1);
	assert_int_equal(seen.scan.corrupt, 0);
	journal_close(&journal);
}

static void a_record_holds_companions_up_to_their_limit_and_gives_them_back(void **state)
{
	static struct journal_record in, out;
	static char bytes[JOURNAL_RECORD_MAX];

	(void)state;
	entry_of(1, "vm.swappiness", "60", "10", &in.entry);
	in.seq = 7;
	in.type = JOURNAL_APPLIED;
	strcpy(in.boot, BOOT_A);
	for (size_t n = 0; n < COMPANIONS_MAX; n++) {
		size_t length;

		memset(in.entry.companions, 'x', n);
		in.entry.companions[n] = '\0';
		length = journal_record_encode(&in, bytes);
		assert_int_equal(length, JOURNAL_ALIGNED(JOURNAL_FIXED_BYTES + n));
		assert_int_equal(journal_record_decode(bytes, length, &out), length);
		assert_string_equal(in.entry.companions, out.entry.companions);
		assert_true(journal_record_decode(bytes, length - 1, &out) < 0);
	}
	assert_int_equal(out.seq, 7);
	assert_string_equal(out.boot, BOOT_A);
	assert_int_equal(out.entry.txn, 1);
}

/* Version 1: 2,048 bytes, companions of 1,280, and under one number a scope's name of 104 or of 252 bytes. */
static void make_v1(enum journal_type type, const struct journal_entry *entry, size_t name_size,
		    char *bytes)
{
	const size_t name =
		sizeof(struct journal_head) + offsetof(struct journal_entry, scope.name);
	struct journal_head head = {
		.magic = JOURNAL_MAGIC, .version = 1, .length = 2048, .seq = 1, .type = type
	};

	strcpy(head.boot, BOOT_A);
	memset(bytes, 0, 2048);
	memcpy(bytes + sizeof(head), entry, offsetof(struct journal_entry, scope.name));
	memcpy(bytes + name, entry->scope.name, name_size);
	memcpy(bytes + name + name_size, entry->old_value, KNOB_VALUE_MAX);
	memcpy(bytes + name + name_size + KNOB_VALUE_MAX, entry->new_value, KNOB_VALUE_MAX);
	memcpy(bytes + name + name_size + 2 * KNOB_VALUE_MAX, entry->companions, 1280);
	memcpy(bytes, &head, sizeof(head));
	head.crc = (uint32_t)crc32(0, (const unsigned char *)bytes, 2048);
	memcpy(bytes, &head, sizeof(head));
}

static void a_journal_of_version_1_is_read_too(void **state)
{
	static const size_t name_sizes[] = { 104, 252 };
	static struct journal_entry ratio, ahead;
	struct machine *m = *state;
	char bytes[3 * 2048];

	entry_of(4, "vm.dirty_ratio", "0", "30", &ratio);
	strcpy(ratio.companions, "proc/sys/vm/dirty_bytes=268435456\n");
	entry_of(5, "block.read_ahead_kb", "128", "256", &ahead);
	for (size_t i = 0; i < ARRAY_SIZE(name_sizes); i++) {
		make_v1(JOURNAL_INTENT, &ratio, name_sizes[i], bytes);
		make_v1(JOURNAL_INTENT, &ahead, name_sizes[i], bytes + 2048);
		make_v1(JOURNAL_COMMITTED, &ahead, name_sizes[i], bytes + 4096);
		write_journal(m, bytes, sizeof(bytes));
		machine_set(m, "proc/sys/vm/dirty_ratio", "30");
		machine_set(m, "proc/sys/vm/dirty_bytes", "0");
		machine_set(m, QUEUE "read_ahead_kb", "256");
		assert_int_equal(machine_open(m), 0);
		assert_int_equal(m->recovery.restored, 1);
		assert_int_equal(m->recovery.kept, 1);
		machine_expect(m, "proc/sys/vm/dirty_ratio", "0");
		machine_expect(m, "proc/sys/vm/dirty_bytes", "268435456");
		machine_expect(m, QUEUE "read_ahead_kb", "256");
		assert_int_equal(machine_ask(m, 5, ACTION_UNDO), OUTCOME_DONE);
		machine_expect(m, QUEUE "read_ahead_kb", "128");
		actuator_close(take_ptr(m->actuator), clock_now_ns());
	}
}

static void a_lost_undone_does_not_undo_a_later_change_of_the_knob(void **state)
{
	struct machine *m = *state;
	struct journal_entry first, second;
	struct journal journal;

	entry_of(1, "vm.swappiness", "60", "10", &first);
	entry_of(2, "vm.swappiness", "60", "10", &second);
	open_journal(m, &journal);
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
	static struct image image;

	make_image(m, &image);
	lay_out(m, image.bytes, image.size);
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
	static struct image image;

	make_image(m, &image);
	lay_out(m, image.bytes, image.size);
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
	static struct image image;

	make_image(m, &image);
	lay_out(m, image.bytes, image.size);
	machine_set(m, SWAPPINESS, "33");
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.foreign, 1);
	machine_expect(m, SWAPPINESS, "33");
	lay_out(m, image.bytes, image.size);
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
		ON_MACHINE(a_journal_cut_at_any_byte_gives_its_whole_records_and_no_others),
		ON_MACHINE(any_flipped_byte_costs_its_own_record_and_no_other),
		ON_MACHINE(any_flipped_byte_is_found_and_its_record_not_used),
		ON_MACHINE(two_torn_records_at_the_end_are_damage_and_a_crash),
		ON_MACHINE(what_a_shorter_record_leaves_of_a_torn_one_is_no_record),
		cmocka_unit_test(a_record_holds_companions_up_to_their_limit_and_gives_them_back),
		ON_MACHINE(a_journal_of_version_1_is_read_too),
		ON_MACHINE(a_lost_undone_does_not_undo_a_later_change_of_the_knob),
		ON_MACHINE(another_boot_has_nothing_to_undo),
		ON_MACHINE(what_cannot_be_restored_stays_in_the_journal),
		ON_MACHINE(foreign_and_vanished_values_are_left_and_said),
		ON_MACHINE(a_journal_in_whose_place_a_folder_stands_is_an_error),
		ON_MACHINE(without_a_boot_id_nothing_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
