// SPDX-License-Identifier: Apache-2.0
/* Conditions and references: what they compile to, and the exact error for what they cannot mean. */
#include "tests/unit/test_policies_catalogue.h"

#include <math.h>

#include "base/words.h"
#include "policies/expression.h"

/* The nodes of a condition as text: `disk.busy > 0.5 ; psi.io.full < 0.1 ; and`. */
static void assert_compiles(const char *text, const char *expected)
{
	struct condition condition;
	unsigned int column = 0;
	char error[POLICY_TEXT_MAX] = "", all[1024] = "", name[128];
	int r;

	r = condition_parse(text, &test_catalogue, SCOPE_DISK, &condition, &column, error,
			    sizeof(error));
	assert_string_equal(error, "");
	assert_int_equal(r, 0);
	for (uint32_t i = 0; i < condition.n_nodes; i++) {
		const struct condition_node *node = &condition.nodes[i];
		const char *op = condition_op_word(node->op);
		size_t length = strlen(all);

		if (node->op < CONDITION_AND)
			snprintf(all + length, sizeof(all) - length, "%s%s %s %.10g", i ? "; " : "",
				 signal_ref_format(&node->ref, &test_catalogue, name, sizeof(name)),
				 op, node->limit);
		else
			snprintf(all + length, sizeof(all) - length, "; %s", op);
	}
	if (condition.for_ns)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), " for %llu",
			 (unsigned long long)condition.for_ns);
	assert_string_equal(all, expected);
}

/* `column: text` of the first error. */
static void assert_fails(const char *text, const char *expected)
{
	struct condition condition;
	unsigned int column = 0;
	char error[POLICY_TEXT_MAX] = "", all[POLICY_TEXT_MAX + 16];

	memset(&condition, 0x5a, sizeof(condition));
	assert_int_equal(condition_parse(text, &test_catalogue, SCOPE_DISK, &condition, &column,
					 error, sizeof(error)),
			 -EINVAL);
	snprintf(all, sizeof(all), "%u: %s", column, error);
	assert_string_equal(all, expected);
	/* Written only on success. */
	assert_int_equal(condition.n_nodes, 0x5a5a5a5a);
}

static void comparisons_take_every_operator_and_unit(void **state)
{
	(void)state;
	assert_compiles("disk.busy > 50%", "disk.busy > 0.5");
	assert_compiles("disk.busy >= 0.5", "disk.busy >= 0.5");
	assert_compiles("disk.busy<5%", "disk.busy < 0.05");
	assert_compiles("disk.busy <= 100%", "disk.busy <= 1");
	assert_compiles("disk.read.latency.p99 > 2ms", "disk.read.latency.p99 > 2000000");
	assert_compiles("disk.read.latency.mean > 2µs", "disk.read.latency.mean > 2000");
	assert_compiles("disk.read.latency.rate > 1000", "disk.read.latency.rate > 1000");
	assert_compiles("disk.read.bytes.rate > 20MB", "disk.read.bytes.rate > 20000000");
	assert_compiles("disk.read.bytes.rate > 1.5MiB", "disk.read.bytes.rate > 1572864");
	assert_compiles("disk.read.ops.rate > 1e3", "disk.read.ops.rate > 1000");
	assert_compiles("disk.inflight > 4", "disk.inflight > 4");
	assert_compiles("mem.available < 1GiB", "mem.available < 1073741824");
}

static void and_binds_before_or_and_not_before_both(void **state)
{
	(void)state;
	assert_compiles("disk.busy > 1% or disk.busy > 2% and disk.busy > 3%",
			"disk.busy > 0.01; disk.busy > 0.02; disk.busy > 0.03; and; or");
	assert_compiles("(disk.busy > 1% or disk.busy > 2%) and disk.busy > 3%",
			"disk.busy > 0.01; disk.busy > 0.02; or; disk.busy > 0.03; and");
	assert_compiles("not disk.busy > 1% and disk.busy > 2%",
			"disk.busy > 0.01; not; disk.busy > 0.02; and");
	assert_compiles("not (disk.busy > 1% and disk.busy > 2%)",
			"disk.busy > 0.01; disk.busy > 0.02; and; not");
	assert_compiles("not not disk.busy > 1%", "disk.busy > 0.01; not; not");
	assert_compiles("disk.busy > 1% and disk.busy > 2% and disk.busy > 3%",
			"disk.busy > 0.01; disk.busy > 0.02; and; disk.busy > 0.03; and");
}

