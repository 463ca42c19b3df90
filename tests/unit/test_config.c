// SPDX-License-Identifier: Apache-2.0
/* The configuration: what it takes, and what it says of what it does not take. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "config/config.h"

static struct config *load(const char *text, int expected)
{
	struct config *config = NULL;

	assert_int_equal(config_load_text("t.conf", text, strlen(text), &config), expected);
	return config;
}

static void all_ways_to_name_a_service_are_taken(void **state)
{
	struct config *config =
		load("services = (\n"
		     " { name = \"web\"; port = 80; },\n"
		     " { name = \"db\"; executable = \"/usr/lib/postgresql/*/bin/postgres\"; },\n"
		     " { name = \"x\"; cgroup = \"/a\"; },\n"
		     " { unit = \"nginx.service\"; },\n"
		     " { name = \"dns\"; port = 53; protocol = \"udp\"; },\n"
		     " { name = \"sql\"; socket = \"/run/postgresql/.s.PGSQL.*\"; } );\n",
		     0);
	const struct service *services = config->services.items;

	(void)state;
	assert_int_equal(config->services.n, 6);
	assert_string_equal(services[0].name, "web");
	assert_int_equal(services[0].port, 80);
	assert_string_equal(services[1].executable, "/usr/lib/postgresql/*/bin/postgres");
	assert_string_equal(services[2].cgroup, "/a");
	assert_string_equal(services[3].name, "nginx");
	assert_string_equal(services[3].unit, "nginx.service");
	assert_int_equal(services[4].protocol, SERVICE_UDP);
	assert_string_equal(services[5].socket, "/run/postgresql/.s.PGSQL.*");
	assert_int_equal(config->service_places[2].line, 4);
	config_free(config);
}

