// SPDX-License-Identifier: Apache-2.0
/*
 * Metrics of services: pages that are fetched (pages.c), and what is pushed to a Unix datagram socket, RUN/app/socket, that exists only while somebody demands one of its
 * signals. Before and after, a sender gets ENOENT at once; nobody waits for us.
 *
 * The folder is the daemon's to make, and says who may push; the socket in it takes from everybody who gets that far.
 *
 * The kernel keeps no more than net.unix.max_dgram_qlen datagrams (10 by default), and then lets senders wait: so they
 * are taken between the ticks, too (drain), up to a limit a tick.
 */
#include "observer/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "observer/app_metrics.h"
#include "observer/pages.h"

#define DATAGRAM_MAX 8192 /* bytes; some 300 lines */
/* What is taken in a tick at most, some 20 ms of work; each datagram counts as DATAGRAM_COST bytes at least. */
#define BUDGET_BYTES (1 << 20)
#define DATAGRAM_COST 256

#define REMEDY_FOLDER "the daemon makes it at its start as root; look at --run"
#define REMEDY_TAKEN "end the other 'flyball', or give this one its own --run"

struct app {
	int fd;
	bool bound; /* the file is ours to remove */
	struct sockaddr_un address;
	struct source_demand demand;
	int64_t budget;
	char text[DATAGRAM_MAX + 1];
	struct app_metrics metrics;
	struct pages *pages; /* NULL = none is configured */
};

static int app_address(const struct source_context *context, struct sockaddr_un *ret_address)
{
	int n;

	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!context->run_dir)
		return -ENOENT;
	n = snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s/app/socket",
		     context->run_dir);
	return n >= 0 && (size_t)n < sizeof(ret_address->sun_path) ? 0 : -ENAMETOOLONG;
}

/* Somebody who is killed leaves the file, on which nobody listens. */
static bool is_taken(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
}

static void app_probe(const struct source_context *context, struct source_status *status)
{
	struct sockaddr_un address;

	strcpy(status->method, "unix-dgram");
	if (!context->run_dir)
		source_say(status, SOURCE_UNAVAILABLE, "", "there is no run folder");
	else if (app_address(context, &address) < 0)
		source_say(status, SOURCE_UNAVAILABLE, "give a shorter --run",
			   "the path of a socket in '%.100s' is too long", context->run_dir);
	else
		source_say(status, SOURCE_IDLE, "", "listens on %s while it is needed",
			   address.sun_path);
}

static int app_bind(struct app *app)
{
	const struct sockaddr *address = (const struct sockaddr *)&app->address;

	if (is_taken(&app->address))
		return -EADDRINUSE;
	unlink(app->address.sun_path);
	app->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (app->fd < 0 || bind(app->fd, address, sizeof(app->address)) < 0)
		return -errno;
	app->bound = true;
	return chmod(app->address.sun_path, 0666) < 0 ? -errno : 0;
}

static int app_demand(void *state, const struct source_demand *demand, struct source_status *status)
{
	struct app *app = state;

	(void)status;
	app->demand = *demand;
	app_metrics_keep(&app->metrics, &app->demand);
	pages_demand(app->pages, &app->demand);
	return 0;
}

static int app_listen(struct app *app, const struct source_context *context)
{
	struct epoll_event event = { .events = EPOLLIN };
	int r = app_address(context, &app->address);

	if (r == 0)
		r = app_bind(app);
	if (r == 0 && epoll_ctl(context->epoll, EPOLL_CTL_ADD, app->fd, &event) < 0)
		r = -errno;
	return r;
}

static int app_open(void *state, const struct source_context *context,
		    const struct source_demand *demand, struct source_status *status)
{
	struct app *app = state;
	int r;

	app->fd = -1;
	app->budget = BUDGET_BYTES;
	r = app_listen(app, context);
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE,
			   r == -EADDRINUSE ? REMEDY_TAKEN : REMEDY_FOLDER,
			   "unable to listen on %s: %s", app->address.sun_path, strerror(-r));
		return r;
	}
	if (context->pages && context->pages->n > 0)
		r = pages_open(context->pages, context->epoll, &app->pages);
	app_demand(app, demand, status);
	if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "unable to fetch pages of metrics: %s",
			   strerror(-r));
	else
		source_say(status, SOURCE_ATTACHED, "", "listens on %s", app->address.sun_path);
	return r;
}

static void app_close(void *state)
{
	struct app *app = state;

	pages_close(app->pages);
	closep(&app->fd);
	if (app->bound)
		unlink(app->address.sun_path);
}

static void app_receive(struct app *app)
{
	ssize_t n;

	while (app->budget > 0) {
		n = recv(app->fd, app->text, DATAGRAM_MAX, MSG_TRUNC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		app->budget -= n > DATAGRAM_COST ? n : DATAGRAM_COST;
		/* Where it was cut nobody knows: half a number is a number, too. */
		app->text[n > DATAGRAM_MAX ? 0 : n] = '\0';
		if (n > DATAGRAM_MAX) {
			app->metrics.refused++;
			strcpy(app->metrics.why, "a datagram was longer than 8192 bytes");
		} else if (strlen(app->text) < (size_t)n) {
			app->metrics.refused++;
			strcpy(app->metrics.why, "a datagram had a zero byte in it");
		} else {
			app_metrics_take(&app->metrics, &app->demand, app->text);
		}
	}
}

static void app_drain(void *state)
{
	struct app *app = state;

	app_receive(app);
	pages_drain(app->pages);
}

static void app_sample(void *state, struct sampler *sampler)
{
	struct app *app = state;

	app_receive(app);
	app->budget = BUDGET_BYTES;
	app_metrics_sample(&app->metrics, sampler);
	pages_sample(app->pages, sampler);
}

static void app_status(void *state, struct source_status *status)
{
	const struct app *app = state;
	const char *remedy;
	char text[SOURCE_TEXT_MAX];

	if (pages_trouble(app->pages, text, sizeof(text), &remedy))
		source_say(status, SOURCE_DEGRADED, remedy, "%s", text);
	else if (app->metrics.why[0])
		source_say(status, SOURCE_ATTACHED,
			   "see 'Push a metric of your own' in docs/policy.md",
			   "refused lines; the last: %s", app->metrics.why);
	else
		source_say(status, SOURCE_ATTACHED, "", "listens on %s", app->address.sun_path);
}

const struct source_ops app_source = {
	.name = "app",
	.first = SIGNAL_APP_VALUE,
	.last = SIGNAL_APP_LATENCY,
	.state_size = sizeof(struct app),
	.probe = app_probe,
	.open = app_open,
	.demand = app_demand,
	.sample = app_sample,
	.drain = app_drain,
	.close = app_close,
	.status = app_status,
};
