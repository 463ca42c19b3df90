// SPDX-License-Identifier: Apache-2.0
/* The cgroup family on captured hierarchies: v1 and v2 side by side, v2 alone, and a container's view. */
#include "tests/unit/test_actuator.h"
#include "tests/unit/test_listing.h"

#include "actuator/cgroup.h"
#include "actuator/cgroup_disks.h"
#include "actuator/knobs.h"
#include "base/cleanup.h"

#define CPU "sys/fs/cgroup/cpu"
#define UNIFIED "sys/fs/cgroup"

static const char hybrid[] =
	"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
	"33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n"
	"32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
	"34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
	"38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio\n"
	"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
static const char unified[] =
	"22 28 0:20 / /proc rw,nosuid shared:5 - proc proc rw\n"
	"30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

static void fill_hybrid(struct machine *m)
{
	machine_set(m, "proc/self/mountinfo", hybrid);
	machine_set(m, "proc/self/cgroup", "2:cpuset:/\n1:cpu:/own\n0::/\n");
	machine_set(m, CPU "/cpu.shares", "1024\n");
	machine_set(m, CPU "/own/cpu.shares", "1024\n");
	machine_set(m, CPU "/own/below/cpu.shares", "1024\n");
	machine_set(m, CPU "/ownother/cpu.shares", "1024\n");
	machine_set(m, CPU "/a/cpu.shares", "1000\n");
	machine_set(m, CPU "/a/cpu.cfs_quota_us", "-1\n");
	machine_set(m, CPU "/a/cpu.idle", "0\n");
	machine_set(m, CPU "/a/b/cpu.shares", "2\n");
	machine_set(m, CPU "/a/b/cpu.idle", "1\n");
	machine_set(m, "sys/fs/cgroup/cpuset/cpuset.effective_cpus", "0-3\n");
	machine_set(m, "sys/fs/cgroup/cpuset/a/cpuset.effective_cpus", "0-1\n");
	machine_set(m, "sys/fs/cgroup/cpuset/a/cpuset.cpus", "0-1\n");
	machine_set(m, "sys/fs/cgroup/cpuset/a/tasks", "");
	machine_set(m, "sys/fs/cgroup/blkio/a/blkio.bfq.weight", "100\n");
	machine_set(m, "sys/fs/cgroup/blkio/a/blkio.bfq.weight_device", "8:0 50\n");
	machine_set(m, "sys/fs/cgroup/unified/a/cgroup.procs", "");
}

static void fill_unified(struct machine *m)
{
	machine_set(m, "proc/self/mountinfo", unified);
	machine_set(m, "proc/self/cgroup", "0::/system.slice/flyball.service\n");
	machine_set(m, UNIFIED "/system.slice/cpu.weight", "100\n");
	machine_set(m, UNIFIED "/system.slice/flyball.service/cpu.weight", "100\n");
	machine_set(m, UNIFIED "/system.slice/web.service/cpu.weight", "100\n");
	machine_set(m, UNIFIED "/system.slice/web.service/cpu.max", "max 100000\n");
	machine_set(m, UNIFIED "/system.slice/web.service/cpu.idle", "0\n");
	machine_set(m, UNIFIED "/system.slice/web.service/io.weight", "default 100\n8:16 300\n");
	machine_set(m, UNIFIED "/system.slice/web.service/io.max",
		    "259:0 rbps=max wbps=2097152 riops=max wiops=max\n"
		    "8:0 rbps=1048576 wbps=max riops=max wiops=120\n");
	machine_set(m, UNIFIED "/system.slice/web.service/memory.high", "max\n");
	machine_set(m, "sys/dev/block/8:0/queue/scheduler", "[none]\n");
	machine_set(m, "sys/dev/block/259:0/queue/scheduler", "[none]\n");
}

static struct knob_reading reading_of(const struct machine *m, const char *knob, const char *group)
{
	struct scope scope = { .kind = SCOPE_CGROUP };
	struct knob_reading reading;

