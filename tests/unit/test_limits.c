// SPDX-License-Identifier: Apache-2.0
/* The limits: the file, what they refuse, what they count, and how they are made stricter. */
#include "tests/unit/test_actuator.h"

#include <math.h>
#include <time.h>

#include "actuator/knobs.h"
#include "actuator/limits.h"
#include "actuator/limits_file.h"
#include "actuator/pins.h"
#include "actuator/usage.h"
#include "base/cleanup.h"

#define HOUR (3600 * NSEC_PER_SEC)
#define MINUTE (60 * NSEC_PER_SEC)

static struct limits limits;
static struct limits_errors errors;
static char text[256];

/* All errors of a text, a line each; "" when it loads. */
static const char *load(const char *file)
{
	static char all[8192];

	all[0] = '\0';
	limits_load_text("l", file, strlen(file), &limits, &errors);
	for (size_t i = 0; i < errors.n; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%u:%u: %s\n",
			 errors.errors[i].line, errors.errors[i].column, errors.errors[i].text);
	return all;
}

static struct limits_view view_of(const char *knob)
{
	return (struct limits_view){
		.now_ns = 100 * HOUR, .row = knob_find(knob), .executable = "", .command = ""
	};
}

/* NULL when it is allowed, else why not. */
static const char *begin(const struct limits_view *view, const struct change *change)
{
	text[0] = '\0';
	return limits_judge_begin(&limits, view, change, text, sizeof(text)) == OUTCOME_DONE ? NULL
											     : text;
}

static const char *value(const char *knob, const char *old, const char *new_value)
{
	struct change change = machine_change(1, knob, old, new_value);

	text[0] = '\0';
	return limits_judge_value(&limits, knob_find(knob), &change, old, text, sizeof(text)) ==
			       OUTCOME_DONE
		       ? NULL
		       : text;
}

#define assert_says(said, words)                                          \
	do {                                                              \
		const char *said_ = (said);                               \
		assert_non_null(said_);                                   \
		if (!strstr(said_, words))                                \
			fail_msg("'%s' does not say '%s'", said_, words); \
	} while (0)

/* --- the file --- */

static void an_empty_file_is_what_is_built_in(void **state)
{
	struct limits built_in;

	(void)state;
	limits_defaults(&built_in);
	assert_string_equal(load(""), "");
	assert_memory_equal(limits.value, built_in.value, sizeof(limits.value));
	assert_memory_equal(limits.rules, built_in.rules, sizeof(limits.rules));
}

static void every_preset_is_what_its_row_says(void **state)
{
	double parsed;
	char shown[64], name[64];

	(void)state;
	for (uint32_t i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_number *n = &limit_numbers[i];

		assert_non_null(n->key);
		assert_int_equal(limit_value_parse(i, n->preset_text, &parsed, text, sizeof(text)),
				 0);
		assert_true(parsed == n->preset);
		assert_string_equal(limit_value_text(i, n->preset, shown, sizeof(shown)),
				    n->preset_text);
		if (n->is_switch)
			continue;
		assert_int_equal(limit_value_parse(i, n->min_text, &parsed, text, sizeof(text)), 0);
		assert_true(parsed == n->min);
		assert_int_equal(limit_value_parse(i, n->max_text, &parsed, text, sizeof(text)), 0);
		assert_true(parsed == n->max);
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(limit_name(i, name, sizeof(name)),
						limit_name(k, shown, sizeof(shown)));
	}
}

static void every_key_is_read_with_its_line(void **state)
{
	(void)state;
	assert_string_equal(
		load("freeze = true;\ntrials_at_once = 2;\nchanges_per_hour = 60;\n"
		     "changes_per_hour_knob = 30;\ncooldown = \"5min\";\nresume_after = "
		     "\"never\";\n"
		     "load_modules = true;\nharm_budget = { loss = \"0.1%\"; time = \"1h\"; };\n"
		     "oscillation = { flips = 3; within = \"2h\"; quarantine = \"10min\"; "
		     "quarantine_max = \"24h\"; };\nnuma = { rate = \"64MiB\"; free = \"1GiB\"; "
		     "};\n"
		     "allow = ( { knob = \"block.*\"; scope = \"disk:nvme*\"; } );\n"
		     "deny = ( { knob = \"block.nr_requests\"; } );\n"
		     "knobs = ( { knob = \"vm.swappiness\"; min = 10; max = 100; step = 30; "
		     "changes_per_hour = 4; cooldown = \"1h\"; } );\n"
		     "quiet_hours = [ \"mon-fri 08:00-18:00\" ];\n"
		     "protect = { processes = [ \"redis*\" ]; pids = [ 42 ]; cgroups = [ \"/a/b\" "
		     "]; };\n"),
		"");
	assert_true(limits.value[LIMIT_FREEZE] == 1);
	assert_true(limits.value[LIMIT_CHANGES_PER_HOUR] == 60);
	assert_int_equal(limits.source[LIMIT_CHANGES_PER_HOUR].line, 3);
	assert_true(isinf(limits.value[LIMIT_RESUME_AFTER]));
	assert_true(limits.value[LIMIT_HARM_LOSS] == 0.001);
	assert_true(limits.value[LIMIT_OSCILLATION_WITHIN] == (double)(2 * HOUR));
	assert_true(limits.value[LIMIT_NUMA_RATE] == 64.0 * 1024 * 1024);
	/* What is built in of a kind goes when the file has that kind. */
	assert_int_equal(limits.n_rules, 7);
	for (uint32_t i = 0; i < limits.n_rules; i++)
		assert_int_equal(limits.rules[i].source.origin, LIMIT_FILE);
}

