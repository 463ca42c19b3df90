// SPDX-License-Identifier: Apache-2.0
/*
 * Congestion control of routes on the kernel itself, in network namespaces that the test makes: after each change and
 * its undo all routes are the same, message for message as the kernel tells them. Needs root and ip(8); exits with 77
 * and the reason otherwise.
 */
#include "tests/native/test_netns.h"
#include "tests/unit/test_actuator.h"

#include <linux/rtnetlink.h>

#include "actuator/knobs.h"
#include "base/cleanup.h"

#define DUMP_BYTES 65536

/* Each says more than the last of what a route can have. Lines that this kernel or ip(8) does not know are dropped. */
static const char *const commands[] = {
	"link add v0 type veth peer name v1",
	"link set v0 addrgenmode none", /* addresses of its own would come later */
	"link set v1 addrgenmode none",
	"link set v0 up",
	"link set v1 up",
	"link set lo up",
	"addr add 10.0.0.1/24 dev v0",
	"addr add fd00::1/64 dev v0 nodad",
	"route add 10.1.0.0/16 via 10.0.0.2",
	("route add 10.1.0.0/16 via 10.0.0.3 metric 100 proto static mtu lock 1400 advmss 1200 "
	 "initcwnd 20"),
	"route add 10.2.0.0/16 via 10.9.9.9 dev v0 onlink src 10.0.0.1 table 100",
	"route add 10.3.0.0/16 nexthop via 10.0.0.2 weight 3 nexthop via 10.0.0.3 weight 5",
	"nexthop add id 7 via 10.0.0.4 dev v0",
	"route add 10.4.0.0/16 nhid 7 rto_min 10ms",
	"route add 10.5.0.0/16 dev v0 scope link congctl lock reno features ecn",
	"route add default via 10.0.0.254",
	"-6 route add fd01::/64 via fd00::2 metric 50 pref high mtu 1300 hoplimit 9",
	"-6 route add fd02::/64 nexthop via fd00::2 weight 2 nexthop via fd00::3",
	"-6 route add default via fd00::fe table 7",
	"route add 10.6.0.0/16 via 10.0.0.2 congctl reno",
	"-6 route add fd03::/64 via fd00::2 expires 600",
	"route add 10.7.0.0/16 via 10.0.0.2 tos 8",
	"route add 10.8.0.0/16 via 10.0.0.2",
	"route append 10.8.0.0/16 via 10.0.0.3",
};

static void make_routes(const char *netns)
{
	char command[256];

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		snprintf(command, sizeof(command), "ip -n %s %s", netns, commands[i]);
		if (system(command) != 0)
			print_message("not here: ip %s\n", commands[i]);
	}
}

static int real_setup(void **state)
{
	int r = machine_setup(state);
	struct machine *m = *state;

	close(m->root);
	m->root = sysroot_open("/");
	return r || machine_open(m);
}

static struct scope route_scope(const char *name)
{
	struct scope scope = { .kind = SCOPE_ROUTE };

	snprintf(scope.name, sizeof(scope.name), "%s@%s", name, netns_names[0]);
	return scope;
}

static struct knob_reading reading_of(const struct machine *m, const struct scope *scope)
{
	struct knob_reading reading;

	assert_int_equal(knob_read(m->root, knob_find("tcp.congestion.route"), scope, &reading), 0);
	return reading;
}

static uint32_t begin_at(struct machine *m, uint64_t txn, const struct scope *scope,
			 const char *old, const char *value)
{
	struct change change = machine_change(txn, "tcp.congestion.route", old, value);

	change.scope = *scope;
	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	return m->outcome.status;
}

/* Without the numbers of the request, and without ages. */
static void clear_volatile(struct nlmsghdr *header)
{
	struct rtattr *attr = (struct rtattr *)((char *)NLMSG_DATA(header) + sizeof(struct rtmsg));
	int left = (int)(header->nlmsg_len - NLMSG_LENGTH(sizeof(struct rtmsg)));

	header->nlmsg_seq = 0;
	header->nlmsg_pid = 0;
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if (attr->rta_type == RTA_CACHEINFO)
			memset(RTA_DATA(attr), 0, RTA_PAYLOAD(attr));
}

/* All messages of `ip route save`. Returns how many bytes. */
static size_t dump_routes(char *text)
{
	size_t used = 0;

	for (int family = 4; family <= 6; family += 2) {
		_cleanup_(fclosep) FILE *file = NULL;
		char command[128];
		size_t n, at = used + 4; /* behind a magic number */
		struct nlmsghdr *header;

		snprintf(command, sizeof(command), "ip -%d -n %s route save table all", family,
			 netns_names[0]);
		file = popen(command, "r");
		assert_non_null(file);
		n = fread(text + used, 1, DUMP_BYTES - used, file);
		assert_int_equal(pclose(take_ptr(file)), 0);
		assert_true(n > 64 && used + n < DUMP_BYTES);
		used += n;
		for (; at + sizeof(*header) <= used; at += NLMSG_ALIGN(header->nlmsg_len)) {
			header = (struct nlmsghdr *)(text + at);
			clear_volatile(header);
		}
	}
	return used;
}

static void try_value(struct machine *m, uint64_t txn, const struct scope *scope, const char *value)
{
	static char before[DUMP_BYTES], after[DUMP_BYTES];
	struct knob_reading reading = reading_of(m, scope);
	size_t n = dump_routes(before);

	if (begin_at(m, txn, scope, reading.value, value) != OUTCOME_DONE ||
	    machine_ask(m, txn, ACTION_ARM) != OUTCOME_DONE)
		fail_msg("%s: '%s' → '%s': %s", scope->name, reading.value, value, m->outcome.text);
	assert_string_equal(reading_of(m, scope).value, value);
	if (strcmp(value, reading.value)) {
		assert_true(dump_routes(after) != n || memcmp(before, after, n));
	}
	assert_int_equal(machine_ask(m, txn, ACTION_BASE), OUTCOME_DONE);
	assert_int_equal(dump_routes(after), n);
	assert_memory_equal(before, after, n);
	assert_int_equal(machine_ask(m, txn, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, txn, ACTION_UNDO), OUTCOME_DONE);
	assert_string_equal(m->outcome.text, "");
	assert_int_equal(dump_routes(after), n);
	assert_memory_equal(before, after, n);
}

