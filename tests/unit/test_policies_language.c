// SPDX-License-Identifier: Apache-2.0
/* What each key takes, and the exact error for what it does not take. */
#include "tests/unit/test_policies_catalogue.h"

#include <math.h>

#include "base/conf_outline.h"

#define HEAD "policy: {\n name = \"p\";\n scope = \"disk\";\n when = \"disk.busy > 50%\";\n"
#define KNOB " knob = \"block.read_ahead_kb\";\n"
#define TRY " try = [ 64 ];\n"
#define GOAL " objective = { minimize = \"disk.read.latency.p50\"; };\n"
#define END "};\n"

/* A policy that is right but for `line`, which is its line 5. */
#define WITH_TRY(line) HEAD line "\n" KNOB GOAL END
#define WITH(line) HEAD line "\n" KNOB TRY GOAL END

/* A policy with the knob and the values given, loaded; its arms as one text. */
static void assert_arms(const char *knob, const char *values, const char *expected)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();
	char text[1024], arms[1024] = "";

	snprintf(text, sizeof(text), "%s knob = \"%s\";\n try = %s;\n" GOAL END, HEAD, knob,
		 values);
	policy_set_load_text(set, &test_catalogue, "p", text, strlen(text));
	assert_string_equal(set_errors(set), "");
	assert_int_equal(set->n_policies, 1);
	for (uint32_t i = 0; i < set->policies[0].n_arms; i++)
		snprintf(arms + strlen(arms), sizeof(arms) - strlen(arms), "%s ",
			 set->policies[0].arms[i]);
	assert_string_equal(arms, expected);
}

static void a_limit_takes_max_and_a_list_takes_sets(void **state)
{
	(void)state;
	assert_arms("cgroup.memory.high", "( \"max\", \"64MiB\", 4096 )", "max 67108864 4096 ");
	assert_arms("affinity.process.cpus", "[ \"0-3,8\", \"1\" ]", "0-3,8 1 ");
	assert_text_errors(HEAD " knob = \"affinity.process.cpus\"; try = [ \"all\" ];" GOAL END,
			   "p:5:42: 'all' is no list: 'affinity.process.cpus' takes numbers such "
			   "as \"0-3,8\"\n");
	assert_text_errors(HEAD " knob = \"cgroup.memory.high\"; try = [ \"Max\" ];" GOAL END,
			   "p:5:40: 'Max' is no number\n");
}

static void a_policy_with_every_key_is_read_whole(void **state)
{
	static const char text[] =
		"policy: {\n"
		"  name = \"disk-read-latency\"; about = \"Fast reads.\"; scope = \"disk\"; match "
		"= \"nvme*\";\n"
		"  when = \"disk.read.latency.p99 > 2ms and disk.write.bytes.rate > 20MB for "
		"5s\";\n"
		"  until = \"disk.busy < 5% for 60s\";\n"
		"  knob = \"block.scheduler\"; try = [ \"none\", \"mq-deadline\", \"kyber\", "
		"\"bfq\" ];\n"
		"  objective = { maximize = \"disk.read.bytes.rate\"; min_effect = \"10%\"; };\n"
		"  guardrails = ( { signal = \"disk.write.bytes.rate\"; max_drop = \"40%\"; },\n"
		"                 { signal = \"psi.io.full\"; max = \"80%\"; },\n"
		"                 { signal = \"mem.available\"; min = \"1GiB\"; },\n"
		"                 { signal = \"disk.inflight\"; max_rise = \"150%\"; } );\n"
		"  trial = { window = \"1s\"; washout = \"250ms\"; max_pairs = 20; error = 0.01; "
		"cooldown = \"1h\";\n"
		"            calibrate = true; };\n"
		"};\n";
	_cleanup_set_ struct policy_set *set = policy_set_new();
	const struct policy *p;

	(void)state;
	assert_int_equal(policy_set_load_text(set, &test_catalogue, "p.conf", text, strlen(text)),
			 0);
	assert_string_equal(set_errors(set), "");
	p = &set->policies[0];
	assert_string_equal(p->name, "disk-read-latency");
	assert_string_equal(p->about, "Fast reads.");
	assert_string_equal(p->file, "p.conf");
	assert_int_equal(p->scope, SCOPE_DISK);
	assert_string_equal(p->scope_match, "nvme*");
	assert_int_equal(p->when.n_nodes, 3);
	assert_int_equal(p->when.for_ns, 5000000000);
	assert_int_equal(p->until.n_nodes, 1);
	assert_int_equal(p->until.for_ns, 60000000000);
	assert_string_equal(p->knob, "block.scheduler");
	assert_int_equal(p->knob_domain, DOMAIN_DISK);
	assert_int_equal(p->n_arms, 4);
	assert_string_equal(p->arms[3], "bfq");
	assert_int_equal(p->ladder, LADDER_NONE);
	assert_int_equal(p->objective.direction, OBJECTIVE_MAXIMIZE);
	assert_int_equal(p->objective.ref.signal, SIGNAL_DISK_READ_BYTES);
	assert_int_equal(p->objective.ref.stat, STAT_RATE);
	assert_true(fabs((p->objective.min_effect) - (0.10)) <= 1e-12);
	assert_int_equal(p->n_guardrails, 4);
	assert_int_equal(p->guardrails[0].kind, GUARDRAIL_MAX_DROP);
	assert_true(fabs((p->guardrails[0].limit) - (0.4)) <= 1e-12);
	assert_int_equal(p->guardrails[1].kind, GUARDRAIL_MAX);
	assert_int_equal(p->guardrails[1].ref.signal, SIGNAL_PSI_IO_FULL);
	assert_true(fabs((p->guardrails[1].limit) - (0.8)) <= 1e-12);
	assert_int_equal(p->guardrails[2].kind, GUARDRAIL_MIN);
	assert_true(fabs((p->guardrails[2].limit) - (1073741824.0)) <= 0);
	assert_int_equal(p->guardrails[3].kind, GUARDRAIL_MAX_RISE);
	assert_true(fabs((p->guardrails[3].limit) - (1.5)) <= 0);
	assert_int_equal(p->trial.window_ns, 1000000000);
	assert_int_equal(p->trial.washout_ns, 250000000);
	assert_int_equal(p->trial.max_pairs, 20);
	assert_true(fabs((p->trial.error) - (0.01)) <= 0);
	assert_int_equal(p->trial.cooldown_ns, 3600000000000);
	assert_int_equal(p->trial.calibrate, 1);
}

