// SPDX-License-Identifier: Apache-2.0
/*
 * The hand's own side: one request after the other, until the actuator closes the channel or dies.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actuator/failpoint.h"
#include "actuator/family.h"
#include "actuator/hand.h"
#include "actuator/knobs.h"
#include "actuator/split.h"
#include "base/cleanup.h"
#include "base/descriptors.h"

/* The hand's end of its channel, for families that report progress; -1 in every other process. */
static int progress_fd = -1;

/* Of the request at hand; in every other process as family.h says. */
static struct family_limits limits_now = { .numa_rate_bytes = UINT64_MAX };

const struct family_limits *family_limits(void)
{
	return &limits_now;
}

void family_limits_go_back(void)
{
	limits_now.going_back = 1;
}

void family_progress(void)
{
	struct hand_message message = { .type = HAND_WORKING };

	/* A channel that is full has said so already. */
	if (progress_fd >= 0)
		send(progress_fd, &message, hand_message_bytes(&message),
		     MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void put(int root, const struct knob_row *row, struct hand_message *message)
{
	/* Large: most of it is not touched. */
	static struct txn txn;

	memset(&txn, 0, offsetof(struct txn, entry));
	memcpy(&txn.entry, &message->entry, journal_entry_bytes(&message->entry));
	txn.row = row;
	txn.touched = message->touched;
	txn.n_writes = message->n_writes;
	message->settled = setting_put(root, &txn, message->side, &message->outcome);
	message->touched = txn.touched;
	message->n_writes = txn.n_writes;
	/* It is not asked back. */
	message->entry.companions[0] = '\0';
}

static void answer(const struct hand *hand, struct hand_message *message)
{
	const struct knob_row *row = knob_table_row(hand->knobs, message->row);
	int root = hand->root;
	const struct scope *scope = &message->entry.scope;

	limits_now = message->limits;
	switch (message->type) {
	case HAND_READ:
		message->error = row ? knob_read(root, row, scope, &message->reading) : -EINVAL;
		break;
	case HAND_CAPTURE:
		message->error =
			row ? knob_family_ops(row)->capture(root, row, scope,
							    message->entry.companions,
							    sizeof(message->entry.companions),
							    message->text, sizeof(message->text))
			    : -EINVAL;
		break;
	default:
		put(root, row, message);
		break;
	}
	message->type = HAND_ANSWER;
}

/* Signals to the whole group are the supervisor's business: the hand ends with its channel. */
static void ignore_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_IGN);
}

void hand_work(const struct hand *hand, int fd, int lock, pid_t parent)
{
	static struct hand_message message;
	const int keep[] = { hand->root, fd, lock, hand->maps.results, hand->maps.slots };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	descriptors_close_others(keep, ARRAY_SIZE(keep));
	prctl(PR_SET_NAME, "flyball-hand");
	ignore_signals();
	split_use(&hand->maps);
	progress_fd = fd;
	FAILPOINT(HAND_STARTED);
	while (hand_receive(fd, &message) == 0) {
		ssize_t n;

		FAILPOINT(HAND_ASKED);
		answer(hand, &message);
		do
			n = send(fd, &message, hand_message_bytes(&message), MSG_NOSIGNAL);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			break;
		FAILPOINT(HAND_ANSWERED);
	}
	_exit(0);
}
