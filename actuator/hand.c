// SPDX-License-Identifier: Apache-2.0
/*
 * The actuator's side of the hand.
 *
 *              fork                 asked                  answer
 *     (none) ────────► idle ──────────────────► busy ─────────────────► idle
 *        ▲              │                       │  │ the limit passes: SIGKILL
 *        │   dies       │               dies    │  └──────────────────► hung ─────────► gone
 *        └──────────────┴───────────────────────┘                            waitpid
 *
 *     transition          done by          what becomes of the request
 *     (none) → idle       hand_start       -
 *     idle → busy         ask              sent whole
 *     busy → idle         ask              answered
 *     busy → (none)       ask              asked once more of a new hand: it begins by reading what is in force
 *     busy → hung         let_hang         -ETIMEDOUT; the transaction is stuck to this hand
 *     hung → gone         is_gone          the transaction may be undone
 *
 * The danger is a late write: a hand that hung in a write finishes it after somebody has put the old value back.
 * Killing it does not help: what blocks in the kernel dies only when it returns. Hence the invariants:
 *
 * 1. For a transaction whose hand hung nothing is written, and it is not called undone, before waitpid() has had
 *    that hand: then none of its system calls is running any more. It blocks its domain meanwhile.
 * 2. Every hand holds a shared lock on HAND_LOCK_NAME from before its fork until it is gone, by a description that no
 *    other process has. Who takes over the journal writes nothing before it could have the exclusive lock.
 * 3. Only who holds the journal's lock makes hands, and no hand holds that lock.
 * 4. A hand dies with its actuator (PR_SET_PDEATHSIG), and does nothing for one that is dead already.
 * 5. A split (split.h) lives in the hand that made it and ends with it; the next SPLIT of its transaction makes another.
 *    Two hands never hold one of the same transaction: nothing is asked for it while its holder hangs.
 */
#include "actuator/hand.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actuator/failpoint.h"
#include "actuator/knobs.h"
#include "actuator/setting.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define LOCK_MODE 0600
#define ALONE_PAUSE_NS 1000000 /* between two looks at the lock */
#define NO_ROW UINT32_MAX      /* this version has no such knob */

size_t hand_message_bytes(const struct hand_message *message)
{
	return offsetof(struct hand_message, entry) + journal_entry_bytes(&message->entry);
}

int hand_receive(int fd, struct hand_message *ret_message)
{
	ssize_t n;

	do
		n = recv(fd, ret_message, sizeof(*ret_message), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	if ((size_t)n <= offsetof(struct hand_message, entry.companions) ||
	    ret_message->type >= HAND_TYPE_COUNT || ((const char *)ret_message)[n - 1])
		return -EBADMSG;
	return 0;
}

/*
 * -1 without an error where there is no room for the file, or no permission to make it: then no hand of anybody's
 * holds it, and none that is made now is able to change the journal either.
 */
static int lock_open(const struct hand *hand, int *ret_fd)
{
	*ret_fd = openat(hand->state, HAND_LOCK_NAME, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			 LOCK_MODE);
	if (*ret_fd < 0 && errno != EROFS && errno != ENOSPC && errno != EDQUOT)
		return -errno;
	return 0;
}

bool hand_is_alone(struct hand *hand)
{
	_cleanup_close_ int lock = -1;

	if (!hand->former)
		return true;
	if (lock_open(hand, &lock) < 0)
		return false;
	if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0)
		return false;
	hand->former = false;
	return true;
}

void hand_open(struct hand *ret_hand, const struct actuator_options *options)
{
	const struct timespec pause = { .tv_nsec = ALONE_PAUSE_NS };
	uint64_t start = clock_now_ns();

	*ret_hand = (struct hand){
		.root = options->root,
		.state = options->state,
		.knobs = options->knobs,
		.maps = options->maps ? *options->maps : SPLIT_MAPS_NONE,
		.limit_ns = options->hand_limit_ns ? options->hand_limit_ns : HAND_LIMIT_NS,
		.total_ns = options->hand_total_ns ? options->hand_total_ns : HAND_TOTAL_NS,
		.former = true,
		.fd = -1,
	};
	while (!hand_is_alone(ret_hand) && clock_now_ns() - start < ret_hand->limit_ns)
		nanosleep(&pause, NULL);
}

/* Takes the dead out of the list. */
static size_t count_hung(struct hand *hand)
{
	size_t n = 0;

	for (size_t i = 0; i < HAND_HUNG_MAX; i++) {
		pid_t pid = hand->hung[i].pid;

		if (pid == 0)
			continue;
		if (waitpid(pid, NULL, WNOHANG) == pid || (kill(pid, 0) < 0 && errno == ESRCH))
			hand->hung[i].pid = 0;
		n += hand->hung[i].pid != 0;
	}
	return n;
}