static void what_a_policy_does_not_say_has_the_documented_default(void **state)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();
	const char *text = WITH("");
	const struct policy *p;

	(void)state;
	assert_int_equal(policy_set_load_text(set, &test_catalogue, "p", text, strlen(text)), 0);
	p = &set->policies[0];
	assert_string_equal(p->about, "");
	assert_string_equal(p->scope_match, "");
	assert_int_equal(p->until.n_nodes, 0);
	assert_int_equal(p->n_guardrails, 0);
	assert_true(fabs((p->objective.min_effect) - (0.05)) <= 0);
	assert_int_equal(p->trial.window_ns, 2000000000);
	assert_int_equal(p->trial.washout_ns, 500000000);
	assert_int_equal(p->trial.max_pairs, 40);
	assert_true(fabs((p->trial.error) - (0.05)) <= 0);
	assert_int_equal(p->trial.cooldown_ns, 600000000000);
	assert_int_equal(p->trial.calibrate, 0);
}

static void arms_become_what_the_kernel_takes(void **state)
{
	(void)state;
	assert_arms("block.read_ahead_kb", "[ 128, 256 ]", "128 256 ");
	assert_arms("block.read_ahead_kb", "[ \"256KiB\", \"1MiB\" ]", "256 1024 ");
	assert_arms("block.read_ahead_kb", "( 64, \"256KiB\" )", "64 256 ");
	assert_arms("block.wbt_lat_usec", "[ \"2ms\", \"0.3ms\", \"75us\" ]", "2000 300 75 ");
	assert_arms("block.nr_requests", "[ \"64\", \"128\" ]", "64 128 ");
	assert_arms("block.scheduler", "[ \"none\", \"bfq\" ]", "none bfq ");
}

static void steps_are_enumerated_at_load(void **state)
{
	(void)state;
	assert_arms("block.read_ahead_kb", "{ from = 64; to = 256; step = 64; }",
		    "64 128 192 256 ");
	assert_arms("block.read_ahead_kb",
		    "{ from = \"64KiB\"; to = \"200KiB\"; step = \"64KiB\"; }", "64 128 192 ");
	assert_arms("block.read_ahead_kb", "{ from = 1; to = 16; step = 1; }",
		    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 ");
}

static void a_factor_makes_a_ladder_around_the_value_in_force(void **state)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();
	const char *text = WITH_TRY(" try = { factor = 2; min = \"16KiB\"; max = 4096; };");

	(void)state;
	assert_int_equal(policy_set_load_text(set, &test_catalogue, "p", text, strlen(text)), 0);
	assert_int_equal(set->policies[0].ladder, LADDER_FACTOR);
	assert_int_equal(set->policies[0].n_arms, 0);
	assert_true(fabs((set->policies[0].factor) - (2.0)) <= 0);
	assert_int_equal(set->policies[0].ladder_min, 16);
	assert_int_equal(set->policies[0].ladder_max, 4096);
}

