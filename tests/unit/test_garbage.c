// SPDX-License-Identifier: Apache-2.0
/*
 * Every text that the observer parses, spoilt in every way of a table: cut short, with numbers that are huge, negative or
 * no numbers, with missing columns, with NULs, far too long. Nothing may crash, no value may be absurd, what is not
 * understood is a counted loss or no value, and as soon as the file is well again so are the values.
 */
#include "tests/unit/test_source.h"

#include <ctype.h>

#include "base/cleanup.h"

#define TEXT_MAX 131072
#define NUMBERS_MAX 24 /* numbers of a text that are spoilt one by one */
#define VALUE_MAX 9007199254740992.0
#define SUM_MAX (1ull << 60)

#define CPU "sys/devices/system/cpu/cpu0/"
#define NODE "sys/devices/system/node/node0/"
#define GROUP "sys/fs/cgroup/a/"
#define NIC "sys/class/net/eth0/statistics/"
#define PRESSURE                                                  \
	"some avg10=0.01 avg60=0.51 avg300=4.56 total=88503197\n" \
	"full avg10=0.01 avg60=0.45 avg300=3.36 total=65694272\n"
#define PROCESS(cpu)                                                             \
	"17 (a b) c) S 1 1 1 0 -1 4194560 0 0 0 0 1 2 0 0 20 0 1 0 500 100 200 " \
	"18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 " cpu " 0 0\n"