static bool is_gone(struct hand *hand, uint64_t serial)
{
	count_hung(hand);
	for (size_t i = 0; i < HAND_HUNG_MAX; i++)
		if (hand->hung[i].pid && hand->hung[i].serial == serial)
			return false;
	return true;
}

/* Of a hand that is idle, or that has closed its channel: its end is near in both cases. */
static void end_hand(struct hand *hand)
{
	closep(&hand->fd);
	hand->fd = -1;
	if (hand->pid == 0)
		return;
	kill(hand->pid, SIGKILL);
	while (waitpid(hand->pid, NULL, 0) < 0 && errno == EINTR)
		;
	hand->pid = 0;
}

void hand_close(struct hand *hand)
{
	end_hand(hand);
	count_hung(hand);
}

int hand_start(struct hand *hand)
{
	_cleanup_close_ int lock = -1;
	pid_t parent = getpid();
	int fds[2], r;

	if (hand->pid)
		return 0;
	if (count_hung(hand) == HAND_HUNG_MAX)
		return -EBUSY;
	r = lock_open(hand, &lock);
	if (r < 0)
		return r;
	if (lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	hand->pid = fork();
	if (hand->pid == 0)
		hand_work(hand, fds[1], lock, parent);
	r = hand->pid < 0 ? -errno : 0;
	close(fds[1]);
	if (r < 0) {
		hand->pid = 0;
		close(fds[0]);
		return r;
	}
	hand->fd = fds[0];
	hand->serial++;
	return 0;
}

/* The hand does not answer: it is killed, and another one will be made for other knobs. */
static void let_hang(struct hand *hand)
{
	kill(hand->pid, SIGKILL);
	/* There is a free place: hand_start() has seen to it. */
	for (size_t i = 0; i < HAND_HUNG_MAX; i++)
		if (hand->hung[i].pid == 0) {
			hand->hung[i].pid = hand->pid;
			hand->hung[i].serial = hand->serial;
			break;
		}
	close(hand->fd);
	hand->fd = -1;
	hand->pid = 0;
}

static int await_answer(struct hand *hand, struct hand_message *message)
{
	uint64_t start = clock_now_ns(), heard = start;

	for (;;) {
		struct pollfd poll_fd = { .fd = hand->fd, .events = POLLIN };
		uint64_t now = clock_now_ns(), due = heard + hand->limit_ns;
		struct timespec wait;
		int r;

		if (due > start + hand->total_ns)
			due = start + hand->total_ns;
		if (now >= due)
			return -ETIMEDOUT;
		wait.tv_sec = (time_t)((due - now) / NSEC_PER_SEC);
		wait.tv_nsec = (long)((due - now) % NSEC_PER_SEC);
		r = ppoll(&poll_fd, 1, &wait, NULL);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r <= 0)
			continue;
		r = hand_receive(hand->fd, message);
		if (r < 0 || message->type == HAND_ANSWER)
			return r;
		heard = clock_now_ns();
	}
}

static int ask_once(struct hand *hand, const struct hand_message *request,
		    struct hand_message *ret_answer)
{
	size_t size = hand_message_bytes(request);
	ssize_t n;
	int r = hand_start(hand);

	if (r < 0)
		return r;
	do
		n = send(hand->fd, request, size, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	r = n < 0 ? -EPIPE : await_answer(hand, ret_answer);
	if (r == -EPIPE)
		end_hand(hand);
	else if (r < 0)
		let_hang(hand); /* or mad: in either case nobody knows what it is doing */
	return r;
}

/* A hand that was killed, by the kernel for want of memory, too, is replaced, and the new one asked again: once. */
static int ask(struct hand *hand, struct hand_message *request, struct hand_message *ret_answer)
{
	int r = hand_is_alone(hand) ? ask_once(hand, request, ret_answer) : -EBUSY;

	if (r != -EPIPE)
		return r;
	/* What the first one did nobody says; a split writes nothing that was not written before. */
	if (request->side != SETTING_SPLIT)
		request->touched = 1;
	return ask_once(hand, request, ret_answer);
}

static void request_init(const struct hand *hand, struct hand_message *request, enum hand_type type,
			 const struct knob_row *row, const struct scope *scope)
{
	memset(request, 0, offsetof(struct hand_message, entry.companions) + 1);
	request->type = type;
	request->row = row ? (uint32_t)knob_table_index(hand->knobs, row) : NO_ROW;
	request->entry.scope = *scope;
	request->limits = hand->limits;
}

int hand_read(struct hand *hand, const struct knob_row *row, const struct scope *scope,
	      struct knob_reading *ret_reading)
{
	struct hand_message request, answer;
	int r;