static void arms_that_cannot_be_are_refused(void **state)
{
	(void)state;
	assert_text_errors(WITH_TRY(" try = [ ];"),
			   "p:5:8: 'try' is empty: name at least one value\n");
	assert_text_errors(WITH_TRY(" try = ();"),
			   "p:5:8: 'try' is empty: name at least one value\n");
	assert_text_errors(WITH_TRY(" try = {};"),
			   "p:5:8: 'try' is empty: name at least one value\n");
	assert_text_errors(WITH_TRY(" try = 128;"),
			   "p:5:8: 'try' takes values [ … ] or a group { … }, found a number\n");
	assert_text_errors(WITH_TRY(" try = [ 64, 128, 64 ];"),
			   "p:5:19: '64' is in 'try' twice: remove one\n");
	assert_text_errors(WITH_TRY(" try = ( 256, \"256KiB\" );"),
			   "p:5:15: '256KiB' is in 'try' twice: remove one\n");
	assert_text_errors(WITH_TRY(" try = [ 64, 16385 ];"),
			   "p:5:14: 16385 is outside the range of 'block.read_ahead_kb': 0 to "
			   "16384\n");
	assert_text_errors(WITH_TRY(" try = [ \"64GiB\" ];"),
			   "p:5:10: '64GiB' (67108864 for the kernel) is outside the range of "
			   "'block.read_ahead_kb': 0 to 16384\n");
	assert_text_errors(WITH_TRY(" try = [ \"1000B\" ];"),
			   "p:5:10: '1000B' is no whole number for the kernel: "
			   "'block.read_ahead_kb' goes in steps of 1024B\n");
	assert_text_errors(WITH_TRY(" try = [ \"2ms\" ];"),
			   "p:5:11: block.read_ahead_kb takes a size (B KB MB GB TB KiB MiB GiB "
			   "TiB), '2ms' is a time\n");
	assert_text_errors(WITH_TRY(" try = [ \"128\" ];"),
			   "p:5:11: block.read_ahead_kb is a size: '128' needs a unit (B KB MB GB "
			   "TB KiB MiB GiB TiB)\n");
	assert_text_errors(WITH_TRY(" try = [ 1.5 ];"),
			   "p:5:10: 'block.read_ahead_kb' takes whole numbers or strings with a "
			   "unit, found a fraction\n");
	assert_text_errors(WITH_TRY(" try = [ \"64kb\" ];"),
			   "p:5:11: unknown unit 'kb' in '64kb': did you mean 'KB'?\n");
	assert_text_errors(WITH_TRY(" try = [ 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17 ];"),
			   "p:5:8: 'try' has 17 values: at most 16\n");
	assert_text_errors(WITH_TRY(" try = { from = 64; to = 4096; step = 64; };"),
			   "p:5:8: 'try' makes 64 values, at most 16: a step of 253 or more "
			   "does\n");
	assert_text_errors(WITH_TRY(" try = { from = 64; to = 32; step = 1; };"),
			   "p:5:8: 'from' (64) is above 'to' (32): swap them\n");
	assert_text_errors(WITH_TRY(" try = { from = 1; to = 32; step = 0; };"),
			   "p:5:36: step is 0: it must be more than 0\n");
	assert_text_errors(WITH_TRY(" try = { from = 64; to = 128; };"),
			   "p:5:2: 'step' is missing in try = { from, to, step }: from one value "
			   "to the next\n");
	assert_text_errors(
		WITH_TRY(" try = { from = 64; to = 128; stp = 8; };"),
		"p:5:2: 'step' is missing in try = { from, to, step }: from one value to the next\n"
		"p:5:31: unknown key 'stp' in try = { from, to, step }: did you mean 'step'?\n");
	assert_text_errors(WITH_TRY(" try = { factor = 1.0; min = 1; max = 2; };"),
			   "p:5:19: factor is 1.0, outside 1.1 to 16: 2.0 doubles and halves\n");
	assert_text_errors(WITH_TRY(" try = { factor = 2.0; min = 8; max = 8; };"),
			   "p:5:8: 'min' (8) is not below 'max' (8)\n");
	assert_text_errors(WITH_TRY(" try = { factor = 2.0; min = 8; max = 99999; };"),
			   "p:5:39: 99999 is outside the range of 'block.read_ahead_kb': 0 to "
			   "16384\n");
	assert_text_errors(HEAD " knob = \"block.scheduler\"; try = [ \"a b\" ];" GOAL END,
			   "p:5:36: 'a b' is not one word: 'block.scheduler' takes a name such as "
			   "the kernel lists\n");
	assert_text_errors(HEAD " knob = \"block.scheduler\"; try = [ \"\" ];" GOAL END,
			   "p:5:36: element 1 of try is empty\n");
	assert_text_errors(HEAD " knob = \"block.scheduler\"; try = [ 1 ];" GOAL END,
			   "p:5:36: element 1 of try takes a string in quotes, found a number\n");
	assert_text_errors(HEAD " knob = \"block.scheduler\"; try = { from = 1; to = 2; step = 1; "
				"};" GOAL END,
			   "p:5:34: 'block.scheduler' takes names, not numbers: list them as [ "
			   "\"…\", \"…\" ]\n");
}

