// SPDX-License-Identifier: Apache-2.0
/* Answers of taskstats: one as Linux 6.18 gave it, the same with known delays, cut for older kernels, and broken. */
#include "observer/taskstats.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PID 21040 /* of the process that was asked for */
#define HEADS (NLMSG_HDRLEN + GENL_HDRLEN)
#define STATS (HEADS + 2 * NLA_HDRLEN + 4 + NLA_HDRLEN) /* where the struct begins */

static char answer[1024];
static size_t size;

static uint32_t pid_of_answer(void)
{
	uint32_t pid;

	memcpy(&pid, answer + HEADS + 2 * NLA_HDRLEN, sizeof(pid));
	return pid;
}

static int setup(void **state)
{
	int fd = open(SOURCE_DIR "/tests/fixtures/taskstats/reply-6.18", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, answer, sizeof(answer));

	(void)state;
	close(fd);
	size = n > 0 ? (size_t)n : 0;
	return size > STATS ? 0 : -1;
}

static void set(size_t offset, uint64_t value)
{
	memcpy(answer + STATS + offset, &value, sizeof(value));
}

/* As a kernel whose struct ends there would answer. */
static void cut(size_t stats_size)
{
	const uint32_t total = (uint32_t)(STATS + stats_size);
	const uint16_t all = (uint16_t)(total - HEADS), stats = (uint16_t)(NLA_HDRLEN + stats_size);

	memcpy(answer, &total, sizeof(total));
	memcpy(answer + HEADS, &all, sizeof(all));
	memcpy(answer + STATS - NLA_HDRLEN, &stats, sizeof(stats));
	size = total;
}

#define DELAY(delays, name) ((delays).ns[SIGNAL_TASK_DELAY_##name - SIGNAL_TASK_DELAY_CPU])

static void each_delay_is_read_from_its_place(void **state)
{
	struct taskstats_delays delays;

	(void)state;
	set(offsetof(struct taskstats, cpu_delay_total), 11);
	set(offsetof(struct taskstats, blkio_delay_total), 12);
	set(offsetof(struct taskstats, swapin_delay_total), 13);
	set(offsetof(struct taskstats, freepages_delay_total), 14);
	set(offsetof(struct taskstats, thrashing_delay_total), 15);
	set(offsetof(struct taskstats, compact_delay_total), 16);
	set(offsetof(struct taskstats, wpcopy_delay_total), 17);
	assert_int_equal(taskstats_parse(answer, size, pid_of_answer(), &delays), 0);
	assert_int_equal(delays.known, (1u << TASKSTATS_DELAYS) - 1);
	assert_int_equal(DELAY(delays, CPU), 11);
	assert_int_equal(DELAY(delays, BLKIO), 12);
	assert_int_equal(DELAY(delays, SWAPIN), 13);
	assert_int_equal(DELAY(delays, FREEPAGES), 14);
	assert_int_equal(DELAY(delays, THRASHING), 15);
	assert_int_equal(DELAY(delays, COMPACT), 16);
	assert_int_equal(DELAY(delays, WPCOPY), 17);
}

static void an_older_kernel_knows_fewer_delays(void **state)
{
	struct taskstats_delays delays;

	(void)state;
	cut(offsetof(struct taskstats, compact_delay_total));
	assert_int_equal(taskstats_parse(answer, size, pid_of_answer(), &delays), 0);
	assert_int_equal(delays.known, (1u << 5) - 1); /* cpu to thrashing */
	cut(offsetof(struct taskstats, freepages_count));
	assert_int_equal(taskstats_parse(answer, size, pid_of_answer(), &delays), 0);
	assert_int_equal(delays.known, (1u << 3) - 1); /* cpu to swapin */
	cut(8);
	assert_int_equal(taskstats_parse(answer, size, pid_of_answer(), &delays), -EBADMSG);
}

static void an_answer_about_another_process_or_cut_anywhere_is_none(void **state)
{
	struct taskstats_delays delays;
	uint32_t length;

	(void)state;
	assert_int_equal(taskstats_parse(answer, size, pid_of_answer() + 1, &delays), -EBADMSG);
	for (size_t n = 0; n < size; n++)
		assert_int_equal(taskstats_parse(answer, n, pid_of_answer(), &delays), -EBADMSG);
	/* The same with a head that believes it. */
	for (length = 0; length < STATS; length++) {
		memcpy(answer, &length, sizeof(length));
		assert_true(taskstats_parse(answer, length, PID, &delays) < 0);
	}
}

static void the_kernels_error_is_handed_on(void **state)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
	} refusal = { .head = { .nlmsg_len = sizeof(refusal), .nlmsg_type = NLMSG_ERROR },
		      .error = { .error = -ESRCH } };
	struct taskstats_delays delays;

	(void)state;
	assert_int_equal(taskstats_parse(&refusal, sizeof(refusal), PID, &delays), -ESRCH);
	refusal.error.error = 0; /* an acknowledgement, which was not asked for */
	assert_int_equal(taskstats_parse(&refusal, sizeof(refusal), PID, &delays), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_delay_is_read_from_its_place, setup),
		cmocka_unit_test_setup(an_older_kernel_knows_fewer_delays, setup),
		cmocka_unit_test_setup(an_answer_about_another_process_or_cut_anywhere_is_none,
				       setup),
		cmocka_unit_test_setup(the_kernels_error_is_handed_on, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
