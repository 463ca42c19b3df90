// SPDX-License-Identifier: Apache-2.0
/* base/scope: text there and back, and what may not become part of a path. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/scope.h"

static void every_kind_is_read_and_written_alike(void **state)
{
	static const char *const texts[SCOPE_KIND_COUNT] = {
		[SCOPE_HOST] = "host",           [SCOPE_CPU] = "cpu:3",
		[SCOPE_NODE] = "node:0",         [SCOPE_DISK] = "disk:vda",
		[SCOPE_NIC] = "nic:eth0",        [SCOPE_NETNS] = "netns:/run/netns/a",
		[SCOPE_CGROUP] = "cgroup:/a/b",  [SCOPE_PROCESS] = "process:12@345",
		[SCOPE_SERVICE] = "service:web", [SCOPE_GPU] = "gpu:0",
		[SCOPE_IRQ] = "irq:36",          [SCOPE_ROUTE] = "route:10.0.0.0/24@main+100@blue",
	};
	char buffer[SCOPE_TEXT_MAX];
	struct scope scope;

	(void)state;
	for (uint32_t kind = 0; kind < SCOPE_KIND_COUNT; kind++) {
		assert_int_equal(scope_parse(texts[kind], &scope), 0);
		assert_int_equal(scope.kind, kind);
		assert_true(scope_valid(&scope));
		assert_string_equal(scope_format(&scope, buffer, sizeof(buffer)), texts[kind]);
	}
}

static void what_could_leave_its_folder_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		":",
		"disk",
		"disk:",
		":vda",
		"dsk:vda",
		"Disk:vda",
		"host:",
		"host:x",
		"disk:a/b",
		"disk:.",
		"disk:..",
		"disk:../x",
		"nic:/etc",
		"cgroup:/a/../b",
		"cgroup:..",
		"cgroup:/a/..",
		"netns:../x",
		"service:/x",
		"process:1/2",
		"disk:a\nb",
		"disk:a\tb",
		"disk:\x7f",
	};
	struct scope scope;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		memset(&scope, 0x5a, sizeof(scope));
		if (scope_parse(texts[i], &scope) != -EINVAL)
			fail_msg("'%s' is taken", texts[i]);
		assert_int_equal(scope.kind, 0x5a5a5a5a);
	}
}

static void a_name_fits_or_is_refused(void **state)
{
	char text[SCOPE_TEXT_MAX + 8] = "disk:", buffer[SCOPE_TEXT_MAX];
	struct scope scope;

	(void)state;
	memset(text + 5, 'a', SCOPE_NAME_MAX - 1);
	assert_int_equal(scope_parse(text, &scope), 0);
	assert_string_equal(scope_format(&scope, buffer, sizeof(buffer)), text);
	text[5 + SCOPE_NAME_MAX - 1] = 'a';
	assert_int_equal(scope_parse(text, &scope), -ENAMETOOLONG);
}

static void patterns_match_by_kind_and_name(void **state)
{
	static const struct {
		const char *scope, *pattern;
		bool matches;
	} rows[] = {
		{ .scope = "disk:nvme0n1", .pattern = "disk:nvme*", .matches = true },
		{ .scope = "disk:vda", .pattern = "disk:nvme*", .matches = false },
		{ .scope = "disk:vda", .pattern = "disk:vd?", .matches = true },
		{ .scope = "nic:vda", .pattern = "disk:vd?", .matches = false },
		{ .scope = "host", .pattern = "host", .matches = true },
	};
	struct scope scope, pattern, any = { .kind = SCOPE_DISK };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(scope_parse(rows[i].scope, &scope), 0);
		assert_int_equal(scope_parse(rows[i].pattern, &pattern), 0);
		assert_int_equal(scope_matches(&scope, &pattern), rows[i].matches);
	}
	assert_int_equal(scope_parse("disk:vda", &scope), 0);
	assert_true(scope_matches(&scope, &any));
	assert_false(scope_equal(&scope, &any));
	assert_true(scope_equal(&scope, &scope));
}

static void bytes_of_a_message_are_not_trusted(void **state)
{
	char buffer[SCOPE_TEXT_MAX];
	struct scope scope = { .kind = SCOPE_KIND_COUNT };

	(void)state;
	assert_false(scope_valid(&scope));
	scope = (struct scope){ .kind = SCOPE_DISK };
	assert_false(scope_valid(&scope));
	memset(scope.name, 'a', sizeof(scope.name));
	assert_false(scope_valid(&scope));
	/* Without its NUL it is still written within bounds. */
	scope_format(&scope, buffer, sizeof(buffer));
	assert_int_equal(strlen(buffer), strlen("disk:") + SCOPE_NAME_MAX);
	scope = (struct scope){ .kind = SCOPE_DISK, .name = "a\n" };
	assert_false(scope_valid(&scope));
	scope = (struct scope){ .kind = SCOPE_DISK, .name = "../sda" };
	assert_false(scope_valid(&scope));
	scope = (struct scope){ .kind = SCOPE_HOST, .name = "x" };
	assert_false(scope_valid(&scope));
}

