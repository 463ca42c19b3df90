// SPDX-License-Identifier: Apache-2.0
#include "actuator/family.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int companions_add(char *companions, size_t size, const char *name, const char *value)
{
	size_t used = strlen(companions);
	int n = snprintf(companions + used, size - used, "%s=%s\n", name, value);

	if (n < 0 || (size_t)n >= size - used) {
		companions[used] = '\0';
		return -E2BIG;
	}
	return 0;
}

int companions_next(const char **cursor, char *ret_name, size_t name_size, char *ret_value,
		    size_t value_size)
{
	const char *line = *cursor, *equals, *end;

	if (*line == '\0')
		return 0;
	end = strchr(line, '\n');
	equals = strchr(line, '=');
	if (!end || !equals || equals > end)
		return -EBADMSG;
	if ((size_t)(equals - line) >= name_size || (size_t)(end - equals - 1) >= value_size)
		return -EBADMSG;
	snprintf(ret_name, name_size, "%.*s", (int)(equals - line), line);
	snprintf(ret_value, value_size, "%.*s", (int)(end - equals - 1), equals + 1);
	/* It becomes a part of a path. */
	if (ret_name[0] == '/' || strstr(ret_name, ".."))
		return -EBADMSG;
	*cursor = end + 1;
	return 1;
}

int companions_find(const char *companions, const char *wanted, char *ret_value, size_t size)
{
	char name[KNOB_NAME_MAX];
	int r;

	while ((r = companions_next(&companions, name, sizeof(name), ret_value, size)) > 0)
		if (!strcmp(name, wanted))
			return 0;
	return r < 0 ? r : -ENODATA;
}

void companions_complain(char *text, size_t size, const char *name, int error)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%sunable to restore %s (%s)", used ? ", " : "", name,
		 strerror(-error));
}

bool error_is_gone(int error)
{
	return error == -ENOENT || error == -ENODEV || error == -ENXIO;
}
