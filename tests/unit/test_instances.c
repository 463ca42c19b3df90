// SPDX-License-Identifier: Apache-2.0
/* Instances as they come and go: limits, identity, and that what is demanded decides what a scan costs. */
#include "observer/instances.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/sysroot.h"
#include "observer/processes.h"

/* A source that is told what there is. */
struct fake {
	struct instances instances;
	const char *names[8];
	uint64_t identities[8];
	size_t n, n_comes, n_goes;
	int come_result;
	char last[SCOPE_NAME_MAX];
};

static int fake_list(void *source, struct instances *instances)
{
	struct fake *fake = source;

	for (size_t i = 0; i < fake->n; i++)
		instances_see(instances, fake->names[i], fake->identities[i]);
	return 0;
}

static int fake_come(void *source, const struct instance *instance, size_t place)
{
	struct fake *fake = source;

	(void)place;
	fake->n_comes++;
	strcpy(fake->last, instance->scope.name);
	return fake->come_result;
}

static void fake_go(void *source, size_t place)
{
	struct fake *fake = source;

	(void)place;
	fake->n_goes++;
}

static const struct instances_ops fake_ops = {
	.list = fake_list,
	.come = fake_come,
	.go = fake_go,
};

static const struct demand all_nics = { .signal = SIGNAL_CPU_USER, .scope = { .kind = SCOPE_NIC } };
static const struct source_demand everything = { .demands = &all_nics, .n_demands = 1 };

static void scan(struct fake *fake, const char *a, const char *b, const char *c)
{
	fake->names[0] = a;
	fake->names[1] = b;
	fake->names[2] = c;
	fake->n = a ? b ? c ? 3 : 2 : 1 : 0;
	assert_int_equal(instances_scan(&fake->instances, &everything, 0), 0);
}

static void an_instance_keeps_its_place_while_it_is_there(void **state)
{
	struct fake fake = { .n = 0 };

	(void)state;
	assert_int_equal(instances_init(&fake.instances, SCOPE_NIC, 8, &fake_ops, &fake), 0);
	scan(&fake, "a", "b", "c");
	assert_int_equal(fake.n_comes, 3);
	scan(&fake, "c", NULL, NULL);
	assert_int_equal(fake.n_goes, 2);
	assert_string_equal(fake.instances.places[2].scope.name, "c");
	scan(&fake, "d", "c", NULL);
	assert_string_equal(fake.instances.places[0].scope.name, "d");
	assert_string_equal(fake.instances.places[2].scope.name, "c");
	assert_int_equal(fake.n_comes, 4);
	instances_deinit(&fake.instances);
	assert_int_equal(fake.n_goes, 4);
}

static void another_identity_is_another_instance(void **state)
{
	struct fake fake = { .identities = { 7 } };

	(void)state;
	assert_int_equal(instances_init(&fake.instances, SCOPE_NIC, 8, &fake_ops, &fake), 0);
	scan(&fake, "a", NULL, NULL);
	scan(&fake, "a", NULL, NULL);
	assert_int_equal(fake.n_comes, 1);
	fake.identities[0] = 8;
	scan(&fake, "a", NULL, NULL);
	assert_int_equal(fake.n_comes, 2);
	assert_int_equal(fake.n_goes, 1);
	assert_int_equal(fake.instances.n_used, 1);
	instances_deinit(&fake.instances);
}

static void what_finds_no_place_is_counted_each_tick_and_said(void **state)
{
	struct fake fake = { .n = 0 };
	struct source_status status = { .state = SOURCE_ATTACHED };
	uint64_t losses[LOSS_COUNT] = { 0 };
	struct sampler sampler = { .losses = losses };

	(void)state;
	assert_int_equal(instances_init(&fake.instances, SCOPE_NIC, 2, &fake_ops, &fake), 0);
	scan(&fake, "a", "b", "c");
	instances_count(&fake.instances, &sampler);
	instances_count(&fake.instances, &sampler);
	assert_int_equal(losses[LOSS_INSTANCE], 2);
	instances_say(&fake.instances, &status);
	assert_string_equal(status.text, "1 instances of nic found no place: the limit is 2");
	scan(&fake, "a", "b", NULL);
	instances_say(&fake.instances, &status);
	assert_string_equal(status.text, "");
	instances_deinit(&fake.instances);
}