static void for_holds_for_the_whole_condition(void **state)
{
	(void)state;
	assert_compiles("disk.busy > 1% for 5s", "disk.busy > 0.01 for 5000000000");
	assert_compiles("disk.busy > 1% or disk.busy > 2% for 250ms",
			"disk.busy > 0.01; disk.busy > 0.02; or for 250000000");
	assert_compiles("disk.inflight > 4 for 1h", "disk.inflight > 4 for 3600000000000");
}

static void the_text_is_kept_on_one_line(void **state)
{
	struct condition condition;
	unsigned int column;
	char error[POLICY_TEXT_MAX];

	(void)state;
	assert_int_equal(condition_parse("disk.busy > 50%\n\tfor 5s ", &test_catalogue, SCOPE_DISK,
					 &condition, &column, error, sizeof(error)),
			 0);
	assert_string_equal(condition.text, "disk.busy > 50%  for 5s ");
}

static void units_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	assert_fails("disk.read.latency.p99 > 20MB",
		     "25: cannot compare disk.read.latency.p99 (a time) with 20MB (a size)");
	assert_fails("disk.read.bytes.rate > 2ms",
		     "24: cannot compare disk.read.bytes.rate (a size) with 2ms (a time)");
	assert_fails("disk.read.latency.p99 > 2",
		     "25: disk.read.latency.p99 is a time: '2' needs a unit (ns us ms s min h)");
	assert_fails("disk.read.bytes.rate > 20", "24: disk.read.bytes.rate is a size: '20' needs "
						  "a unit (B KB MB GB TB KiB MiB GiB TiB)");
	assert_fails("disk.busy > 5", "13: disk.busy is a ratio: '5' needs a unit (%)");
	assert_fails("disk.busy > 500%", "13: '500%' is past 100 %: disk.busy never is");
	assert_fails("disk.inflight > 5ms",
		     "17: cannot compare disk.inflight (a plain number) with 5ms (a time)");
	assert_fails("disk.inflight > 5%",
		     "17: cannot compare disk.inflight (a plain number) with 5% (a ratio)");
	assert_fails("disk.read.latency.p99 > 2msec",
		     "25: unknown unit 'msec' in '2msec': did you mean 'ms'?");
	assert_fails("disk.read.latency.p99 > 2parsec",
		     "25: unknown unit 'parsec' in '2parsec': units are ns us ms s min h, B KB MB "
		     "GB TB KiB MiB GiB TiB, %");
	assert_fails("disk.read.latency.p99 > 2 ms",
		     "25: write the unit right after the number: '2ms'");
	assert_fails("disk.read.bytes.rate > 20MB/s",
		     "28: leave '/s' out: '.rate' is a second's already");
	assert_fails("disk.read.latency.p99 > -2ms",
		     "25: '-2ms' is negative: disk.read.latency.p99 is never below 0");
	assert_fails("disk.inflight > 1e999", "17: '1e999' is too large");
	assert_fails("disk.busy > 1% for 5",
		     "20: 'for' is a time: '5' needs a unit (ns us ms s min h)");
	assert_fails("disk.busy > 1% for 5MB",
		     "20: 'for' takes a time (ns us ms s min h), '5MB' is a size");
	assert_fails("disk.busy > 1% for 2h", "20: 'for 2h' is out of range: write 1h or less");
	assert_fails("disk.busy > 1% for ever", "20: 'ever' is no number");
}

