// SPDX-License-Identifier: Apache-2.0
/*
 * Connections that draw their congestion control, on this kernel, in two network namespaces of the test's own. Needs root,
 * two unrestricted algorithms, BTF and cgroup v2; exits with 77 and the reason otherwise.
 */
#include "tests/native/test_netns.h"
#include "tests/unit/test_actuator.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "actuator/in_netns.h"
#include "actuator/knobs.h"
#include "actuator/split.h"
#include "base/cleanup.h"
#include "bpf/tcp_split.h"
#include "observer/observer.h"
#include "tests/lab/slowfile.h"

#define KNOB "tcp.congestion"
#define PORT 5203
#define CONNECTIONS 64    /* all alike by chance: 2^-63 */
#define BYTES (64 * 1024) /* that each sends */
#define GONE_MS 2000      /* within which a program must vanish */
#define OLD "reno"
#define NEW "bbr"
#define MOUNTS "proc/self/mountinfo"
#define PATIENCE_NS NSEC_PER_SEC /* of an actuator whose hand is made to hang */

static struct split_maps maps, read_maps;
static struct slowfile slow;
static bool can_hang;

/* --- programs of ours in the kernel: those that use our map --- */

static bool uses_map(int program, uint32_t map)
{
	uint32_t ids[16] = { 0 };
	struct bpf_prog_info info = { .nr_map_ids = ARRAY_SIZE(ids),
				      .map_ids = (uint64_t)(uintptr_t)ids };
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &size) < 0)
		return false;
	for (uint32_t i = 0; i < info.nr_map_ids && i < ARRAY_SIZE(ids); i++)
		if (ids[i] == map)
			return true;
	return false;
}

static uint32_t own_map(void)
{
	struct bpf_map_info map = { 0 };
	uint32_t size = sizeof(map);

	assert_int_equal(bpf_obj_get_info_by_fd(maps.results, &map, &size), 0);
	return map.id;
}

static int count_programs(void)
{
	uint32_t id = 0, own = own_map();
	int n = 0;

	while (bpf_prog_get_next_id(id, &id) == 0) {
		_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);

		n += fd >= 0 && uses_map(fd, own);
	}
	return n;
}

/* The kernel frees a program a grace period after its last link. */
static bool programs_become(int n)
{
	for (int ms = 0; ms < GONE_MS; ms += 5) {
		if (count_programs() == n)
			return true;
		usleep(5000);
	}
	return false;
}

/* --- connections --- */

static struct scope netns_scope(int i)
{
	struct scope scope = { .kind = SCOPE_NETNS };

	strcpy(scope.name, netns_names[i]);
	return scope;
}

static int socket_here(void *data)
{
	*(int *)data = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return *(int *)data < 0 ? -errno : 0;
}

/* A socket belongs to the namespace that it was made in, whoever uses it. */
static int socket_in(const struct machine *m, int i)
{
	const struct scope scope = netns_scope(i);
	int fd = -1;

	assert_int_equal(in_netns(m->root, &scope, socket_here, &fd), 0);
	return fd;
}

static struct sockaddr_in address(const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	inet_pton(AF_INET, text, &in.sin_addr);
	return in;
}

static int listen_in(const struct machine *m, int i)
{
	const struct sockaddr_in any = address("0.0.0.0");
	int fd = socket_in(m, i), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, CONNECTIONS), 0);
	return fd;
}

static void algorithm_of(int fd, char ret_name[TCP_SPLIT_NAME])
{
	socklen_t size = TCP_SPLIT_NAME;

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, ret_name, &size), 0);
}

struct pair {
	int client, server;
};

static struct pair connect_to(const struct machine *m, int listener, const char *to,
			      const char *chosen)
{
	const struct sockaddr_in in = address(to);
	struct pair pair = { .client = socket_in(m, 0) };

	if (chosen)
		assert_int_equal(setsockopt(pair.client, IPPROTO_TCP, TCP_CONGESTION, chosen,
					    (socklen_t)strlen(chosen)),
				 0);
	assert_int_equal(connect(pair.client, (const struct sockaddr *)&in, sizeof(in)), 0);
	pair.server = accept(listener, NULL, NULL);
	assert_true(pair.server >= 0);
	return pair;
}

