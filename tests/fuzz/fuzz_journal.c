// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target: any bytes as a journal, scanned and recovered from on a machine made of plain files. The first byte
 * says whether checksums are made right first, which lets the fuzzer past them, and whether a journal without a valid
 * record is recovered from, too.
 *
 *	fuzz_journal -max_len=20000 tests/fuzz/corpus/journal
 *
 * Besides crashes it looks for the promise that matters: no file holds anything but what it held before, or a value
 * that a valid record names.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "actuator/actuator.h"
#include "actuator/hand.h"
#include "actuator/journal.h"
#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/sysroot.h"

#define IMAGE_MAX 65536
#define FILE_MAX 20480

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *path, *value;
} files[] = {
	{ "proc/sys/kernel/random/boot_id", "11111111-2222-3333-4444-555555555555\n" },
	{ "proc/sys/vm/swappiness", "10\n" },
	{ "proc/sys/vm/dirty_ratio", "30\n" },
	{ "proc/sys/vm/dirty_bytes", "0\n" },
	{ "sys/block/vda/queue/scheduler", "none [bfq]\n" },
	{ "sys/block/vda/queue/nr_requests", "256\n" },
	{ "sys/block/vda/queue/iosched/low_latency", "1\n" },
};

static char folder[64];
static int root, state;

/* The hand without a process of its own: recovery asks for nothing but hand_put(). */
void hand_open(struct hand *ret_hand, const struct actuator_options *options)
{
	*ret_hand = (struct hand){ .root = options->root, .state = options->state, .fd = -1 };
}

void hand_close(struct hand *hand)
{
	(void)hand;
}

int hand_start(struct hand *hand)
{
	(void)hand;
	return 0;
}

bool hand_is_alone(struct hand *hand)
{
	(void)hand;
	return true;
}

int hand_read(struct hand *hand, const struct knob_row *row, const struct scope *scope,
	      struct knob_reading *ret_reading)
{
	return knob_read(hand->root, row, scope, ret_reading);
}

int hand_capture(struct hand *hand, const struct knob_row *row, const struct scope *scope,
		 char *ret_companions, size_t companions_size, char *ret_text, size_t text_size)
{
	return knob_family_ops(row)->capture(hand->root, row, scope, ret_companions,
					     companions_size, ret_text, text_size);
}

bool hand_put(struct hand *hand, struct txn *txn, enum setting_side side, struct outcome *outcome)
{
	return setting_put(hand->root, txn, side, outcome);
}

/* What the hand tells the families: no limit here, and nobody waits for a sign of life. */
const struct family_limits *family_limits(void)
{
	static const struct family_limits none = { .numa_rate_bytes = UINT64_MAX };

	return &none;
}

void family_limits_go_back(void)
{
}

void family_progress(void)
{
}

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command))
		fprintf(stderr, "unable to remove '%s'\n", folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[256];

	(void)argc;
	(void)argv;
	strcpy(folder, "/dev/shm/flyball-fuzz-XXXXXX");
	require(mkdtemp(folder) != NULL);
	atexit(remove_folder);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/root/%s", folder, files[i].path);
		*strrchr(path, '/') = '\0';
		require(file_make_folder(path, 0700) == 0);
	}
	snprintf(path, sizeof(path), "%s/state", folder);
	require(file_make_folder(path, 0700) == 0);
	state = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/root", folder);
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	require(state >= 0 && root >= 0);
	return 0;
}

static void put(int dir, const char *path, const void *bytes, size_t size)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && file_write_all(fd, bytes, size) == 0);
	close(fd);
}

/* Checksums as if the file had been written so. */
static void mend(char *image, size_t size)
{
	for (size_t at = 0; at + JOURNAL_FIXED_BYTES <= size; at += JOURNAL_ALIGN) {
		struct journal_head head;

		memcpy(&head, image + at, sizeof(head));
		if (head.magic != JOURNAL_MAGIC || head.length < sizeof(head) ||
		    head.length > size - at)
			continue;
		head.crc = 0;
		memcpy(image + at, &head, sizeof(head));
		head.crc = (uint32_t)crc32(0, (const unsigned char *)image + at, head.length);
		memcpy(image + at, &head, sizeof(head));
	}
}

static bool companions_name(const char *cursor, const char *value)
{
	char name[KNOB_VALUE_MAX], found[FILE_MAX];

	while (companions_next(&cursor, name, sizeof(name), found, sizeof(found)) > 0)
		if (!strcmp(found, value))
			return true;
	return false;
}

/* True when some valid record of the image names the value as old or as a companion's. */
static bool is_recorded(const char *image, size_t size, const char *value)
{
	static struct journal_record record;

	for (size_t at = 0; at < size; at += JOURNAL_ALIGN) {
		ssize_t length = journal_record_decode(image + at, size - at, &record);

		if (length > 0 && (!strcmp(record.entry.old_value, value) ||
				   companions_name(record.entry.companions, value)))
			return true;
	}
	return false;
}

static bool has_record(const char *image, size_t size)
{
	static struct journal_record record;
	bool found = false;

	for (size_t at = 0; at < size; at += JOURNAL_ALIGN)
		found |= journal_record_decode(image + at, size - at, &record) > 0;
	return found;
}

static void check_files(const char *image, size_t size)
{
	static char value[FILE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = openat(root, files[i].path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, value, sizeof(value) - 1);

		require(n >= 0);
		close(fd);
		value[n] = '\0';
		require(!strcmp(value, files[i].value) || is_recorded(image, size, value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct actuator_options options = { .root = root,
						  .state = state,
						  .only = { .kind = SCOPE_KIND_COUNT } };
	static char image[IMAGE_MAX];
	struct recovery first, second;

	if (size < 1 || size > sizeof(image))
		return -1;
	memcpy(image, data + 1, size - 1);
	if (data[0] & 1)
		mend(image, size - 1);
	if (!has_record(image, size - 1) && !(data[0] & 2))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		put(root, files[i].path, files[i].value, strlen(files[i].value));
	put(state, JOURNAL_NAME, image, size - 1);
	if (actuator_recover(&options, clock_now_ns(), &first) == 0) {
		check_files(image, size - 1);
		/* What is done is done; a boot id that a record overwrote is another boot. */
		if (actuator_recover(&options, clock_now_ns(), &second) == 0)
			require(second.restored == 0 || first.failed > 0);
		check_files(image, size - 1);
	}
	return 0;
}
