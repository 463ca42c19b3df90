// SPDX-License-Identifier: Apache-2.0
#include "base/conf_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"

#define WHOLE_FILE          \
	(struct conf_place) \
	{                   \
		.line = 0   \
	}

/* The bytes of the UTF-8 character at `text`, at most `left`; 0 when it is none (RFC 3629). */
static size_t character_length(const unsigned char *text, size_t left)
{
	static const struct {
		unsigned char first[2], second[2]; /* least and largest */
		size_t length;
	} forms[] = {
		{ .first = { 0xc2, 0xdf }, .second = { 0x80, 0xbf }, .length = 2 },
		{ .first = { 0xe0, 0xe0 }, .second = { 0xa0, 0xbf }, .length = 3 },
		{ .first = { 0xe1, 0xec }, .second = { 0x80, 0xbf }, .length = 3 },
		{ .first = { 0xed, 0xed },
		  .second = { 0x80, 0x9f },
		  .length = 3 }, /* no surrogates */
		{ .first = { 0xee, 0xef }, .second = { 0x80, 0xbf }, .length = 3 },
		{ .first = { 0xf0, 0xf0 }, .second = { 0x90, 0xbf }, .length = 4 },
		{ .first = { 0xf1, 0xf3 }, .second = { 0x80, 0xbf }, .length = 4 },
		{ .first = { 0xf4, 0xf4 },
		  .second = { 0x80, 0x8f },
		  .length = 4 }, /* up to U+10FFFF */
	};

	if (text[0] < 0x80)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (text[0] < forms[i].first[0] || text[0] > forms[i].first[1])
			continue;
		if (left < forms[i].length || text[1] < forms[i].second[0] ||
		    text[1] > forms[i].second[1])
			return 0;
		for (size_t k = 2; k < forms[i].length; k++)
			if ((text[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

struct conf_place source_place(const struct source *source, size_t offset)
{
	struct conf_place place = { .line = 1, .column = 1 };

	for (size_t i = 0; i < offset && i < source->size; i++) {
		if (source->text[i] == '\n') {
			place.line++;
			place.column = 1;
		} else if (((unsigned char)source->text[i] & 0xc0) != 0x80) {
			place.column++;
		}
	}
	/* Inside a character: the loop has counted its first byte already; unless there is none, at a line's start. */
	if (place.column > 1 && offset < source->size &&
	    ((unsigned char)source->text[offset] & 0xc0) == 0x80)
		place.column--;
	return place;
}

static int source_check(const struct source *source, struct error_list *errors)
{
	size_t length;

	for (size_t i = 0; i < source->size; i += length) {
		length =
			character_length((const unsigned char *)source->text + i, source->size - i);
		if (source->text[i] != '\0' && length > 0)
			continue;
		error_list_add(errors, source_place(source, i),
			       "byte 0x%02x is not text: a %s file is UTF-8 without zero bytes",
			       (unsigned char)source->text[i], errors->what);
		return -EINVAL;
	}
	return 0;
}

/* Ends the text in a newline: libconfig 1.5 refuses a comment that the end of the file ends. */
static int source_finish(struct source *source, size_t size, struct error_list *errors)
{
	size_t mark = size >= 3 && !memcmp(source->buffer, "\xef\xbb\xbf", 3) ? 3 : 0;

	source->buffer[size] = '\n';
	source->buffer[size + 1] = '\0';
	source->text = source->buffer + mark;
	source->size = size + 1 - mark;
	return source_check(source, errors);
}

static int add_too_large(struct error_list *errors)
{
	error_list_add(errors, WHOLE_FILE,
		       "the file is larger than %d KiB: a %s file is written by hand",
		       CONF_FILE_BYTES_MAX / 1024, errors->what);
	return -EINVAL;
}

int source_init(struct source *source, const char *bytes, size_t size, struct error_list *errors)
{
	*source = (struct source){ .size = 0 };
	if (size > CONF_FILE_BYTES_MAX)
		return add_too_large(errors);
	source->buffer = malloc(size + 2);
	if (!source->buffer)
		return -ENOMEM;
	if (size > 0)
		memcpy(source->buffer, bytes, size);
	return source_finish(source, size, errors);
}

/* 0, 1 for /dev/null, or -EINVAL with an error. */
static int check_kind(int fd, struct error_list *errors)
{
	struct stat st;
	const char *kind;

	if (fstat(fd, &st) < 0) {
		error_list_add(errors, WHOLE_FILE, "unable to look at the file: %s",
			       strerror(errno));
		return -EINVAL;
	}
	if (S_ISREG(st.st_mode))
		return 0;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return 1;
	kind = S_ISDIR(st.st_mode) ? "a folder" : S_ISFIFO(st.st_mode) ? "a pipe" : "a device";
	error_list_add(errors, WHOLE_FILE, "this is %s: a %s file is a regular file", kind,
		       errors->what);
	return -EINVAL;
}

static int read_bounded(int fd, struct source *source, size_t *ret_size, struct error_list *errors)
{
	size_t size = 0;

	/* Not by st_size: the file may grow, and some file systems say 0. */
	while (size <= CONF_FILE_BYTES_MAX) {
		ssize_t n = read(fd, source->buffer + size, CONF_FILE_BYTES_MAX + 1 - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			error_list_add(errors, WHOLE_FILE, "unable to read the file: %s",
				       strerror(errno));
			return -EINVAL;
		}
		if (n == 0)
			break;
		size += (size_t)n;
	}
	if (size > CONF_FILE_BYTES_MAX)
		return add_too_large(errors);
	*ret_size = size;
	return 0;
}

int source_open(struct source *source, const char *path, struct error_list *errors)
{
	/* O_NONBLOCK: opening a pipe that nobody writes to would wait for ever. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	size_t size;
	int r;

	*source = (struct source){ .size = 0 };
	if (fd < 0) {
		/* A socket cannot be opened at all. */
		error_list_add(errors, WHOLE_FILE, "unable to open the file: %s",
			       errno == ENXIO ? "it is no regular file" : strerror(errno));
		return -EINVAL;
	}
	r = check_kind(fd, errors);
	if (r != 0)
		return r;
	source->buffer = malloc(CONF_FILE_BYTES_MAX + 2);
	if (!source->buffer)
		return -ENOMEM;
	r = read_bounded(fd, source, &size, errors);
	return r < 0 ? r : source_finish(source, size, errors);
}

void source_deinit(struct source *source)
{
	free(source->buffer);
	*source = (struct source){ .size = 0 };
}