/* A small machine. `parsed`: read at every tick, so that what is not understood must show. */
static const struct {
	const char *path, *text;
	bool parsed;
} machine[] = {
	{ "proc/stat",
	  "cpu  17607 0 30381 480721 10913 0 4191 144 0 0\n"
	  "cpu0 9438 0 13118 244163 5484 0 67 63 0 0\n"
	  "cpu1 8168 0 17263 236558 5428 0 4123 80 0 0\n"
	  "intr 3675747 0 0\nctxt 18078842\nbtime 1700000000\nprocesses 4000\n"
	  "procs_running 2\nprocs_blocked 0\n",
	  true },
	{ "proc/meminfo",
	  "MemTotal:        8000000 kB\nMemFree:         4000000 kB\nMemAvailable:    6000000 kB\n"
	  "Buffers:           10000 kB\nCached:          900000 kB\nDirty:               100 kB\n"
	  "Writeback:             0 kB\nShmem:               100 kB\nAnonPages:          1000 kB\n",
	  true },
	{ "proc/vmstat",
	  "nr_free_pages 1000\nnuma_hit 100\nnuma_miss 0\nnuma_foreign 0\nnuma_local 100\n"
	  "numa_other 0\npgpgin 5\npgpgout 6\npswpin 0\npswpout 0\npgfault 1000\npgmajfault 10\n"
	  "pgscan_kswapd 1\npgscan_direct 2\npgsteal_kswapd 1\npgsteal_direct 1\n"
	  "allocstall_dma32 0\nallocstall_normal 1\nallocstall_movable 2\ncompact_stall 3\n"
	  "workingset_refault_anon 4\nworkingset_refault_file 5\nthp_fault_alloc 1\n"
	  "thp_collapse_alloc 1\nthp_fault_fallback 1\nthp_collapse_alloc_failed 0\n"
	  "numa_pte_updates 0\nnuma_hint_faults 0\nnuma_hint_faults_local 0\n"
	  "numa_pages_migrated 0\npgmigrate_success 0\npgmigrate_fail 0\n",
	  true },
	{ "proc/pressure/cpu", PRESSURE, true },
	{ "proc/pressure/io", PRESSURE, true },
	{ "proc/pressure/memory", PRESSURE, true },
	{ "proc/schedstat",
	  "version 17\ntimestamp 4295\n"
	  "cpu0 0 0 314 101 149 75 1000000 200000 10\ndomain0 MC 3 0 0 0\n"
	  "cpu1 0 0 314 101 149 75 2000000 0 5\n",
	  true },
	{ "proc/softirqs", "     CPU0  CPU1\n NET_RX:  100   200\n", true },
	{ "proc/net/softnet_stat",
	  "00000001 00000002 00000003 00000000 00000000 00000000 00000000 00000000 00000000 "
	  "00000001 00000004 00000000 00000000 00000000 00000000\n"
	  "00000010 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
	  "00000000 00000000 00000000 00000001 00000000 00000000\n",
	  true },
	{ "proc/17/stat", PROCESS("0"), false },
	{ "proc/17/task/17/stat", PROCESS("1"), false },
	{ "proc/17/task/17/schedstat", "1000 500 3\n", true },
	{ "proc/17/numa_maps",
	  "7f1c0 default anon=512 N0=100 N1=412 kernelpagesize_kB=4\n7f1d0 default\n", false },
	{ "proc/self/numa_maps", "", false },
	{ "proc/uptime", "100.00 200.00\n", false },
	{ "sys/block/vda/stat", "1545 500 81334 1105 520 263 6392 367 0 912 1473 0 0 0 0 0 0\n",
	  true },
	{ "sys/block/vda/size", "2097152\n", false },
	{ "sys/block/vda/dev", "254:0\n", false },
	{ "sys/block/vda/queue/iostats", "1\n", false },
	{ "sys/devices/system/cpu/online", "0-1\n", false },
	{ "sys/devices/system/cpu/possible", "0-1\n", false },
	{ CPU "cpufreq/scaling_cur_freq", "2394374\n", true },
	{ CPU "cpuidle/state0/time", "5000000\n", true },
	{ CPU "cpuidle/state1/time", "5000000\n", true },
	{ CPU "thermal_throttle/core_throttle_count", "7\n", true },
	{ CPU "thermal_throttle/package_throttle_count", "9\n", true },
	{ "sys/class/powercap/intel-rapl:0/name", "package-0\n", false },
	{ "sys/class/powercap/intel-rapl:0/energy_uj", "71500000000\n", true },
	{ "sys/class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850\n", false },
	{ NODE "cpulist", "0-1\n", false },
	{ NODE "meminfo",
	  "Node 0 MemTotal:       8000000 kB\nNode 0 MemFree:        4000000 kB\n"
	  "Node 0 Dirty:              100 kB\nNode 0 AnonPages:         1000 kB\n",
	  true },
	{ NODE "vmstat",
	  "nr_free_pages 1000\nnuma_hit 100\nnuma_miss 0\nnuma_foreign 0\nnuma_local 100\n"
	  "numa_other 0\nworkingset_refault_anon 4\nworkingset_refault_file 5\n",
	  true },
	{ NODE "numastat",
	  "numa_hit 100\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node 100\n"
	  "other_node 0\n",
	  false },
	{ "sys/devices/system/node/online", "0\n", false },
	{ "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n", false },
	{ "sys/fs/cgroup/io.pressure", PRESSURE, false },
	{ "sys/fs/cgroup/cpu.stat", "usage_usec 815021\nuser_usec 1\nsystem_usec 2\n", false },
	{ GROUP "io.pressure", PRESSURE, true },
	{ GROUP "cpu.pressure", PRESSURE, true },
	{ GROUP "memory.pressure", PRESSURE, true },
	{ GROUP "cpu.stat",
	  "usage_usec 815021\nuser_usec 1\nsystem_usec 2\nnr_periods 120\nnr_throttled 31\n"
	  "throttled_usec 1205341\nnr_bursts 0\nburst_usec 0\n",
	  true },
	{ GROUP "memory.stat",
	  "anon 4096\nfile 8192\nfile_dirty 0\npgfault 100\npgmajfault 1\npgscan_kswapd 0\n"
	  "pgscan_direct 0\nworkingset_refault_anon 0\nworkingset_refault_file 0\n"
	  "thp_fault_alloc 0\nthp_collapse_alloc 0\n",
	  true },
	{ NIC "rx_bytes", "1000\n", true },
	{ NIC "rx_packets", "10\n", true },
	{ NIC "rx_errors", "1\n", true },
	{ NIC "rx_missed_errors", "7\n", true },
	{ NIC "rx_fifo_errors", "1\n", true },
	{ NIC "rx_dropped", "1\n", true },
	{ NIC "rx_nohandler", "1\n", true },
	{ NIC "tx_bytes", "1000\n", true },
	{ NIC "tx_packets", "10\n", true },
	{ NIC "tx_errors", "1\n", true },
	{ NIC "tx_dropped", "1\n", true },
	{ "sys/class/net/eth0/device/msi_irqs/40", "msix\n", false },
	{ "sys/kernel/irq/40/per_cpu_count", "100,0\n", true },
};

/* What reads files; the others ask the kernel itself. */
static const char *const sources[] = {
	"block", "psi",    "cgroup-psi",    "cpu",          "cpu-state", "cgroup-cpu",
	"rapl",  "memory", "cgroup-memory", "numa-process", "sched",     "net",
};

