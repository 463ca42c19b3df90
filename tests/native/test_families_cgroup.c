// SPDX-License-Identifier: Apache-2.0
/*
 * The cgroup family on the kernel itself: groups of its own below every hierarchy that is mounted, v1 or v2. Needs
 * root; exits with 77 where no hierarchy can be written. What a hierarchy has not is said and left out.
 */
#include "tests/native/families.h"
#include "tests/unit/test_listing.h"

#include <dirent.h>
#include <libcgroup.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "actuator/cgroup.h"

#define SNAPSHOT_BYTES 32768

/* With the process's number, so that two runs are none of each other's business. */
static char group_own[32], below[48];

static const char *const hierarchies[] = { NULL, "cpu", "cpuset", "blkio", "memory" };

static bool is_mounted(const struct bench *b, size_t i, struct cgroup_place *place)
{
	struct cgroup_place other;

	if (cgroup_find(b->root, hierarchies[i], place) < 0)
		return false;
	for (size_t j = 0; j < i; j++)
		if (cgroup_find(b->root, hierarchies[j], &other) == 0 &&
		    !strcmp(other.mount, place->mount))
			return false;
	return true;
}

static void group_path(const struct cgroup_place *place, const char *group, const char *file,
		       char *path, size_t size)
{
	path[0] = '/';
	assert_int_equal(cgroup_path(place, group, file, path + 1, size - 1), 0);
}

static void groups_remove(const struct bench *b, const char *group)
{
	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		struct cgroup_place place;
		char path[CGROUP_PATH_MAX];

		if (!is_mounted(b, i, &place))
			continue;
		group_path(&place, group, "", path, sizeof(path));
		/* Whoever was killed in it takes a moment. */
		for (int try = 0; rmdir(path) < 0 && errno == EBUSY && try < 100; try++)
			usleep(10000);
	}
}

/* A group in every hierarchy; of v2 with the controllers that it has to give. v1's cpusets need a start. */
static void groups_make(const struct bench *b, const char *group)
{
	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		static const char *const controllers[] = { "+cpu", "+cpuset", "+io", "+memory" };
		struct cgroup_place place;
		char path[CGROUP_PATH_MAX], above[SCOPE_NAME_MAX];

		if (!is_mounted(b, i, &place))
			continue;
		snprintf(above, sizeof(above), "%s", group);
		*strrchr(above, '/') = '\0';
		for (size_t j = 0; place.v2 && j < ARRAY_SIZE(controllers); j++)
			cgroup_write_text(b->root, &place, above, "cgroup.subtree_control",
					  controllers[j]);
		group_path(&place, group, "", path, sizeof(path));
		assert_int_equal(mkdir(path, 0755), 0);
		if (!place.v2 && !strcmp(hierarchies[i], "cpuset")) {
			char text[256];

			assert_true(cgroup_read_text(b->root, &place, above, "cpuset.cpus", text,
						     sizeof(text)) >= 0);
			cgroup_write_text(b->root, &place, group, "cpuset.cpus", text);
			assert_true(cgroup_read_text(b->root, &place, above, "cpuset.mems", text,
						     sizeof(text)) >= 0);
			cgroup_write_text(b->root, &place, group, "cpuset.mems", text);
		}
	}
}

static struct scope group_scope(const char *group)
{
	struct scope scope = { .kind = SCOPE_CGROUP };

	snprintf(scope.name, sizeof(scope.name), "%s", group);
	return scope;
}

/* Settings; what counts or measures changes by itself. */
static int is_setting(const struct dirent *entry)
{
	static const char *const skip[] = { "stat",    "pressure", "current", "usage",
					    "events",  "procs",    "threads", "tasks",
					    "service", "peak",     "time",    "numa" };
	struct stat st;

	(void)st;
	if (entry->d_type != DT_REG)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(skip); i++)
		if (strstr(entry->d_name, skip[i]))
			return 0;
	return 1;
}

/* Every readable setting of the group in every hierarchy, as one text. */
static void snapshot(const struct bench *b, const char *group, char *text)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		struct cgroup_place place;
		char path[CGROUP_PATH_MAX], value[4096];
		struct dirent **entries;
		int n;

		if (!is_mounted(b, i, &place))
			continue;
		group_path(&place, group, "", path, sizeof(path));
		n = scandir(path, &entries, is_setting, alphasort);
		for (int j = 0; j < n; j++) {
			if (cgroup_read_text(b->root, &place, group, entries[j]->d_name, value,
					     sizeof(value)) >= 0)
				used += (size_t)snprintf(text + used, SNAPSHOT_BYTES - used,
							 "%s %s=%s\n", place.mount,
							 entries[j]->d_name, value);
			free(entries[j]);
			assert_true(used < SNAPSHOT_BYTES);
		}
		if (n >= 0)
			free(entries);
	}
}

