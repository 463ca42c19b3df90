// SPDX-License-Identifier: Apache-2.0
#include "actuator/pins.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/scope.h"

#define HEADER "flyball pins 1\n"
#define LINE_MAX_BYTES (sizeof(struct pin) + 64)
#define FILE_MAX_BYTES (PINS_MAX * LINE_MAX_BYTES)

static int take_number(char *field, uint64_t *ret_number)
{
	char *end;

	if (!field || field[0] < '0' || field[0] > '9')
		return -EINVAL;
	errno = 0;
	*ret_number = strtoull(field, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

static int take_text(char *field, char *ret_text, size_t size)
{
	if (!field || strlen(field) >= size)
		return -EINVAL;
	strcpy(ret_text, field);
	return 0;
}

/* `line` without its newline; it is cut. */
static int pin_parse(char *line, struct pin *ret_pin)
{
	char *scope;

	memset(ret_pin, 0, sizeof(*ret_pin));
	if (take_text(strsep(&line, "\t"), ret_pin->knob, sizeof(ret_pin->knob)) < 0)
		return -EINVAL;
	scope = strsep(&line, "\t");
	if (!scope || scope_parse(scope, &ret_pin->scope) < 0 ||
	    take_number(strsep(&line, "\t"), &ret_pin->since_ns) < 0 ||
	    take_number(strsep(&line, "\t"), &ret_pin->until_ns) < 0 ||
	    take_text(strsep(&line, "\t"), ret_pin->by, sizeof(ret_pin->by)) < 0 ||
	    take_text(strsep(&line, "\t"), ret_pin->value, sizeof(ret_pin->value)) < 0 || line)
		return -EINVAL;
	return 0;
}

static int parse_all(struct pins *pins, char *text)
{
	int n_bad = 0;
	char *line;

	if (strncmp(text, HEADER, strlen(HEADER)) != 0)
		return text[0] ? 1 : 0;
	text += strlen(HEADER);
	while ((line = strsep(&text, "\n"))) {
		if (!line[0])
			continue;
		if (pins->n < PINS_MAX && pin_parse(line, &pins->items[pins->n]) == 0)
			pins->n++;
		else
			n_bad++;
	}
	return n_bad;
}

int pins_open(struct pins *pins, int dir)
{
	_cleanup_free_ char *text = calloc(1, FILE_MAX_BYTES + 1);
	_cleanup_close_ int fd = -1;
	size_t size = 0;
	ssize_t n;

	*pins = (struct pins){ .dir = dir };
	if (dir < 0)
		return 0;
	if (!text)
		return -ENOMEM;
	fd = openat(dir, PINS_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	while (size < FILE_MAX_BYTES && (n = read(fd, text + size, FILE_MAX_BYTES - size)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		size += n > 0 ? (size_t)n : 0;
	}
	return parse_all(pins, text);
}

static int pins_save(const struct pins *pins)
{
	_cleanup_free_ char *text = malloc(FILE_MAX_BYTES);
	size_t used = strlen(HEADER);
	char scope[SCOPE_TEXT_MAX];

	if (pins->dir < 0)
		return 0;
	if (!text)
		return -ENOMEM;
	strcpy(text, HEADER);
	for (size_t i = 0; i < pins->n; i++) {
		const struct pin *pin = &pins->items[i];

		used += (size_t)snprintf(text + used, FILE_MAX_BYTES - used,
					 "%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%s\t%s\n", pin->knob,
					 scope_format(&pin->scope, scope, sizeof(scope)),
					 pin->since_ns, pin->until_ns, pin->by, pin->value);
	}
	return file_replace(pins->dir, PINS_NAME, 0644, text, used);
}

static struct pin *find(struct pins *pins, const char *knob, const struct scope *scope)
{
	for (size_t i = 0; i < pins->n; i++)
		if (!strcmp(pins->items[i].knob, knob) && scope_equal(&pins->items[i].scope, scope))
			return &pins->items[i];
	return NULL;
}

const struct pin *pins_find(const struct pins *pins, const char *knob, const struct scope *scope,
			    uint64_t wall_ns)
{
	const struct pin *pin = find((struct pins *)pins, knob, scope);

	return pin && pin->until_ns > wall_ns ? pin : NULL;
}

static void drop(struct pins *pins, struct pin *pin)
{
	size_t after = (size_t)(&pins->items[pins->n] - (pin + 1));

	memmove(pin, pin + 1, after * sizeof(*pin));
	pins->n--;
}

int pins_add(struct pins *pins, const struct pin *pin, uint64_t wall_ns)
{
	struct pin *slot = find(pins, pin->knob, &pin->scope);

	for (size_t i = pins->n; !slot && i-- > 0;)
		if (pins->items[i].until_ns <= wall_ns)
			drop(pins, &pins->items[i]);
	if (!slot && pins->n == PINS_MAX)
		return -ENOSPC;
	if (!slot)
		slot = &pins->items[pins->n++];
	*slot = *pin;
	return pins_save(pins);
}

int pins_remove(struct pins *pins, const char *knob, const struct scope *scope)
{
	struct pin *pin = find(pins, knob, scope);

	if (!pin)
		return -ENOENT;
	drop(pins, pin);
	return pins_save(pins);
}
