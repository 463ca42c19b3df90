// SPDX-License-Identifier: Apache-2.0
/*
 * One of a source's BPF programs does not attach, each in its turn: nothing of that method stays attached, the next method
 * is used, and the status says which program it was and why. libbpf's and the kernel's part is real; the calls that attach
 * go through here, and the one that is wanted fails with EBUSY. Needs root and a kernel with BTF, else exits with 77.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define TESTS_MAX 48
#define PROGRAM_MAX 64

/* --- the calls that attach --- */

static unsigned int n_calls, failing; /* the call that fails; 0 = none */
static char failed[PROGRAM_MAX];      /* its program, where the call tells */

static bool fails(const char *program)
{
	if (++n_calls != failing)
		return false;
	snprintf(failed, sizeof(failed), "%s", program);
	errno = EBUSY;
	return true;
}

/* Of one that attaches by its number alone, the kernel knows the name: 15 letters of it. */
static void name_of(int fd, char name[PROGRAM_MAX])
{
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof(info);

	name[0] = '\0';
	if (bpf_obj_get_info_by_fd(fd, &info, &length) == 0)
		snprintf(name, PROGRAM_MAX, "%s", info.name);
}

/* libbpf's own, as a value of the type that `ret_function` points to. */
static void find_real(const char *name, void *ret_function, size_t size)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	assert_non_null(symbol);
	memcpy(ret_function, &symbol, size);
}

int bpf_raw_tracepoint_open(const char *name, int prog_fd)
{
	int (*real)(const char *, int);
	char program[PROGRAM_MAX];

	find_real("bpf_raw_tracepoint_open", &real, sizeof(real));
	name_of(prog_fd, program);
	return fails(program) ? -EBUSY : real(name, prog_fd);
}

struct bpf_link *bpf_program__attach_kprobe(const struct bpf_program *program, bool at_return,
					    const char *function)
{
	struct bpf_link *(*real)(const struct bpf_program *, bool, const char *);

	find_real("bpf_program__attach_kprobe", &real, sizeof(real));
	return fails(bpf_program__name(program)) ? NULL : real(program, at_return, function);
}

struct bpf_link *bpf_program__attach_perf_event(const struct bpf_program *program, int fd)
{
	struct bpf_link *(*real)(const struct bpf_program *, int);

	find_real("bpf_program__attach_perf_event", &real, sizeof(real));
	return fails(bpf_program__name(program)) ? NULL : real(program, fd);
}

struct bpf_link *bpf_program__attach(const struct bpf_program *program)
{
	struct bpf_link *(*real)(const struct bpf_program *);

	find_real("bpf_program__attach", &real, sizeof(real));
	return fails(bpf_program__name(program)) ? NULL : real(program);
}

/* --- sources --- */

static const struct service_list services = {
	.n = 1,
	.items = { { .name = "web", .port = 8099 } },
};

static const struct subject {
	const char *source;
	enum signal_id first, last;
	enum scope_kind kind;
} subjects[] = {
	{ "block", SIGNAL_DISK_READ_LATENCY, SIGNAL_DISK_WRITE_SERVICE, SCOPE_DISK },
	{ "sched", SIGNAL_SCHED_WAKEUP, SIGNAL_SCHED_MIGRATIONS_NODE, SCOPE_HOST },
	{ "lock", SIGNAL_LOCK_KERNEL_SPIN, SIGNAL_LOCK_KERNEL_WAIT, SCOPE_HOST },
	{ "service", SIGNAL_SERVICE_LATENCY, SIGNAL_SERVICE_BYTES_OUT, SCOPE_SERVICE },
	{ "net", SIGNAL_NET_SQUEEZES_BUDGET, SIGNAL_NET_SQUEEZES_TIME, SCOPE_CPU },
};

struct cell {
	const struct subject *subject;
	char method[SOURCE_NAME_MAX]; /* "" = a source with one method */
};