static bool reads_files(uint32_t signal, uint32_t kind)
{
	const char *name = observer_source_of(signal, kind);

	for (size_t i = 0; name && i < ARRAY_SIZE(sources); i++)
		if (!strcmp(name, sources[i]))
			return signal != SIGNAL_NET_SQUEEZES_BUDGET &&
			       signal != SIGNAL_NET_SQUEEZES_TIME; /* those take programs */
	return false;
}

/* --- ways to spoil a text; each returns its new length, 0 past the last variant --- */

typedef size_t spoil_fn(const char *text, size_t variant, char *spoilt);

/* The variants: shorter and shorter, down to nothing. */
static size_t cut(const char *text, size_t variant, char *spoilt)
{
	const size_t length = strlen(text);

	if (variant == 8)
		return 0;
	memcpy(spoilt, text, length);
	return length * (7 - variant) / 8 + 1;
}

static const char *const numbers[] = {
	"99999999999999999999", /* over 64 bits */
	"18446744073709551615",
	"9223372036854775808",
	"4611686018427387904",
	"-1",
	"x",
	"",
	"1e9",
	"0x10",
};

/* Appends `text`, in which number `index` (SIZE_MAX: each) is `number`. Returns whether there is such a number. */
static bool replace(const char *text, size_t index, const char *number, char *spoilt, size_t *used)
{
	size_t n = 0;

	while (*text) {
		const bool digit = isdigit((unsigned char)*text);

		if (digit && (index == SIZE_MAX || index == n)) {
			memcpy(spoilt + *used, number, strlen(number));
			*used += strlen(number);
			text += strspn(text, "0123456789");
			n++;
		} else if (digit) {
			const size_t length = strspn(text, "0123456789");

			memcpy(spoilt + *used, text, length);
			*used += length;
			text += length;
			n++;
		} else {
			spoilt[(*used)++] = *text++;
		}
	}
	return index == SIZE_MAX || index < n;
}

static size_t all_numbers(const char *text, size_t variant, char *spoilt)
{
	size_t used = 0;

	if (variant == ARRAY_SIZE(numbers))
		return 0;
	replace(text, SIZE_MAX, numbers[variant], spoilt, &used);
	return used;
}

static size_t one_number(const char *text, size_t variant, char *spoilt)
{
	const size_t index = variant / ARRAY_SIZE(numbers);
	size_t used = 0;

	if (index == NUMBERS_MAX ||
	    !replace(text, index, numbers[variant % ARRAY_SIZE(numbers)], spoilt, &used))
		return 0;
	return used;
}

static size_t nuls(const char *text, size_t variant, char *spoilt)
{
	const size_t length = strlen(text);

	if (variant == 4)
		return 0;
	memcpy(spoilt, text, length);
	if (variant == 3)
		memset(spoilt, 0, length);
	else
		spoilt[length * variant / 3] = '\0';
	return length;
}

/* The variants: no blanks, no line ends, no letters, lines in the wrong order. */
static size_t layout(const char *text, size_t variant, char *spoilt)
{
	size_t used = 0;

	if (variant == 4)
		return 0;
	for (const char *c = text; *c; c++)
		if (variant == 0   ? *c != ' ' && *c != '\t'
		    : variant == 1 ? *c != '\n'
		    : variant == 2 ? !isalpha((unsigned char)*c)
				   : true)
			spoilt[used++] = *c;
	if (variant == 3 && strchr(text, '\n') && strchr(text, '\n')[1]) {
		const size_t first = (size_t)(strchr(text, '\n') - text) + 1;

		memmove(spoilt, text + first, used - first);
		memcpy(spoilt + used - first, text, first);
	}
	return used ? used : 1;
}

/* The variants: the text a hundred times, a line that does not end, bytes over 127. */
static size_t flood(const char *text, size_t variant, char *spoilt)
{
	const size_t length = strlen(text);
	size_t used = 0;

	if (variant == 3)
		return 0;
	if (variant == 1)
		memset(spoilt, '7', used = TEXT_MAX / 2);
	else if (variant == 2)
		memset(spoilt, 0xfe, used = 4096);
	for (size_t i = 0; variant == 0 && i < 100 && used + length < TEXT_MAX; i++, used += length)
		memcpy(spoilt + used, text, length);
	return used;
}

static const struct {
	const char *name;
	spoil_fn *spoil;
} ways[] = {
	{ "cut short", cut }, { "all numbers", all_numbers }, { "one number", one_number },
	{ "NULs", nuls },     { "layout", layout },           { "too much", flood },
};

/* --- the observer over it --- */

/* All of the table is gone through, whatever fails. */
#define COMPLAINTS_MAX 20
static size_t n_complaints;

