// SPDX-License-Identifier: Apache-2.0
/*
 * What is demanded decides what the observer does, not what exists: the calls that a scan makes, counted, with few and with many
 * others there. Lists of a whole folder, which the kernel has but whole, are counted apart.
 */
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "test_source.h"

#include "observer/processes.h"
#include "observer/source.h"

#define FEW 20
#define MANY 400

static struct {
	size_t opens, stats, lists, received; /* bytes */
	char last[128];                       /* opened */
} calls;

/* In place of the C library's: the same call, counted. */
int openat(int folder, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	calls.opens++;
	snprintf(calls.last, sizeof(calls.last), "%s", path);
	return (int)syscall(SYS_openat, folder, path, flags, mode);
}

int fstatat(int folder, const char *path, struct stat *ret_stat, int flags)
{
	calls.stats++;
	return (int)syscall(SYS_newfstatat, folder, path, ret_stat, flags);
}

ssize_t getdents64(int folder, void *entries, size_t size)
{
	calls.lists++;
	return syscall(SYS_getdents64, folder, entries, size);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	ssize_t n = syscall(SYS_recvfrom, fd, buffer, size, flags, NULL, NULL);

	calls.received += n > 0 ? (size_t)n : 0;
	return n;
}

static void make_folder(struct files *f, const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", f->folder, path);
	assert_int_equal(mkdir(full, 0755), 0);
}

static void demand(struct files *f, uint32_t kind, const uint32_t *signals, size_t n_signals,
		   const char *const *patterns, size_t n_patterns)
{
	const struct observer_options options = { .root = f->root };
	struct demand demands[DEMANDS_MAX] = { 0 };
	size_t n = 0;

	if (!f->observer)
		assert_int_equal(observer_new(&options, &f->observer), 0);
	for (size_t i = 0; i < n_patterns; i++) {
		for (size_t j = 0; j < n_signals; j++) {
			demands[n] = (struct demand){ .signal = signals[j], .scope.kind = kind };
			strcpy(demands[n++].scope.name, patterns[i]);
		}
	}
	assert_int_equal(observer_demand(f->observer, demands, n), 0);
	tick(f);
}

/* Of a tick in which instances are looked for. */
static size_t calls_of_a_tick(struct files *f)
{
	calls.opens = calls.stats = 0;
	tick(f);
	return calls.opens + calls.stats;
}

/* --- control groups --- */

static void put_group(struct files *f, const char *path)
{
	char name[128];

	snprintf(name, sizeof(name), "sys/fs/cgroup%s/io.pressure", path);
	put(f, name,
	    "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"
	    "full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n");
}

static void put_groups(struct files *f, int from, int to)
{
	char name[64];

	for (int i = from; i < to; i++) {
		snprintf(name, sizeof(name), "sys/fs/cgroup/pods/other%d", i);
		make_folder(f, name);
	}
}