struct bench {
	int root;
	char force[64];
	struct observer *observer;
	struct frame *frame;
	struct source_status status;
};

static void bench_open(struct bench *b, const struct subject *subject, const char *method)
{
	struct observer_options options = { .root = sysroot_open("/"), .services = &services };

	*b = (struct bench){ .root = options.root, .frame = malloc(sizeof(*b->frame)) };
	assert_true(b->root >= 0 && b->frame);
	snprintf(b->force, sizeof(b->force), "%s=%s", subject->source, method);
	options.force = method[0] ? b->force : NULL; /* outlives the observer */
	assert_int_equal(observer_new(&options, &b->observer), 0);
}

static void bench_close(struct bench *b)
{
	observer_free(b->observer);
	free(b->frame);
	close(b->root);
}

static void status_read(struct bench *b, const char *source)
{
	struct source_status sources[SOURCES_MAX];
	const size_t n = observer_sources(b->observer, sources);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(sources[i].name, source))
			b->status = sources[i];
}

/* Everything of the source's, with the failing-th attachment failing; returns how many there were. */
static unsigned int demand(struct bench *b, const struct subject *subject, unsigned int fail)
{
	struct demand demands[DEMANDS_MAX] = { 0 };
	size_t n = 0;

	for (uint32_t i = subject->first; i <= subject->last; i++)
		if (signal_has_scope(&signal_rows[i], subject->kind))
			demands[n++] = (struct demand){ .signal = i, .scope.kind = subject->kind };
	n_calls = 0;
	failing = fail;
	failed[0] = '\0';
	assert_int_equal(observer_demand(b->observer, demands, n), 0);
	failing = 0;
	status_read(b, subject->source);
	return n_calls;
}

/* Descriptors of this process that say that something is attached, or loaded. */
static size_t count_bpf(void)
{
	_cleanup_closedir_ DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	char target[128];
	size_t n = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		ssize_t length =
			readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);

		target[length < 0 ? 0 : length] = '\0';
		n += strstr(target, "bpf") || strstr(target, "perf_event");
	}
	return n;
}

static void expect_named(const struct bench *b)
{
	if (!strstr(b->status.text, "attach") || !strstr(b->status.text, failed) ||
	    !strstr(b->status.text, strerror(EBUSY)))
		fail_msg("'%s' does not say that %s did not attach, and why", b->status.text,
			 failed);
}

static void forced(const struct subject *subject, const char *method)
{
	struct bench b;
	unsigned int n;

	bench_open(&b, subject, method);
	n = demand(&b, subject, 0);
	assert_true(n > 0);
	assert_int_not_equal(b.status.state, SOURCE_UNAVAILABLE);
	assert_int_equal(observer_demand(b.observer, NULL, 0), 0);
	for (unsigned int i = 1; i <= n; i++) {
		demand(&b, subject, i);
		assert_int_equal(b.status.state, SOURCE_UNAVAILABLE);
		expect_named(&b);
		assert_int_equal(count_bpf(), 0);
		assert_int_equal(observer_sample(b.observer, clock_now_ns(), b.frame), 0);
		assert_int_equal(b.frame->n_series, 0);
		/* What was in the way is gone. */
		assert_int_equal(observer_demand(b.observer, NULL, 0), 0);
		demand(&b, subject, 0);
		assert_int_not_equal(b.status.state, SOURCE_UNAVAILABLE);
		assert_int_equal(observer_demand(b.observer, NULL, 0), 0);
		assert_int_equal(count_bpf(), 0);
	}
	bench_close(&b);
}

/*
 * The first method that works fails: the next one has the source. The status says why the best of all is not used, which is this
 * failure where that would work.
 */