	snprintf(scope.name, sizeof(scope.name), "%s", group);
	assert_int_equal(knob_read(m->root, knob_find(knob), &scope, &reading), 0);
	return reading;
}

static void assert_value(const struct machine *m, const char *knob, const char *group,
			 const char *value)
{
	assert_string_equal(reading_of(m, knob, group).value, value);
}

static uint32_t begin(struct machine *m, uint64_t txn, const char *knob, const char *group,
		      const char *new_value)
{
	struct change change =
		machine_change(txn, knob, reading_of(m, knob, group).value, new_value);

	change.scope.kind = SCOPE_CGROUP;
	snprintf(change.scope.name, sizeof(change.scope.name), "%s", group);
	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	return m->outcome.status;
}

static void every_row_finds_its_file_on_v1_and_on_v2(void **state)
{
	struct machine *m = *state;

	fill_hybrid(m);
	assert_value(m, "cgroup.cpu.shares", "/a", "1000");
	assert_value(m, "cgroup.cpu.max", "/a", "max");
	assert_value(m, "cgroup.cpu.idle", "/a/b", "1");
	assert_value(m, "cgroup.cpuset.cpus", "/a", "0-1");
	assert_value(m, "cgroup.io.bfq.weight", "/a", "100");
	assert_int_equal(reading_of(m, "cgroup.cpu.weight", "/a").flags, KNOB_GONE);
	assert_int_equal(reading_of(m, "cgroup.memory.high", "/a").flags, KNOB_GONE);
	assert_string_equal(reading_of(m, "cgroup.cpuset.cpus", "/a").within, "0-3");
	fill_unified(m);
	assert_value(m, "cgroup.cpu.weight", "/system.slice/web.service", "100");
	assert_value(m, "cgroup.cpu.max", "/system.slice/web.service", "max");
	assert_value(m, "cgroup.io.weight", "/system.slice/web.service", "100");
	assert_value(m, "cgroup.io.max", "/system.slice/web.service",
		     "8:0 rbps=1048576 wiops=120; 259:0 wbps=2097152");
	assert_value(m, "cgroup.memory.high", "/system.slice/web.service", "max");
	assert_int_equal(reading_of(m, "cgroup.cpu.shares", "/system.slice").flags, KNOB_GONE);
}

static void groups_are_found_below_the_root_where_the_file_is(void **state)
{
	struct machine *m = *state;
	struct scope scopes[8];

	fill_hybrid(m);
	assert_int_equal(knob_scopes(m->root, knob_find("cgroup.cpu.shares"), scopes, 8), 5);
	assert_int_equal(knob_scopes(m->root, knob_find("cgroup.cpu.shares"), scopes, 2), 5);
	assert_int_equal(knob_scopes(m->root, knob_find("cgroup.cpu.max"), scopes, 8), 1);
	assert_string_equal(scopes[0].name, "/a");
	assert_int_equal(knob_scopes(m->root, knob_find("cgroup.cpu.weight"), scopes, 8), 0);
}

static void a_listing_says_what_single_questions_say(void **state)
{
	struct machine *m = *state;

	fill_hybrid(m);
	machine_set(m, "sys/fs/cgroup/cpuset/a/b/cpuset.cpus", "0\n");
	machine_set(m, "sys/fs/cgroup/cpuset/a/b/cpuset.mems", "\n");
	/* Below a group that has no file of what it must be within. */
	machine_set(m, "sys/fs/cgroup/cpuset/a/b/c/cpuset.cpus", "0\n");
	machine_set(m, "run/systemd/system/x", "");
	machine_set(m, "sys/fs/cgroup/unified/web.service/cgroup.procs", "");
	machine_set(m, CPU "/web.service/cpu.shares", "1024\n");
	assert_string_equal(reading_of(m, "cgroup.cpu.shares", "/web.service").owner, "systemd");
	/* Not a number, and so not to be read. */
	machine_set(m, "sys/fs/cgroup/blkio/bad/blkio.bfq.weight", "default 1\n8:0 2\n\n3");
	assert_int_equal(assert_listing_is_what_single_questions_say(m->root), 27);
	fill_unified(m);
	machine_set(m, UNIFIED "/system.slice/cpuset.cpus.effective", "0-3\n");
	machine_set(m, UNIFIED "/system.slice/cpuset.mems.effective", "0\n");
	machine_set(m, UNIFIED "/system.slice/web.service/cpuset.cpus", "\n");
	machine_set(m, UNIFIED "/system.slice/web.service/cpuset.mems", "0\n");
	assert_true(assert_listing_is_what_single_questions_say(m->root) > 12);
}

