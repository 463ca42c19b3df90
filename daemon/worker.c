// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/channel.h"

/* Messages taken from one channel before the others get their turn: a frame has up to some hundred. */
#define MESSAGES_A_TURN 64

static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *data);

bool worker_has_peer(const struct worker *worker, enum role peer)
{
	return worker->peers[peer] >= 0;
}

static void drop_peer(struct worker *worker, enum role peer)
{
	worker->sources[peer] = sd_event_source_disable_unref(worker->sources[peer]);
	close(worker->peers[peer]);
	worker->peers[peer] = -1;
	worker->ops->peer_down(worker, peer);
}

void worker_reject(struct worker *worker, enum role peer)
{
	log_error("%s sent a message that is not one; ending it", role_word(peer));
	channel_send_word(worker->peers[ROLE_SUPERVISOR], MESSAGE_BAD_PEER, peer);
	drop_peer(worker, peer);
}

int worker_send(struct worker *worker, enum role to, const struct message *message)
{
	int r;

	if (!worker_has_peer(worker, to))
		return -ENOTCONN;
	r = channel_send(worker->peers[to], message, -1);
	if (r < 0 && to != ROLE_SUPERVISOR) {
		log_warning("unable to send %s to %s: %s, ignoring it until it is back",
			    message_word(message->header.type), role_word(to), strerror(-r));
		/* Alive, but it takes nothing: the supervisor starts one that does. */
		if (r != -EPIPE)
			channel_send_word(worker->peers[ROLE_SUPERVISOR], MESSAGE_BAD_PEER, to);
		drop_peer(worker, to);
	}
	return r;
}

/* A new process of that role: the channel to the old one, if any, is dead by now. */
static int take_peer(struct worker *worker, enum role peer, pid_t pid, int fd)
{
	int r;

	if (worker_has_peer(worker, peer))
		drop_peer(worker, peer);
	worker->peers[peer] = fd;
	worker->pids[peer] = pid;
	worker->meetings[peer]++;
	r = sd_event_add_io(worker->event, &worker->sources[peer], fd, EPOLLIN, on_channel, worker);
	if (r < 0)
		return r;
	/*
	 * After a stall answers and frames wait together. Answers come first: by the frames' time it would seem that they
	 * never came.
	 */
	if (peer == ROLE_ACTUATOR)
		sd_event_source_set_priority(worker->sources[peer], SD_EVENT_PRIORITY_NORMAL - 1);
	worker->ops->peer_up(worker, peer);
	return 0;
}

static int on_control(struct worker *worker, int passed)
{
	switch (worker->buffer.header.type) {
	case MESSAGE_PEER:
		return take_peer(worker, worker->buffer.word.value, worker->buffer.word.pid,
				 passed);
	case MESSAGE_STOP:
		worker->ops->stop(worker);
		return 0;
	default:
		return 0;
	}
}

static enum role role_of_channel(const struct worker *worker, int fd)
{
	for (enum role role = 0; role < ROLE_COUNT; role++)
		if (worker->peers[role] == fd)
			return role;
	return ROLE_COUNT;
}

/* The supervisor is gone, or no longer makes sense: without it nobody would restart or recover anything. */
static int end(struct worker *worker)
{
	return sd_event_exit(worker->event, 1);
}

static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct worker *worker = data;
	enum role peer = role_of_channel(worker, fd);

	(void)source;
	(void)revents;
	for (int i = 0; i < MESSAGES_A_TURN && peer < ROLE_COUNT && worker->peers[peer] == fd;
	     i++) {
		int passed = -1;
		int r = channel_receive(fd, peer, worker->role, &worker->buffer,
					peer == ROLE_SUPERVISOR ? &passed : NULL);

		if (r == 0)
			return 0;
		if (r < 0 && peer == ROLE_SUPERVISOR)
			return end(worker);
		if (r == -EBADMSG)
			worker_reject(worker, peer);
		else if (r < 0)
			drop_peer(worker, peer);
		else if (peer != ROLE_SUPERVISOR)
			worker->ops->message(worker, peer, &worker->buffer);
		else if (on_control(worker, passed) < 0)
			return end(worker); /* a peer that is not listened to would be waited for */
	}
	return 0;
}

int worker_init(struct worker *worker, enum role role, const struct worker_ops *ops,
		const struct process_context *context)
{
	int r;

	worker->role = role;
	worker->ops = ops;
	worker->context = context;
	for (enum role peer = 0; peer < ROLE_COUNT; peer++)
		worker->peers[peer] = -1;
	worker->peers[ROLE_SUPERVISOR] = context->control;
	worker->pids[ROLE_SUPERVISOR] = getppid();
	worker->pids[role] = getpid();
	r = sd_event_new(&worker->event);
	if (r < 0)
		return r;
	return sd_event_add_io(worker->event, &worker->sources[ROLE_SUPERVISOR], context->control,
			       EPOLLIN, on_channel, worker);
}

void worker_deinit(struct worker *worker)
{
	for (enum role peer = 0; peer < ROLE_COUNT; peer++) {
		sd_event_source_disable_unref(worker->sources[peer]);
		if (peer != ROLE_SUPERVISOR && worker->peers[peer] >= 0)
			close(worker->peers[peer]);
	}
	sd_event_unref(worker->event);
}

int worker_run(struct worker *worker)
{
	int r = channel_send_word(worker->peers[ROLE_SUPERVISOR], MESSAGE_READY, 0);

	if (r == 0)
		r = sd_event_loop(worker->event);
	if (r < 0)
		log_error("unable to run: %s", strerror(-r));
	return r < 0 ? 1 : r;
}