/* Those of the namespace, as the catalogue finds them. */
static size_t own_scopes(const struct machine *m, struct scope *ret_scopes)
{
	static struct scope all[512];
	size_t n = knob_scopes(m->root, knob_find("tcp.congestion.route"), all, 512), own = 0;
	char suffix[64];

	snprintf(suffix, sizeof(suffix), "@%s", netns_names[0]);
	for (size_t i = 0; i < n && i < 512; i++)
		if (strstr(all[i].name, suffix))
			ret_scopes[own++] = all[i];
	return own;
}

static void every_route_is_restored(void **state)
{
	static struct scope scopes[512];
	struct machine *m = *state;
	size_t n = own_scopes(m, scopes), tried = 0;
	uint64_t txn = 0;

	for (size_t i = 0; i < n; i++) {
		struct knob_reading reading;

		if (knob_read(m->root, knob_find("tcp.congestion.route"), &scopes[i], &reading) < 0)
			continue;
		if (!(reading.flags & KNOB_WRITABLE))
			continue;
		tried++;
		/* None, the first, and the first with the lock. */
		for (uint32_t j = 0; j < reading.n_choices; j++)
			if (j < 2 || (!strncmp(reading.choices[j], reading.choices[1],
					       strlen(reading.choices[1])) &&
				      strchr(reading.choices[j], ',')))
				try_value(m, ++txn, &scopes[i], reading.choices[j]);
	}
	print_message("%zu routes, %llu changes\n", tried, (unsigned long long)txn);
	assert_true(tried >= 12);
}

static void what_expires_is_not_written_and_what_has_two_is_not_read(void **state)
{
	const struct scope expires = route_scope("fd03::/64@main+1024"),
			   two = route_scope("10.8.0.0/16@main"),
			   tos = route_scope("10.7.0.0/16@main"),
			   none = route_scope("10.99.0.0/16@main");
	struct machine *m = *state;
	struct knob_reading reading;

	assert_int_equal(reading_of(m, &expires).flags, 0);
	assert_int_equal(begin_at(m, 1, &expires, "default", "reno"), OUTCOME_REFUSED);
	assert_int_equal(knob_read(m->root, knob_find("tcp.congestion.route"), &two, &reading),
			 -ENOTUNIQ);
	assert_int_equal(reading_of(m, &tos).flags, KNOB_GONE);
	assert_int_equal(reading_of(m, &none).flags, KNOB_GONE);
}

static void a_route_that_goes_elsewhere_meanwhile_is_left(void **state)
{
	const struct scope scope = route_scope("10.1.0.0/16@main");
	struct machine *m = *state;

	assert_int_equal(begin_at(m, 1, &scope, "default", "reno"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(netns_shell("ip -n %s route replace 10.1.0.0/16 via 10.0.0.9 congctl reno",
				     netns_names[0]),
			 0);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_GONE);
	assert_string_equal(reading_of(m, &scope).value, "reno");
	assert_int_equal(netns_shell("ip -n %s route replace 10.1.0.0/16 via 10.0.0.2",
				     netns_names[0]),
			 0);
}

static void an_algorithm_that_somebody_has_set_is_left(void **state)
{
	const struct scope scope = route_scope("10.1.0.0/16@main");
	struct machine *m = *state;
	struct knob_reading reading = reading_of(m, &scope);
	char command[128];

	assert_string_equal(reading.choices[1], "reno");
	snprintf(command, sizeof(command),
		 "ip -n %%s route replace 10.1.0.0/16 via 10.0.0.2 congctl %s", reading.choices[2]);
	assert_int_equal(begin_at(m, 1, &scope, "default", "reno"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(netns_shell(command, netns_names[0]), 0);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_FOREIGN);
	assert_string_equal(reading_of(m, &scope).value, reading.choices[2]);
	netns_shell("ip -n %s route replace 10.1.0.0/16 via 10.0.0.2", netns_names[0]);
}

static void arm_and_die(struct machine *m)
{
	const struct scope scope = route_scope("10.3.0.0/16@main");

	if (begin_at(m, 1, &scope, "default", "reno,lock") != OUTCOME_DONE ||
	    machine_ask(m, 1, ACTION_ARM) != OUTCOME_DONE)
		_exit(2);
}

static void a_crash_is_recovered(void **state)
{
	static char before[DUMP_BYTES], after[DUMP_BYTES];
	struct machine *m = *state;
	size_t n = dump_routes(before);

	actuator_close(m->actuator, clock_now_ns());
	m->actuator = NULL;
	machine_crash(m, arm_and_die);
	assert_true(dump_routes(after) != n);
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.restored, 1);
	assert_int_equal(dump_routes(after), n);
	assert_memory_equal(before, after, n);
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, real_setup, machine_teardown)

static int tests(void)
{
	const struct CMUnitTest all[] = {
		REAL(every_route_is_restored),
		REAL(what_expires_is_not_written_and_what_has_two_is_not_read),
		REAL(a_route_that_goes_elsewhere_meanwhile_is_left),
		REAL(an_algorithm_that_somebody_has_set_is_left),
		REAL(a_crash_is_recovered),
	};

	make_routes(netns_names[0]);
	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return netns_run_tests(tests);
}