static void all_errors_are_said_at_once_with_place_text_and_nearest_name(void **state)
{
	(void)state;
	assert_string_equal(
		load("chnges_per_hour = 3;\ncooldown = \"5 parsecs\";\ntrials_at_once = 9;\n"
		     "deny = ( { knob = \"block.schedular\"; scope = \"disc:sda\"; } );\n"
		     "quiet_hours = [ \"weekends\" ];\nfreeze = 1;\n"
		     "harm_budget = { los = \"1%\"; };\nknobs = ( { max = 3; } );\n"
		     "resume_after = \"soon\";\nprotect = { pids = [ 0 ]; cgroups = [ \"a\" ]; "
		     "};\n"),
		"1:1: unknown key 'chnges_per_hour' in the limits: did you mean "
		"'changes_per_hour'?\n"
		"2:12: cooldown: '5 parsecs' is not a time, such as 10min\n"
		"3:18: trials_at_once: '9' is outside 0 to 8\n"
		"4:19: no knob matches 'block.schedular': did you mean 'block.scheduler'?\n"
		"4:46: 'disc:sda' is no scope: write \"disk:sda\", \"disk:nvme*\" or \"host\"\n"
		"5:17: 'weekends' is no time of the week: write \"mon-fri 08:00-18:00\", \"sat,sun "
		"22:00-06:00\" or \"daily 12:00-13:00\"\n"
		"6:10: freeze: '1' is neither true nor false\n"
		"7:17: unknown key 'los' in harm_budget: did you mean 'loss'?\n"
		"8:11: 'knob' is missing in a rule of 'knobs': which knobs\n"
		"8:19: max: 'block.scheduler' is no number and has no range\n"
		"9:16: resume_after: 'soon' is not a time, such as 10min, or never\n"
		"10:22: '0' is no process id\n"
		"10:39: 'a' is no path of a cgroup: write \"/system.slice/ssh.service\"\n");
}

static void the_reference_says_what_is_built_in_and_its_example_loads(void **state)
{
	_cleanup_fclose_ FILE *f = fopen(SOURCE_DIR "/docs/limits.md", "r");
	_cleanup_free_ char *doc = NULL;
	struct limits built_in;
	struct limit_row row;
	char shown[LIMIT_TEXT_MAX + 2], *example;
	size_t size = 0;

	(void)state;
	assert_non_null(f);
	assert_true(getdelim(&doc, &size, '\0', f) > 0);
	limits_defaults(&built_in);
	for (uint32_t i = 0; i < built_in.n_rules; i++) {
		limit_rule_row(&built_in, &built_in.rules[i], &row);
		snprintf(shown, sizeof(shown),
			 built_in.rules[i].kind == RULE_PROCESS ||
					 built_in.rules[i].kind == RULE_CGROUP
				 ? "`%s`"
				 : "%s",
			 row.text);
		if (!strstr(doc, shown))
			fail_msg("docs/limits.md lacks %s %s", row.name, shown);
	}
	example = strstr(doc, "```conf\n");
	assert_non_null(example);
	*strstr(example + 8, "```") = '\0';
	assert_string_equal(load(example + 8), "");
}

static void a_bad_file_never_replaces_good_limits(void **state)
{
	(void)state;
	assert_string_equal(load("changes_per_hour = 7;"), "");
	assert_string_not_equal(load("changes_per_hour = 8; cooldwn = 1;"), "");
	assert_true(limits.value[LIMIT_CHANGES_PER_HOUR] == 7);
}