/* Sets, goes back, sets again and undoes; the group is the same as before, byte for byte. */
static void try_value(struct bench *b, struct actuator *actuator, const char *knob,
		      const char *value)
{
	static char before[SNAPSHOT_BYTES], after[SNAPSHOT_BYTES];
	const struct scope scope = group_scope(group_own);
	struct change change = change_of(b, knob, &scope, value);

	snapshot(b, group_own, before);
	must(actuator, &change, ACTION_BEGIN);
	snapshot(b, group_own, after);
	assert_string_equal(before, after);
	must(actuator, &change, ACTION_ARM);
	assert_true(knob_same(knob_find(knob), reading_of(b, knob, &scope).value, value));
	must(actuator, &change, ACTION_BASE);
	snapshot(b, group_own, after);
	assert_string_equal(before, after);
	must(actuator, &change, ACTION_ARM);
	must(actuator, &change, ACTION_UNDO);
	snapshot(b, group_own, after);
	assert_string_equal(before, after);
}

/* `8:0` of the first disk with sectors; false where there is none. */
static bool first_disk(const struct bench *b, char *number, size_t size)
{
	_cleanup_closedir_ DIR *dir = opendir("/sys/block");
	const struct dirent *entry;
	char path[300], text[32];

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "sys/block/%s/size", entry->d_name);
		if (sysroot_read(b->root, path, text, sizeof(text)) <= 0 || !strcmp(text, "0"))
			continue;
		snprintf(path, sizeof(path), "sys/block/%s/dev", entry->d_name);
		if (sysroot_read(b->root, path, number, size) > 0)
			return true;
	}
	return false;
}

static const struct {
	const char *knob, *values[4]; /* `%s` is a disk */
} rows[] = {
	{ "cgroup.cpu.weight", { "1", "73", "10000" } },
	{ "cgroup.cpu.shares", { "2", "1000", "262144" } },
	{ "cgroup.cpu.max", { "1000", "50000", "max" } },
	{ "cgroup.cpu.idle", { "1", "0" } },
	{ "cgroup.cpuset.cpus", { "0", "1", "0-1" } },
	{ "cgroup.cpuset.mems", { "0" } },
	{ "cgroup.memory.high", { "1048576", "max" } },
	{ "cgroup.memory.low", { "0", "1048576", "max" } },
	{ "cgroup.io.weight", { "1", "10000" } },
	{ "cgroup.io.bfq.weight", { "1", "1000" } },
	{ "cgroup.io.max", { "%s rbps=1048576", "%s rbps=65536 wiops=120", "max" } },
};

static void every_row_is_set_read_back_and_restored(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	const struct scope scope = group_scope(group_own);
	char disk[32] = "", value[KNOB_VALUE_MAX];
	size_t known = 0;

	groups_make(b, group_own);
	for (size_t i = 0; i < knob_rows_count; i++)
		known += knob_rows[i].family == FAMILY_CGROUP;
	assert_int_equal(known, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (reading_of(b, rows[i].knob, &scope).flags & KNOB_GONE) {
			print_message("%s: not on this machine, not tried\n", rows[i].knob);
			continue;
		}
		if (strchr(rows[i].values[0], '%') && !first_disk(b, disk, sizeof(disk)))
			continue;
		for (size_t j = 0; j < ARRAY_SIZE(rows[i].values) && rows[i].values[j]; j++) {
			const char *hole = strstr(rows[i].values[j], "%s");

			snprintf(value, sizeof(value), "%s%s", hole ? disk : "",
				 hole ? hole + 2 : rows[i].values[j]);
			try_value(b, actuator, rows[i].knob, value);
		}
	}
	actuator_close(actuator, clock_now_ns());
	groups_remove(b, group_own);
}

/* The file that holds the weight in the hierarchy of the CPU controller; false where there is none. */
static const char *weight_knob(const struct bench *b)
{
	static const char *const knobs[] = { "cgroup.cpu.shares", "cgroup.cpu.weight" };
	const struct scope scope = group_scope(group_own);

	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++)
		if (!(reading_of(b, knobs[i], &scope).flags & KNOB_GONE))
			return knobs[i];
	return NULL;
}