static void setup_groups(struct files *f)
{
	put(f, "sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
	put_group(f, "");
	put_group(f, "/pods/a01");
	put_group(f, "/pods/a02");
	put_groups(f, 0, FEW);
}

static void groups_that_nobody_demands_are_not_looked_at(void **state)
{
	static const uint32_t signals[] = { SIGNAL_PSI_IO_SOME, SIGNAL_PSI_IO_FULL };
	static const char *const demanded[] = { "/pods/a*", "/pods/a02" };
	struct files *f = *state;
	size_t few;

	setup_groups(f);
	demand(f, SCOPE_CGROUP, signals, 2, demanded, 2);
	few = calls_of_a_tick(f);
	assert_int_equal(f->frame->n_series, 4);
	put_groups(f, FEW, MANY);
	assert_int_equal(calls_of_a_tick(f), few);
	assert_int_equal(f->frame->n_series, 4);
}

static void a_group_of_which_several_signals_are_demanded_is_looked_at_once(void **state)
{
	static const uint32_t signals[] = { SIGNAL_PSI_IO_SOME, SIGNAL_PSI_IO_FULL };
	static const char *const demanded[] = { "/pods/a01" };
	struct files *f = *state;

	setup_groups(f);
	demand(f, SCOPE_CGROUP, signals, 2, demanded, 1);
	assert_int_equal(calls_of_a_tick(f), 1);
}

static void of_several_patterns_all_groups_are_found(void **state)
{
	static const uint32_t signals[] = { SIGNAL_PSI_IO_FULL };
	static const char *const demanded[] = { "/x*", "/a/b/c*", "/a/b", "/a/[x]*", "/p/*/q" };
	static const char *const groups[] = { "/x",   "/xy",    "/a/b/cd",  "/a/b/c/d", "/a/b",
					      "/a/x", "/p/1/q", "/p/1/2/q", "/xy/below" };
	static const char *const others[] = { "/y", "/a", "/a/b/d", "/a/bx/c", "/p", "/p/1/r" };
	struct files *f = *state;

	setup_groups(f);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		put_group(f, groups[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		put_group(f, others[i]);
	demand(f, SCOPE_CGROUP, signals, 1, demanded, 5);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		assert_non_null(find(f, SIGNAL_PSI_IO_FULL, groups[i]));
	assert_int_equal(f->frame->n_series, sizeof(groups) / sizeof(groups[0]));
}

/* --- disks --- */

static void put_disk(struct files *f, int number)
{
	char path[64], text[32];

	snprintf(path, sizeof(path), "sys/block/d%03d/stat", number);
	put(f, path, "1 0 8 1 1 0 8 1 0 2 2 0 0 0 0 0 0\n");
	snprintf(path, sizeof(path), "sys/block/d%03d/size", number);
	put(f, path, "2048\n");
	snprintf(path, sizeof(path), "sys/block/d%03d/dev", number);
	snprintf(text, sizeof(text), "8:%d\n", number);
	put(f, path, text);
}

static void disks_that_nobody_demands_are_not_looked_at(void **state)
{
	static const uint32_t signals[] = { SIGNAL_DISK_BUSY, SIGNAL_DISK_INFLIGHT };
	static const char *const demanded[] = { "d001" };
	struct files *f = *state;
	size_t few;

	for (int i = 0; i < 4; i++)
		put_disk(f, i);
	demand(f, SCOPE_DISK, signals, 2, demanded, 1);
	few = calls_of_a_tick(f);
	assert_int_equal(f->frame->n_series, 2);
	for (int i = 4; i < 256; i++)
		put_disk(f, i);
	assert_int_equal(calls_of_a_tick(f), few);
	assert_int_equal(f->frame->n_series, 2);
}

/* --- processes --- */

static void put_process(struct files *f, int pid)
{
	char path[64], text[160];

	snprintf(path, sizeof(path), "proc/%d/task/%d/stat", pid, pid);
	snprintf(text, sizeof(text),
		 "%d (a) S 1 1 1 0 -1 4194560 0 0 0 0 1 2 0 0 20 0 1 0 %d 1 2\n", pid, pid * 10);
	put(f, path, text);
}

struct source {
	struct processes processes;
	struct instances instances;
	size_t n_comes;
};

static int source_list(void *data, struct instances *instances)
{
	const struct source *source = data;

	return processes_list(&source->processes, instances);
}

static int source_come(void *data, const struct instance *instance, size_t place)
{
	struct source *source = data;

	(void)instance, (void)place;
	source->n_comes++;
	return 0;
}

static void source_go(void *data, size_t place)
{
	(void)data, (void)place;
}

static const struct instances_ops source_ops = {
	.list = source_list,
	.come = source_come,
	.go = source_go,
};

/* Opens of a scan for two signals of the processes that a pattern means, `n` of them. */
static size_t opens_of_a_scan(struct files *f, const char *pattern, size_t n)
{
	struct demand demands[] = {
		{ .signal = SIGNAL_SCHED_RUN, .scope.kind = SCOPE_PROCESS },
		{ .signal = SIGNAL_SCHED_WAIT, .scope.kind = SCOPE_PROCESS },
	};
	const struct source_demand demand_both = { .demands = demands, .n_demands = 2 };
	struct source source = { .n_comes = 0 };

	strcpy(demands[0].scope.name, pattern);
	strcpy(demands[1].scope.name, pattern);
	assert_int_equal(processes_open(&source.processes, f->root), 0);
	assert_int_equal(instances_init(&source.instances, SCOPE_PROCESS, INSTANCES_MAX,
					&source_ops, &source),
			 0);
	memset(&calls, 0, sizeof(calls));
	assert_int_equal(instances_scan(&source.instances, &demand_both, 0), 0);
	assert_int_equal(source.n_comes, n);
	instances_deinit(&source.instances);
	processes_close(&source.processes);
	return calls.opens;
}

static void processes_that_nobody_demands_are_not_looked_at(void **state)
{
	struct files *f = *state;
	int next = 1000;

	for (int n = FEW; n <= MANY; n += MANY - FEW) {
		for (; next < 1000 + n; next++)
			put_process(f, next);
		assert_int_equal(opens_of_a_scan(f, "1007@10070", 1), 1);
		assert_int_equal(calls.lists, 0);
		assert_int_equal(opens_of_a_scan(f, "1007@*", 1), 1);
		assert_int_equal(calls.lists, 0);
		assert_int_equal(opens_of_a_scan(f, "100?@*", 10), 10);
		assert_true(calls.lists > 0);
		assert_int_equal(opens_of_a_scan(f, "7@*", 0), 1);
		assert_int_equal(opens_of_a_scan(f, "*", (size_t)n), n);
	}
}

/* /proc/PID/stat has sums over all threads of the process, which the kernel makes anew at each read. */
static void a_process_is_known_without_a_look_at_all_of_its_threads(void **state)
{
	struct files *f = *state;

	put_process(f, 1007);
	opens_of_a_scan(f, "1007@10070", 1);
	assert_string_equal(calls.last, "1007/task/1007/stat");
}

static void cpus_that_nobody_demands_are_not_listed(void **state)
{
	static const uint32_t signals[] = { SIGNAL_SCHED_RUN };
	static const char *const demanded[] = { "1007@10070" };
	struct files *f = *state;

	put(f, "proc/schedstat", "version 17\ntimestamp 1\ncpu0 0 0 1 1 1 1 1000 200 10\n");
	put(f, "sys/devices/system/cpu/online", "0-1\n");
	put(f, "proc/1007/task/1007/schedstat", "1000 500 3\n");
	put_process(f, 1007);
	demand(f, SCOPE_PROCESS, signals, 1, demanded, 1);
	assert_string_equal(status_of(f, "sched")->method, "procfs");
	/* The process is looked for, and its one thread is read. */
	assert_int_equal(calls_of_a_tick(f), 2);
	assert_int_equal(f->frame->n_series, 1);
}

/* --- connections --- */

static size_t received_by_a_probe(void)
{
	const struct source_context context = { .root = sysroot_open("/") };
	struct source_status status = { 0 };

	calls.received = 0;
	tcp_source.probe(&context, &status);
	close(context.root);
	if (strcmp(status.method, "sock_diag")) {
		print_message("skipped: %s\n", status.text);
		skip();
	}
	return calls.received;
}

/* At each change of the demand, as long as nothing of TCP is demanded. */
static void whether_the_kernel_tells_of_connections_is_asked_without_a_look_at_any(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fds[FEW];
	socklen_t length = sizeof(address);
	size_t before = received_by_a_probe();

	(void)state;
	assert_true(before > 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, FEW), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	for (size_t i = 0; i < FEW; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&address, length), 0);
	}
	assert_int_equal(received_by_a_probe(), before);
	for (size_t i = 0; i < FEW; i++)
		close(fds[i]);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(groups_that_nobody_demands_are_not_looked_at),
		TEST(a_group_of_which_several_signals_are_demanded_is_looked_at_once),
		TEST(of_several_patterns_all_groups_are_found),
		TEST(disks_that_nobody_demands_are_not_looked_at),
		TEST(processes_that_nobody_demands_are_not_looked_at),
		TEST(a_process_is_known_without_a_look_at_all_of_its_threads),
		TEST(cpus_that_nobody_demands_are_not_listed),
		TEST(whether_the_kernel_tells_of_connections_is_asked_without_a_look_at_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
