// SPDX-License-Identifier: Apache-2.0
#include "actuator/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/scope.h"

static void a_name_is_read_and_written_alike(void **state)
{
	static const char *const names[] = {
		"10.0.0.0/24@main",
		"0.0.0.0/0@main+100",
		"fd00::/64@main+1024",
		"::/0@main+1024@blue",
		"10.1.2.3/32@100",
		"10.0.0.0/8@default@a+b",
		"192.168.0.0/16@4294967295+4294967295",
	};
	char text[SCOPE_NAME_MAX], full[SCOPE_TEXT_MAX];
	struct route_key key;
	struct scope scope;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(route_key_parse(names[i], &key), 0);
		assert_int_equal(route_key_format(&key, text, sizeof(text)), 0);
		assert_string_equal(text, names[i]);
		snprintf(full, sizeof(full), "route:%s", names[i]);
		assert_int_equal(scope_parse(full, &scope), 0);
	}
	assert_int_equal(route_key_parse("fd00::/64@main+1024@blue", &key), 0);
	assert_int_equal(key.family, AF_INET6);
	assert_int_equal(key.length, 64);
	assert_int_equal(key.table, 254);
	assert_int_equal(key.metric, 1024);
	assert_int_equal(key.netns.kind, SCOPE_NETNS);
	assert_string_equal(key.netns.name, "blue");
}

static void a_second_name_of_a_route_is_none(void **state)
{
	static const char *const bad[] = {
		"",
		"10.0.0.0/24",
		"10.0.0.0@main",
		"10.0.0.0/33@main",
		"10.0.0.0/-1@main",
		"10.0.0.0/024@main",
		"10.0.0.0/24@main+0",
		"10.0.0.0/24@main+",
		"10.0.0.0/24@main+x",
		"10.0.0.0/24@254",
		"10.0.0.0/24@",
		"10.0.0.0/24@main@",
		"fd00:0::/64@main",
		"FD00::/64@main",
		"::/129@main",
		"10.0.0/24@main",
		"10.0.0.0/24@4294967296",
		"ten/24@main",
	};
	struct route_key key;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (route_key_parse(bad[i], &key) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_read_and_written_alike),
		cmocka_unit_test(a_second_name_of_a_route_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