static void names_that_nothing_has_are_answered_with_the_nearest(void **state)
{
	(void)state;
	assert_text_errors(WITH(" guardrials = ();"), "p:5:2: unknown key 'guardrials' in the "
						      "policy: did you mean 'guardrails'?\n");
	assert_text_errors(WITH(" colour = \"red\";"),
			   "p:5:2: unknown key 'colour' in the policy: it takes name, about, "
			   "scope, match, when, until, knob, try, objective, guardrails, trial\n");
	assert_text_errors("polcy: { };", "p:1:1: unknown key 'polcy': a file has policy: { … } or "
					  "policies = ( { … }, { … } )\n");
	assert_text_errors(HEAD " knob = \"block.shceduler\"; try = [ \"bfq\" ];\n" GOAL END,
			   "p:5:9: unknown knob 'block.shceduler': did you mean "
			   "'block.scheduler'?\n");
	assert_text_errors(HEAD " knob = \"xyz\"; try = [ \"bfq\" ];\n" GOAL END,
			   "p:5:9: unknown knob 'xyz': 'flyball knobs' lists them\n");
	assert_text_errors("policy: { name = \"p\"; scope = \"dsik\"; when = \"disk.busy > "
			   "5%\";\n" KNOB TRY GOAL END,
			   "p:1:31: unknown scope 'dsik': did you mean 'disk'?\n");
	assert_text_errors(
		"policy: { name = \"p\"; scope = \"disk:vda\"; when = \"disk.busy > 5%\";\n" KNOB
			TRY GOAL END,
		"p:1:31: scope takes a kind alone, found 'disk:vda': name instances in 'match'\n");
	assert_text_errors("policy: { name = \"p\"; scope = \"printer\"; when = \"disk.busy > "
			   "5%\";\n" KNOB TRY GOAL END,
			   "p:1:31: unknown scope 'printer': scopes are host, cpu, node, disk, "
			   "nic, netns, cgroup, process, service, gpu\n");
	assert_text_errors(HEAD KNOB TRY
			   " objective = { minimize = \"disk.raed.latency.p50\"; };\n" END,
			   "p:7:28: unknown signal 'disk.raed.latency': did you mean "
			   "'disk.read.latency'?\n");
	assert_text_errors(HEAD KNOB TRY
			   " objective = { minimise = \"disk.read.latency.p50\"; };\n" END,
			   "p:7:16: unknown key 'minimise' in objective: did you mean "
			   "'minimize'?\n");
	assert_text_errors(HEAD KNOB TRY
			   " objective = { minimize = \"disk.read.latency.p95\"; };\n" END,
			   "p:7:28: '.p95' does not fit 'disk.read.latency', which is a "
			   "distribution: write 'disk.read.latency' with .p50, .p90, .p99, .mean "
			   "or .rate\n");
	assert_text_errors(WITH(" trial = { windw = \"1s\"; };"),
			   "p:5:12: unknown key 'windw' in trial: did you mean 'window'?\n");
	assert_text_errors(
		WITH(" guardrails = ( { signal = \"psi.io.full\"; maxrise = \"1%\"; } );"),
		"p:5:43: unknown key 'maxrise' in a guardrail: did you mean 'max_rise'?\n");
}

static void a_knob_or_signal_of_another_scope_is_refused(void **state)
{
	(void)state;
	assert_text_errors("policy: {\n name = \"p\"; scope = \"host\"; when = \"psi.io.full > "
			   "5%\";\n" KNOB TRY " objective = { minimize = \"psi.io.full\"; };\n" END,
			   "p:3:9: 'block.read_ahead_kb' belongs to a disk, the policy to the "
			   "host: write scope = \"disk\"\n");
	assert_text_errors("policy: {\n name = \"p\"; scope = \"host\"; when = \"disk.busy > "
			   "5%\";\n"
			   " knob = \"vm.swappiness\"; try = [ 10 ]; objective = { minimize = "
			   "\"psi.io.full\"; };\n" END,

			   "p:2:38: 'disk.busy' belongs to a disk, the policy to the host: use "
			   "signals of its own scope or of the host, or name one instance: "
			   "'disk.busy[NAME]'\n");
	assert_text_errors("policy: {\n name = \"p\"; scope = \"host\"; match = \"x\"; when = "
			   "\"psi.io.full > 5%\";\n"
			   " knob = \"vm.swappiness\"; try = [ 10 ]; objective = { minimize = "
			   "\"psi.io.full\"; };\n" END,

			   "p:2:30: 'match' chooses among instances, and the host is only one: "
			   "remove it\n");
}