static void a_file_that_others_could_write_is_refused_with_owner_and_mode(void **state)
{
	struct machine *m = *state;
	char path[256], folder[128];

	snprintf(folder, sizeof(folder), "%s/etc", m->path);
	snprintf(path, sizeof(path), "%s/limits.conf", folder);
	assert_int_equal(limits_load(path, &limits, &errors), -ENOENT);
	assert_int_equal(mkdir(folder, 0755), 0);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(limits_load(path, &limits, &errors), 0);
	assert_int_equal(chmod(path, 0664), 0);
	assert_int_equal(limits_load(path, &limits, &errors), -EINVAL);
	assert_says(errors.errors[0].text, "mode 0664) can be written by its group");
	assert_says(errors.errors[0].text, "chmod go-w");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(limits_load(path, &limits, &errors), -EINVAL);
	assert_says(errors.errors[0].text, "the folder");
	assert_int_equal(chmod(folder, 0755), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 1000, 0), 0);
		assert_int_equal(limits_load(path, &limits, &errors), -EINVAL);
		assert_says(errors.errors[0].text, "belongs to uid 1000, mode 0600, not to root");
		assert_int_equal(chown(path, 0, 0), 0);
	}
	assert_int_equal(symlinkat(path, m->state, "link"), 0);
	snprintf(path, sizeof(path), "%s/state/link", m->path);
	assert_int_equal(limits_load(path, &limits, &errors), -EINVAL);
	assert_says(errors.errors[0].text, "this is a link");
}

/* --- what is refused --- */

static void deny_wins_and_what_is_not_allowed_is_refused(void **state)
{
	struct change change = machine_change(1, "block.read_ahead_kb", "128", "256");
	struct limits_view view = view_of("block.read_ahead_kb");

	(void)state;
	assert_string_equal(load(""), "");
	assert_null(begin(&view, &change));
	assert_string_equal(load("allow = ( { knob = \"block.*\"; scope = \"disk:vd*\"; } );"), "");
	assert_null(begin(&view, &change));
	strcpy(change.scope.name, "sda");
	assert_says(begin(&view, &change), "not on the list 'allow' of l");
	strcpy(change.scope.name, "vda");
	load("allow = ( { knob = \"block.*\"; } );\ndeny = ( { scope = \"disk:vd?\"; } );");
	assert_says(begin(&view, &change), "deny every knob of disk:vd? (l:2)");
}

static void ranges_and_steps_hold_in_the_kernels_number_and_in_units(void **state)
{
	(void)state;
	assert_string_equal(load("knobs = ( { knob = \"vm.swappiness\"; min = 10; max = 100; "
				 "step = 30; },\n{ knob = \"block.read_ahead_kb\"; max = \"1MiB\"; "
				 "} );"),
			    "");
	assert_null(value("vm.swappiness", "60", "90"));
	assert_says(value("vm.swappiness", "60", "91"), "from '60' to '91' is too far");
	assert_null(value("vm.swappiness", "60", "30"));
	assert_says(value("vm.swappiness", "60", "29"), "from '60' to '29' is too far");
	assert_says(value("vm.swappiness", "20", "9"), "'9' is less than vm.swappiness min 10");
	assert_says(value("vm.swappiness", "90", "101"), "max 100, step 30 (l:1)");
	assert_null(value("block.read_ahead_kb", "128", "1024"));
	assert_says(value("block.read_ahead_kb", "128", "1025"), "max 1MiB (l:2)");
	assert_null(value("block.scheduler", "none", "bfq"));
	assert_says(load("knobs = ( { knob = \"vm.swappiness\"; max = \"1MiB\"; } );"),
		    "'1MiB' is not in the unit of 'vm.swappiness'");
}

static void rates_are_refused_at_begin_and_at_each_write(void **state)
{
	struct change change = machine_change(1, "vm.swappiness", "60", "10");
	struct limits_view view = view_of("vm.swappiness");

	(void)state;
	load("changes_per_hour = 5;\nchanges_per_hour_knob = 3;");
	view.changes = 4;
	view.changes_knob = 2;
	assert_null(begin(&view, &change));
	view.changes = 5;
	assert_says(begin(&view, &change), "changes_per_hour 5 (l:1) is used up");
	view.changes = 4;
	view.changes_knob = 3;
	assert_says(begin(&view, &change), "changes_per_hour_knob 3 (l:2)");
	assert_int_equal(limits_judge_write(&limits, &view, &change.scope, text, sizeof(text)),
			 OUTCOME_REFUSED);
	load("knobs = ( { knob = \"vm.*\"; changes_per_hour = 1; } );");
	assert_says(begin(&view, &change), "vm.* changes_per_hour 1 (l:1)");
}

static void pauses_count_from_the_end_and_let_the_same_trial_go_on(void **state)
{
	struct change change = machine_change(1, "vm.swappiness", "60", "10");
	struct limits_view view = view_of("vm.swappiness");

	(void)state;
	load("cooldown = \"10min\"; knobs = ( { knob = \"vm.swap*\"; cooldown = \"1h\"; } );");
	assert_null(begin(&view, &change));
	view.ended_ns = view.now_ns - 10 * MINUTE + 1;
	assert_says(begin(&view, &change), "cooldown 10min (l:1) holds for");
	view.ended_ns = view.now_ns - 10 * MINUTE;
	assert_says(begin(&view, &change), "cooldown 1h (l:1)");
	view.ended_ns = view.now_ns - HOUR;
	assert_null(begin(&view, &change));
	view.ended_ns = view.now_ns - 1;
	view.same_trial = true;
	assert_null(begin(&view, &change));
	view.quarantine_ns = view.now_ns;
	assert_null(begin(&view, &change));
	view.quarantine_ns = view.now_ns + 1;
	assert_says(begin(&view, &change), "quarantined");
}

