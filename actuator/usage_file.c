// SPDX-License-Identifier: Apache-2.0
/*
 * The file `usage`: two images in turn, each with a number and a checksum. A process that is killed in the middle of
 * one leaves the other whole. There is no fsync: after the death of the machine nothing of it counts any more.
 */
#include "actuator/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"

#define USAGE_MAGIC 0x67617375u /* "usag" */
#define USAGE_VERSION 1

/* Behind it the state, up to the last place in use: of 128 places a few are, and each save writes them all. */
struct head {
	uint32_t magic, version;
	uint32_t size, crc; /* of both together, with this field 0 */
	uint64_t seq;
	char boot[USAGE_BOOT_MAX];
};

struct image {
	struct head head;
	struct usage_state state;
};

_Static_assert(offsetof(struct image, state) == sizeof(struct head), "both are written as one");

static uint32_t image_crc(const struct head *head, const struct usage_state *state)
{
	struct head blank = *head;
	uint32_t crc;

	blank.crc = 0;
	crc = (uint32_t)crc32(0, (const Bytef *)&blank, sizeof(blank));
	return (uint32_t)crc32(crc, (const Bytef *)state, head->size - (uint32_t)sizeof(blank));
}

static uint32_t image_bytes(const struct usage_state *state)
{
	size_t n = USAGE_PLACES_MAX;

	while (n > 0 && !state->places[n - 1].knob[0])
		n--;
	return (uint32_t)(offsetof(struct image, state.places) + n * sizeof(state->places[0]));
}

/* `size` bytes of it were read. */
static bool image_valid(const struct image *image, size_t size)
{
	const struct head *head = &image->head;
	size_t n_places;

	if (size < sizeof(*head) || head->magic != USAGE_MAGIC || head->version != USAGE_VERSION ||
	    head->size < offsetof(struct image, state.places) || head->size > size ||
	    image_crc(head, &image->state) != head->crc)
		return false;
	n_places = (head->size - offsetof(struct image, state.places)) /
		   sizeof(image->state.places[0]);
	for (size_t i = 0; i < n_places; i++)
		if (!memchr(image->state.places[i].knob, '\0', KNOB_NAME_MAX))
			return false;
	return true;
}

/* 1 when there was something, but nothing that can be used. An image of another boot says nothing, and is no damage. */
static int read_images(struct usage *usage)
{
	_cleanup_free_ struct image *image = malloc(sizeof(*image));
	int n_found = 0, n_valid = 0;

	if (!image)
		return -ENOMEM;
	for (size_t slot = 0; slot < 2; slot++) {
		ssize_t n = pread(usage->fd, image, sizeof(*image), (off_t)(slot * sizeof(*image)));

		/* Made, and never written. */
		n_found += n >= (ssize_t)sizeof(image->head) && image->head.seq != 0;
		if (n < 0 || !image_valid(image, (size_t)n))
			continue;
		n_valid++;
		if (strncmp(image->head.boot, usage->boot, sizeof(image->head.boot)) != 0 ||
		    image->head.seq <= usage->seq)
			continue;
		/* What lies behind it is of an older image that was longer. */
		memset((char *)image + image->head.size, 0, sizeof(*image) - image->head.size);
		usage->seq = image->head.seq;
		usage->state = image->state;
	}
	return n_found > 0 && n_valid == 0;
}

int usage_open(struct usage *usage, int dir, const char *boot, uint64_t now_ns)
{
	int r;

	memset(usage, 0, sizeof(*usage));
	strncpy(usage->boot, boot, sizeof(usage->boot) - 1);
	usage->fd = openat(dir, USAGE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (usage->fd < 0) {
		usage->error = -errno;
		return usage->error;
	}
	/* So that a full file system cannot stop the count. Where this is not known, it is tried without. */
	posix_fallocate(usage->fd, 0, 2 * (off_t)sizeof(struct image));
	r = read_images(usage);
	for (size_t i = 0; i < ARRAY_SIZE(usage->state.armed); i++)
		usage_disarm(usage, usage->state.armed[i].txn, now_ns);
	return r;
}

void usage_close(struct usage *usage)
{
	if (usage->fd >= 0)
		close(usage->fd);
	usage->fd = -1;
}

int usage_save(struct usage *usage)
{
	struct head head = {
		.magic = USAGE_MAGIC,
		.version = USAGE_VERSION,
		.size = image_bytes(&usage->state),
		.seq = usage->seq + 1,
	};
	const struct iovec parts[] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = &usage->state, .iov_len = head.size - sizeof(head) },
	};
	ssize_t n;

	if (usage->fd < 0)
		return usage->error;
	memcpy(head.boot, usage->boot, sizeof(head.boot));
	head.crc = image_crc(&head, &usage->state);
	n = pwritev(usage->fd, parts, ARRAY_SIZE(parts),
		    (off_t)(head.seq % 2 * sizeof(struct image)));
	if (n != (ssize_t)head.size)
		return usage->error = n < 0 ? -errno : -EIO;
	usage->seq++;
	usage->error = 0;
	return 0;
}