static void a_policy_without_a_signal_of_its_own_names_its_instance(void **state)
{
	static const char rest[] = " knob = \"block.read_ahead_kb\"; try = [ 256 ];\n"
				   " objective = { maximize = \"app.value[web]\"; };\n" END;
	static const struct {
		const char *match, *expected;
	} rows[] = {
		{ .match = "match = \"vda\";", .expected = "" },
		{ .match = "match = \"vd*\";",
		  .expected =
			  "p:2:38: 'vd*' is a pattern, but no signal in 'when' or the objective is "
			  "of a disk, so nothing says which there are: name one\n" },
		{ .match = "",
		  .expected =
			  "p:2:22: no signal in 'when' or the objective is of a disk, so nothing "
			  "says which there are: add match = \"NAME\" with one disk\n" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(text, sizeof(text),
			 "policy: {\n name = \"p\"; scope = \"disk\"; %s when = \"psi.io.full > "
			 "5%%\";\n%s",
			 rows[i].match, rest);
		assert_text_errors(text, rows[i].expected);
	}
	/* One with a name is not of the policy: the disk in brackets says nothing about other disks. */
	snprintf(text, sizeof(text),
		 "policy: {\n name = \"p\"; scope = \"disk\"; when = \"disk.busy[vda] > 5%%\";\n%s",
		 rest);
	assert_text_errors(text, rows[2].expected);
	snprintf(text, sizeof(text),
		 "policy: {\n name = \"p\"; scope = \"disk\"; when = \"disk.busy > 5%%\";\n%s",
		 rest);
	assert_text_errors(text, "");
}

static void a_process_is_named_with_its_start(void **state)
{
	static const struct {
		const char *match;
		bool right;
	} rows[] = {
		{ "4711@228994", true }, { "4711", false },  { "4711@", false },
		{ "4711@start", false }, { "nginx", false }, { "@228994", false },
	};
	char text[512], expected[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(text, sizeof(text),
			 "policy: {\n name = \"p\"; scope = \"process\";\n match = \"%s\";\n"
			 " when = \"psi.io.full > 5%%\"; knob = \"numa.process.node\"; "
			 "try = [ \"1\" ];\n objective = { maximize = \"app.value[web]\"; };\n" END,
			 rows[i].match);
		snprintf(expected, sizeof(expected),
			 "p:3:10: '%s' is no process: write PID@START, as `flyball knobs affinity "
			 "--only process:PID` shows it\n",
			 rows[i].match);
		assert_text_errors(text, rows[i].right ? "" : expected);
	}
}

static void values_out_of_range_say_the_range_and_the_remedy(void **state)
{
	(void)state;
	assert_text_errors(WITH(" trial = { window = \"50ms\"; };"),
			   "p:5:21: window is 50ms, outside 100ms to 10min: raise it to 100ms or "
			   "more\n");
	assert_text_errors(WITH(" trial = { window = \"11min\"; };"),
			   "p:5:21: window is 11min, outside 100ms to 10min: lower it to 10min or "
			   "less\n");
	assert_text_errors(WITH(" trial = { window = 2; };"),
			   "p:5:21: window is a time: '2' needs a unit (ns us ms s min h)\n");
	assert_text_errors(WITH(" trial = { window = \"20MB\"; };"),
			   "p:5:22: window takes a time (ns us ms s min h), '20MB' is a size\n");
	assert_text_errors(WITH(" trial = { window = \"2sec\"; };"),
			   "p:5:22: unknown unit 'sec' in '2sec': did you mean 's'?\n");
	assert_text_errors(WITH(" trial = { washout = \"2min\"; };"),
			   "p:5:22: washout is 2min, outside 0s to 1min: lower it to 1min or "
			   "less\n");
	assert_text_errors(WITH(" trial = { max_pairs = 4; };"),
			   "p:5:24: max_pairs is 4, outside 5 to 200: raise it to 5 or more\n");
	assert_text_errors(WITH(" trial = { max_pairs = 201; };"),
			   "p:5:24: max_pairs is 201, outside 5 to 200: lower it to 200 or less\n");
	assert_text_errors(WITH(" trial = { max_pairs = 5.5; };"),
			   "p:5:24: max_pairs takes a whole number, found a fraction\n");
	assert_text_errors(WITH(" trial = { max_pairs = \"40\"; };"),
			   "p:5:24: max_pairs takes a whole number, found a string\n");
	assert_text_errors(WITH(" trial = { error = 0.5; };"),
			   "p:5:20: error is 0.5, outside 0.0001 to 0.2: lower it to 0.2 or "
			   "less\n");
	assert_text_errors(WITH(" trial = { error = 0.00001; };"),
			   "p:5:20: error is 0.00001, outside 0.0001 to 0.2: raise it to 0.0001 or "
			   "more\n");
	assert_text_errors(WITH(" trial = { max_pairs = 6; error = 0.01; };"),
			   "p:5:24: 6 pairs cannot reach an error of 0.01: raise max_pairs to 7 or "
			   "more, or allow a larger error\n");
	assert_text_errors(WITH(" trial = { max_pairs = 5; error = 0.05; };"), "");
	assert_text_errors(WITH(" trial = { cooldown = \"1000h\"; };"),
			   "p:5:23: cooldown is 1000h, outside 0s to 720h: lower it to 720h or "
			   "less\n");
	assert_text_errors(WITH(" trial = { calibrate = 1; };"),
			   "p:5:24: calibrate takes true or false, found a number\n");
	assert_text_errors(WITH(" trial = 1;"),
			   "p:5:10: trial takes a group { … }, found a number\n");
	assert_text_errors(
		HEAD KNOB TRY
		" objective = { minimize = \"disk.busy\"; min_effect = \"95%\"; };\n" END,
		"p:7:53: min_effect is 95%, outside 0.1% to 90%: lower it to 90% or less\n");
	assert_text_errors(HEAD KNOB TRY
			   " objective = { minimize = \"disk.busy\"; min_effect = 0; };\n" END,
			   "p:7:53: min_effect is 0, outside 0.1% to 90%: raise it to 0.1% or "
			   "more\n");
	assert_text_errors(HEAD KNOB TRY
			   " objective = { minimize = \"disk.busy\"; min_effect = 10; };\n" END,
			   "p:7:53: min_effect is a ratio: '10' needs a unit (%)\n");
}

static void guardrails_are_checked_against_their_signal(void **state)
{
	(void)state;
	assert_text_errors(WITH(" guardrails = ( { signal = \"psi.io.full\"; max = \"20MB\"; } );"),
			   "p:5:50: max takes a ratio (%), '20MB' is a size\n");
	assert_text_errors(WITH(" guardrails = ( { signal = \"psi.io.full\"; max = \"120%\"; } );"),
			   "p:5:49: max is 120%, outside 0% to 100%: lower it to 100% or less\n");
	assert_text_errors(WITH(" guardrails = ( { signal = \"mem.available\"; min = 100; } );"),
			   "p:5:51: mem.available is a size: '100' needs a unit (B KB MB GB TB KiB "
			   "MiB GiB TiB)\n");
	assert_text_errors(WITH(" guardrails = ( { signal = \"mem.available\"; min = \"-1GB\"; } "
				");"),
			   "p:5:52: '-1GB' is negative: mem.available is never below 0\n");
	assert_text_errors(
		WITH(" guardrails = ( { signal = \"disk.busy\"; max_drop = \"120%\"; } );"),
		"p:5:52: max_drop is 120%, outside 0% to 100%: lower it to 100% or less\n");
	assert_text_errors(WITH(" guardrails = ( { signal = \"disk.busy\"; max_rise = \"5ms\"; } "
				");"),
			   "p:5:53: max_rise takes a ratio (%), '5ms' is a time\n");
	assert_text_errors(WITH(" guardrails = ( { signal = \"disk.busy\"; } );"),
			   "p:5:17: a guardrail has one of 'max', 'min', 'max_drop', 'max_rise'; "
			   "this has 0\n");
	assert_text_errors(WITH(" guardrails = ( { signal = \"disk.busy\"; max = \"9%\"; min = "
				"\"1%\"; } );"),
			   "p:5:17: a guardrail has one of 'max', 'min', 'max_drop', 'max_rise'; "
			   "this has 2\n");
	assert_text_errors(WITH(" guardrails = ( { max = \"9%\"; } );"),
			   "p:5:17: 'signal' is missing in a guardrail: what must not get worse\n");
	assert_text_errors(WITH(" guardrails = { signal = \"disk.busy\"; max = \"9%\"; };"),
			   "p:5:15: guardrails takes a list ( { … }, { … } ), found a group { … "
			   "}\n");
	assert_text_errors(WITH(" guardrails = ( 5 );"),
			   "p:5:17: element 1 of guardrails takes a group { … }, found a number\n");
	assert_text_errors(WITH(" guardrails = ( { signal = \"disk.busy\"; max_rise = 40; } );"),
			   "p:5:52: max_rise is a ratio: '40' needs a unit (%)\n");
	assert_text_errors(WITH(" guardrails = ( {}, {}, {}, {}, {}, {}, {}, {}, {} );"),
			   "p:5:15: guardrails has 9 elements: at most 8\n");
}

static void what_is_missing_or_of_another_type_is_named(void **state)
{
	(void)state;
	assert_text_errors("policy: { };",
			   "p:1:1: 'knob' is missing in the policy: what is changed\n"
			   "p:1:1: 'name' is missing in the policy: what the policy is called "
			   "everywhere\n"
			   "p:1:1: 'objective' is missing in the policy: what has to get better\n"
			   "p:1:1: 'scope' is missing in the policy: the policy holds for each "
			   "instance of it\n"
			   "p:1:1: 'try' is missing in the policy: the values to try\n"
			   "p:1:1: 'when' is missing in the policy: what makes an opportunity\n");
	assert_text_errors("policy = 5;", "p:1:10: policy takes a group { … }, found a number\n");
	assert_text_errors("policies = 5;",
			   "p:1:12: policies takes a list ( { … }, { … } ), found a number\n");
	assert_text_errors("policies = ();", "p:1:12: the list of policies is empty\n");
	assert_text_errors("policies = ( 5 );",
			   "p:1:14: element 1 of policies takes a group { … }, found a number\n");
	assert_text_errors(WITH(" about = 5;"),
			   "p:5:10: about takes a string in quotes, found a number\n");
	assert_text_errors(WITH(" about = \"\";"), "p:5:10: about is empty\n");
	assert_text_errors(WITH(" until = [ 1 ];"),
			   "p:5:10: until takes a string in quotes, found an array [ … ]\n");
	assert_text_errors("policy: {\n name = \"a/b\"; scope = \"disk\"; when = \"disk.busy > "
			   "5%\";\n" KNOB TRY GOAL END,

			   "p:2:9: 'a/b' is no name for a policy: use letters, digits, '-', '_' "
			   "and '.', and begin with a letter or digit\n");
	assert_text_errors("policy: {\n name = \"-a\"; scope = \"disk\"; when = \"disk.busy > "
			   "5%\";\n" KNOB TRY GOAL END,

			   "p:2:9: '-a' is no name for a policy: use letters, digits, '-', '_' and "
			   "'.', and begin with a letter or digit\n");
	assert_text_errors(HEAD KNOB TRY " objective = { };\n" END,
			   "p:7:2: the objective is missing: write minimize = \"…\" or maximize = "
			   "\"…\"\n");
	assert_text_errors(
		HEAD KNOB TRY
		" objective = { minimize = \"disk.busy\"; maximize = \"disk.busy\"; };\n" END,

		"p:7:40: an objective has either 'minimize' or 'maximize': remove one\n");
}

static void errors_stand_where_the_offending_text_does(void **state)
{
	(void)state;
	/* Within a string of several literals, over lines, with a comment between them, after tabs and escapes. */
	assert_text_errors("policy: {\n name = \"p\"; scope = \"disk\";\n when = \"disk.busy > 50% "
			   "\" // why\n"
			   "   \"and disk.bsy > 5%\";\n" KNOB TRY GOAL END,
			   "p:4:9: unknown signal 'disk.bsy': did you mean 'disk.busy'?\n");
	assert_text_errors("policy: {\n name = \"p\"; scope = \"disk\";\n when = \"disk.busy > "
			   "50%\n  and\n"
			   "\tdisk.bsy > 5%\";\n" KNOB TRY GOAL END,
			   "p:5:2: unknown signal 'disk.bsy': did you mean 'disk.busy'?\n");
	assert_text_errors("policy: {\n name = \"p\"; scope = \"disk\";\n when = "
			   "\"disk.busy\\t>\\x2050% and disk.bsy > 5%\";\n" KNOB TRY GOAL END,
			   "p:3:34: unknown signal 'disk.bsy': did you mean 'disk.busy'?\n");
	assert_text_errors("policy: {\n name = \"p\"; about = \"µµµ\"; scope = \"dsik\"; when = "
			   "\"disk.busy > 5%\";\n" KNOB TRY GOAL END,
			   "p:2:37: unknown scope 'dsik': did you mean 'disk'?\n");
	assert_text_errors("policy: {\r\n name = \"p\"; scope = \"dsik\"; when = \"disk.busy > "
			   "5%\";\r\n" KNOB TRY GOAL END,

			   "p:2:22: unknown scope 'dsik': did you mean 'disk'?\n");
}

static void all_errors_of_a_file_come_at_once_by_line(void **state)
{
	(void)state;
	assert_text_errors(
		"policy: {\n"
		"  name = \"p\";\n"
		"  scope = \"disk\";\n"
		"  when = \"disk.read.latency.p99 > 20MB and disk.bsy > 5%\";\n"
		"  knob = \"block.scheduller\";\n"
		"  try = [ \"bfq\" ];\n"
		"  objective = { minimize = \"disk.read.latency\"; min_effect = \"200%\"; };\n"
		"  trial = { window = \"1ms\"; wash_out = \"1s\"; };\n"
		"};\n",
		"p:4:35: cannot compare disk.read.latency.p99 (a time) with 20MB (a size)\n"
		"p:4:44: unknown signal 'disk.bsy': did you mean 'disk.busy'?\n"
		"p:5:10: unknown knob 'block.scheduller': did you mean 'block.scheduler'?\n"
		"p:7:29: 'disk.read.latency' is a distribution: write 'disk.read.latency' with "
		".p50, .p90, .p99, .mean or .rate\n"
		"p:7:62: min_effect is 200%, outside 0.1% to 90%: lower it to 90% or less\n"
		"p:8:22: window is 1ms, outside 100ms to 10min: raise it to 100ms or more\n"
		"p:8:29: unknown key 'wash_out' in trial: did you mean 'washout'?\n");
}

static void syntax_errors_have_line_column_and_remedy(void **state)
{
	(void)state;
	assert_text_errors("policy: {\n name \"p\";\n};\n",
			   "p:2:7: found '\"p\"' where '=' should be\n");
	assert_text_errors("policy: {\n name = p;\n};\n", "p:2:9: 'p' needs quotes: write \"p\"\n");
	assert_text_errors("policy: {\n name = ;\n};\n",
			   "p:2:9: found ';' where a value should be\n");
	assert_text_errors("policy: {\n trial = { window = 2s; };\n};\n",
			   "p:2:21: '2s' is no number: write \"2s\" with quotes\n");
	assert_text_errors("policy: {\n try = [ 0x ];\n};\n",
			   "p:2:10: '0x' is no number: write \"0x\" with quotes\n");
	assert_text_errors("policy: 0x1p3",
			   "p:1:9: '0x1p3' is no number: write \"0x1p3\" with quotes\n");
	assert_text_errors("policy: 0x", "p:1:9: '0x' is no number: write \"0x\" with quotes\n");
	assert_text_errors("policy: {\n name = \"p;\n};\n",
			   "p:2:9: this string does not end: close it with '\"'\n");
	assert_text_errors("policy: {\n name = \"p\";\n",
			   "p:1:9: this '{' is not closed: add '}'\n");
	assert_text_errors("policy: {\n try = [ 1, 2 };\n};\n",
			   "p:2:15: found '}' where ']' should be, which closes line 2\n");
	assert_text_errors("policy: {\n try = [ 1, 2, ];\n};\n",
			   "p:2:14: no ',' may follow the last element: remove it\n");
	assert_text_errors("policy: {\n try = [ 1 2 ];\n};\n",
			   "p:2:12: found '2' where ',' or the end of the list should be\n");
	assert_text_errors("policy: {\n try = [ 1, \"a\" ];\n};\n",
			   "p:2:13: an array [ … ] holds one type of value: use a list ( … ) to "
			   "mix them\n");
	assert_text_errors("policy: {\n try = [ { } ];\n};\n",
			   "p:2:10: an array [ … ] holds plain values only: use a list ( … )\n");
	assert_text_errors("policy: {\n try = [ 4294967296 ];\n};\n",
			   "p:2:10: '4294967296' needs more than 32 bits: write 4294967296L\n");
	assert_text_errors("policy: {\n try = [ 99999999999999999999L ];\n};\n",
			   "p:2:10: '99999999999999999999L' is too large\n");
	assert_text_errors("policy: {\n name = \"a\";\n about = \"b\"; name = \"c\";\n};\n",
			   "p:3:15: 'name' is given twice, first in line 2: remove one\n");
	assert_text_errors("policy: { };\n}\n", "p:2:1: this '}' closes nothing: remove it\n");
	assert_text_errors("policy: { };;\n", "p:1:13: found ';' where a key should be\n");
	assert_text_errors("/* policy\n", "p:1:1: this comment does not end: close it with '*/'\n");
	assert_text_errors("policy: {\n § = 1;\n};\n", "p:2:2: found '§' where a key should be\n");
	assert_text_errors("@include \"/etc/passwd\"\n",
			   "p:1:1: '@include' is not allowed: a policy file stands alone, copy the "
			   "text into it\n");
	assert_text_errors("policy: {\n  @include \"more.conf\"\n};\n",
			   "p:2:3: '@include' is not allowed: a policy file stands alone, copy the "
			   "text into it\n");
	assert_text_errors("policy", "p:1:7: the file ends where '=' should be\n");
	assert_text_errors("", "p:0:0: the file holds no policy: write policy: { … } as in "
			       "docs/policy.md\n");
	assert_text_errors("# nothing", "p:0:0: the file holds no policy: write policy: { … } as "
					"in docs/policy.md\n");
}

static void nesting_that_would_overflow_the_stack_is_refused(void **state)
{
	static char text[POLICY_FILE_BYTES_MAX];

	(void)state;
	strcpy(text, "a=");
	memset(text + 2, '(', 100000);
	text[100002] = '\0';
	assert_text_errors(text, "p:1:11: nested deeper than 8: no policy needs that\n");
	for (size_t i = 0; i < 60000; i++)
		memcpy(text + i * 4, "a={ ", 4);
	text[60000 * 4] = '\0';
	assert_text_errors(text, "p:1:35: nested deeper than 8: no policy needs that\n");
	for (size_t i = 0; i < 60000; i++)
		memcpy(text + i * 4, "a=1;", 4);
	assert_text_errors(text, "p:1:5: 'a' is given twice, first in line 1: remove one\n");
	strcpy(text, "a=(");
	for (size_t i = 0; i <= OUTLINE_ENTRIES_MAX; i++)
		memcpy(text + 3 + i * 2, "1,", 3);
	assert_text_errors(text, "p:1:8194: more than 4096 settings in one file: split it\n");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();

	(void)state;
	assert_text_errors("policy: {\n name = \"\xff\";",
			   "p:2:10: byte 0xff is not text: a policy file is UTF-8 without zero "
			   "bytes\n");
	assert_text_errors("\xad", "p:1:1: byte 0xad is not text: a policy file is UTF-8 without "
				   "zero bytes\n");
	assert_text_errors("policy: {\n name = \"\xed\xa0\x80\";",
			   "p:2:10: byte 0xed is not text: a policy file is UTF-8 without zero "
			   "bytes\n");
	assert_text_errors("policy: {\n name = \"\xc0\xaf\";",
			   "p:2:10: byte 0xc0 is not text: a policy file is UTF-8 without zero "
			   "bytes\n");
	assert_text_errors("\xef\xbb\xbf" WITH(""), "");
	assert_int_equal(policy_set_load_text(set, &test_catalogue, "p", "policy\0: {", 10),
			 -EINVAL);
	assert_string_equal(set_errors(set), "p:1:7: byte 0x00 is not text: a policy file is UTF-8 "
					     "without zero bytes\n");
}

static void errors_past_the_kept_ones_are_counted(void **state)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();
	char text[4096] = "";

	(void)state;
	for (int i = 0; i < 100; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "key%d = 1;\n", i);
	assert_int_equal(policy_set_load_text(set, &test_catalogue, "p", text, strlen(text)),
			 -EINVAL);
	assert_int_equal(set->n_errors, 100);
	assert_int_equal(set->errors[POLICY_ERRORS_MAX - 1].line, POLICY_ERRORS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_takes_max_and_a_list_takes_sets),
		cmocka_unit_test(a_policy_with_every_key_is_read_whole),
		cmocka_unit_test(what_a_policy_does_not_say_has_the_documented_default),
		cmocka_unit_test(arms_become_what_the_kernel_takes),
		cmocka_unit_test(steps_are_enumerated_at_load),
		cmocka_unit_test(a_factor_makes_a_ladder_around_the_value_in_force),
		cmocka_unit_test(arms_that_cannot_be_are_refused),
		cmocka_unit_test(names_that_nothing_has_are_answered_with_the_nearest),
		cmocka_unit_test(a_knob_or_signal_of_another_scope_is_refused),
		cmocka_unit_test(a_policy_without_a_signal_of_its_own_names_its_instance),
		cmocka_unit_test(a_process_is_named_with_its_start),
		cmocka_unit_test(values_out_of_range_say_the_range_and_the_remedy),
		cmocka_unit_test(guardrails_are_checked_against_their_signal),
		cmocka_unit_test(what_is_missing_or_of_another_type_is_named),
		cmocka_unit_test(errors_stand_where_the_offending_text_does),
		cmocka_unit_test(all_errors_of_a_file_come_at_once_by_line),
		cmocka_unit_test(syntax_errors_have_line_column_and_remedy),
		cmocka_unit_test(nesting_that_would_overflow_the_stack_is_refused),
		cmocka_unit_test(bytes_that_are_no_text_are_refused),
		cmocka_unit_test(errors_past_the_kept_ones_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