static void budgets_and_freeze_and_open_ones_are_refused(void **state)
{
	struct change change = machine_change(1, "vm.swappiness", "60", "10");
	struct limits_view view = view_of("vm.swappiness");

	(void)state;
	load("trials_at_once = 1;\nharm_budget = { time = \"1h\"; };");
	view.arm_time_ns = HOUR - 1;
	assert_null(begin(&view, &change));
	view.arm_time_ns = HOUR;
	assert_says(begin(&view, &change), "harm_budget.time 1h (l:2)");
	view.by_hand = true;
	assert_null(begin(&view, &change));
	view.n_open = 1;
	assert_says(begin(&view, &change), "trials_at_once 1 (l:1)");
	load("freeze = true;");
	assert_says(begin(&view, &change), "freeze true (l:1)");
}

static void protected_processes_and_groups_are_never_touched(void **state)
{
	struct change change = machine_change(1, "vm.swappiness", "60", "10");
	struct limits_view view = view_of("vm.swappiness");
	static const struct {
		const char *path;
		bool is_protected;
	} groups[] = {
		{ "/system.slice/ssh.service", true },
		{ "/system.slice/ssh.service/below", true },
		{ "/system.slice", true }, /* above: its limits hold for it */
		{ "/", true },
		{ "/system.slice/nginx.service", false },
		{ "/user.slice", false },
	};

	(void)state;
	load("");
	change.scope.kind = SCOPE_CGROUP;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		strcpy(change.scope.name, groups[i].path);
		assert_int_equal(begin(&view, &change) != NULL, groups[i].is_protected);
	}
	change.scope = (struct scope){ .kind = SCOPE_PROCESS, .name = "1@5" };
	view.pid = 1;
	assert_says(begin(&view, &change), "protect.pids 1 (built-in)");
	view.pid = 77;
	view.executable = "/usr/sbin/sshd";
	assert_says(begin(&view, &change), "protect.processes sshd");
	view.executable = "/usr/bin/nginx";
	view.command = "systemd-worker";
	assert_says(begin(&view, &change), "systemd*");
	view.command = "nginx";
	assert_null(begin(&view, &change));
	load("protect = { processes = [ \"/opt/db/*\" ]; };");
	assert_null(begin(&view, &change));
	/* A program that cannot be seen may be the one that is meant. */
	view.executable = "";
	assert_non_null(begin(&view, &change));
}

/* --- quiet hours --- */

static bool quiet(const char *hours, uint32_t weekday, uint32_t hour, uint32_t minute)
{
	struct limit_rule rule = { 0 };

	assert_int_equal(quiet_hours_parse(hours, &rule, text, sizeof(text)), 0);
	return limit_is_quiet(&rule, weekday, hour * 60 + minute);
}

static void quiet_hours_end_at_their_minute_and_cross_midnight(void **state)
{
	(void)state;
	assert_false(quiet("mon-fri 08:00-18:00", 1, 7, 59));
	assert_true(quiet("mon-fri 08:00-18:00", 1, 8, 0));
	assert_true(quiet("mon-fri 08:00-18:00", 5, 17, 59));
	assert_false(quiet("mon-fri 08:00-18:00", 5, 18, 0));
	assert_false(quiet("mon-fri 08:00-18:00", 6, 12, 0));
	/* Friday's night ends on Saturday, whose own evening is not meant. */
	assert_true(quiet("fri 22:00-06:00", 5, 22, 0));
	assert_true(quiet("fri 22:00-06:00", 6, 5, 59));
	assert_false(quiet("fri 22:00-06:00", 6, 6, 0));
	assert_false(quiet("fri 22:00-06:00", 5, 5, 0));
	assert_true(quiet("sat 22:00-06:00", 0, 0, 0));
	assert_true(quiet("fri-mon 00:00-24:00", 0, 23, 59));
	assert_true(quiet("daily 00:00-00:00", 3, 12, 0));
	assert_false(quiet("sat,sun 10:00-11:00", 1, 10, 30));
}

