/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first bytes of an answer. We come at the end of its send, in the system call that sends: its arguments say where the bytes are,
 * and there they still are, in the memory of who sends. So whoever does not want to know of errors pays one comparison.
 *
 * What is sent otherwise is not seen: by io_uring, sendmmsg(), sendfile() and splice(), by programs of 32 bits, and what is
 * encrypted, by whomever. Nor is what is not in memory at this moment, for which nobody can wait here.
 */
#ifndef FLYBALL_BPF_SERVICE_LOOK_H
#define FLYBALL_BPF_SERVICE_LOOK_H

#include "bpf/kernel_net.h"

#include <bpf/bpf_helpers.h>

#include "bpf/service_answer.h"

/* asm/unistd_64.h, x86-64 */
enum {
	CALL_WRITE = 1,
	CALL_WRITEV = 20,
	CALL_SENDTO = 44,
	CALL_SENDMSG = 46,
};

/* What user space hands over: linux/uio.h, linux/socket.h. */
struct user_part {
	void *base;
	unsigned long size;
};

struct user_message {
	void *name;
	int name_size;
	struct user_part *parts;
	unsigned long n_parts;
};

/* One part of what is sent, behind `at` bytes of earlier ones. Returns whether it could be read. */
static __always_inline bool look_part(struct answer *answer, __u32 at, const struct user_part *part)
{
	__u32 n = part->size < ANSWER_BYTES ? part->size : ANSWER_BYTES;

	if (n == 0 || at >= ANSWER_BYTES)
		return true;
	barrier_var(n); /* the verifier is shown what the compiler knows */
	barrier_var(at);
	if (n > ANSWER_BYTES || at >= ANSWER_BYTES)
		return false;
	return bpf_probe_read_user(answer->bytes + at, n, part->base) == 0;
}

/* Two of its parts are looked at, if the first is short. */
static __always_inline bool look_parts(struct answer *answer, const void *from, __u64 n)
{
	struct user_part parts[2] = { 0 };
	int r = n > 1 ? bpf_probe_read_user(parts, sizeof(parts), from)
		      : bpf_probe_read_user(parts, sizeof(parts[0]), from);

	if (n == 0 || r || !look_part(answer, 0, &parts[0]))
		return false;
	return parts[0].size >= ANSWER_BYTES || look_part(answer, parts[0].size, &parts[1]);
}

static __always_inline bool look_message(struct answer *answer, const void *from)
{
	struct user_message message;

	return bpf_probe_read_user(&message, sizeof(message), from) == 0 &&
	       look_parts(answer, message.parts, message.n_parts);
}

static __always_inline bool look_call(struct answer *answer)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	struct user_part part = { .base = (void *)regs->si, .size = regs->dx };

	if (READ(task, flags) & KERNEL_PF_KTHREAD)
		return false;
	switch (regs->orig_ax) {
	case CALL_WRITE:
	case CALL_SENDTO:
		return look_part(answer, 0, &part);
	case CALL_WRITEV:
		return look_parts(answer, part.base, part.size);
	case CALL_SENDMSG:
		return look_message(answer, part.base);
	default:
		return false;
	}
}

/* A global function, which the verifier looks at once and not for each way to the bytes. */
__noinline int answer_says(struct answer *answer)
{
	return answer ? answer_judge(answer) : ANSWER_UNSEEN;
}

/* Counts what an answer says; it stays uncounted where that was not seen. */
static __noinline int answer_look(struct service_hist *hist, struct service_conn *conn, __u32 bytes)
{
	struct answer answer = { .size = bytes };
	int verdict;

	if (!hist || !conn || !look_call(&answer))
		return 0;
	answer.protocol = conn->protocol;
	verdict = answer_says(&answer);
	conn->protocol = answer.protocol;
	hist->errors += verdict == ANSWER_ERROR;
	hist->fine += verdict == ANSWER_FINE;
	return 0;
}

#endif