#define complain(...)                                \
	do {                                         \
		if (n_complaints++ < COMPLAINTS_MAX) \
			print_error(__VA_ARGS__);    \
	} while (0)

static void put_bytes(struct files *f, const char *path, const char *bytes, size_t n)
{
	char full[256];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", f->folder, path);
	fd = open(full, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, bytes, n), 0);
	close(fd);
}

static void start_all(struct files *f)
{
	static const uint32_t kinds[] = { SCOPE_HOST, SCOPE_CPU,    SCOPE_NODE,   SCOPE_DISK,
					  SCOPE_NIC,  SCOPE_CGROUP, SCOPE_PROCESS };
	const struct observer_options options = { .root = f->root };
	static struct demand demands[DEMANDS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(machine); i++)
		put(f, machine[i].path, machine[i].text);
	observer_free(f->observer);
	assert_int_equal(observer_new(&options, &f->observer), 0);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		for (uint32_t j = 0; j < SIGNAL_ID_COUNT; j++)
			if (signal_has_scope(&signal_rows[j], kinds[i]) &&
			    reads_files(j, kinds[i]) && n < DEMANDS_MAX)
				demands[n++] =
					(struct demand){ .signal = j, .scope.kind = kinds[i] };
	assert_true(n < DEMANDS_MAX);
	assert_int_equal(observer_demand(f->observer, demands, n), 0);
	tick(f);
	tick(f);
}

static size_t count_valid(const struct files *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->frame->n_series; i++)
		n += (f->frame->series[i].flags & SERIES_VALID) != 0;
	return n;
}

static uint64_t losses(const struct files *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < LOSS_COUNT; i++)
		sum += f->frame->losses[i];
	return sum;
}

static void expect_sane(const struct files *f, const char *path, const char *way, size_t variant)
{
	for (size_t i = 0; i < f->frame->n_series; i++) {
		const struct series *series = &f->frame->series[i];
		const struct signal_row *row = &signal_rows[series->signal];
		double value = series->hist ? (double)series->hist->count : series->value;

		if (!(series->flags & SERIES_VALID))
			continue;
		if (!(value >= 0 && value <= VALUE_MAX) ||
		    (!series->hist && row->unit == UNIT_RATIO && value > 1 + 1e-9) ||
		    (series->hist && series->hist->sum > SUM_MAX))
			complain("%s is %g after '%s' %zu of %s\n", row->name, value, way, variant,
				 path);
	}
}

/* Before the first NUL, which is where a parser stops. */
static bool has_number(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && bytes[i]; i++)
		if (isdigit((unsigned char)bytes[i]))
			return true;
	return false;
}

static void spoil_one(struct files *f, size_t file, size_t way, size_t variant, const char *bytes,
		      size_t n, size_t n_valid)
{
	const char *path = machine[file].path;
	uint64_t before = losses(f);

	put_bytes(f, path, bytes, n);
	for (int i = 0; i < 2; i++) {
		tick(f);
		expect_sane(f, path, ways[way].name, variant);
	}
	if (machine[file].parsed && !has_number(bytes, n) && losses(f) == before &&
	    count_valid(f) == n_valid)
		complain("nothing was lost after '%s' %zu of %s\n", ways[way].name, variant, path);
	put(f, path, machine[file].text);
	for (int i = 0; i < 2; i++) {
		tick(f);
		expect_sane(f, path, ways[way].name, variant);
	}
}

/* A new machine for each file: what it did to the observer must be over before it is well again. */
static void spoilt_texts_give_no_absurd_values_and_what_is_lost_is_said(void **state)
{
	static char spoilt[TEXT_MAX];
	struct files *f = *state;

	for (size_t file = 0; file < ARRAY_SIZE(machine); file++) {
		size_t n_valid, n;

		start_all(f);
		n_valid = count_valid(f);
		assert_true(n_valid > 50);
		for (size_t way = 0; way < ARRAY_SIZE(ways); way++)
			for (size_t i = 0; (n = ways[way].spoil(machine[file].text, i, spoilt)) > 0;
			     i++)
				spoil_one(f, file, way, i, spoilt, n, n_valid);
		for (int i = 0; i < 6; i++)
			tick(f); /* looks at processes are ten seconds apart */
		if (count_valid(f) != n_valid)
			complain("%zu values, not %zu, after %s was well again\n", count_valid(f),
				 n_valid, machine[file].path);
	}
	assert_int_equal(n_complaints, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(spoilt_texts_give_no_absurd_values_and_what_is_lost_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