static void quiet_hours_follow_the_wall_clock_through_a_change_of_time(void **state)
{
	/* Berlin, 29 March 2026: 01:59:59 CET is followed by 03:00:00 CEST; 25 October: 02:00 comes twice. */
	static const struct {
		time_t utc;
		bool is_quiet;
	} moments[] = {
		{ 1774745999, true },  /* 01:59:59 */
		{ 1774746000, false }, /* 03:00:00 */
		{ 1792886400, true },  /* 02:00:00 CEST */
		{ 1792890000, true },  /* 02:00:00 CET, an hour later */
		{ 1792893600, false }, /* 03:00:00 CET */
	};

	(void)state;
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
		struct tm local;

		localtime_r(&moments[i].utc, &local);
		if (local.tm_gmtoff == 0)
			skip(); /* no tzdata on this machine */
		assert_int_equal(quiet("daily 01:00-03:00", (uint32_t)local.tm_wday,
				       (uint32_t)local.tm_hour, (uint32_t)local.tm_min),
				 moments[i].is_quiet);
	}
	unsetenv("TZ");
	tzset();
}

/* --- what is counted --- */

static const struct scope host = { .kind = SCOPE_HOST };

static void usage_of(struct usage *usage, uint64_t now, struct limits_view *view)
{
	usage_view(usage, "vm.swappiness", &host, 7, now, view);
}

static void writes_fall_out_after_an_hour_and_survive_the_death_of_the_process(void **state)
{
	struct machine *m = *state;
	static struct usage usage;
	struct limits_view view;

	assert_int_equal(usage_open(&usage, m->state, BOOT_A, HOUR), 0);
	for (int i = 0; i < 5; i++)
		usage_write(&usage, "vm.swappiness", &host, HOUR + (uint64_t)i * 10 * MINUTE);
	assert_int_equal(usage_save(&usage), 0);
	usage_close(&usage);
	assert_int_equal(usage_open(&usage, m->state, BOOT_A, 2 * HOUR), 0);
	usage_of(&usage, 2 * HOUR - 1, &view);
	assert_int_equal(view.changes, 5);
	assert_int_equal(view.changes_knob, 5);
	usage_of(&usage, 2 * HOUR, &view);
	assert_int_equal(view.changes, 4);
	usage_of(&usage, 9 * HOUR, &view);
	assert_int_equal(view.changes, 0);
	usage_close(&usage);
	/* After a reboot it says nothing. */
	assert_int_equal(usage_open(&usage, m->state, BOOT_B, HOUR), 0);
	usage_of(&usage, HOUR, &view);
	assert_int_equal(view.changes, 0);
	usage_close(&usage);
}

static void time_on_trial_counts_also_when_the_process_dies_in_it(void **state)
{
	struct machine *m = *state;
	static struct usage usage;
	struct limits_view view;

	assert_int_equal(usage_open(&usage, m->state, BOOT_A, HOUR), 0);
	usage_arm(&usage, 1, HOUR);
	usage_disarm(&usage, 1, HOUR + 5 * MINUTE);
	usage_arm(&usage, 2, HOUR + 10 * MINUTE);
	usage_of(&usage, HOUR + 11 * MINUTE, &view);
	assert_int_equal(view.arm_time_ns, 6 * MINUTE);
	assert_int_equal(usage_save(&usage), 0);
	usage_close(&usage);
	assert_int_equal(usage_open(&usage, m->state, BOOT_A, HOUR + 15 * MINUTE), 0);
	usage_of(&usage, HOUR + 30 * MINUTE, &view);
	assert_int_equal(view.arm_time_ns, 10 * MINUTE);
	usage_of(&usage, 26 * HOUR, &view);
	assert_int_equal(view.arm_time_ns, 0);
	usage_close(&usage);
}