/* Ends by the client, whose side is counted. */
static void disconnect(struct pair *pair)
{
	char byte;

	shutdown(pair->client, SHUT_WR);
	while (read(pair->server, &byte, 1) > 0)
		;
	close(pair->server);
	assert_int_equal(read(pair->client, &byte, 1), 0);
	close(pair->client);
}

static void send_bytes(const struct pair *pair)
{
	static char bytes[BYTES];
	size_t sent = 0, got = 0;

	while (got < BYTES) {
		ssize_t n = send(pair->client, bytes, BYTES - sent, MSG_DONTWAIT);

		sent += n > 0 ? (size_t)n : 0;
		n = recv(pair->server, bytes, sizeof(bytes), MSG_DONTWAIT);
		got += n > 0 ? (size_t)n : 0;
	}
}

/* --- the actuator --- */

/* A `limit_ns` 0 is the usual patience with the hand. */
static int split_open_with(struct machine *m, uint64_t limit_ns)
{
	const struct actuator_options options = {
		.root = m->root,
		.state = m->state,
		.only = { .kind = SCOPE_KIND_COUNT },
		.maps = &maps,
		.hand_limit_ns = limit_ns,
	};

	return actuator_open(&options, clock_now_ns(), &m->recovery, &m->actuator);
}

static int split_open(struct machine *m)
{
	return split_open_with(m, 0);
}

static int setup(void **state)
{
	int r = machine_setup(state);
	struct machine *m = *state;

	close(m->root);
	m->root = sysroot_open("/");
	return r || split_open(m);
}

/* Over a setting of the machine lies a file of the test's own, in the test's own mounts, the writes to which hang. */
static int hang_setup(void **state)
{
	int r = machine_setup(state);
	struct machine *m = *state;

	if (r < 0 || !can_hang)
		return r;
	r = slowfile_open(&slow, "/" SWAPPINESS, "60");
	close(m->root);
	m->root = sysroot_open("/");
	return r || split_open_with(m, PATIENCE_NS);
}

static int hang_teardown(void **state)
{
	if (can_hang) {
		slowfile_release(&slow);
		slowfile_close(&slow);
	}
	return machine_teardown(state);
}

static void skip_unless_it_can_hang(void)
{
	if (can_hang)
		return;
	print_message("skipped: no /dev/fuse, or no mounts of the test's own\n");
	skip();
}

static uint32_t begin(struct machine *m, uint64_t txn, uint32_t flags)
{
	struct change change = {
		.txn = txn,
		.action = ACTION_BEGIN,
		.flags = flags,
		.deadline_ns = clock_now_ns() + FAR,
		.knob = KNOB,
		.scope = netns_scope(0),
		.old_value = OLD,
		.new_value = NEW,
	};

	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	return m->outcome.status;
}

static uint32_t act(struct machine *m, uint64_t txn, uint32_t action)
{
	struct change change = { .txn = txn, .action = action };

	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	return m->outcome.status;
}

static void expect_default(const struct machine *m, const char *value)
{
	const struct scope scope = netns_scope(0);
	struct knob_reading reading;

	assert_int_equal(knob_read(m->root, knob_find(KNOB), &scope, &reading), 0);
	assert_string_equal(reading.value, value);
}

/* The sum of one number over all CPUs and both sides of slot 0. */
static uint64_t total(size_t offset)
{
	size_t n_cpus = (size_t)libbpf_num_possible_cpus();
	struct tcp_split_result *cpus = calloc(n_cpus, sizeof(*cpus));
	uint64_t sum = 0;

	assert_non_null(cpus);
	for (uint32_t side = 0; side < TCP_SPLIT_SIDES; side++) {
		assert_int_equal(bpf_map_lookup_elem(read_maps.results, &side, cpus), 0);
		for (size_t i = 0; i < n_cpus; i++)
			sum += *(const uint64_t *)((const char *)&cpus[i] + offset);
	}
	free(cpus);
	return sum;
}

#define TOTAL(member) total(offsetof(struct tcp_split_result, member))

/* --- tests --- */

