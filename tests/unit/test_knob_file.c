// SPDX-License-Identifier: Apache-2.0
/* Knobs that an operator declares: read whole or not at all, and then like any other. */
#include "tests/unit/test_actuator.h"

#include "actuator/knob_file.h"
#include "base/cleanup.h"

#define ABOUT "about = \"x\"; "
#define RANGE "min = 1; max = 9; "
#define MEMORY "domain = \"memory\"; "
#define ALL ABOUT RANGE MEMORY

static void write_text(const struct machine *m, char *path, size_t size, const char *text)
{
	int fd;

	snprintf(path, size, "%s/knobs.conf", m->path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static struct knob_file *load(const struct machine *m, const char *text)
{
	struct knob_file *file = NULL;
	char path[128];

	write_text(m, path, sizeof(path), text);
	assert_int_equal(knob_file_load(path, &file), 0);
	return file;
}

static void without_a_file_there_are_the_knobs_of_the_build(void **state)
{
	struct knob_file *file = NULL;

	(void)state;
	assert_int_equal(knob_file_load("/nonexistent/knobs.conf", &file), 0);
	assert_int_equal(file->n_errors, 0);
	assert_int_equal(file->table.n, knob_rows_count);
	assert_non_null(knob_table_find(&file->table, "vm.swappiness"));
	knob_file_free(file);
	assert_int_equal(knob_file_load(NULL, &file), 0);
	assert_int_equal(file->table.n, knob_rows_count);
	knob_file_free(file);
}

static void a_declared_knob_is_one_like_any_other(void **state)
{
	struct machine *m = *state;
	struct knob_file *file =
		load(m,
		     "knobs = (\n"
		     " { name = \"net/ipv4/conf/eth0.1/rp_filter\"; min = 0; max = 2; domain = "
		     "\"network\";"
		     "   about = \"a\"; per_netns = true; },\n"
		     " { name = \"my.boost\"; path = \"/sys/devices/x/boost\"; min = -3; max = 1; "
		     "   domain = \"scheduler\"; about = \"b\"; unit = \"1ms\"; },\n"
		     " { name = \"vm.lowmem_reserve_ratio[dma32]\"; field = 2; min = 1; max = "
		     "999; " MEMORY "   about = \"c\"; },\n"
		     " { name = \"net.core.default_qdisc\"; domain = \"network\"; about = \"d\";\n"
		     "   choices = [ \"fq\", \"pfifo_fast\" ]; }, { name = \"a.mode\"; " MEMORY
			     ABOUT "   path = \"/sys/a/mode\"; choices = []; } );\n");
	const struct knob_row *row =
		knob_table_find(&file->table, "net.ipv4.conf.eth0/1.rp_filter");

	assert_int_equal(file->n_errors, 0);
	assert_int_equal(file->table.n, knob_rows_count + 5);
	assert_non_null(row);
	assert_string_equal(row->path, "proc/sys/net/ipv4/conf/eth0.1/rp_filter");
	assert_true(knob_fits(row, SCOPE_NETNS) && knob_fits(row, SCOPE_HOST));
	assert_int_equal(row->domain, DOMAIN_NETWORK);
	row = knob_table_find(&file->table, "my/boost");
	assert_string_equal(row->path, "sys/devices/x/boost");
	assert_int_equal(row->min, -3);
	assert_int_equal(row->unit, UNIT_TIME);
	assert_int_equal(row->unit_scale, 1000000);
	row = knob_table_find(&file->table, "vm.lowmem_reserve_ratio[dma32]");
	assert_string_equal(row->path, "proc/sys/vm/lowmem_reserve_ratio");
	assert_int_equal(row->field, 2);
	row = knob_table_find(&file->table, "net.core.default_qdisc");
	assert_int_equal(row->type, KNOB_CHOICE);
	assert_string_equal(row->choices, "fq pfifo_fast");
	assert_null(knob_table_find(&file->table, "a.mode")->choices);
	assert_null(knob_find("a.mode"));
	knob_file_free(file);
}

static const char laptop_mode[] = "knobs = ( { name = \"vm.laptop_mode\"; " ALL " } );";

/* In a child, which is killed by it. */
static void arm_and_die(struct machine *m)
{
	struct knob_file *file = load(m, laptop_mode);
	struct actuator_options options = machine_options(m);

	/* Not with the knobs of the build alone, as machine_crash() has opened it. */
	actuator_close(m->actuator, clock_now_ns());
	options.knobs = &file->table;
	assert_int_equal(actuator_open(&options, clock_now_ns(), &m->recovery, &m->actuator), 0);
	assert_int_equal(machine_begin(m, 1, "vm.laptop_mode", "2", "10"), OUTCOME_REFUSED);
	assert_int_equal(machine_begin(m, 2, "vm/laptop_mode", "2", "9"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 2, ACTION_ARM), OUTCOME_DONE);
	machine_expect(m, "proc/sys/vm/laptop_mode", "9");
}

/* Through the actuator, its journal and a recovery; without its declaration nobody knows how to put it back. */
static void a_declared_knob_is_set_and_recovered(void **state)
{
	struct machine *m = *state;
	struct actuator_options options = machine_options(m);
	struct knob_file *file;

	machine_set(m, "proc/sys/vm/laptop_mode", "2\n");
	machine_crash(m, arm_and_die);
	machine_expect(m, "proc/sys/vm/laptop_mode", "9");
	assert_int_equal(actuator_recover(&options, clock_now_ns(), &m->recovery), 0);
	assert_int_equal(m->recovery.failed, 1);
	assert_non_null(strstr(m->recovery.text, "unable to restore vm.laptop_mode"));
	file = load(m, laptop_mode);
	options.knobs = &file->table;
	assert_int_equal(actuator_recover(&options, clock_now_ns(), &m->recovery), 0);
	assert_int_equal(m->recovery.restored, 1);
	machine_expect(m, "proc/sys/vm/laptop_mode", "2");
	knob_file_free(file);
}

static void what_is_wrong_is_said_with_its_place_and_adds_nothing(void **state)
{
	static const struct {
		const char *text, *place, *error;
	} rows[] = {
		{ "knobs = ( { name = \"a b\"; " ALL "} );", "1:20", "'a b' is no name of a knob" },
		{ "knobs = ( { name = \"vm.swappiness\"; " ALL "} );", "1:20",
		  "there is a knob 'vm.swappiness' already" },
		{ "knobs = ( { name = \"vm/swappiness\"; " ALL "} );", "1:20",
		  "there is a knob 'vm.swappiness' already" },
		{ "knobs = ( { name = \"a.b\"; path = \"/proc/sys/vm/swappiness\"; " ALL "} );",
		  "1:11", "/proc/sys/vm/swappiness is the knob 'vm.swappiness' already" },
		{ "knobs = ( { name = \"a.b\"; path = \"/etc/passwd\"; " ALL "} );", "1:34",
		  "'/etc/passwd' is no path of a setting" },
		{ "knobs = ( { name = \"a.b\"; path = \"/sys/../etc/x\"; " ALL "} );", "1:34",
		  "is no path of a setting" },
		{ "knobs = ( { name = \"a.b\"; path = \"/sys/%s/x\"; " ALL "} );", "1:34",
		  "is no path of a setting" },
		{ "knobs = ( { name = \"a.b\"; " ABOUT MEMORY "} );", "1:11",
		  "'min' and 'max' are missing" },
		{ "knobs = ( { name = \"a.b\"; min = 9; max = 9; " ABOUT MEMORY "} );", "1:11",
		  "min is 9, max is 9" },
		{ "knobs = ( { name = \"a.b\"; min = \"1\"; max = 9; " ABOUT MEMORY "} );", "1:33",
		  "min takes a whole number" },
		{ "knobs = ( { name = \"a.b\"; " ALL "field = 0; } );", NULL, "the first number" },
		{ "knobs = ( { name = \"a.b\"; " ALL "unit = \"1%\"; } );", NULL,
		  "'1%' is no unit" },
		{ "knobs = ( { name = \"a.b\"; " ABOUT RANGE "domain = \"disk\"; } );", NULL,
		  "unknown domain 'disk'" },
		{ "knobs = ( { name = \"a.b\"; " ALL "choices = [ \"a\" ]; } );", "1:11",
		  "a knob of choices has no 'min'" },
		{ "knobs = ( { name = \"a.b\"; " ABOUT MEMORY "choices = [ \"a b\" ]; } );", NULL,
		  "'a b' is no choice" },
		{ "knobs = ( { name = \"a.b\"; " ALL "per_netns = 1; } );", NULL, "true or false" },
		{ "knobs = ( { name = \"a.b\"; " ALL "per_nets = true; } );", NULL,
		  "did you mean 'per_netns'" },
		{ "knobs = ( { name = \"a.b\"; " RANGE MEMORY "} );", "1:11",
		  "'about' is missing" },
		{ "knobs = 3;", "1:9", "knobs takes a list" },
		{ "knob = ( );", "1:1", "unknown key" },
		{ "knobs = (", NULL, "" },
	};
	struct machine *m = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct knob_file *file = load(m, rows[i].text);
		char place[32];

		if (file->n_errors == 0)
			fail_msg("taken: %s", rows[i].text);
		snprintf(place, sizeof(place), "%u:%u", file->errors[0].line,
			 file->errors[0].column);
		if (!strstr(file->errors[0].text, rows[i].error) ||
		    (rows[i].place && strcmp(place, rows[i].place)))
			fail_msg("%s\n%s: %s", rows[i].text, place, file->errors[0].text);
		assert_int_equal(file->table.n, knob_rows_count);
		knob_file_free(file);
	}
}

static void more_than_fit_are_refused(void **state)
{
	static char text[KNOBS_DECLARED_MAX * 128 + 256];
	struct machine *m = *state;
	struct knob_file *file;
	size_t used = 0;

	for (int n = KNOBS_DECLARED_MAX; n <= KNOBS_DECLARED_MAX + 1; n++) {
		used = (size_t)snprintf(text, sizeof(text), "knobs = (\n");
		for (int i = 0; i < n; i++)
			used += (size_t)snprintf(text + used, sizeof(text) - used,
						 "%s{ name = \"a.k%d\"; " ALL "}\n", i ? "," : "",
						 i);
		snprintf(text + used, sizeof(text) - used, ");\n");
		file = load(m, text);
		assert_int_equal(file->n_errors, n > KNOBS_DECLARED_MAX);
		assert_int_equal(file->table.n, knob_rows_count + (n > KNOBS_DECLARED_MAX ? 0 : n));
		knob_file_free(file);
	}
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_there_are_the_knobs_of_the_build),
		ON_MACHINE(a_declared_knob_is_one_like_any_other),
		ON_MACHINE(a_declared_knob_is_set_and_recovered),
		ON_MACHINE(what_is_wrong_is_said_with_its_place_and_adds_nothing),
		ON_MACHINE(more_than_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