static void a_torn_image_leaves_the_one_before_it(void **state)
{
	struct machine *m = *state;
	static struct usage usage;
	struct limits_view view;
	struct stat st;
	int fd;

	assert_int_equal(usage_open(&usage, m->state, BOOT_A, HOUR), 0);
	for (int i = 0; i < 2; i++) {
		usage_write(&usage, "vm.swappiness", &host, HOUR);
		assert_int_equal(usage_save(&usage), 0);
	}
	usage_close(&usage);
	fd = openat(m->state, USAGE_NAME, O_WRONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	/* The second image is in the first half. */
	assert_int_equal(pwrite(fd, "torn", 4, 500), 4);
	assert_int_equal(usage_open(&usage, m->state, BOOT_A, HOUR), 0);
	usage_of(&usage, HOUR, &view);
	assert_int_equal(view.changes, 1);
	usage_close(&usage);
	assert_int_equal(pwrite(fd, "torn", 4, st.st_size / 2 + 500), 4);
	close(fd);
	assert_int_equal(usage_open(&usage, m->state, BOOT_A, HOUR), 1);
	usage_close(&usage);
}

/* Each image is as long as its last place needs; what a longer one has left behind it is not read. */
static void an_image_that_got_shorter_leaves_nothing_of_the_longer_one(void **state)
{
	struct machine *m = *state;
	static struct usage usage;
	char knob[KNOB_NAME_MAX];

	assert_int_equal(usage_open(&usage, m->state, BOOT_A, HOUR), 0);
	for (int i = 0; i < USAGE_PLACES_MAX; i++) {
		snprintf(knob, sizeof(knob), "x.%d", i);
		usage_write(&usage, knob, &host, HOUR);
	}
	assert_int_equal(usage_save(&usage), 0);
	assert_int_equal(usage_save(&usage), 0);
	usage_close(&usage);
	assert_int_equal(usage_open(&usage, m->state, BOOT_A, HOUR), 0);
	assert_string_equal(usage.state.places[USAGE_PLACES_MAX - 1].knob, knob);
	memset(&usage.state.places[1], 0, (USAGE_PLACES_MAX - 1) * sizeof(usage.state.places[0]));
	assert_int_equal(usage_save(&usage), 0);
	usage_close(&usage);
	assert_int_equal(usage_open(&usage, m->state, BOOT_A, HOUR), 0);
	assert_string_equal(usage.state.places[0].knob, "x.0");
	for (size_t i = 1; i < USAGE_PLACES_MAX; i++)
		assert_string_equal(usage.state.places[i].knob, "");
	usage_close(&usage);
}

static void a_knob_that_flips_is_quarantined_longer_each_time(void **state)
{
	struct machine *m = *state;
	static struct usage usage;
	struct limits_view view;
	uint64_t now = HOUR;

	assert_int_equal(usage_open(&usage, m->state, BOOT_A, now), 0);
	load("oscillation = { flips = 2; within = \"1h\"; quarantine = \"10min\"; "
	     "quarantine_max = \"30min\"; };");
	for (int round = 0; round < 4; round++) {
		static const uint64_t minutes[] = { 10, 20, 30, 30 };

		for (int i = 0; i < 3; i++) {
			usage_of(&usage, now, &view);
			assert_true(view.quarantine_ns <= now);
			usage_flip(&usage, "vm.swappiness", &host, &limits, now);
		}
		usage_of(&usage, now, &view);
		assert_int_equal(view.quarantine_ns - now, minutes[round] * MINUTE);
		now += 2 * HOUR;
	}
	/* Two an hour for ever are none too many. */
	now += 48 * HOUR;
	for (int i = 0; i < 20; i++, now += 30 * MINUTE) {
		usage_flip(&usage, "vm.swappiness", &host, &limits, now);
		usage_of(&usage, now, &view);
		assert_true(view.quarantine_ns <= now);
	}
	usage_close(&usage);
}

static void more_places_than_can_be_counted_are_refused(void **state)
{
	struct machine *m = *state;
	struct scope disk = { .kind = SCOPE_DISK };
	static struct usage usage;

	assert_int_equal(usage_open(&usage, m->state, BOOT_A, HOUR), 0);
	for (int i = 0; i <= USAGE_PLACES_MAX; i++) {
		snprintf(disk.name, sizeof(disk.name), "sd%d", i);
		assert_int_equal(usage_begin(&usage, "block.scheduler", &disk, 1, HOUR),
				 i < USAGE_PLACES_MAX ? 0 : -ENOSPC);
	}
	assert_int_equal(usage_begin(&usage, "block.scheduler", &disk, 1, 2 * HOUR + 1), 0);
	usage_close(&usage);
}

/* --- run time --- */

static void at_run_time_limits_only_become_stricter(void **state)
{
	struct change change = machine_change(1, "vm.swappiness", "60", "90");
	struct limits_view view = view_of("vm.swappiness");

	(void)state;
	load("changes_per_hour = 100;");
	assert_int_equal(limits_tighten(&limits, "changes_per_hour", "50", text, sizeof(text)), 0);
	assert_int_equal(limits_tighten(&limits, "changes_per_hour", "51", text, sizeof(text)),
			 -EINVAL);
	assert_says(text, "changes_per_hour is 50 (run time), and '51' would loosen it");
	assert_int_equal(limits_tighten(&limits, "cooldown", "1h", text, sizeof(text)), 0);
	assert_int_equal(limits_tighten(&limits, "cooldown", "59min", text, sizeof(text)), -EINVAL);
	assert_int_equal(limits_tighten(&limits, "load_modules", "true", text, sizeof(text)),
			 -EINVAL);
	assert_int_equal(limits_tighten(&limits, "vm.swappiness.max", "80", text, sizeof(text)), 0);
	assert_says(value("vm.swappiness", "60", "81"), "max 80 (run time)");
	assert_int_equal(limits_tighten(&limits, "vm.swappiness.max", "90", text, sizeof(text)), 0);
	assert_says(value("vm.swappiness", "60", "81"), "max 80 (run time)");
	assert_null(begin(&view, &change));
	assert_int_equal(limits_tighten(&limits, "deny", "vm.*", text, sizeof(text)), 0);
	assert_says(begin(&view, &change), "deny vm.* (run time)");
	assert_int_equal(limits_tighten(&limits, "cooldwn", "1h", text, sizeof(text)), -EINVAL);
	assert_says(text, "did you mean 'cooldown'");
	for (int i = 0; i < LIMIT_RULES_MAX; i++)
		limits_tighten(&limits, "deny", "vm.*", text, sizeof(text));
	assert_int_equal(limits_tighten(&limits, "deny", "vm.*", text, sizeof(text)), -ENOSPC);
}

static void the_actuator_holds_to_what_was_set_also_after_a_crash(void **state)
{
	struct machine *m = *state;
	struct actuator_options options = machine_options(m);
	struct limit_row rows[LIMIT_COUNT];
	uint64_t now = clock_now_ns();

	options.daemon_ns = 1;
	assert_int_equal(actuator_open(&options, now, &m->recovery, &m->actuator), 0);
	assert_int_equal(actuator_limit_set(m->actuator, "changes_per_hour", "1", HOUR, now, text,
					    sizeof(text)),
			 0);
	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_BASE), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_REFUSED);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	actuator_close(take_ptr(m->actuator), now);
	assert_int_equal(actuator_open(&options, now, &m->recovery, &m->actuator), 0);
	assert_int_equal(machine_begin(m, 2, "vm.swappiness", "60", "10"), OUTCOME_REFUSED);
	assert_says(m->outcome.text, "changes_per_hour 1 (run time) is used up");
	actuator_close(take_ptr(m->actuator), now);
	/* Another daemon begins without what was set; after its time it is gone, too. */
	options.daemon_ns = 2;
	assert_int_equal(actuator_open(&options, now, &m->recovery, &m->actuator), 0);
	assert_int_equal(machine_begin(m, 3, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_true(actuator_limits(m->actuator, rows, LIMIT_COUNT) > LIMIT_COUNT);
	assert_string_equal(rows[LIMIT_CHANGES_PER_HOUR].from, "built-in");
}

static void a_bad_limits_file_stops_every_begin_until_it_is_mended(void **state)
{
	struct machine *m = *state;
	struct actuator_options options = machine_options(m);
	char path[128];

	snprintf(path, sizeof(path), "%s/root/limits.conf", m->path);
	machine_set(m, "limits.conf", "changes_per_our = 3;\n");
	options.limits_file = path;
	assert_int_equal(actuator_open(&options, clock_now_ns(), &m->recovery, &m->actuator), 0);
	assert_says(actuator_note(m->actuator), "limits.conf:1: unknown key");
	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_REFUSED);
	assert_says(m->outcome.text, "limits file is not in order");
	assert_int_equal(actuator_limits_reload(m->actuator, clock_now_ns(), text, sizeof(text)),
			 -EINVAL);
	machine_set(m, "limits.conf", "deny = ( { knob = \"vm.dirty*\"; } );\n");
	assert_int_equal(actuator_limits_reload(m->actuator, clock_now_ns(), text, sizeof(text)),
			 0);
	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	machine_set(m, "limits.conf", "nonsense");
	assert_int_equal(actuator_limits_reload(m->actuator, clock_now_ns(), text, sizeof(text)),
			 -EINVAL);
	/* The good ones stay. */
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	assert_int_equal(machine_begin(m, 2, "vm.dirty_ratio", "0", "10"), OUTCOME_REFUSED);
	assert_says(m->outcome.text, "limits.conf:1)");
}