static void suffixes_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	assert_fails("disk.read.latency > 2ms",
		     "1: 'disk.read.latency' is a distribution: write 'disk.read.latency' with "
		     ".p50, .p90, .p99, .mean or .rate");
	assert_fails("disk.read.latency.p95 > 2ms",
		     "1: '.p95' does not fit 'disk.read.latency', which is a distribution: write "
		     "'disk.read.latency' with .p50, .p90, .p99, .mean or .rate");
	assert_fails("disk.read.bytes > 2MB",
		     "1: 'disk.read.bytes' is a counter: write 'disk.read.bytes.rate'");
	assert_fails("disk.read.bytes.p99 > 2MB", "1: '.p99' does not fit 'disk.read.bytes', which "
						  "is a counter: write 'disk.read.bytes.rate'");
	assert_fails("disk.busy.rate > 5%", "1: '.rate' does not fit 'disk.busy', which is a "
					    "gauge: write 'disk.busy' without a suffix");
	assert_fails("disk.busy. > 5%", "1: '.' does not fit 'disk.busy', which is a gauge: write "
					"'disk.busy' without a suffix");
	assert_fails("disk.raed.latency > 5ms",
		     "1: unknown signal 'disk.raed.latency': did you mean 'disk.read.latency'?");
	assert_fails("dsik.busy > 5%", "1: unknown signal 'dsik.busy': did you mean 'disk.busy'?");
	assert_fails("flux.capacitor > 5%",
		     "1: unknown signal 'flux.capacitor': 'flyball signals' lists them");
	assert_fails("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		     "aaaaaaaaaaaaaaaaaaaaaaaaaaaa > 5%",

		     "1: unknown signal "
		     "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…': no name "
		     "is so long");
}

static void a_reference_may_name_one_instance_of_any_scope(void **state)
{
	struct signal_ref ref;
	char error[POLICY_TEXT_MAX];

	(void)state;
	assert_compiles("app.value[redis.ops] > 5 and not app.count[a:b].rate < 3 or psi.io.full > "
			"5%",
			"app.value[redis.ops] > 5; app.count[a:b].rate < 3; not; and; "
			"psi.io.full > 0.05; or");
	assert_compiles("app.latency[redis.get].p99>2ms and disk.busy[sda-1] > 5% for 2s",
			"app.latency[redis.get].p99 > 2000000; disk.busy[sda-1] > 0.05; and for "
			"2000000000");
	/* Whatever a name may hold: what would be an operator or a bracket elsewhere. */
	assert_compiles("app.value[a (b) > c] > 1", "app.value[a (b) > c] > 1");
	assert_int_equal(signal_ref_parse("disk.read.latency[vda].p50", &test_catalogue, &ref,
					  error, sizeof(error)),
			 0);
	assert_int_equal(ref.signal, SIGNAL_DISK_READ_LATENCY);
	assert_int_equal(ref.stat, STAT_P50);
	assert_string_equal(ref.instance, "vda");
}

static void a_reference_is_to_the_scope_that_it_names_or_the_policys_or_the_host(void **state)
{
	static const struct {
		const char *text;
		uint32_t kind;
		const char *instance, *again;
	} rows[] = {
		/* No policy: the main scope. */
		{ "psi.cpu.some", SCOPE_HOST, "", "psi.cpu.some" },
		{ "cpu.idle", SCOPE_CPU, "", "cpu.idle" },
		/* One kind besides the host: its name is enough, its kind may be said. */
		{ "psi.cpu.some[/a/b]", SCOPE_CGROUP, "/a/b", "psi.cpu.some[/a/b]" },
		{ "psi.cpu.some[cgroup:/a]", SCOPE_CGROUP, "/a", "psi.cpu.some[/a]" },
		{ "psi.cpu.some[host]", SCOPE_HOST, "host", "psi.cpu.some[host]" },
		{ "psi.cpu.some[cgroup:host]", SCOPE_CGROUP, "host", "psi.cpu.some[cgroup:host]" },
		{ "app.value[a:b]", SCOPE_SERVICE, "a:b", "app.value[a:b]" },
		{ "app.value[web@up{code=200,le=+Inf}]", SCOPE_SERVICE, "web@up{code=200,le=+Inf}",
		  "app.value[web@up{code=200,le=+Inf}]" },
		{ "app.value[service:service:b]", SCOPE_SERVICE, "service:b",
		  "app.value[service:service:b]" },
		/* Several: it must be said. */
		{ "cpu.user[cpu:3]", SCOPE_CPU, "3", "cpu.user[cpu:3]" },
		{ "cpu.idle[process:17@4]", SCOPE_PROCESS, "17@4", "cpu.idle[process:17@4]" },
	};
	char error[POLICY_TEXT_MAX], text[SIGNAL_REF_TEXT_MAX];
	struct condition condition;
	struct signal_ref ref;
	uint32_t column;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(signal_ref_parse(rows[i].text, &test_catalogue, &ref, error,
						  sizeof(error)),
				 0);
		assert_int_equal(ref.kind, rows[i].kind);
		assert_string_equal(ref.instance, rows[i].instance);
		assert_string_equal(signal_ref_format(&ref, &test_catalogue, text, sizeof(text)),
				    rows[i].again);
	}
	/* A policy of disks: of its own kind where the signal has that, else of the host. */
	assert_int_equal(condition_parse("cpu.user > 5% and psi.cpu.some > 5% and cpu.user[host] > "
					 "5%",
					 &test_catalogue, SCOPE_DISK, &condition, &column, error,
					 sizeof(error)),
			 0);
	assert_int_equal(condition.nodes[0].ref.kind, SCOPE_DISK);
	assert_int_equal(condition.nodes[1].ref.kind, SCOPE_HOST);
	assert_int_equal(condition.nodes[3].ref.kind, SCOPE_HOST);
}