static void every_error_is_said_with_its_place(void **state)
{
	static const struct {
		const char *text;
		unsigned int line, column;
		const char *says;
	} cases[] = {
		{ "budget = \"101%\";", 1, 10, "outside 0% to 100%" },
		{ "budget = \"5ms\";", 1, 11, "" },
		{ "servces = ( );", 1, 1, "did you mean 'services'?" },
		{ "services = { };", 1, 12, "takes a list" },
		{ "services = ( { name = \"a\"; prot = 80; } );", 1, 28, "did you mean 'port'?" },
		{ "services = ( { name = \"a\"; port = 0; } );", 1, 35, "outside 1 to 65535" },
		{ "services = ( { name = \"a\"; port = 65536; } );", 1, 35, "outside 1 to 65535" },
		{ "services = ( { name = \"a\"; socket = \"a.sock\"; } );", 1, 37, "first '/'" },
		{ "services = ( { name = \"a\"; socket = \"/a\"; port = 1; } );", 1, 14,
		  "a Unix socket has no port" },
		{ "services = ( { name = \"a\"; socket = \"/a\"; protocol = \"udp\"; } );", 1, 14,
		  "a Unix socket has no port" },
		{ "services = ( { name = \"a\"; port = \"80\"; } );", 1, 35, "found a string" },
		{ "services = ( { name = \"a\"; } );", 1, 14, "nothing says which service" },
		{ "services = ( { port = 80; } );", 1, 14, "'name' is missing" },
		{ "services = ( { name = \"-a\"; port = 80; } );", 1, 23, "no name of a service" },
		{ "services = ( { name = \"a]\"; port = 80; } );", 1, 23, "no name of a service" },
		{ "services = ( { name = \"a\"; cgroup = \"b\"; } );", 1, 37,
		  "from its first '/'" },
		{ "services = ( { name = \"a\"; executable = \"b\"; } );", 1, 41, "first '/'" },
		{ "services = ( { unit = \"nginx\"; } );", 1, 23, "no unit with processes" },
		{ "services = ( { unit = \"a.service\"; cgroup = \"/b\"; } );", 1, 14,
		  "remove 'cgroup' or 'unit'" },
		{ "services = ( { name = \"a\"; port = 1; protocol = \"sctp\"; } );", 1, 49,
		  "\"tcp\" or \"udp\"" },
		{ "services = ( { unit = \"a@b.service\"; } );", 1, 14, "'name' is missing" },
		{ "services = ( { unit = \"a.service\"; protocol = \"udp\"; } );", 1, 14,
		  "'port' is missing" },
		{ "services = ( { name = \"a\"; port = 1; },\n { name = \"a\"; port = 2; } );", 2,
		  2, "is in t.conf:1 already" },
		{ "services = ( { name = \"a\" port = 1; } ", 1, 39, "" },
		{ "pages = { };", 1, 9, "takes a list" },
		{ "pages = ( { name = \"a\"; } );", 1, 11, "'url' is missing" },
		{ "pages = ( { name = \"a@\"; url = \"http://[::1]/\"; } );", 1, 20,
		  "no name of a page" },
		{ "pages = ( { name = \"a\"; url = \"file:///etc/passwd\"; } );", 1, 31,
		  "http://127.0.0.1:9113/metrics" },
		{ "pages = ( { name = \"a\"; url = \"http://\"; } );", 1, 31, "write one like" },
		{ "pages = ( { name = \"a\"; url = \"http://1.2.3.4/a b\"; } );", 1, 31,
		  "write one like" },
		{ "pages = ( { name = \"a\"; url = \"http://u:p@1.2.3.4/\"; } );", 1, 31,
		  "no user and password" },
		{ "pages = ( { name = \"a\"; url = \"http://example.org/\"; } );", 1, 11,
		  "write its IP address" },
		{ "pages = ( { name = \"a\"; url = \"http://1.2.3.4\"; socket = \"s\"; } );", 1, 58,
		  "first '/'" },
		{ "pages = ( { name = \"a\"; url = \"http://1.2.3.4\"; every = \"1ms\"; } );", 1,
		  57, "100ms" },
		{ "pages = ( { name = \"a\"; url = \"http://[::1]:80/\"; },\n"
		  " { name = \"a\"; url = \"https://localhost\"; } );",
		  2, 2, "is in t.conf:1 already" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *config = load(cases[i].text, -EINVAL);
		const struct conf_error *error = &config->errors[0];

		assert_true(config->n_errors > 0);
		if (!strstr(error->text, cases[i].says) || error->line != cases[i].line ||
		    (cases[i].says[0] && error->column != cases[i].column))
			fail_msg("%s\n%u:%u: %s", cases[i].text, error->line, error->column,
				 error->text);
		config_free(config);
	}
}

static void all_errors_are_said_at_once(void **state)
{
	struct config *config = load("services = ( { name = \"a\"; port = 0; },\n"
				     "             { name = \"b\"; ports = 1; },\n"
				     "             { name = \"c\"; } );\n",
				     -EINVAL);

	(void)state;
	assert_int_equal(config->n_errors, 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(config->errors[i].line, i + 1);
	config_free(config);
}

static void the_budget_is_a_share(void **state)
{
	struct config *config = load("", 0);

	(void)state;
	assert_float_equal(config->budget_ratio, 0.005, 1e-12);
	assert_int_equal(config->budget_place.line, 0);
	config_free(config);
	config = load("services = ( );\nbudget = \"0.2%\";\n", 0);
	assert_float_equal(config->budget_ratio, 0.002, 1e-12);
	assert_int_equal(config->budget_place.line, 2);
	config_free(config);
	config = load("budget = 0;", 0);
	assert_float_equal(config->budget_ratio, 0, 0);
	config_free(config);
}

static void no_more_services_than_there_is_room_for(void **state)
{
	char text[64 * (SERVICES_MAX + 2)] = "services = (";
	struct config *config;

	(void)state;
	for (int i = 0; i <= SERVICES_MAX; i++)
		sprintf(text + strlen(text), "%s { name = \"s%d\"; port = %d; }", i ? "," : "", i,
			i + 1);
	strcat(text, " );");
	config = load(text, -EINVAL);
	assert_int_equal(config->n_errors, 1);
	assert_non_null(strstr(config->errors[0].text, "more than 32 services"));
	config_free(config);
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void the_folder_is_read_after_the_file_in_the_order_of_names(void **state)
{
	char folder[] = "/tmp/flyball-config-XXXXXX", path[256], command[256];
	struct config *config;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/conf.d", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	write_file(path, "20-b.conf", "services = ( { name = \"c\"; port = 3; } );");
	write_file(path, "10-a.conf", "services = ( { name = \"b\"; port = 2; } );");
	write_file(path, "30-c.conf~", "nonsense");
	write_file(folder, "flyball.conf", "services = ( { name = \"a\"; port = 1; } );");
	snprintf(path, sizeof(path), "%s/flyball.conf", folder);
	assert_int_equal(config_load(path, &config), 0);
	assert_int_equal(config->n_files, 3);
	assert_int_equal(config->services.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(config->services.items[i].port, i + 1);
	config_free(config);
	snprintf(path, sizeof(path), "%s/conf.d", folder);
	write_file(path, "40-d.conf", "services = ( { name = \"b\"; port = 4; } );");
	snprintf(path, sizeof(path), "%s/flyball.conf", folder);
	assert_int_equal(config_load(path, &config), -EINVAL);
	assert_non_null(strstr(config->errors[0].file, "40-d.conf"));
	assert_non_null(strstr(config->errors[0].text, "10-a.conf:1 already"));
	config_free(config);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

static void what_is_not_there_says_nothing(void **state)
{
	struct config *config;

	(void)state;
	assert_int_equal(config_load("/nonexistent/flyball.conf", &config), 0);
	assert_int_equal(config->services.n, 0);
	assert_int_equal(config->n_files, 0);
	config_free(config);
}

/* What `show` writes is a configuration again, and the same. */
static void what_is_shown_can_be_read_again(void **state)
{
	struct config *config =
		load("budget = \"0.25%\"; services = ( { name = \"a\"; executable = "
		     "\"/b\\\"\\\\*\"; "
		     "port = 9; protocol = \"udp\"; }, { unit = \"c.service\"; } );"
		     "pages = ( { name = \"p\"; url = \"http://127.0.0.1:9113/metrics\"; }, "
		     "{ name = \"q\"; url = \"https://example.org/m?a=b\"; every = \"250ms\"; "
		     "socket = \"/run/q.sock\"; } );",
		     0);
	struct config *again;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	config_show(config, out);
	fclose(out);
	again = load(text, 0);
	assert_memory_equal(&config->services, &again->services, sizeof(config->services));
	assert_float_equal(again->budget_ratio, 0.0025, 1e-12);
	assert_int_equal(config->pages.n, 2);
	assert_int_equal(config->pages.items[0].every_ns, 1000000000);
	assert_int_equal(config->pages.items[1].every_ns, 250000000);
	assert_memory_equal(&config->pages, &again->pages, sizeof(config->pages));
	free(text);
	config_free(config);
	config_free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_ways_to_name_a_service_are_taken),
		cmocka_unit_test(every_error_is_said_with_its_place),
		cmocka_unit_test(all_errors_are_said_at_once),
		cmocka_unit_test(the_budget_is_a_share),
		cmocka_unit_test(no_more_services_than_there_is_room_for),
		cmocka_unit_test(the_folder_is_read_after_the_file_in_the_order_of_names),
		cmocka_unit_test(what_is_not_there_says_nothing),
		cmocka_unit_test(what_is_shown_can_be_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
