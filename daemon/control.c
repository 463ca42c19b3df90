// SPDX-License-Identifier: Apache-2.0
/*
 * The control socket: connections, lines, subscribers.
 *
 * A client sends one line {"verb": …, "args": {…}} and gets one line {"exit": …, "error": …, "data": …}. After the verb
 * "follow" it gets lines {"event": …, "data": …} until it goes. A client that does not read is dropped when its
 * backlog passes CLIENT_BACKLOG_MAX.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/words.h"
#include "daemon/core.h"
#include "daemon/exit_code.h"

#define CLIENTS_MAX 32
#define REQUEST_BYTES_MAX 4096
#define CLIENT_BACKLOG_MAX (4 * 1024 * 1024) /* bytes; a full trial is some 100 KB */
#define CLIENT_WAITS_MAX ACTUATOR_KEPT_MAX

struct control_client {
	struct control *control;
	int fd; /* -1 = free */
	sd_event_source *source;
	bool may_change, follows, answered, closing;
	size_t request_size;
	char request[REQUEST_BYTES_MAX];
	char *backlog; /* what the socket did not take yet */
	size_t backlog_size, backlog_room;
	uint64_t waits[CLIENT_WAITS_MAX]; /* transactions whose outcome the reply needs */
	size_t n_waits;
	uint64_t awaits; /* a transaction by hand, or a request to the actuator; 0 = none */
	uid_t uid;
	json_t *done; /* texts of the outcomes that came */
	int exit_code;
};

struct control {
	struct core *core;
	sd_event_source *source, *tick;
	struct control_client clients[CLIENTS_MAX];
};

static void client_close(struct control_client *client)
{
	sd_event_source_disable_unref(client->source);
	close(client->fd);
	free(client->backlog);
	json_decref(client->done);
	*client = (struct control_client){ .control = client->control, .fd = -1 };
}

/* Sends what it can; 0, or -errno when the client is to be closed. */
static int client_flush(struct control_client *client)
{
	size_t sent = 0;

	while (sent < client->backlog_size) {
		ssize_t n = send(client->fd, client->backlog + sent, client->backlog_size - sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return -errno;
		sent += (size_t)n;
	}
	memmove(client->backlog, client->backlog + sent, client->backlog_size - sent);
	client->backlog_size -= sent;
	if (client->backlog_size == 0 && client->closing)
		return -ESHUTDOWN;
	sd_event_source_set_io_events(client->source,
				      client->backlog_size ? EPOLLIN | EPOLLOUT : EPOLLIN);
	return 0;
}

static int client_append(struct control_client *client, const char *text, size_t size)
{
	size_t need = client->backlog_size + size;

	if (need > CLIENT_BACKLOG_MAX)
		return -ENOBUFS;
	if (need > client->backlog_room) {
		char *grown = realloc(client->backlog, need);

		if (!grown)
			return -ENOMEM;
		client->backlog = grown;
		client->backlog_room = need;
	}
	memcpy(client->backlog + client->backlog_size, text, size);
	client->backlog_size = need;
	return 0;
}

static void client_send(struct control_client *client, const char *line)
{
	int r = client_append(client, line, strlen(line));

	if (r == 0)
		r = client_append(client, "\n", 1);
	if (r == 0)
		r = client_flush(client);
	if (r == -ENOBUFS)
		log_warning("dropping a client of the control socket that does not read");
	if (r < 0)
		client_close(client);
}

void control_reply(struct control_client *client, int exit_code, const char *error, json_t *data)
{
	_cleanup_free_ char *line = NULL;
	json_t *reply = json_pack("{si ss? so?}", "exit", exit_code, "error", error, "data", data);

	line = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
	json_decref(reply);
	client->answered = true;
	client->closing = !client->follows;
	client_send(client, line ? line : "{\"exit\":1,\"error\":\"out of memory\",\"data\":null}");
}

void control_follow(struct control_client *client)
{
	client->follows = true;
}

bool control_may_change(const struct control_client *client)
{
	return client->may_change;
}

static void reply_when_done(struct control_client *client)
{
	json_t *data;

	if (client->n_waits > 0)
		return;
	data = json_pack("{si so?}", "schema", 1, "done",
			 client->done ? client->done : json_array());
	client->done = NULL;
	control_reply(client, client->exit_code,
		      client->exit_code ? "not everything could be undone" : NULL, data);
}

void control_wait(struct control_client *client, uint64_t txn)
{
	if (txn != 0 && client->n_waits < CLIENT_WAITS_MAX)
		client->waits[client->n_waits++] = txn;
	else if (txn == 0)
		reply_when_done(client);
}

void control_await(struct control_client *client, uint64_t id)
{
	client->awaits = id;
}

struct control_client *control_awaiting(struct control *control, uint64_t id)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *client = &control->clients[i];

		if (client->fd < 0 || client->awaits != id)
			continue;
		client->awaits = 0;
		return client;
	}
	return NULL;
}

