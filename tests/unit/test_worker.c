// SPDX-License-Identifier: Apache-2.0
/* What all workers have in common, in this process: the test is supervisor and peers. */
#include "daemon/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "daemon/channel.h"

#define HEARD_MAX 8

struct listener {
	struct worker worker;
	size_t n_heard;
	enum role heard[HEARD_MAX];
	size_t n_wanted; /* after so many it ends */
};

static void listener_message(struct worker *worker, enum role from, const struct message *message)
{
	struct listener *l = (struct listener *)worker;

	(void)message;
	assert_true(l->n_heard < HEARD_MAX);
	l->heard[l->n_heard++] = from;
	if (l->n_heard == l->n_wanted)
		sd_event_exit(worker->event, 0);
}

static void listener_peer(struct worker *worker, enum role peer)
{
	(void)worker;
	(void)peer;
}

static void listener_stop(struct worker *worker)
{
	sd_event_exit(worker->event, 1);
}

static const struct worker_ops listener_ops = {
	.message = listener_message,
	.peer_up = listener_peer,
	.peer_down = listener_peer,
	.stop = listener_stop,
};

/* The other end of a new channel to `peer`, which the supervisor's end of the control channel hands over. */
static int introduce(int control, enum role peer)
{
	struct message message;
	int ends[2];

	assert_int_equal(channel_pair(ends), 0);
	message_init(&message, MESSAGE_PEER);
	message.word = (struct message_word){ .value = peer, .pid = getpid() };
	assert_int_equal(channel_send(control, &message, ends[1]), 0);
	close(ends[1]);
	return ends[0];
}

/* As after a stall: frames are waiting when the answer comes, and without it they would be judged too early. */
static void an_answer_of_the_actuator_is_heard_before_frames_that_waited(void **state)
{
	struct process_context context = { .listener = -1, .root = -1, .state = -1 };
	struct listener l = { .n_wanted = 4 };
	struct message frame, outcome;
	int control[2], observer, actuator;

	(void)state;
	assert_int_equal(channel_pair(control), 0);
	context.control = control[1];
	assert_int_equal(worker_init(&l.worker, ROLE_CORE, &listener_ops, &context), 0);
	observer = introduce(control[0], ROLE_OBSERVER);
	actuator = introduce(control[0], ROLE_ACTUATOR);
	/* Both peers are known before anything of them is looked at. */
	while (sd_event_run(l.worker.event, 0) > 0)
		;
	assert_true(worker_has_peer(&l.worker, ROLE_ACTUATOR));
	message_init(&frame, MESSAGE_FRAME);
	frame.frame = (struct message_frame){ .seq = 1, .time_ns = 1 };
	message_init(&outcome, MESSAGE_OUTCOME);
	outcome.outcome =
		(struct outcome){ .txn = 1, .action = ACTION_ARM, .status = OUTCOME_DONE };
	for (int i = 0; i < 3; i++)
		assert_int_equal(channel_send(observer, &frame, -1), 0);
	assert_int_equal(channel_send(actuator, &outcome, -1), 0);
	assert_int_equal(worker_run(&l.worker), 0);
	assert_int_equal(l.heard[0], ROLE_ACTUATOR);
	for (size_t i = 1; i < l.n_heard; i++)
		assert_int_equal(l.heard[i], ROLE_OBSERVER);
	worker_deinit(&l.worker);
	close(control[0]);
	close(control[1]);
	close(observer);
	close(actuator);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_of_the_actuator_is_heard_before_frames_that_waited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