static void set_by_hand(struct bench *b, const char *knob, const char *value)
{
	const struct scope scope = group_scope(group_own);
	char command[512];

	assert_int_equal(knob_command(b->root, knob_find(knob), &scope, value, command,
				      sizeof(command)),
			 0);
	assert_int_equal(system(command), 0);
}

static void an_idle_group_gets_its_own_weight_back(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	const char *weight;

	groups_make(b, group_own);
	weight = weight_knob(b);
	if (!weight)
		skip();
	set_by_hand(b, weight, "321");
	try_value(b, actuator, "cgroup.cpu.idle", "1");
	set_by_hand(b, "cgroup.cpu.idle", "1");
	try_value(b, actuator, "cgroup.cpu.idle", "0");
	actuator_close(actuator, clock_now_ns());
	groups_remove(b, group_own);
}

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *format, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("`%s` failed", command);
}

/* The loop disk of a test: the kernel detaches it when this is closed, however the test ends. */
static int disk_fd = -1;
static char disk_name[32];

static void disk_detach(void)
{
	char path[64];

	if (disk_fd < 0)
		return;
	snprintf(path, sizeof(path), "/sys/block/%s/queue/scheduler", disk_name);
	if (access(path, W_OK) == 0)
		shell("echo none > %s", path);
	close(disk_fd);
	disk_fd = -1;
}

/* A loop disk with bfq; false where there is none. */
static bool disk_attach(const struct bench *b, char *name, size_t size)
{
	char command[256];
	FILE *output;
	bool ok;

	snprintf(command, sizeof(command),
		 "cd %s && truncate -s 16M image && losetup -f --show image 2>/dev/null; rm -f "
		 "image",
		 b->folder);
	output = popen(command, "r");
	ok = output && fscanf(output, "/dev/%31s", name) == 1 && strlen(name) < size;
	if (output)
		pclose(output);
	if (!ok)
		return false;
	strcpy(disk_name, name);
	snprintf(command, sizeof(command), "/dev/%s", name);
	disk_fd = open(command, O_RDWR | O_CLOEXEC);
	shell("losetup -d /dev/%s", name); /* as soon as nobody has it open */
	snprintf(command, sizeof(command),
		 "modprobe -q bfq 2>/dev/null; echo bfq > /sys/block/%s/queue/scheduler "
		 "2>/dev/null",
		 name);
	return disk_fd >= 0 && system(command) == 0;
}

/* Writing the weight of a group makes bfq forget those of single disks. */
static void the_weight_of_a_single_disk_is_put_back(void **state)
{
	static char before[SNAPSHOT_BYTES], after[SNAPSHOT_BYTES];
	struct bench *b = *state;
	const struct scope scope = group_scope(group_own);
	struct actuator *actuator = bench_actuator(b);
	struct cgroup_place place;
	struct change change;
	char disk[32] = "", number[32], path[64], text[64];
	bool v2;

	groups_make(b, group_own);
	if (!disk_attach(b, disk, sizeof(disk)) ||
	    reading_of(b, "cgroup.io.bfq.weight", &scope).flags & KNOB_GONE)
		skip();
	snprintf(path, sizeof(path), "sys/block/%s/dev", disk);
	assert_true(sysroot_read(b->root, path, number, sizeof(number)) > 0);
	v2 = cgroup_find(b->root, "blkio", &place) < 0;
	if (v2)
		assert_int_equal(cgroup_find(b->root, NULL, &place), 0);
	snprintf(text, sizeof(text), "%s 50", number);
	assert_int_equal(cgroup_write_text(b->root, &place, group_own,
					   v2 ? "io.bfq.weight" : "blkio.bfq.weight_device", text),
			 0);
	snapshot(b, group_own, before);
	assert_non_null(strstr(before, text));
	change = change_of(b, "cgroup.io.bfq.weight", &scope, "300");
	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	snapshot(b, group_own, after);
	assert_null(strstr(after, text));
	must(actuator, &change, ACTION_UNDO);
	snapshot(b, group_own, after);
	assert_string_equal(before, after);
	actuator_close(actuator, clock_now_ns());
	groups_remove(b, group_own);
}

