// SPDX-License-Identifier: Apache-2.0
/*
 * A record as bytes: head, entry up to its companions, the companions without their NUL, zeros to a multiple of 64.
 *
 *     0        16    24    32            72                          680            length
 *     ┌────────┬─────┬─────┬─────────────┬───────────────────────────┬──────────────┬─────┐
 *     │ magic, │ seq │ type│ boot id     │ txn, trial, times, knob,  │ companions   │ 0…  │
 *     │ version│     │ used│             │ scope, old, new           │              │     │
 *     │ length │     │     │             │                           │              │     │
 *     │ crc    │     │     │             │                           │              │     │
 *     └────────┴─────┴─────┴─────────────┴───────────────────────────┴──────────────┴─────┘
 *
 * No companions can look like a record: they are text without NUL, and a head is not without NULs.
 *
 * Version 1 had records of 2,048 bytes with companions of a fixed size, and, under one number, two sizes of a scope's
 * name. Neither old nor new was ever empty in it, which tells the two apart.
 */
#include "actuator/journal_record.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/scope.h"

_Static_assert(sizeof(struct journal_head) == 72, "the head has no holes");
_Static_assert(JOURNAL_FIXED_BYTES == 680, "what is stored has no holes");

#define V1_VERSION 1
#define V1_RECORD_BYTES 2048
#define V1_COMPANIONS_MAX 1280

size_t journal_entry_bytes(const struct journal_entry *entry)
{
	return offsetof(struct journal_entry, companions) + strlen(entry->companions) + 1;
}

static bool type_ends(enum journal_type type)
{
	return type == JOURNAL_UNDONE || type == JOURNAL_ABANDONED;
}

size_t journal_record_bytes(enum journal_type type, const struct journal_entry *entry)
{
	return JOURNAL_ALIGNED(JOURNAL_FIXED_BYTES +
			       (type_ends(type) ? 0 : strlen(entry->companions)));
}

/* Of a record with `crc` 0 in its head, without writing to it. */
static uint32_t bytes_crc(const char *bytes, size_t length)
{
	struct journal_head head;
	uLong crc;

	memcpy(&head, bytes, sizeof(head));
	head.crc = 0;
	crc = crc32(0, (const unsigned char *)&head, sizeof(head));
	return (uint32_t)crc32(crc, (const unsigned char *)bytes + sizeof(head),
			       (uInt)(length - sizeof(head)));
}

size_t journal_record_encode(const struct journal_record *record, char *bytes)
{
	size_t length = journal_record_bytes(record->type, &record->entry);
	size_t companions = type_ends(record->type) ? 0 : strlen(record->entry.companions);
	struct journal_head head = {
		.magic = JOURNAL_MAGIC,
		.version = JOURNAL_VERSION,
		.length = (uint32_t)length,
		.seq = record->seq,
		.type = record->type,
		.companions = (uint32_t)companions,
	};

	memcpy(head.boot, record->boot, sizeof(head.boot));
	memset(bytes, 0, length);
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), &record->entry,
	       offsetof(struct journal_entry, companions) + companions);
	head.crc = bytes_crc(bytes, length);
	memcpy(bytes, &head, sizeof(head));
	return length;
}

static bool is_string(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool entry_valid(const struct journal_entry *e)
{
	return is_string(e->knob, sizeof(e->knob)) && scope_valid(&e->scope) &&
	       is_string(e->old_value, sizeof(e->old_value)) &&
	       is_string(e->new_value, sizeof(e->new_value));
}

static bool decode_v2(const char *bytes, const struct journal_head *head,
		      struct journal_entry *ret_entry)
{
	const char *companions = bytes + JOURNAL_FIXED_BYTES;

	if (head->companions >= COMPANIONS_MAX ||
	    head->length != JOURNAL_ALIGNED(JOURNAL_FIXED_BYTES + head->companions) ||
	    memchr(companions, '\0', head->companions))
		return false;
	memcpy(ret_entry, bytes + sizeof(*head), JOURNAL_FIXED_BYTES - sizeof(*head));
	memcpy(ret_entry->companions, companions, head->companions);
	ret_entry->companions[head->companions] = '\0';
	return entry_valid(ret_entry);
}

static bool decode_v1(const char *bytes, const struct journal_head *head,
		      struct journal_entry *ret_entry)
{
	static const size_t name_sizes[] = { SCOPE_NAME_MAX, 104 };

	if (head->length != V1_RECORD_BYTES)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(name_sizes); i++) {
		const size_t before = offsetof(struct journal_entry, scope.name) + name_sizes[i];
		const char *values = bytes + sizeof(*head) + before;
		const char *companions = values + 2 * KNOB_VALUE_MAX;

		memset(ret_entry, 0, offsetof(struct journal_entry, companions));
		memcpy(ret_entry, bytes + sizeof(*head), before);
		memcpy(ret_entry->old_value, values, KNOB_VALUE_MAX);
		memcpy(ret_entry->new_value, values + KNOB_VALUE_MAX, KNOB_VALUE_MAX);
		memcpy(ret_entry->companions, companions, V1_COMPANIONS_MAX);
		if (entry_valid(ret_entry) && is_string(companions, V1_COMPANIONS_MAX) &&
		    ret_entry->old_value[0] && ret_entry->new_value[0])
			return true;
	}
	return false;
}

ssize_t journal_record_decode(const char *bytes, size_t size, struct journal_record *ret_record)
{
	struct journal_head head;
	bool valid;

	if (size < JOURNAL_FIXED_BYTES)
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	if (head.magic != JOURNAL_MAGIC || head.length < JOURNAL_FIXED_BYTES ||
	    head.length > size || head.length > JOURNAL_RECORD_MAX)
		return -EBADMSG;
	if (head.crc != bytes_crc(bytes, head.length) || head.type >= JOURNAL_TYPE_COUNT ||
	    !is_string(head.boot, sizeof(head.boot)))
		return -EBADMSG;
	if (head.version == V1_VERSION)
		valid = decode_v1(bytes, &head, &ret_record->entry);
	else
		valid = head.version == JOURNAL_VERSION &&
			decode_v2(bytes, &head, &ret_record->entry);
	if (!valid)
		return -EBADMSG;
	ret_record->seq = head.seq;
	ret_record->type = head.type;
	ret_record->pad = 0;
	memcpy(ret_record->boot, head.boot, sizeof(ret_record->boot));
	return (ssize_t)head.length;
}