static void a_pattern_of_one_instance_matches_it_alone(void **state)
{
	static const char *const names[] = { "vda", "a*b", "a?", "x[1]", "dev-disk-by\\x2did" };
	struct scope scope = { .kind = SCOPE_DISK }, exact, pattern;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		strcpy(scope.name, names[i]);
		pattern = scope_pattern_of(&scope);
		assert_true(scope_matches(&scope, &pattern));
		strcat(scope.name, "z");
		assert_false(scope_matches(&scope, &pattern));
	}
	/* Too long to be written with its escapes: rather too many than none. */
	memset(scope.name, '*', SCOPE_NAME_MAX - 1);
	scope.name[SCOPE_NAME_MAX - 1] = '\0';
	pattern = scope_pattern_of(&scope);
	assert_string_equal(pattern.name, "");
	assert_true(scope_pattern_is_exact(&(struct scope){ SCOPE_DISK, "vd\\*a" }, &exact));
	assert_string_equal(exact.name, "vd*a");
	assert_true(scope_pattern_is_exact(&(struct scope){ .kind = SCOPE_HOST }, &exact));
	assert_false(scope_pattern_is_exact(&(struct scope){ .kind = SCOPE_DISK }, &exact));
	assert_false(scope_pattern_is_exact(&(struct scope){ SCOPE_DISK, "vd?" }, &exact));
	assert_false(scope_pattern_is_exact(&(struct scope){ SCOPE_DISK, "vd[a]" }, &exact));
}

static void what_lies_in_one_network_namespace_overlaps(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlaps;
	} cases[] = {
		{ "host", "route:10.0.0.0/24@main", true },
		{ "host", "route:10.0.0.0/24@main+5@blue", false },
		{ "netns:blue", "route:10.0.0.0/24@main+5@blue", true },
		{ "route:::/0@main@blue", "route:10.0.0.0/24@main@blue", true },
		{ "netns:blue", "netns:red", false },
		{ "netns:blue", "host", false },
		{ "disk:vda", "disk:vda", true },
		{ "disk:vda", "disk:vdb", false },
		{ "disk:vda", "host", false },
	};
	struct scope a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(scope_parse(cases[i].a, &a), 0);
		assert_int_equal(scope_parse(cases[i].b, &b), 0);
		assert_int_equal(scope_overlaps(&a, &b), cases[i].overlaps);
		assert_int_equal(scope_overlaps(&b, &a), cases[i].overlaps);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lies_in_one_network_namespace_overlaps),
		cmocka_unit_test(every_kind_is_read_and_written_alike),
		cmocka_unit_test(what_could_leave_its_folder_is_refused),
		cmocka_unit_test(a_name_fits_or_is_refused),
		cmocka_unit_test(patterns_match_by_kind_and_name),
		cmocka_unit_test(bytes_of_a_message_are_not_trusted),
		cmocka_unit_test(a_pattern_of_one_instance_matches_it_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