static void put_into_group(const struct bench *b, const char *controller, pid_t pid)
{
	struct cgroup_place place;
	char text[16];

	if (cgroup_find(b->root, controller, &place) < 0)
		assert_int_equal(cgroup_find(b->root, NULL, &place), 0);
	snprintf(text, sizeof(text), "%d", pid);
	assert_int_equal(cgroup_write_text(b->root, &place, group_own, "cgroup.procs", text), 0);
}

/* Before Linux 6.2 the kernel forgets the masks; since then it comes back by itself. */
static void threads_keep_their_masks_when_their_cpuset_comes_back(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	const struct scope scope = group_scope(group_own);
	struct change change;
	struct worker w;

	groups_make(b, group_own);
	if (reading_of(b, "cgroup.cpuset.cpus", &scope).flags & KNOB_GONE ||
	    sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	set_by_hand(b, "cgroup.cpuset.cpus", "0-1");
	worker_start(&w);
	put_into_group(b, "cpuset", w.pid);
	cpus_set(w.threads[0], 1);
	cpus_set(w.threads[1], 2);
	change = change_of(b, "cgroup.cpuset.cpus", &scope, "1");
	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	for (int i = 0; i < WORKER_THREADS; i++)
		assert_int_equal(cpus_of(w.threads[i]), 2);
	must(actuator, &change, ACTION_UNDO);
	assert_int_equal(cpus_of(w.pid), 3);
	assert_int_equal(cpus_of(w.threads[0]), 1);
	assert_int_equal(cpus_of(w.threads[1]), 2);
	assert_int_equal(cpus_of(w.threads[2]), 3);
	worker_stop(&w);
	actuator_close(actuator, clock_now_ns());
	groups_remove(b, group_own);
}

static void a_vanished_group_is_gone_and_a_new_one_is_left_alone(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	const struct scope scope = group_scope(group_own);
	struct change change;
	struct outcome outcome;

	groups_make(b, group_own);
	change = change_of(b, "cgroup.cpu.max", &scope, "50000");
	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	groups_remove(b, group_own);
	assert_int_equal(ask(actuator, &change, ACTION_BASE).status, OUTCOME_GONE);
	groups_make(b, group_own);
	change = change_of(b, "cgroup.cpu.max", &scope, "50000");
	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	groups_remove(b, group_own);
	groups_make(b, group_own);
	set_by_hand(b, "cgroup.cpu.max", "50000");
	outcome = ask(actuator, &change, ACTION_UNDO);
	assert_int_equal(outcome.status, OUTCOME_GONE);
	assert_string_equal(reading_of(b, "cgroup.cpu.max", &scope).value, "50000");
	actuator_close(actuator, clock_now_ns());
	groups_remove(b, group_own);
}

static void somebody_elses_value_is_left(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	const struct scope scope = group_scope(group_own);
	struct change change;

	groups_make(b, group_own);
	change = change_of(b, "cgroup.cpu.max", &scope, "50000");
	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	set_by_hand(b, "cgroup.cpu.max", "20000");
	assert_int_equal(ask(actuator, &change, ACTION_UNDO).status, OUTCOME_FOREIGN);
	assert_string_equal(reading_of(b, "cgroup.cpu.max", &scope).value, "20000");
	actuator_close(actuator, clock_now_ns());
	groups_remove(b, group_own);
}

static void a_kill_in_mid_trial_leaves_nothing_behind(void **state)
{
	static char before[SNAPSHOT_BYTES], after[SNAPSHOT_BYTES];
	struct bench *b = *state;
	struct actuator_options options = bench_options(b);
	const struct scope scope = group_scope(group_own);
	struct recovery recovery;
	int status;
	pid_t child;

	groups_make(b, group_own);
	snapshot(b, group_own, before);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct actuator *actuator = bench_actuator(b);
		struct change change = change_of(b, "cgroup.cpu.idle", &scope, "1");

		must(actuator, &change, ACTION_BEGIN);
		must(actuator, &change, ACTION_ARM);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	snapshot(b, group_own, after);
	assert_string_not_equal(before, after);
	assert_int_equal(actuator_recover(&options, clock_now_ns(), &recovery), 0);
	assert_int_equal(recovery.restored, 1);
	snapshot(b, group_own, after);
	assert_string_equal(before, after);
	groups_remove(b, group_own);
}

static void the_root_and_the_own_group_are_refused(void **state)
{
	struct bench *b = *state;
	struct scope root = group_scope("/"), own = group_scope(group_own);
	struct knob_reading reading;
	char text[OUTCOME_TEXT_MAX];
	int status;
	pid_t child;

	groups_make(b, group_own);
	reading = (struct knob_reading){ .scope = root };
	assert_int_equal(knob_allowed(b->root, knob_find("cgroup.cpu.max"), &reading, "50000", text,
				      sizeof(text)),
			 -EPERM);
	reading = reading_of(b, "cgroup.cpu.max", &own);
	assert_int_equal(knob_allowed(b->root, knob_find("cgroup.cpu.max"), &reading, "50000", text,
				      sizeof(text)),
			 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		put_into_group(b, "cpu", getpid());
		_exit(knob_allowed(b->root, knob_find("cgroup.cpu.max"), &reading, "50000", text,
				   sizeof(text)) == -EPERM
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	groups_remove(b, group_own);
}

/* The marks that systemd sets, set by hand. v1 takes trusted ones alone, and they are looked for on v2. */
static void owners_are_told_by_their_marks(void **state)
{
	struct bench *b = *state;
	struct cgroup_place place;
	char path[CGROUP_PATH_MAX], owner[KNOB_OWNER_MAX];

	if (cgroup_find(b->root, NULL, &place) < 0)
		skip();
	groups_make(b, group_own);
	groups_make(b, below);
	group_path(&place, group_own, "", path, sizeof(path));
	cgroup_owner(b->root, group_own, owner, sizeof(owner));
	assert_string_equal(owner, "");
	assert_int_equal(setxattr(path, "user.invocation_id", "0123", 4, 0), 0);
	cgroup_owner(b->root, group_own, owner, sizeof(owner));
	assert_string_equal(owner, "systemd");
	cgroup_owner(b->root, below, owner, sizeof(owner));
	assert_string_equal(owner, "");
	assert_int_equal(setxattr(path, "trusted.delegate", "1", 1, 0), 0);
	cgroup_owner(b->root, group_own, owner, sizeof(owner));
	assert_string_equal(owner, "delegated");
	cgroup_owner(b->root, below, owner, sizeof(owner));
	assert_string_equal(owner, "delegated");
	assert_listing_is_what_single_questions_say(b->root);
	groups_remove(b, below);
	groups_remove(b, group_own);
}

static void mounts_are_where_libcgroup_finds_them(void **state)
{
	struct bench *b = *state;

	cgroup_init();
	for (size_t i = 1; i < ARRAY_SIZE(hierarchies); i++) {
		_cleanup_free_ char *mount = NULL;
		struct cgroup_place place;

		if (cgroup_find(b->root, hierarchies[i], &place) < 0)
			continue;
		assert_int_equal(cgroup_get_subsys_mount_point(hierarchies[i], &mount), 0);
		assert_string_equal(place.mount, mount + 1);
	}
}

static int bench_setup(void **state)
{
	static struct bench b;

	*state = &b;
	return bench_open(&b);
}

static int bench_teardown(void **state)
{
	struct bench *b = *state;

	worker_clear();
	disk_detach();
	groups_remove(b, below);
	groups_remove(b, group_own);
	bench_close(b);
	return 0;
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BENCH(mounts_are_where_libcgroup_finds_them),
		ON_BENCH(every_row_is_set_read_back_and_restored),
		ON_BENCH(an_idle_group_gets_its_own_weight_back),
		ON_BENCH(the_weight_of_a_single_disk_is_put_back),
		ON_BENCH(threads_keep_their_masks_when_their_cpuset_comes_back),
		ON_BENCH(a_vanished_group_is_gone_and_a_new_one_is_left_alone),
		ON_BENCH(somebody_elses_value_is_left),
		ON_BENCH(a_kill_in_mid_trial_leaves_nothing_behind),
		ON_BENCH(the_root_and_the_own_group_are_refused),
		ON_BENCH(owners_are_told_by_their_marks),
	};
	struct cgroup_place place;
	int root = sysroot_open("/");

	snprintf(group_own, sizeof(group_own), "/flyball-test-%d", getpid());
	snprintf(below, sizeof(below), "%s/below", group_own);
	if (geteuid() != 0 ||
	    (cgroup_find(root, NULL, &place) < 0 && cgroup_find(root, "cpu", &place) < 0)) {
		puts("needs root and a mounted hierarchy of control groups");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