static void new_connections_draw_both_and_nothing_is_written(void **state)
{
	struct machine *m = *state;
	int listener = listen_in(m, 1), n_new = 0;
	struct pair pairs[CONNECTIONS], before = connect_to(m, listener, "10.78.0.2", NULL);
	uint64_t drawn = TOTAL(connections), refused = TOTAL(refused);
	char name[TCP_SPLIT_NAME];

	assert_int_equal(begin(m, 1, CHANGE_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_DONE);
	assert_string_equal(m->outcome.value, OLD);
	assert_int_equal(count_programs(), 1);
	for (int i = 0; i < CONNECTIONS; i++) {
		pairs[i] = connect_to(m, listener, "10.78.0.2", NULL);
		algorithm_of(pairs[i].client, name);
		n_new += !strcmp(name, NEW);
		assert_true(!strcmp(name, NEW) || !strcmp(name, OLD));
		/* The other end is of another namespace. */
		algorithm_of(pairs[i].server, name);
		assert_string_equal(name, OLD);
	}
	assert_in_range(n_new, CONNECTIONS / 8, CONNECTIONS - CONNECTIONS / 8);
	assert_int_equal(TOTAL(connections) - drawn, CONNECTIONS);
	assert_int_equal(TOTAL(refused), refused);
	expect_default(m, OLD);
	algorithm_of(before.client, name);
	assert_string_equal(name, OLD); /* open before */
	assert_int_equal(act(m, 1, ACTION_UNDO), OUTCOME_DONE);
	assert_true(programs_become(0));
	n_new = 0;
	for (int i = 0; i < CONNECTIONS; i++) {
		algorithm_of(pairs[i].client, name);
		n_new += !strcmp(name, NEW);
		disconnect(&pairs[i]);
	}
	assert_true(n_new > 0); /* they keep what they drew */
	pairs[0] = connect_to(m, listener, "10.78.0.2", NULL);
	algorithm_of(pairs[0].client, name);
	assert_string_equal(name, OLD);
	disconnect(&pairs[0]);
	disconnect(&before);
	close(listener);
}

static void what_chose_for_itself_or_stays_on_the_machine_takes_no_part(void **state)
{
	struct machine *m = *state;
	int there = listen_in(m, 1), here = listen_in(m, 0);
	uint64_t drawn = TOTAL(connections), chosen = TOTAL(chosen);
	char name[TCP_SPLIT_NAME];

	assert_int_equal(begin(m, 1, CHANGE_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_DONE);
	for (int i = 0; i < 8; i++) {
		struct pair pair = connect_to(m, there, "10.78.0.2", OLD);

		algorithm_of(pair.client, name);
		assert_string_equal(name, OLD);
		disconnect(&pair);
		pair = connect_to(m, here, i % 2 ? "127.0.0.1" : "10.78.0.1", NULL);
		algorithm_of(pair.client, name);
		assert_string_equal(name, OLD);
		disconnect(&pair);
	}
	assert_int_equal(TOTAL(connections), drawn);
	assert_int_equal(TOTAL(chosen) - chosen, 8);
	assert_int_equal(act(m, 1, ACTION_UNDO), OUTCOME_DONE);
	close(there);
	close(here);
}

/* What was drawn in an earlier cohort is not measured any more. */
static void results_are_of_the_present_cohort_alone(void **state)
{
	struct machine *m = *state;
	int listener = listen_in(m, 1);
	uint64_t bytes = TOTAL(bytes), durations, sums = TOTAL(sums[TCP_SPLIT_DURATION]);
	struct pair pair;

	assert_int_equal(begin(m, 1, CHANGE_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_DONE);
	pair = connect_to(m, listener, "10.78.0.2", NULL);
	send_bytes(&pair);
	disconnect(&pair);
	usleep(20000); /* the last acknowledgement */
	assert_in_range(TOTAL(bytes) - bytes, BYTES, BYTES + 2);
	assert_true(TOTAL(sums[TCP_SPLIT_DURATION]) > sums);
	assert_true(TOTAL(sums[TCP_SPLIT_RTT]) > 0);
	assert_true(TOTAL(sums[TCP_SPLIT_RTT_MIN]) > 0);
	assert_true(TOTAL(sums[TCP_SPLIT_DELIVERY]) > 0);
	pair = connect_to(m, listener, "10.78.0.2", NULL);
	usleep(20000);
	bytes = TOTAL(bytes);
	durations = TOTAL(sums[TCP_SPLIT_DURATION]);
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_DONE); /* the next cohort */
	assert_int_equal(count_programs(), 1);
	send_bytes(&pair);
	disconnect(&pair);
	usleep(20000);
	assert_int_equal(TOTAL(bytes), bytes);
	assert_int_equal(TOTAL(sums[TCP_SPLIT_DURATION]), durations);
	assert_int_equal(act(m, 1, ACTION_UNDO), OUTCOME_DONE);
	close(listener);
}

/* What the program costs, for people: mean of all its runs for some connections. */
static void a_connection_costs_little(void **state)
{
	_cleanup_close_ int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	struct bpf_prog_info info = { 0 };
	uint32_t id = 0, size = sizeof(info), own = own_map();
	struct machine *m = *state;
	int listener = listen_in(m, 1);

	assert_int_equal(begin(m, 1, CHANGE_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_DONE);
	printf("the first SPLIT took %llu µs", (unsigned long long)m->outcome.took_ns / 1000);
	for (int i = 0; i < CONNECTIONS; i++) {
		struct pair pair = connect_to(m, listener, "10.78.0.2", NULL);

		send_bytes(&pair);
		disconnect(&pair);
	}
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_DONE);
	printf(", the next %llu µs\n", (unsigned long long)m->outcome.took_ns / 1000);
	while (bpf_prog_get_next_id(id, &id) == 0) {
		_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);

		if (fd >= 0 && uses_map(fd, own))
			assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
	}
	assert_true(stats < 0 || info.run_cnt > CONNECTIONS);
	if (info.run_cnt)
		printf("%llu runs for %d connections of %d bytes, %llu ns each\n",
		       (unsigned long long)info.run_cnt, CONNECTIONS, BYTES,
		       (unsigned long long)(info.run_time_ns / info.run_cnt));
	assert_int_equal(act(m, 1, ACTION_UNDO), OUTCOME_DONE);
	close(listener);
}

static void the_observer_reads_both_sides_and_cannot_write(void **state)
{
	static struct frame frame;
	const struct demand demand = { .signal = SIGNAL_TCP_SPLIT_CONNECTIONS,
				       .scope = { .kind = SCOPE_NETNS } };
	struct machine *m = *state;
	const struct observer_options options = { .root = m->root, .maps = &read_maps };
	int listener = listen_in(m, 1);
	struct observer *observer;
	double seen[2] = { 0 };
	uint32_t key = 0;
	struct tcp_split_slot slot = { 0 };

	assert_int_equal(bpf_map_update_elem(read_maps.slots, &key, &slot, BPF_ANY), -EPERM);
	assert_int_equal(begin(m, 1, CHANGE_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_DONE);
	assert_int_equal(observer_new(&options, &observer), 0);
	assert_int_equal(observer_demand(observer, &demand, 1), 0);
	observer_sample(observer, clock_now_ns(), &frame);
	assert_int_equal(frame.n_series, 0); /* a baseline */
	for (int i = 0; i < CONNECTIONS; i++) {
		struct pair pair = connect_to(m, listener, "10.78.0.2", NULL);

		disconnect(&pair);
	}
	observer_sample(observer, clock_now_ns(), &frame);
	assert_int_equal(frame.n_series, 2);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(frame.series[i].scope.name, netns_names[0]);
		assert_int_equal(frame.series[i].flags,
				 SERIES_VALID | (i ? SERIES_ARM : SERIES_BASE));
		seen[i] = frame.series[i].value;
	}
	assert_true(seen[0] > 0 && seen[1] > 0);
	assert_int_equal((int)(seen[0] + seen[1]), CONNECTIONS);
	assert_int_equal(act(m, 1, ACTION_UNDO), OUTCOME_DONE);
	observer_sample(observer, clock_now_ns(), &frame);
	assert_int_equal(frame.n_series, 0);
	observer_free(observer);
	close(listener);
}

static void a_keep_ends_the_split_and_writes_the_default(void **state)
{
	struct machine *m = *state;

	assert_int_equal(begin(m, 1, CHANGE_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 1, ACTION_KEEP), OUTCOME_DONE);
	assert_true(programs_become(0));
	expect_default(m, NEW);
	assert_int_equal(act(m, 1, ACTION_UNDO), OUTCOME_DONE); /* rollback */
	expect_default(m, OLD);
}

static void an_arm_for_all_and_a_split_do_not_mix(void **state)
{
	struct machine *m = *state;

	assert_int_equal(begin(m, 1, CHANGE_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 1, ACTION_ARM), OUTCOME_REFUSED);
	assert_int_equal(act(m, 1, ACTION_UNDO), OUTCOME_DONE);
	assert_int_equal(begin(m, 2, 0), OUTCOME_DONE);
	assert_int_equal(act(m, 2, ACTION_SPLIT), OUTCOME_REFUSED);
	assert_int_equal(act(m, 2, ACTION_UNDO), OUTCOME_DONE);
	expect_default(m, OLD);
}

/* Also the arm: a split writes nothing, so whoever made it the default was somebody else. */
static void somebody_elses_default_ends_the_split(void **state)
{
	struct machine *m = *state;

	assert_int_equal(begin(m, 1, CHANGE_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_DONE);
	assert_int_equal(count_programs(), 1);
	assert_int_equal(netns_shell("ip netns exec %s sysctl -qw "
				     "net.ipv4.tcp_congestion_control=" NEW,
				     netns_names[0]),
			 0);
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_FOREIGN);
	assert_true(programs_become(0));
	expect_default(m, NEW);
	netns_shell("ip netns exec %s sysctl -qw net.ipv4.tcp_congestion_control=" OLD,
		    netns_names[0]);
}

/* A process with an actuator that splits until it is killed. */
static pid_t split_in_child(struct machine *m)
{
	int fds[2];
	char byte = 0;
	pid_t child;

	actuator_close(m->actuator, clock_now_ns());
	m->actuator = NULL;
	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		/* Also when an assertion fails before it is killed. */
		bool split = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && split_open(m) == 0 &&
			     begin(m, 1, CHANGE_SPLIT) == OUTCOME_DONE &&
			     act(m, 1, ACTION_SPLIT) == OUTCOME_DONE;

		byte = split;
		if (write(fds[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(child > 0);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_int_equal(byte, 1);
	close(fds[0]);
	close(fds[1]);
	return child;
}

static void a_killed_actuator_leaves_no_program(void **state)
{
	struct machine *m = *state;
	pid_t child = split_in_child(m);
	uint64_t start;

	assert_int_equal(count_programs(), 1);
	start = clock_now_ns();
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(programs_become(0));
	printf("gone %llu ms after kill -9\n",
	       (unsigned long long)((clock_now_ns() - start) / NSEC_PER_MSEC));
	assert_int_equal(split_open(m), 0);
	assert_int_equal(m->recovery.restored, 1);
	assert_non_null(
		strstr(m->recovery.text, "the split of its connections ended with the process"));
	expect_default(m, OLD);
}

static void recovery_leaves_the_arm_that_somebody_else_chose(void **state)
{
	struct machine *m = *state;
	pid_t child = split_in_child(m);

	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(netns_shell("ip netns exec %s sysctl -qw "
				     "net.ipv4.tcp_congestion_control=" NEW,
				     netns_names[0]),
			 0);
	assert_int_equal(split_open(m), 0);
	assert_int_equal(m->recovery.foreign, 1);
	expect_default(m, NEW);
	netns_shell("ip netns exec %s sysctl -qw net.ipv4.tcp_congestion_control=" OLD,
		    netns_names[0]);
}

static void a_killed_hand_ends_the_split_until_the_next_cohort(void **state)
{
	struct machine *m = *state;

	assert_int_equal(begin(m, 1, CHANGE_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_DONE);
	kill(machine_hand(), SIGKILL);
	assert_true(programs_become(0));
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_DONE);
	assert_int_equal(count_programs(), 1);
	assert_int_equal(act(m, 1, ACTION_UNDO), OUTCOME_DONE);
	assert_true(programs_become(0));
}

static void the_deadline_ends_a_split(void **state)
{
	struct machine *m = *state;

	assert_int_equal(begin(m, 1, CHANGE_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 1, ACTION_SPLIT), OUTCOME_DONE);
	assert_int_equal(actuator_expire(m->actuator, clock_now_ns() + FAR, &m->outcome), 1);
	assert_int_equal(m->outcome.status, OUTCOME_DONE);
	assert_true(programs_become(0));
}

static void expect_no_split(int root, const struct scope *scope, int error, const char *step,
			    const char *remedy)
{
	char text[OUTCOME_TEXT_MAX];

	assert_int_equal(split_draw(root, scope, OLD, NEW, text, sizeof(text)), error);
	if (!strstr(text, step) || !strstr(text, remedy) || strlen(text) + 1 == sizeof(text))
		fail_msg("'%s' lacks '%s' or '%s', or is cut off", text, step, remedy);
	assert_true(programs_become(0));
}

/* On a machine of files, which lacks what a split takes, thing by thing. */
static void what_keeps_a_split_from_beginning_is_said_with_its_step_and_remedy(void **state)
{
	const struct scope host = { .kind = SCOPE_HOST },
			   gone = { .kind = SCOPE_NETNS, .name = "no-such" };
	const struct split_maps swapped = { .results = maps.slots, .slots = maps.slots },
				closed = { .results = 99999, .slots = maps.slots };
	libbpf_print_fn_t print = libbpf_set_print(NULL); /* the verifier says much */
	struct machine *m = *state;

	split_use(&maps);
	expect_no_split(m->root, &gone, -ENOENT, "the namespace 'no-such'", "is gone");
	machine_set(m, MOUNTS, "30 1 0:28 / / rw - tmpfs tmpfs rw\n");
	expect_no_split(m->root, &host, -ENOENT, "no cgroup v2 is mounted",
			"mount -t cgroup2 none /sys/fs/cgroup");
	machine_set(m, MOUNTS, "41 31 0:38 / /unified rw,relatime - cgroup2 cgroup2 rw\n");
	expect_no_split(m->root, &host, -ENOENT, "opening '/unified'", "mount -t cgroup2");
	machine_set(m, "unified/cgroup.procs", "");
	expect_no_split(m->root, &host, -EBADF, "attaching to '/unified'", "CONFIG_CGROUP_BPF");
	split_use(&swapped);
	expect_no_split(m->root, &host, -EACCES, "loading the program", "Linux 5.15");
	split_use(&closed);
	expect_no_split(m->root, &host, -EBADFD, "loading the program", "Linux 5.15");
	split_use(&SPLIT_MAPS_NONE);
	libbpf_set_print(print);
}

/* In a write of that transaction. */
static void hang_the_hand(struct machine *m, uint64_t txn)
{
	assert_int_equal(machine_begin(m, txn, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	slowfile_hold(&slow);
	assert_int_equal(act(m, txn, ACTION_ARM), OUTCOME_FAILED);
	assert_int_equal(m->outcome.error, ETIMEDOUT);
	assert_true(slowfile_await(&slow));
}

/* The write may return, and what is stuck is tried again until `n` transactions are undone. */
static void release_and_undo(struct machine *m, int n)
{
	uint64_t ahead = 0;

	slowfile_release(&slow);
	for (int i = 0; n > 0 && i < 1000; i++) {
		ahead += 60 * NSEC_PER_SEC;
		if (actuator_expire(m->actuator, clock_now_ns() + ahead, &m->outcome) == 1 &&
		    m->outcome.status == OUTCOME_DONE)
			n--;
		else
			usleep(10000);
	}
	assert_int_equal(n, 0);
	assert_string_equal(slow.control->value, "60");
}

static void expect_stuck(const struct machine *m, const char *text)
{
	assert_int_equal(m->outcome.status, OUTCOME_FAILED);
	assert_int_equal(m->outcome.error, ETIMEDOUT);
	assert_string_equal(m->outcome.text, text);
}

/* That hand may hold one, which would draw into the place of the new one. */
static void while_a_hand_hangs_no_split_begins(void **state)
{
	struct machine *m = *state;

	skip_unless_it_can_hang();
	hang_the_hand(m, 9);
	assert_int_equal(begin(m, 1, CHANGE_SPLIT), OUTCOME_DONE);
	act(m, 1, ACTION_SPLIT);
	expect_stuck(m, "a hand that may hold a split hangs");
	assert_int_equal(count_programs(), 0);
	release_and_undo(m, 2);
	assert_int_equal(begin(m, 2, CHANGE_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 2, ACTION_SPLIT), OUTCOME_DONE);
	assert_int_equal(act(m, 2, ACTION_UNDO), OUTCOME_DONE);
}

/* A second hand must not write, or draw, beside the one that still does. */
static void while_the_holder_of_a_split_hangs_its_transaction_stands_still(void **state)
{
	const uint32_t actions[] = { ACTION_BASE, ACTION_SPLIT, ACTION_KEEP };
	struct machine *m = *state;

	skip_unless_it_can_hang();
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		uint64_t txn = 100 + i;

		assert_int_equal(begin(m, txn, CHANGE_SPLIT), OUTCOME_DONE);
		assert_int_equal(act(m, txn, ACTION_SPLIT), OUTCOME_DONE);
		hang_the_hand(m, 200 + i);
		act(m, txn, actions[i]);
		expect_stuck(m, "the hand that holds its split hangs");
		act(m, txn, ACTION_UNDO);
		expect_stuck(m, "the hand that holds its split hangs");
		assert_int_equal(count_programs(), 1);
		release_and_undo(m, 2);
		assert_true(programs_become(0));
		expect_default(m, OLD);
	}
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test_setup_teardown(new_connections_draw_both_and_nothing_is_written,
						setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			what_chose_for_itself_or_stays_on_the_machine_takes_no_part, setup,
			machine_teardown),
		cmocka_unit_test_setup_teardown(results_are_of_the_present_cohort_alone, setup,
						machine_teardown),
		cmocka_unit_test_setup_teardown(a_connection_costs_little, setup, machine_teardown),
		cmocka_unit_test_setup_teardown(the_observer_reads_both_sides_and_cannot_write,
						setup, machine_teardown),
		cmocka_unit_test_setup_teardown(a_keep_ends_the_split_and_writes_the_default, setup,
						machine_teardown),
		cmocka_unit_test_setup_teardown(an_arm_for_all_and_a_split_do_not_mix, setup,
						machine_teardown),
		cmocka_unit_test_setup_teardown(somebody_elses_default_ends_the_split, setup,
						machine_teardown),
		cmocka_unit_test_setup_teardown(a_killed_actuator_leaves_no_program, setup,
						machine_teardown),
		cmocka_unit_test_setup_teardown(recovery_leaves_the_arm_that_somebody_else_chose,
						setup, machine_teardown),
		cmocka_unit_test_setup_teardown(a_killed_hand_ends_the_split_until_the_next_cohort,
						setup, machine_teardown),
		cmocka_unit_test_setup_teardown(the_deadline_ends_a_split, setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			what_keeps_a_split_from_beginning_is_said_with_its_step_and_remedy,
			machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(while_a_hand_hangs_no_split_begins, hang_setup,
						hang_teardown),
		cmocka_unit_test_setup_teardown(
			while_the_holder_of_a_split_hangs_its_transaction_stands_still, hang_setup,
			hang_teardown),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

/* 10.78.0.1 and .2 in the two namespaces, and what the machine needs. Returns why it cannot; NULL. */
static const char *prepare(void)
{
	char command[512];

	if (split_maps_open(&maps, &read_maps) < 0)
		return "no BPF maps can be made here";
	can_hang = access("/dev/fuse", R_OK | W_OK) == 0 && unshare(CLONE_NEWNS) == 0 &&
		   mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	snprintf(command, sizeof(command),
		 "ip link add left netns %s type veth peer name right netns %s", netns_names[0],
		 netns_names[1]);
	if (system(command) != 0 ||
	    netns_shell("ip -n %1$s address add 10.78.0.1/24 dev left && ip -n %1$s link set left "
			"up && ip -n %1$s link set lo up",
			netns_names[0]) != 0 ||
	    netns_shell("ip -n %1$s address add 10.78.0.2/24 dev right && ip -n %1$s link set "
			"right up",
			netns_names[1]) != 0)
		return "no pair of veth can be made here";
	for (int i = 0; i < NETNS_OWN; i++)
		if (netns_shell("ip netns exec %s sysctl -qw net.ipv4.tcp_congestion_control=" NEW
				" 2>/dev/null",
				netns_names[i]) != 0 ||
		    netns_shell("ip netns exec %s sysctl -qw net.ipv4.tcp_congestion_control=" OLD
				" 2>/dev/null",
				netns_names[i]) != 0)
			return "a namespace may not have " OLD " and " NEW " here";
	return NULL;
}

static int prepared_tests(void)
{
	const char *lack = prepare();

	if (!lack)
		return tests();
	printf("skipped: %s\n", lack);
	return 77;
}

int main(void)
{
	return netns_run_tests(prepared_tests);
}