static void with_fallback(const struct subject *subject, const char *method)
{
	struct bench b;
	unsigned int n;
	bool best;

	bench_open(&b, subject, "");
	n = demand(&b, subject, 0);
	if (strcmp(b.status.method, method)) {
		bench_close(&b);
		return; /* another one comes before it */
	}
	best = !b.status.text[0];
	assert_int_equal(observer_demand(b.observer, NULL, 0), 0);
	for (unsigned int i = 1; i <= n; i++) {
		demand(&b, subject, i);
		assert_string_not_equal(b.status.method, method);
		assert_int_not_equal(b.status.state, SOURCE_UNAVAILABLE);
		assert_true(b.status.text[0]);
		if (best)
			expect_named(&b);
		assert_int_equal(observer_demand(b.observer, NULL, 0), 0);
		assert_int_equal(count_bpf(), 0);
	}
	bench_close(&b);
}

static void of_a_half_attached_method_nothing_stays(void **state)
{
	const struct cell *cell = *state;

	forced(cell->subject, cell->method);
	with_fallback(cell->subject, cell->method);
}

/* Counters of squeezes come from a file all the same; only their causes take programs. */
static void without_a_program_the_cause_of_squeezes_is_not_known(void **state)
{
	const struct subject *subject = ((const struct cell *)*state)->subject;
	struct bench b;
	unsigned int n;

	bench_open(&b, subject, "");
	n = demand(&b, subject, 0);
	assert_true(n > 0);
	assert_int_equal(observer_demand(b.observer, NULL, 0), 0);
	for (unsigned int i = 1; i <= n; i++) {
		demand(&b, subject, i);
		assert_int_equal(b.status.state, SOURCE_DEGRADED);
		expect_named(&b);
		assert_int_equal(count_bpf(), 0);
		assert_int_equal(observer_demand(b.observer, NULL, 0), 0);
	}
	bench_close(&b);
}

/* --- which there are here --- */

static size_t find_methods(const struct subject *subject,
			   struct source_status methods[SOURCE_METHODS_MAX])
{
	struct source_status sources[SOURCES_MAX];
	size_t n, n_methods = 0;
	struct bench b;

	bench_open(&b, subject, "");
	n = observer_sources(b.observer, sources);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(sources[i].name, subject->source))
			n_methods = observer_methods(b.observer, i, methods);
	bench_close(&b);
	return n_methods;
}

/* The last one reads files: nothing is attached. */
static bool takes_programs(const struct source_status *method)
{
	return method->state != SOURCE_UNAVAILABLE && strcmp(method->method, "procfs") &&
	       strcmp(method->method, "sock_diag");
}

static struct CMUnitTest test_of(struct cell *cell, const struct subject *subject,
				 const char *method, char title[160], CMUnitTestFunction run)
{
	cell->subject = subject;
	snprintf(cell->method, sizeof(cell->method), "%s", method);
	snprintf(title, 160, "%s by %s", subject->source, method[0] ? method : "its programs");
	return (struct CMUnitTest){ title, run, NULL, NULL, cell };
}

int main(void)
{
	static struct source_status methods[SOURCE_METHODS_MAX];
	static struct cell cells[TESTS_MAX];
	static char titles[TESTS_MAX][160];
	struct CMUnitTest tests[TESTS_MAX];
	size_t n = 0;

	if (geteuid() != 0 || access("/sys/kernel/btf/vmlinux", R_OK) < 0) {
		print_message("skipped: needs root and a kernel with BTF\n");
		return 77;
	}
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
		const size_t n_methods = find_methods(&subjects[i], methods);

		for (size_t j = 0; j < n_methods; j++) {
			if (takes_programs(&methods[j]) && n < TESTS_MAX) {
				tests[n] =
					test_of(&cells[n], &subjects[i], methods[j].method,
						titles[n], of_a_half_attached_method_nothing_stays);
				n++;
			}
		}
		if (n_methods == 0 && n < TESTS_MAX) {
			tests[n] = test_of(&cells[n], &subjects[i], "", titles[n],
					   without_a_program_the_cause_of_squeezes_is_not_known);
			n++;
		}
	}
	return _cmocka_run_group_tests("test_attach", tests, n, NULL, NULL);
}