void control_await_none(struct control *control)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *client = &control->clients[i];

		if (client->fd < 0 || !client->awaits)
			continue;
		client->awaits = 0;
		control_reply(client, EXIT_CODE_ERROR,
			      "the actuator died; what it had begun is undone", NULL);
	}
}

uid_t control_uid(const struct control_client *client)
{
	return client->uid;
}

static bool take_wait(struct control_client *client, uint64_t txn)
{
	for (size_t i = 0; i < client->n_waits; i++)
		if (client->waits[i] == txn) {
			client->waits[i] = client->waits[--client->n_waits];
			return true;
		}
	return false;
}

void control_outcome(struct control *control, const struct outcome *outcome,
		     const struct change *begin)
{
	char scope[SCOPE_TEXT_MAX];

	if (outcome->action != ACTION_UNDO && outcome->status == OUTCOME_DONE)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct control_client *client = &control->clients[i];

		if (client->fd < 0 || !take_wait(client, outcome->txn))
			continue;
		if (!client->done)
			client->done = json_array();
		json_array_append_new(client->done,
				      json_sprintf("%s%.0llu: %s of %s: %s in force (%s%s%s)",
						   begin->trial ? "trial " : "by hand",
						   (unsigned long long)begin->trial, begin->knob,
						   scope_format(&begin->scope, scope,
								sizeof(scope)),
						   outcome->value,
						   outcome_status_word(outcome->status),
						   outcome->text[0] ? ": " : "", outcome->text));
		if (outcome->status != OUTCOME_DONE)
			client->exit_code = EXIT_CODE_ERROR;
		reply_when_done(client);
	}
}

static void handle_line(struct control_client *client, char *line)
{
	json_error_t error;
	json_t *request = json_loads(line, 0, &error);
	const char *verb = json_string_value(json_object_get(request, "verb"));

	if (!verb)
		control_reply(client, EXIT_CODE_USAGE,
			      "a request is one line of JSON: {\"verb\": …, \"args\": {…}}", NULL);
	else
		control_dispatch(client->control->core, client, verb,
				 json_object_get(request, "args"));
	json_decref(request);
}

static void client_read(struct control_client *client)
{
	size_t room = sizeof(client->request) - 1 - client->request_size;
	ssize_t n = recv(client->fd, client->request + client->request_size, room, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(client);
		return;
	}
	/* One request a connection; what follows it is not looked at. */
	if (client->answered || client->n_waits > 0 || client->awaits)
		return;
	client->request_size += (size_t)n;
	client->request[client->request_size] = '\0';
	end = memchr(client->request, '\n', client->request_size);
	if (!end && client->request_size < sizeof(client->request) - 1)
		return;
	if (!end) {
		control_reply(client, EXIT_CODE_USAGE, "the request is longer than 4 KiB", NULL);
		return;
	}
	*end = '\0';
	client->request_size = 0;
	handle_line(client, client->request);
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct control_client *client = data;

	(void)source;
	(void)fd;
	if (revents & EPOLLOUT && client_flush(client) < 0) {
		client_close(client);
		return 0;
	}
	if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
		client_read(client);
	return 0;
}

static int on_connect(sd_event_source *source, int listener, uint32_t revents, void *data)
{
	struct control *control = data;
	struct control_client *client = NULL;
	_cleanup_close_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);

	(void)source;
	(void)revents;
	for (size_t i = 0; i < CLIENTS_MAX && !client; i++)
		if (control->clients[i].fd < 0)
			client = &control->clients[i];
	/* Full: the connection closes at once, which the client reports. */
	if (fd < 0 || !client || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return 0;
	if (sd_event_add_io(control->core->worker.event, &client->source, fd, EPOLLIN, on_client,
			    client) < 0)
		return 0;
	client->uid = peer.uid;
	client->may_change = peer.uid == 0 || peer.uid == control->core->operator;
	client->fd = take_fd(&fd);
	return 0;
}

/* --- subscribers --- */

bool control_has_followers(const struct control *control)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0 && control->clients[i].follows)
			return true;
	return false;
}

void control_broadcast(struct control *control, const char *event, json_t *data)
{
	_cleanup_free_ char *line = NULL;
	json_t *message = json_pack("{ss so?}", "event", event, "data", data);

	if (message && control_has_followers(control))
		line = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	for (size_t i = 0; line && i < CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0 && control->clients[i].follows)
			client_send(&control->clients[i], line);
}

int control_new(struct core *core, int listener, struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return -ENOMEM;
	control->core = core;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		control->clients[i] = (struct control_client){ .control = control, .fd = -1 };
	r = sd_event_add_io(core->worker.event, &control->source, listener, EPOLLIN, on_connect,
			    control);
	if (r < 0) {
		free(control);
		return r;
	}
	*ret_control = control;
	return 0;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0)
			client_close(&control->clients[i]);
	sd_event_source_unref(control->source);
	free(control);
}