static void what_gets_no_descriptor_is_counted_and_tried_again(void **state)
{
	struct fake fake = { .come_result = -EMFILE };

	(void)state;
	assert_int_equal(instances_init(&fake.instances, SCOPE_NIC, 8, &fake_ops, &fake), 0);
	scan(&fake, "a", "b", NULL);
	assert_int_equal(fake.instances.n_over, 2);
	assert_int_equal(fake.instances.n_used, 0);
	assert_int_equal(fake.n_goes, 2);
	/* Gone between the listing and the opening: nothing is lost. */
	fake.come_result = -ENOENT;
	scan(&fake, "a", "b", NULL);
	assert_int_equal(fake.instances.n_over, 0);
	fake.come_result = 0;
	scan(&fake, "a", "b", NULL);
	assert_int_equal(fake.instances.n_used, 2);
	instances_deinit(&fake.instances);
}

static void names_that_cannot_be_are_passed_over(void **state)
{
	struct fake fake = { .n = 0 };
	char longest[SCOPE_NAME_MAX + 1];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(instances_init(&fake.instances, SCOPE_NIC, 8, &fake_ops, &fake), 0);
	scan(&fake, "a/b", longest, "");
	assert_int_equal(fake.n_comes, 0);
	instances_deinit(&fake.instances);
}

/* --- processes --- */

static void put_process(const char *folder, int pid, const char *name, unsigned int start)
{
	char path[128], text[256];
	int fd;

	snprintf(path, sizeof(path), "mkdir -p %s/proc/%d/task/%d", folder, pid, pid);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof(path), "%s/proc/%d/task/%d/stat", folder, pid, pid);
	snprintf(text, sizeof(text),
		 "%d (%s) S 1 1 1 0 -1 4194560 0 0 0 0 1 2 0 0 20 0 1 0 %u 100 200\n", pid, name,
		 start);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

struct source {
	struct processes processes;
	struct fake fake;
};

static int list_processes(void *source, struct instances *instances)
{
	struct fake *fake = source;
	struct source *all = (struct source *)((char *)fake - offsetof(struct source, fake));

	return processes_list(&all->processes, instances);
}

static const struct instances_ops process_ops = {
	.list = list_processes,
	.come = fake_come,
	.go = fake_go,
};

static void a_process_number_that_is_used_again_is_another_process(void **state)
{
	struct demand demand = { .signal = SIGNAL_CPU_USER, .scope = { .kind = SCOPE_PROCESS } };
	const struct source_demand demands = { .demands = &demand, .n_demands = 1 };
	char folder[] = "/tmp/flyball-instances-XXXXXX", command[64];
	struct source source = { .fake.n = 0 };
	struct instances *instances = &source.fake.instances;
	struct scope old = { .kind = SCOPE_PROCESS, .name = "17@500" };
	int root, fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	put_process(folder, 17, "a (name) with) it", 500);
	put_process(folder, 18, "b", 600);
	root = sysroot_open(folder);
	assert_int_equal(processes_open(&source.processes, root), 0);
	assert_int_equal(instances_init(instances, SCOPE_PROCESS, 8, &process_ops, &source.fake),
			 0);
	assert_int_equal(instances_scan(instances, &demands, 0), 0);
	assert_int_equal(instances->n_used, 2);
	fd = processes_open_file(&source.processes, &old, "task/17/stat");
	assert_true(fd >= 0);
	close(fd);
	put_process(folder, 17, "another", 900);
	assert_int_equal(processes_open_file(&source.processes, &old, "task/17/stat"), -ESRCH);
	assert_int_equal(instances_scan(instances, &demands, 0), 0);
	assert_int_equal(instances->n_used, 2);
	assert_string_equal(source.fake.last, "17@900");
	assert_int_equal(source.fake.n_goes, 1);
	/* By its name alone: the old one is nobody any more. */
	strcpy(demand.scope.name, "17@500");
	assert_int_equal(instances_scan(instances, &demands, 0), 0);
	assert_int_equal(instances->n_used, 0);
	strcpy(demand.scope.name, "18@600");
	assert_int_equal(instances_scan(instances, &demands, 0), 0);
	assert_int_equal(instances->n_used, 1);
	instances_deinit(instances);
	processes_close(&source.processes);
	close(root);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_instance_keeps_its_place_while_it_is_there),
		cmocka_unit_test(another_identity_is_another_instance),
		cmocka_unit_test(what_finds_no_place_is_counted_each_tick_and_said),
		cmocka_unit_test(what_gets_no_descriptor_is_counted_and_tried_again),
		cmocka_unit_test(names_that_cannot_be_are_passed_over),
		cmocka_unit_test(a_process_number_that_is_used_again_is_another_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