/* --- somebody else's hand, and changes by hand --- */

static void a_foreign_hand_owns_the_knob_until_its_time_is_over(void **state)
{
	struct machine *m = *state;
	struct actuator_options options = machine_options(m);
	struct pin pin;

	options.pins = m->state;
	assert_int_equal(actuator_open(&options, clock_now_ns(), &m->recovery, &m->actuator), 0);
	assert_int_equal(machine_begin(m, 1, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	machine_set(m, SWAPPINESS, "33");
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_FOREIGN);
	assert_int_equal(actuator_pins(m->actuator, &pin, 1), 1);
	assert_string_equal(pin.value, "33");
	assert_string_equal(pin.by, "unknown");
	assert_int_equal(pin.until_ns - pin.since_ns, 24 * HOUR);
	actuator_close(take_ptr(m->actuator), clock_now_ns());
	assert_int_equal(actuator_open(&options, clock_now_ns(), &m->recovery, &m->actuator), 0);
	assert_int_equal(machine_begin(m, 2, "vm.swappiness", "33", "10"), OUTCOME_REFUSED);
	assert_says(m->outcome.text, "flyball unpin vm.swappiness");
	/* Only that one pauses. */
	assert_int_equal(machine_begin(m, 3, "net.core.somaxconn", "4096", "8192"), OUTCOME_DONE);
	assert_int_equal(actuator_unpin(m->actuator, "vm.swappiness", &host, text, sizeof(text)),
			 0);
	assert_int_equal(machine_begin(m, 4, "vm.swappiness", "33", "10"), OUTCOME_DONE);
}

static void pins_that_are_over_hold_no_more_and_damage_is_counted(void **state)
{
	struct machine *m = *state;
	struct pin pin = { .knob = "vm.swappiness", .scope = host, .until_ns = 100, .by = "uid 0" };
	static struct pins pins;
	int fd;

	assert_int_equal(pins_open(&pins, m->state), 0);
	assert_int_equal(pins_add(&pins, &pin, 50), 0);
	assert_non_null(pins_find(&pins, "vm.swappiness", &host, 99));
	assert_null(pins_find(&pins, "vm.swappiness", &host, 100));
	assert_null(pins_find(&pins, "vm.dirty_ratio", &host, 99));
	fd = openat(m->state, PINS_NAME, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "what\tis\tthis\n", 13), 13);
	close(fd);
	assert_int_equal(pins_open(&pins, m->state), 1);
	assert_int_equal(pins.n, 1);
	assert_int_equal(pins_remove(&pins, "vm.swappiness", &host), 0);
	assert_int_equal(pins_open(&pins, m->state), 0);
	assert_int_equal(pins.n, 0);
	for (int i = 0; i <= PINS_MAX; i++) {
		snprintf(pin.knob, sizeof(pin.knob), "k%d", i);
		assert_int_equal(pins_add(&pins, &pin, 50), i < PINS_MAX ? 0 : -ENOSPC);
	}
}

