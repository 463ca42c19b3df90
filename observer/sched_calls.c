// SPDX-License-Identifier: Apache-2.0
/*
 * poll, select and epoll are none of these: who waits there waits for whatever comes first, and an idle service does so all
 * day. Nor is io_uring_enter. Numbers that this kernel's headers do not know yet are given by hand: they are the same on
 * all architectures.
 */
#include "observer/sched_calls.h"

#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif

static const struct {
	uint16_t number;
	uint8_t call; /* enum sched_call */
} calls[] = {
	{ .number = SYS_futex, .call = SCHED_CALL_FUTEX },
	{ .number = SYS_futex_waitv, .call = SCHED_CALL_FUTEX },
	{ .number = SYS_futex_wait, .call = SCHED_CALL_FUTEX },
	{ .number = SYS_accept, .call = SCHED_CALL_SOCKET },
	{ .number = SYS_accept4, .call = SCHED_CALL_SOCKET },
	{ .number = SYS_connect, .call = SCHED_CALL_SOCKET },
	{ .number = SYS_recvfrom, .call = SCHED_CALL_SOCKET },
	{ .number = SYS_recvmsg, .call = SCHED_CALL_SOCKET },
	{ .number = SYS_recvmmsg, .call = SCHED_CALL_SOCKET },
	{ .number = SYS_sendto, .call = SCHED_CALL_SOCKET },
	{ .number = SYS_sendmsg, .call = SCHED_CALL_SOCKET },
	{ .number = SYS_sendmmsg, .call = SCHED_CALL_SOCKET },
	{ .number = SYS_sendfile, .call = SCHED_CALL_FILE },
	{ .number = SYS_read, .call = SCHED_CALL_FILE },
	{ .number = SYS_readv, .call = SCHED_CALL_FILE },
	{ .number = SYS_write, .call = SCHED_CALL_FILE },
	{ .number = SYS_writev, .call = SCHED_CALL_FILE },
};

void sched_calls(uint8_t ret_calls[SCHED_CALLS])
{
	memset(ret_calls, SCHED_CALL_ANY, SCHED_CALLS);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].number < SCHED_CALLS)
			ret_calls[calls[i].number] = calls[i].call;
}
