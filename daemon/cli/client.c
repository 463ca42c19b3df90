// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define READ_BYTES 16384 /* room that is made for each read */

struct client {
	int fd;
	char *buffer;
	size_t used, size;
};

int client_open(const char *run_dir, struct client **ret_client)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	struct client *client;

	if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", run_dir,
			     CLIENT_SOCKET) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->fd = take_fd(&fd);
	*ret_client = client;
	return 0;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	close(client->fd);
	free(client->buffer);
	free(client);
}

/* MSG_NOSIGNAL: a daemon that went away is an error to report, not a signal to die of. */
static int send_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int client_send(struct client *client, const char *verb, json_t *args)
{
	json_t *request =
		json_pack("{s:s, s:o}", "verb", verb, "args", args ? args : json_object());
	_cleanup_free_ char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
	int r;

	json_decref(request);
	if (!line)
		return -ENOMEM;
	r = send_all(client->fd, line, strlen(line));
	return r < 0 ? r : send_all(client->fd, "\n", 1);
}

/* Hands out the first line of the buffer; 0 when there is no whole one yet. */
static int take_line(struct client *client, json_t **ret_line)
{
	char *end = client->used ? memchr(client->buffer, '\n', client->used) : NULL;
	size_t length;
	json_t *line;

	if (!end)
		return 0;
	length = (size_t)(end - client->buffer);
	line = json_loadb(client->buffer, length, 0, NULL);
	client->used -= length + 1;
	memmove(client->buffer, end + 1, client->used);
	if (!json_is_object(line)) {
		json_decref(line);
		return -EBADMSG;
	}
	*ret_line = line;
	return 1;
}

static int wait_readable(int fd, uint64_t deadline_ns)
{
	for (;;) {
		struct pollfd poller = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_now_ns(), left = deadline_ns > now ? deadline_ns - now : 0;
		struct timespec timeout = { .tv_sec = (time_t)(left / NSEC_PER_SEC),
					    .tv_nsec = (long)(left % NSEC_PER_SEC) };
		int n = ppoll(&poller, 1, deadline_ns == UINT64_MAX ? NULL : &timeout, NULL);

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int make_room(struct client *client)
{
	size_t size = client->size * 2 > READ_BYTES * 2 ? client->size * 2 : READ_BYTES * 2;
	char *larger;

	if (client->size - client->used >= READ_BYTES)
		return 0;
	if (client->used >= CLIENT_LINE_MAX)
		return -EMSGSIZE;
	larger = realloc(client->buffer, size);
	if (!larger)
		return -ENOMEM;
	client->buffer = larger;
	client->size = size;
	return 0;
}

int client_next(struct client *client, uint64_t deadline_ns, json_t **ret_line)
{
	for (;;) {
		int r = take_line(client, ret_line);
		ssize_t n;

		if (r == 0)
			r = make_room(client);
		else
			return r;
		if (r == 0)
			r = wait_readable(client->fd, deadline_ns);
		if (r < 0)
			return r;
		n = recv(client->fd, client->buffer + client->used, client->size - client->used, 0);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return client->used ? -EBADMSG : 0;
		if (n > 0)
			client->used += (size_t)n;
	}
}