static void a_change_by_hand_lives_until_its_deadline_also_without_core(void **state)
{
	struct change change = machine_change(1, "vm.swappiness", "60", "10");
	struct machine *m = *state;
	uint64_t now = clock_now_ns();

	assert_int_equal(machine_open(m), 0);
	change.flags = CHANGE_BY_HAND;
	change.deadline_ns = now + 25 * HOUR;
	actuator_change(m->actuator, &change, now, &m->outcome);
	assert_int_equal(m->outcome.status, OUTCOME_REFUSED);
	change.deadline_ns = now + HOUR;
	actuator_change(m->actuator, &change, now, &m->outcome);
	assert_int_equal(m->outcome.status, OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(actuator_hands(m->actuator, &change, 1), 1);
	assert_int_equal(change.txn, 1);
	assert_int_equal(actuator_deadline(m->actuator), now + HOUR);
	assert_int_equal(actuator_undo_next(m->actuator, now, &m->outcome), 0);
	assert_int_equal(actuator_expire(m->actuator, now + HOUR - 1, &m->outcome), 0);
	machine_expect(m, SWAPPINESS, "10");
	assert_int_equal(actuator_expire(m->actuator, now + HOUR, &m->outcome), 1);
	machine_expect(m, SWAPPINESS, "60");
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_is_what_is_built_in),
		cmocka_unit_test(every_preset_is_what_its_row_says),
		cmocka_unit_test(every_key_is_read_with_its_line),
		cmocka_unit_test(all_errors_are_said_at_once_with_place_text_and_nearest_name),
		cmocka_unit_test(the_reference_says_what_is_built_in_and_its_example_loads),
		cmocka_unit_test(a_bad_file_never_replaces_good_limits),
		ON_MACHINE(a_file_that_others_could_write_is_refused_with_owner_and_mode),
		cmocka_unit_test(deny_wins_and_what_is_not_allowed_is_refused),
		cmocka_unit_test(ranges_and_steps_hold_in_the_kernels_number_and_in_units),
		cmocka_unit_test(rates_are_refused_at_begin_and_at_each_write),
		cmocka_unit_test(pauses_count_from_the_end_and_let_the_same_trial_go_on),
		cmocka_unit_test(budgets_and_freeze_and_open_ones_are_refused),
		cmocka_unit_test(protected_processes_and_groups_are_never_touched),
		cmocka_unit_test(quiet_hours_end_at_their_minute_and_cross_midnight),
		cmocka_unit_test(quiet_hours_follow_the_wall_clock_through_a_change_of_time),
		ON_MACHINE(writes_fall_out_after_an_hour_and_survive_the_death_of_the_process),
		ON_MACHINE(time_on_trial_counts_also_when_the_process_dies_in_it),
		ON_MACHINE(a_torn_image_leaves_the_one_before_it),
		ON_MACHINE(an_image_that_got_shorter_leaves_nothing_of_the_longer_one),
		ON_MACHINE(a_knob_that_flips_is_quarantined_longer_each_time),
		ON_MACHINE(more_places_than_can_be_counted_are_refused),
		cmocka_unit_test(at_run_time_limits_only_become_stricter),
		ON_MACHINE(the_actuator_holds_to_what_was_set_also_after_a_crash),
		ON_MACHINE(a_bad_limits_file_stops_every_begin_until_it_is_mended),
		ON_MACHINE(a_foreign_hand_owns_the_knob_until_its_time_is_over),
		ON_MACHINE(pins_that_are_over_hold_no_more_and_damage_is_counted),
		ON_MACHINE(a_change_by_hand_lives_until_its_deadline_also_without_core),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