static void a_machine_without_hierarchies_has_no_groups(void **state)
{
	struct machine *m = *state;
	struct scope scopes[2];

	assert_int_equal(knob_scopes(m->root, knob_find("cgroup.cpu.shares"), scopes, 2), 0);
	assert_int_equal(reading_of(m, "cgroup.cpu.shares", "/a").flags, KNOB_GONE);
}

static void deep_hierarchies_end_the_walk(void **state)
{
	struct machine *m = *state;
	char path[512] = CPU, group[300] = "";
	struct scope scopes[64];

	fill_hybrid(m);
	for (int i = 0; i < CGROUP_DEPTH_MAX + 8; i++) {
		strcat(group, "/d");
		snprintf(path, sizeof(path), CPU "%s/cpu.idle", group);
		machine_set(m, path, "0\n");
	}
	assert_int_equal(knob_scopes(m->root, knob_find("cgroup.cpu.idle"), scopes, 64),
			 2 + CGROUP_DEPTH_MAX);
	assert_listing_is_what_single_questions_say(m->root);
}

static void a_container_sees_its_own_part(void **state)
{
	struct machine *m = *state;
	struct cgroup_place place;
	char group[SCOPE_NAME_MAX];

	machine_set(m, "proc/self/mountinfo",
		    "30 24 0:26 /docker/ab /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n");
	machine_set(m, "proc/self/cgroup", "0::/docker/ab/x\n");
	assert_int_equal(cgroup_find(m->root, NULL, &place), 0);
	assert_int_equal(cgroup_of(m->root, "self", &place, NULL, group, sizeof(group)), 0);
	assert_string_equal(group, "/x");
	machine_set(m, "proc/self/cgroup", "0::/docker/abc\n");
	assert_int_equal(cgroup_of(m->root, "self", &place, NULL, group, sizeof(group)), -ENOENT);
	machine_set(m, "proc/self/cgroup", "0::/docker/ab\n");
	assert_int_equal(cgroup_of(m->root, "self", &place, NULL, group, sizeof(group)), 0);
	assert_string_equal(group, "/");
}