static void a_kind_that_is_missing_or_cannot_be_is_pointed_at(void **state)
{
	(void)state;
	assert_fails("cpu.user[3] > 5%", "9: '[3]' may be a cpu, a disk or a cgroup: say which, "
					 "'cpu.user[cpu:NAME]'");
	assert_fails("cpu.user[nic:eth0] > 5%",
		     "9: '[nic:eth0]' may be a cpu, a disk or a cgroup: say which, "
		     "'cpu.user[cpu:NAME]'");
	assert_fails("cpu.idle > 5%",
		     "1: 'cpu.idle' belongs to a cpu, a cgroup or a process, the policy to a disk: "
		     "use signals of its own scope or of the host, or name one instance: "
		     "'cpu.idle[cpu:NAME]'");
	assert_fails("psi.cpu.some[cgroup:/a*] > 5%",
		     "13: '[cgroup:/a*]' is a pattern: a reference names one instance");
	assert_fails("cpu.user[cpu:] > 5%",
		     "9: '[cpu:]' names no cpu: write one like 'cpu.user[cpu:NAME]'");
}

static void instances_that_cannot_be_are_pointed_at(void **state)
{
	char text[256];

	(void)state;
	assert_fails("app.value > 5",
		     "1: 'app.value' belongs to a service, the policy to a disk: use signals of "
		     "its "
		     "own scope or of the host, or name one instance: 'app.value[NAME]'");
	assert_fails("app.value[x > 5",
		     "10: this '[' is not closed: write one like 'disk.busy[vda]'");
	assert_fails("app.latency[x].p99", "19: the condition ends after 'app.latency[x].p99': add "
					   "a comparison (<, <=, >, >=)");
	assert_fails("app.value[x] and disk.busy > 5%",
		     "14: found 'and' after 'app.value[x]': the comparisons are <, <=, >, >=");
	assert_fails("app.value[] > 5",
		     "10: '[]' names no service: write one like 'app.value[NAME]'");
	assert_fails("disk.busy[a/b] > 5%",
		     "10: '[a/b]' names no disk: write one like 'disk.busy[NAME]'");
	assert_fails("disk.busy > 1% and disk.busy[vd*] > 5%",
		     "29: '[vd*]' is a pattern: a reference names one instance");
	assert_fails("psi.io.full[x] > 5%",
		     "12: 'psi.io.full' belongs to the host, which is only one: leave '[x]' out");
	assert_fails("app.latency.p99[x] > 5ms",
		     "16: the instance stands behind the signal: write 'app.latency[x].p99'");
	assert_fails("app.value[x][y] > 5",
		     "10: a reference names one instance, once: '[y]' is left");
	assert_fails("app.count[x] > 5", "1: 'app.count' is a counter: write 'app.count.rate'");
	assert_fails("app.latency[x].p99 > 5",
		     "22: app.latency[x].p99 is a time: '5' needs a unit (ns us ms s min h)");
	snprintf(text, sizeof(text), "app.value[%0120d] > 5", 0);
	assert_fails(text,
		     "10: the instance "
		     "'0000000000000000000000000000000000000000000000000000000000000000…' is 120 "
		     "bytes long: at most 119");
}

