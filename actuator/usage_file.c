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
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"

#define USAGE_MAGIC 0x67617375u /* "usag" */
#define USAGE_VERSION 1

struct image {
	uint32_t magic, version;
	uint32_t size, crc; /* of the image with this field 0 */
	uint64_t seq;
	char boot[USAGE_BOOT_MAX];
	struct usage_state state;
};

static uint32_t image_crc(struct image *image)
{
	uint32_t kept = image->crc, crc;

	image->crc = 0;
	crc = (uint32_t)crc32(0, (const Bytef *)image, sizeof(*image));
	image->crc = kept;
	return crc;
}

static bool image_valid(struct image *image)
{
	if (image->magic != USAGE_MAGIC || image->version != USAGE_VERSION ||
	    image->size != sizeof(*image) || image_crc(image) != image->crc)
		return false;
	for (size_t i = 0; i < USAGE_PLACES_MAX; i++)
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
		n_found += n > 0 && image->seq != 0;
		if (n != (ssize_t)sizeof(*image) || !image_valid(image))
			continue;
		n_valid++;
		if (strncmp(image->boot, usage->boot, sizeof(image->boot)) != 0 ||
		    image->seq <= usage->seq)
			continue;
		usage->seq = image->seq;
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
	_cleanup_free_ struct image *image = calloc(1, sizeof(*image));
	off_t at;
	ssize_t n;

	if (!image)
		return -ENOMEM;
	if (usage->fd < 0)
		return usage->error;
	image->magic = USAGE_MAGIC;
	image->version = USAGE_VERSION;
	image->size = sizeof(*image);
	image->seq = usage->seq + 1;
	memcpy(image->boot, usage->boot, sizeof(image->boot));
	image->state = usage->state;
	image->crc = image_crc(image);
	at = (off_t)(image->seq % 2 * sizeof(*image));
	n = pwrite(usage->fd, image, sizeof(*image), at);
	if (n != (ssize_t)sizeof(*image))
		return usage->error = n < 0 ? -errno : -EIO;
	usage->seq++;
	usage->error = 0;
	return 0;
}