static void a_group_has_one_name(void **state)
{
	static const char *const bad[] = { "",     "a",    "//",     "/a/", "/a//b",
					   "/./a", "/a/.", "/a/./b", "a/b" };
	static const char *const good[] = { "/", "/a", "/a/b", "/.a", "/a/.b", "/a." };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (cgroup_valid(bad[i]))
			fail_msg("'%s' is taken", bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(cgroup_valid(good[i]));
	assert_true(cgroup_below("/a/b", "/a"));
	assert_true(cgroup_below("/a", "/a"));
	assert_true(cgroup_below("/a", "/"));
	assert_false(cgroup_below("/ab", "/a"));
}

static void what_must_not_be_touched_is_refused_with_the_reason(void **state)
{
	struct machine *m = *state;

	fill_hybrid(m);
	assert_int_equal(machine_open(m), 0);
	assert_int_equal(begin(m, 1, "cgroup.cpu.shares", "/", "2000"), OUTCOME_REFUSED);
	assert_string_equal(m->outcome.text,
			    "'/' is protected by protect.cgroups /init.scope (built-in)");
	assert_int_equal(begin(m, 2, "cgroup.cpu.shares", "/own", "2000"), OUTCOME_REFUSED);
	assert_string_equal(m->outcome.text, "'/own' is the group that flyball runs in");
	assert_int_equal(begin(m, 3, "cgroup.cpu.shares", "/own/below", "2000"), OUTCOME_REFUSED);
	assert_int_equal(begin(m, 4, "cgroup.cpu.shares", "/a/b", "2000"), OUTCOME_REFUSED);
	assert_string_equal(m->outcome.text, "'/a/b' is idle (cpu.idle = 1), and so has no weight");
	assert_int_equal(begin(m, 5, "cgroup.cpuset.cpus", "/a", "0-4"), OUTCOME_REFUSED);
	assert_int_equal(begin(m, 6, "cgroup.cpu.shares", "/ownother", "2000"), OUTCOME_DONE);
	machine_set(m, UNIFIED "/p/cpuset.cpus", "0\n");
	machine_set(m, UNIFIED "/p/cpuset.cpus.partition", "root\n");
	machine_set(m, "proc/self/mountinfo", unified);
	assert_int_equal(machine_ask(m, 6, ACTION_UNDO), OUTCOME_GONE);
	assert_int_equal(begin(m, 7, "cgroup.cpuset.cpus", "/p", "1"), OUTCOME_REFUSED);
	assert_string_equal(m->outcome.text,
			    "'/p' is a partition (root): its CPUs are taken from other groups");
}

static void no_limit_is_written_as_each_version_has_it(void **state)
{
	struct machine *m = *state;

	fill_hybrid(m);
	assert_int_equal(machine_open(m), 0);
	assert_int_equal(begin(m, 1, "cgroup.cpu.max", "/a", "50000"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	machine_expect(m, CPU "/a/cpu.cfs_quota_us", "50000");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, CPU "/a/cpu.cfs_quota_us", "-1");
	assert_int_equal(begin(m, 2, "cgroup.cpu.max", "/a", "999"), OUTCOME_REFUSED);
}

static void an_idle_group_gets_its_weight_back(void **state)
{
	struct machine *m = *state;

	fill_hybrid(m);
	assert_int_equal(machine_open(m), 0);
	assert_int_equal(begin(m, 1, "cgroup.cpu.idle", "/a", "1"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	machine_set(m, CPU "/a/cpu.shares", "1024\n"); /* as the kernel does */
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, CPU "/a/cpu.shares", "1000");
	assert_int_equal(begin(m, 2, "cgroup.cpu.idle", "/a", "1"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 2, ACTION_ARM), OUTCOME_DONE);
	machine_set(m, CPU "/a/cpu.shares", "700\n"); /* as nobody but a person does */
	assert_int_equal(machine_ask(m, 2, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, CPU "/a/cpu.shares", "700");
	assert_string_equal(m->outcome.text,
			    "found '700' in cpu.shares, which is somebody else's: left");
}

static void the_weight_of_a_disk_is_put_back(void **state)
{
	struct machine *m = *state;

	fill_hybrid(m);
	assert_int_equal(machine_open(m), 0);
	assert_int_equal(begin(m, 1, "cgroup.io.bfq.weight", "/a", "200"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	machine_set(m, "sys/fs/cgroup/blkio/a/blkio.bfq.weight_device", "");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, "sys/fs/cgroup/blkio/a/blkio.bfq.weight_device", "8:0 50");
	machine_expect(m, "sys/fs/cgroup/blkio/a/blkio.bfq.weight", "100");
}

static void a_group_that_was_made_anew_is_left_alone(void **state)
{
	struct machine *m = *state;
	char old[256], path[256];

	fill_hybrid(m);
	assert_int_equal(machine_open(m), 0);
	assert_int_equal(begin(m, 1, "cgroup.cpu.shares", "/a/b", "2"), OUTCOME_REFUSED);
	assert_int_equal(begin(m, 2, "cgroup.cpu.shares", "/a", "500"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 2, ACTION_ARM), OUTCOME_DONE);
	snprintf(path, sizeof(path), "%s/root/" CPU "/a", m->path);
	snprintf(old, sizeof(old), "%s/root/" CPU "/gone", m->path);
	assert_int_equal(rename(path, old), 0);
	machine_set(m, CPU "/a/cpu.shares", "500\n");
	assert_int_equal(machine_ask(m, 2, ACTION_UNDO), OUTCOME_GONE);
	machine_expect(m, CPU "/a/cpu.shares", "500");
}

/* A list of mounts that cannot be read to its end says nothing about a group. */
static void a_hierarchy_that_cannot_be_looked_up_is_not_gone(void **state)
{
	struct machine *m = *state;
	char path[256];

	fill_hybrid(m);
	assert_int_equal(machine_open(m), 0);
	assert_int_equal(begin(m, 1, "cgroup.cpu.shares", "/a", "500"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	snprintf(path, sizeof(path), "%s/root/proc/self/mountinfo", m->path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_FAILED);
	assert_int_equal(rmdir(path), 0);
	machine_set(m, "proc/self/mountinfo", hybrid);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, CPU "/a/cpu.shares", "1000");
}

static int visit_group(int root, const struct cgroup_place *place, const char *group, void *context)
{
	(void)root;
	(void)place;
	(void)group;
	++*(int *)context;
	return 0;
}

static void a_group_that_cannot_be_looked_at_is_said_and_the_others_are_visited(void **state)
{
	struct machine *m = *state;
	struct cgroup_place place;
	char path[256], away[300];
	int n = 0;

	fill_hybrid(m);
	assert_int_equal(cgroup_find(m->root, "cpu", &place), 0);
	assert_int_equal(cgroup_walk(m->root, &place, "/a", visit_group, &n), 0);
	assert_int_equal(n, 2);
	snprintf(path, sizeof(path), "%s/root/" CPU "/a", m->path);
	snprintf(away, sizeof(away), "%s2", path);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(symlink("a", path), 0);
	n = 0;
	assert_int_equal(cgroup_walk(m->root, &place, "/a", visit_group, &n), -ELOOP);
	assert_int_equal(n, 0);
}

static void the_owner_is_told_by_the_name_where_systemd_runs(void **state)
{
	struct machine *m = *state;

	fill_unified(m);
	assert_string_equal(reading_of(m, "cgroup.cpu.weight", "/system.slice/web.service").owner,
			    "");
	machine_set(m, "run/systemd/system/x", "");
	assert_string_equal(reading_of(m, "cgroup.cpu.weight", "/system.slice/web.service").owner,
			    "systemd");
	machine_set(m, UNIFIED "/mine/cpu.weight", "100\n");
	assert_string_equal(reading_of(m, "cgroup.cpu.weight", "/mine").owner, "");
}

static void limits_of_disks_change_one_disk_a_line(void **state)
{
	char line[256];

	(void)state;
	assert_int_equal(cgroup_disks_line("max", "8:0 rbps=65536", line, sizeof(line)), 0);
	assert_string_equal(line, "8:0 rbps=65536 wbps=max riops=max wiops=max");
	assert_int_equal(cgroup_disks_line("8:0 rbps=65536; 259:0 wiops=16", "259:0 wiops=16", line,
					   sizeof(line)),
			 0);
	assert_string_equal(line, "8:0 rbps=max wbps=max riops=max wiops=max");
	assert_int_equal(cgroup_disks_line("8:0 rbps=65536", "8:0 rbps=65536", line, sizeof(line)),
			 0);
	assert_string_equal(line, "");
	assert_int_equal(cgroup_disks_line("8:0 rbps=65536", "259:0 rbps=65536", line,
					   sizeof(line)),
			 -EINVAL);
	/* Of a disk that comes twice nobody knows which limit is meant. */
	assert_int_equal(cgroup_disks_line("8:0 rbps=65536", "8:0 rbps=65536; 8:0 rbps=131072",
					   line, sizeof(line)),
			 -EINVAL);
}

static void limits_of_disks_are_checked(void **state)
{
	static const struct {
		const char *value, *text;
	} bad[] = {
		{ "", "'' is not as it is read back: write 'max'" },
		{ "8:0", "'8:0' is not as it is read back: write 'max'" },
		{ "8:0 rbps=max wiops=120",
		  "'8:0 rbps=max wiops=120' is not as it is read back: write '8:0 wiops=120'" },
		{ "8:0 wiops=3", "wiops=3 is out of range: at least 16, or max" },
		{ "8:1 wiops=99; 259:0 wbps=2097152",
		  "8:1 is no whole disk: `lsblk -d -o NAME,MAJ:MIN` lists them" },
		{ "vda rbps=1", "'vda rbps=1' is no limit of disks: write `8:0 rbps=1048576 "
				"wiops=120`, or max" },
		{ "max", "'max' differs from '8:0 rbps=1048576 wiops=120; 259:0 wbps=2' in two "
			 "disks: a change must be of one" },
	};
	static const char *const words[] = {
		"8:0 rbps",    "8:0 rbps=",    "8:0 rbps=0",
		"8:0 rbps=-1", "8:0 rbps=1e6", "8:0 cost=7",
		"8 rbps=1",    "max; max",     "8:0 rbps=65536; 8:0 rbps=131072"
	};
	struct machine *m = *state;
	char text[OUTCOME_TEXT_MAX];

	fill_unified(m);
	assert_int_equal(machine_open(m), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(begin(m, 10 + i, "cgroup.io.max", "/system.slice/web.service",
				       bad[i].value),
				 OUTCOME_REFUSED);
		assert_string_equal(m->outcome.text, bad[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_true(cgroup_disks_check(m->root, "max", words[i], text, sizeof(text)) < 0);
	assert_int_equal(begin(m, 30, "cgroup.io.max", "/system.slice/web.service",
			       "8:0 rbps=1048576; 259:0 wbps=2097152"),
			 OUTCOME_DONE);
}

static void a_command_does_the_same_by_hand(void **state)
{
	struct machine *m = *state;
	const struct scope scope = { .kind = SCOPE_CGROUP, .name = "/a" };
	char text[256];

	fill_hybrid(m);
	assert_int_equal(knob_command(m->root, knob_find("cgroup.cpu.max"), &scope, "max", text,
				      sizeof(text)),
			 0);
	assert_string_equal(text, "echo -1 > '/" CPU "/a/cpu.cfs_quota_us'");
	fill_unified(m);
	assert_int_equal(knob_command(m->root, knob_find("cgroup.io.max"), &scope,
				      "8:0 rbps=1048576", text, sizeof(text)),
			 0);
	assert_string_equal(text, "echo '8:0 rbps=1048576' > '/" UNIFIED "/a/io.max'");
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_MACHINE(every_row_finds_its_file_on_v1_and_on_v2),
		ON_MACHINE(groups_are_found_below_the_root_where_the_file_is),
		ON_MACHINE(a_listing_says_what_single_questions_say),
		ON_MACHINE(a_machine_without_hierarchies_has_no_groups),
		ON_MACHINE(deep_hierarchies_end_the_walk),
		ON_MACHINE(a_container_sees_its_own_part),
		cmocka_unit_test(a_group_has_one_name),
		ON_MACHINE(what_must_not_be_touched_is_refused_with_the_reason),
		ON_MACHINE(no_limit_is_written_as_each_version_has_it),
		ON_MACHINE(an_idle_group_gets_its_weight_back),
		ON_MACHINE(the_weight_of_a_disk_is_put_back),
		ON_MACHINE(a_group_that_was_made_anew_is_left_alone),
		ON_MACHINE(a_hierarchy_that_cannot_be_looked_up_is_not_gone),
		ON_MACHINE(a_group_that_cannot_be_looked_at_is_said_and_the_others_are_visited),
		ON_MACHINE(the_owner_is_told_by_the_name_where_systemd_runs),
		cmocka_unit_test(limits_of_disks_change_one_disk_a_line),
		ON_MACHINE(limits_of_disks_are_checked),
		ON_MACHINE(a_command_does_the_same_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