static void what_cannot_be_read_is_pointed_at(void **state)
{
	(void)state;
	assert_fails("", "1: the condition ends where a comparison should be: write one like "
			 "'disk.busy > 50%'");
	assert_fails("   ", "4: the condition ends where a comparison should be: write one like "
			    "'disk.busy > 50%'");
	assert_fails("disk.busy",
		     "10: the condition ends after 'disk.busy': add a comparison (<, <=, >, >=)");
	assert_fails("disk.busy >", "12: the condition ends where a value should be");
	assert_fails("disk.busy > 5% and", "19: the condition ends where a comparison should be: "
					   "write one like 'disk.busy > 50%'");
	assert_fails("disk.busy > 5% disk.busy > 5%",
		     "16: found 'disk.busy' where 'and', 'or', 'for' or the end should be");
	assert_fails("disk.busy == 5%",
		     "11: found '==' after 'disk.busy': the comparisons are <, <=, >, >=");
	assert_fails("disk.busy != 5%",
		     "11: found '!=' after 'disk.busy': the comparisons are <, <=, >, >=");
	assert_fails("disk.busy is 5%",
		     "11: found 'is' after 'disk.busy': the comparisons are <, <=, >, >=");
	assert_fails("5% < disk.busy", "1: found '5%' where a signal should be: write the signal "
				       "first, as in 'disk.busy > 50%'");
	assert_fails("and disk.busy > 5%", "1: found 'and' where a signal, 'not' or '(' should be");
	assert_fails("disk.busy > 5% && disk.busy > 5%", "16: found '&&': write 'and'");
	assert_fails("disk.busy > 5% || disk.busy > 5%", "16: found '||': write 'or'");
	assert_fails("disk.busy > 5% AND disk.busy > 5%", "16: found 'AND': write 'and'");
	assert_fails("!disk.busy > 5%",
		     "1: found '!disk.busy' where a signal, 'not' or '(' should be");
	assert_fails("disk.busy > disk.busy", "13: 'disk.busy' is no number");
	assert_fails("(disk.busy > 5%", "1: this '(' is not closed: add ')'");
	assert_fails("disk.busy > 5%)", "15: this ')' closes nothing: remove it");
	assert_fails("(disk.busy > 5% for 5s)",
		     "17: 'for' stands at the end of the whole condition, outside of brackets");
	assert_fails("(disk.busy > 5% 7)", "17: found '7' where 'and', 'or' or ')' should be");
	assert_fails("()", "2: found ')' where a signal, 'not' or '(' should be");
	assert_fails("disk.busy > 5% for 5s and disk.busy > 5%",
		     "23: found 'and' after 'for': it stands once, at the end of the whole "
		     "condition");
	assert_fails("disk.busy > 5% §",
		     "16: found '§' where 'and', 'or', 'for' or the end should be");
	assert_fails("µ > 5%", "1: found 'µ' where a signal, 'not' or '(' should be");
}

static void brackets_nest_to_a_bounded_depth(void **state)
{
	static char text[POLICY_TEXT_MAX];
	struct condition condition;
	struct findings findings = { .n = 0 };

	(void)state;
	snprintf(text, sizeof(text), "%.*sdisk.busy > 5%%%.*s", EXPRESSION_DEPTH_MAX,
		 "((((((((((((((((((((", EXPRESSION_DEPTH_MAX, "))))))))))))))))))))");
	assert_compiles(text, "disk.busy > 0.05");
	snprintf(text, sizeof(text), "%.*sdisk.busy > 5%%%.*s", EXPRESSION_DEPTH_MAX + 1,
		 "((((((((((((((((((((", EXPRESSION_DEPTH_MAX + 1, "))))))))))))))))))))");
	assert_fails(text, "17: brackets and 'not' are nested deeper than 16: simplify");
	assert_fails("not not not not not not not not not not not not not not not not not "
		     "disk.busy > 5%",
		     "65: brackets and 'not' are nested deeper than 16: simplify");
	/* Whatever its length, a text is refused before it is walked. */
	memset(text, '(', sizeof(text) - 1);
	assert_int_equal(expression_compile(text, &test_catalogue, SCOPE_DISK, &findings,
					    &condition),
			 -EINVAL);
}

