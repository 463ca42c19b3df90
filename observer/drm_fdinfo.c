// SPDX-License-Identifier: Apache-2.0
#include "observer/drm_fdinfo.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* `drm-engine-render` begins with it, and its rest is a name; NULL when it does not. */
static const char *name_of(const char *key, const char *prefix)
{
	const size_t length = strlen(prefix);

	return !strncmp(key, prefix, length) && key[length] ? key + length : NULL;
}

static int engine_of(struct drm_fdinfo *info, const char *name, struct drm_engine **ret_engine)
{
	if (strlen(name) >= DRM_NAME_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < info->n_engines; i++) {
		*ret_engine = &info->engines[i];
		if (!strcmp((*ret_engine)->name, name))
			return 0;
	}
	if (info->n_engines == DRM_ENGINES_MAX)
		return -E2BIG;
	*ret_engine = &info->engines[info->n_engines++];
	**ret_engine = (struct drm_engine){ .capacity = 1 };
	strcpy((*ret_engine)->name, name);
	return 0;
}

/* `9288864723 ns`, `1024 KiB`, `7` */
static int number_parse(const char *text, uint64_t *ret_number)
{
	static const struct {
		const char *word;
		uint64_t factor;
	} units[] = { { "", 1 }, { "ns", 1 }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 } };
	unsigned long long number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EBADMSG;
	errno = 0;
	number = strtoull(text, &end, 10);
	end += strspn(end, " \t");
	for (size_t i = 0; errno == 0 && i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(end, units[i].word))
			return __builtin_mul_overflow(number, units[i].factor, ret_number)
				       ? -EBADMSG
				       : 0;
	return -EBADMSG;
}

static int memory_take(uint64_t *bytes, bool *has, const char *value)
{
	uint64_t more;

	if (number_parse(value, &more) < 0 || __builtin_add_overflow(*bytes, more, bytes))
		return -EBADMSG;
	*has = true;
	return 0;
}

static int engine_take(struct drm_fdinfo *info, const char *key, const char *value)
{
	struct drm_engine *engine;
	const char *name;
	uint64_t number;
	int r = number_parse(value, &number);

	if (r < 0)
		return r;
	if ((name = name_of(key, "drm-engine-capacity-"))) {
		r = engine_of(info, name, &engine);
		if (r == 0)
			engine->capacity = number;
		return r == 0 && number == 0 ? -EBADMSG : r;
	}
	if ((name = name_of(key, "drm-engine-"))) {
		r = engine_of(info, name, &engine);
		if (r == 0) {
			engine->busy_ns = number;
			engine->has_ns = true;
		}
	} else if ((name = name_of(key, "drm-total-cycles-"))) {
		r = engine_of(info, name, &engine);
		if (r == 0) {
			engine->total_cycles = number;
			engine->has_cycles = true;
		}
	} else if ((name = name_of(key, "drm-cycles-"))) {
		r = engine_of(info, name, &engine);
		if (r == 0)
			engine->busy_cycles = number;
	}
	return r;
}

/* What is read of a file besides memory in use under its newer name. */
struct reading {
	char driver[DRM_NAME_MAX];
	bool has_client;
	uint64_t memory_bytes; /* drm-memory-*, which drm-resident-* took over from */
	bool has_memory;
};

static int line_take(struct drm_fdinfo *info, struct reading *reading, const char *key,
		     const char *value)
{
	if (!strcmp(key, "drm-driver") || !strcmp(key, "drm-pdev")) {
		if (!*value || strlen(value) >= DRM_NAME_MAX)
			return -EBADMSG;
		strcpy(key[4] == 'd' ? reading->driver : info->device, value);
		return 0;
	}
	if (!strcmp(key, "drm-client-id")) {
		reading->has_client = true;
		return number_parse(value, &info->client);
	}
	if (name_of(key, "drm-engine-") || name_of(key, "drm-cycles-") ||
	    name_of(key, "drm-total-cycles-"))
		return engine_take(info, key, value);
	if (name_of(key, "drm-total-"))
		return memory_take(&info->total_bytes, &info->has_total, value);
	if (name_of(key, "drm-resident-"))
		return memory_take(&info->resident_bytes, &info->has_resident, value);
	if (name_of(key, "drm-memory-"))
		return memory_take(&reading->memory_bytes, &reading->has_memory, value);
	return 0;
}

/*
 * pos:	0
 * drm-driver:	i915
 * drm-client-id:	7
 * drm-pdev:	0000:00:02.0
 * drm-engine-render:	9288864723 ns
 * drm-resident-system0:	1024 KiB
 */
int drm_fdinfo_parse(char *text, struct drm_fdinfo *ret_fdinfo)
{
	struct reading reading = { 0 };
	char *save = NULL;

	*ret_fdinfo = (struct drm_fdinfo){ 0 };
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ':');
		int r;

		if (!value || strncmp(line, "drm-", 4))
			continue;
		*value++ = '\0';
		r = line_take(ret_fdinfo, &reading, line, value + strspn(value, " \t"));
		if (r < 0)
			return r;
	}
	if (!reading.driver[0] || !reading.has_client)
		return -ENOENT;
	if (!ret_fdinfo->device[0])
		strcpy(ret_fdinfo->device, reading.driver);
	if (!ret_fdinfo->has_resident && reading.has_memory) {
		ret_fdinfo->has_resident = true;
		ret_fdinfo->resident_bytes = reading.memory_bytes;
	}
	return 0;
}