	request_init(hand, &request, HAND_READ, row, scope);
	r = ask(hand, &request, &answer);
	if (r == 0)
		r = answer.error;
	if (r == 0)
		*ret_reading = answer.reading;
	return r;
}

int hand_capture(struct hand *hand, const struct knob_row *row, const struct scope *scope,
		 char *ret_companions, size_t companions_size, char *ret_text, size_t text_size)
{
	struct hand_message request, answer;
	int r;

	request_init(hand, &request, HAND_CAPTURE, row, scope);
	r = ask(hand, &request, &answer);
	if (r < 0) {
		snprintf(ret_text, text_size,
			 "unable to write down what a change of %s disturbs: %s", row->name,
			 strerror(-r));
		return r;
	}
	if (answer.error < 0) {
		snprintf(ret_text, text_size, "%s", answer.text);
		return answer.error;
	}
	if (strlen(answer.entry.companions) >= companions_size) {
		snprintf(ret_text, text_size,
			 "what a change of %s disturbs is %zu bytes of text, and %zu are kept at "
			 "most",
			 row->name, strlen(answer.entry.companions), companions_size - 1);
		return -E2BIG;
	}
	strcpy(ret_companions, answer.entry.companions);
	return 0;
}

static bool fail(struct outcome *outcome, int r, const char *text)
{
	size_t used = strlen(outcome->text);

	outcome->status = OUTCOME_FAILED;
	outcome->error = -r;
	snprintf(outcome->text + used, sizeof(outcome->text) - used, "%s%s", used ? "; " : "",
		 text);
	return false;
}

static bool put(struct hand *hand, struct txn *txn, enum setting_side side, struct outcome *outcome)
{
	const char *wanted = side == SETTING_NEW ? txn->entry.new_value : txn->entry.old_value;
	struct hand_message request, answer = { 0 };
	char text[OUTCOME_TEXT_MAX];
	int r;

	if (!hand_is_alone(hand))
		return fail(outcome, -EBUSY, "a write of the former actuator still hangs");
	if (txn->hung && !is_gone(hand, txn->hung))
		return fail(outcome, -ETIMEDOUT, "an earlier write still hangs");
	/* A hand that hangs on another knob still holds the split: a second one must not draw beside it. */
	if (txn->holder && !is_gone(hand, txn->holder))
		return fail(outcome, -ETIMEDOUT, "the hand that holds its split hangs");
	/* Nor may another transaction's draw into the place of a split that a hand still holds. */
	if (side == SETTING_SPLIT && count_hung(hand) > 0)
		return fail(outcome, -ETIMEDOUT, "a hand that may hold a split hangs");
	txn->hung = 0;
	request_init(hand, &request, HAND_PUT, txn->row, &txn->entry.scope);
	request.side = side;
	request.touched = txn->touched;
	request.n_writes = txn->n_writes;
	request.outcome = *outcome;
	memcpy(&request.entry, &txn->entry, journal_entry_bytes(&txn->entry));
	r = ask(hand, &request, &answer);
	if (r == 0) {
		*outcome = answer.outcome;
		txn->touched = answer.touched;
		txn->n_writes = answer.n_writes;
		txn->holder = side == SETTING_SPLIT ? hand->serial : 0;
		FAILPOINT(PUT_DONE);
		return answer.settled;
	}
	/* Nobody says what was done, so it was; of a hand that is dead already is_gone() says so. */
	if (side != SETTING_SPLIT) {
		txn->touched = true;
		txn->n_writes++;
	}
	txn->hung = hand->serial;
	if (r != -ETIMEDOUT) {
		snprintf(text, sizeof(text), "unable to have '%.40s' written: %s", wanted,
			 strerror(-r));
		return fail(outcome, r, text);
	}
	snprintf(text, sizeof(text), "the write of '%.40s' has not returned for %llu ms", wanted,
		 hand->limit_ns / NSEC_PER_MSEC);
	return fail(outcome, r, text);
}

bool hand_put(struct hand *hand, struct txn *txn, enum setting_side side, struct outcome *outcome)
{
	uint64_t start = clock_now_ns();
	bool settled = put(hand, txn, side, outcome);

	outcome->time_ns = clock_now_ns();
	outcome->took_ns = outcome->time_ns - start;
	return settled;
}