static void more_nodes_than_fit_are_refused(void **state)
{
	char text[POLICY_TEXT_MAX] = "disk.busy>1%";

	(void)state;
	for (int i = 0; i < 14; i++)
		strcat(text, " or disk.busy>1%");
	assert_int_equal(strlen(text) < sizeof(text), 1);
	for (int i = 0; i < 4; i++)
		memmove(text + 4, text, strlen(text) + 1), memcpy(text, "not ", 4);
	assert_fails(text, "238: more than 32 comparisons and operators: split the policy");
	memset(text, ' ', sizeof(text));
	memcpy(text, "disk.busy > 5%", 14);
	text[sizeof(text) - 1] = '\0';
	assert_compiles(text, "disk.busy > 0.05");
}

static void a_condition_that_is_too_long_is_refused(void **state)
{
	char text[POLICY_TEXT_MAX + 1];

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "disk.busy > 5%", 14);
	text[POLICY_TEXT_MAX] = '\0';
	assert_fails(text, "1: the condition is longer than 255 bytes: split the policy");
}

static void references_have_the_unit_of_what_is_asked(void **state)
{
	static const struct {
		const char *text;
		enum unit unit;
	} rows[] = {
		{ .text = "disk.read.latency.p50", .unit = UNIT_TIME },
		{ .text = "disk.read.latency.p90", .unit = UNIT_TIME },
		{ .text = "disk.read.latency.p99", .unit = UNIT_TIME },
		{ .text = "disk.read.latency.mean", .unit = UNIT_TIME },
		{ .text = "disk.read.latency.rate", .unit = UNIT_NONE },
		{ .text = "disk.read.bytes.rate", .unit = UNIT_BYTES },
		{ .text = "disk.read.ops.rate", .unit = UNIT_NONE },
		{ .text = "disk.busy", .unit = UNIT_RATIO },
		{ .text = "mem.available", .unit = UNIT_BYTES },
	};
	struct signal_ref ref = { .signal = SIGNAL_ID_COUNT };
	char buffer[96], error[POLICY_TEXT_MAX];

	(void)state;
	assert_int_equal(signal_ref_unit(&ref, &test_catalogue), UNIT_NONE);
	assert_string_equal(signal_ref_format(&ref, &test_catalogue, buffer, sizeof(buffer)), "?");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(signal_ref_parse(rows[i].text, &test_catalogue, &ref, error,
						  sizeof(error)),
				 0);
		assert_string_equal(signal_ref_format(&ref, &test_catalogue, buffer,
						      sizeof(buffer)),
				    rows[i].text);
		assert_int_equal(signal_ref_unit(&ref, &test_catalogue), rows[i].unit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparisons_take_every_operator_and_unit),
		cmocka_unit_test(and_binds_before_or_and_not_before_both),
		cmocka_unit_test(for_holds_for_the_whole_condition),
		cmocka_unit_test(the_text_is_kept_on_one_line),
		cmocka_unit_test(units_that_do_not_fit_are_refused),
		cmocka_unit_test(suffixes_that_do_not_fit_are_refused),
		cmocka_unit_test(a_reference_may_name_one_instance_of_any_scope),
		cmocka_unit_test(instances_that_cannot_be_are_pointed_at),
		cmocka_unit_test(
			a_reference_is_to_the_scope_that_it_names_or_the_policys_or_the_host),
		cmocka_unit_test(a_kind_that_is_missing_or_cannot_be_is_pointed_at),
		cmocka_unit_test(what_cannot_be_read_is_pointed_at),
		cmocka_unit_test(brackets_nest_to_a_bounded_depth),
		cmocka_unit_test(more_nodes_than_fit_are_refused),
		cmocka_unit_test(a_condition_that_is_too_long_is_refused),
		cmocka_unit_test(references_have_the_unit_of_what_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
