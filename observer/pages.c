// SPDX-License-Identifier: Apache-2.0
#include "observer/pages.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "observer/page_series.h"

/* A page that takes longer than until the next one is due, or than this, is given up. */
#define TIMEOUT_MAX_NS (2 * NSEC_PER_SEC)
#define TIMEOUT_MIN_NS (NSEC_PER_SEC / 4)

/* What one drain does at most: the events of so many waits. The rest waits for the next one. */
#define DRAIN_TURNS 8
#define DRAIN_EVENTS 16

#define ACCEPT                                                                   \
	"Accept: application/openmetrics-text;version=1.0.0,text/plain;version=" \
	"0.0.4;q=0.5,*/*;q=0.1"

#define REMEDY_SERVER "start what serves it, or mend its 'url' in flyball.conf"
#define REMEDY_SLOW "have it answer faster, or give it a longer 'every' in flyball.conf"
#define REMEDY_LARGE "have it serve less: 1 MiB is read at most"
#define REMEDY_TEXT "'url' in flyball.conf must lead to OpenMetrics or Prometheus' text"
#define REMEDY_STATUS "look at the log of what serves it, and at 'url' in flyball.conf"
#define REMEDY_MOVED "redirects are not followed: write where it leads to as 'url' in flyball.conf"
#define REMEDY_NAMES "look at the page, and write its series as docs/policy.md says"

struct fetch {
	const struct page *page;
	CURL *easy;
	bool demanded, busy, is_long;
	uint64_t due_ns, begun_ns, good_ns; /* sampler's time; 0 = never */
	size_t size;
	char trouble[128];
	const char *remedy;
	struct page_table table;
	char bytes[PAGE_BYTES_MAX + 1]; /* touched as it is used */
};

struct pages {
	CURLM *multi;
	struct curl_slist *accept;
	int epoll, timer;
	struct source_demand demand;
	uint64_t failed, crowded; /* since the last tick */
	size_t n;
	struct fetch *fetches[PAGES_MAX];
};

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *known)
{
	struct pages *pages = data;
	struct epoll_event event = { .data.fd = fd };

	(void)easy;
	(void)known;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(pages->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.events =
		(what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (epoll_ctl(pages->epoll, EPOLL_CTL_MOD, fd, &event) < 0)
		return epoll_ctl(pages->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -1 : 0;
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *data)
{
	const struct pages *pages = data;
	struct itimerspec at = { .it_value.tv_sec = 0 };

	(void)multi;
	if (timeout_ms >= 0) {
		at.it_value.tv_sec = timeout_ms / 1000;
		at.it_value.tv_nsec = timeout_ms % 1000 * 1000000 + (timeout_ms == 0);
	}
	return timerfd_settime(pages->timer, 0, &at, NULL) < 0 ? -1 : 0;
}

static size_t on_bytes(char *bytes, size_t one, size_t n, void *data)
{
	struct fetch *fetch = data;

	if (n > PAGE_BYTES_MAX - fetch->size) {
		fetch->is_long = true;
		return 0;
	}
	memcpy(fetch->bytes + fetch->size, bytes, one * n);
	fetch->size += n;
	return n;
}

static uint64_t timeout_ns(const struct page *page)
{
	return page->every_ns > TIMEOUT_MAX_NS   ? TIMEOUT_MAX_NS
	       : page->every_ns < TIMEOUT_MIN_NS ? TIMEOUT_MIN_NS
						 : page->every_ns;
}

/* No proxy of the environment, no redirect, no other protocol: what is asked is what the operator wrote. */
static bool set_options(CURL *easy, const struct pages *pages, struct fetch *fetch)
{
	const struct page *page = fetch->page;
	const char *socket = page->socket[0] ? page->socket : NULL;

	return !curl_easy_setopt(easy, CURLOPT_URL, page->url) &&
	       !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
	       !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
	       !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, pages->accept) &&
	       !curl_easy_setopt(easy, CURLOPT_USERAGENT, "flyball/" FLYBALL_VERSION) &&
	       !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, (long)PAGE_BYTES_MAX) &&
	       !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
				 (long)(timeout_ns(page) / NSEC_PER_MSEC)) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch) &&
	       !curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
}

static int fetch_add(struct pages *pages, const struct page *page)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));

	if (!fetch)
		return -ENOMEM;
	pages->fetches[pages->n++] = fetch;
	fetch->page = page;
	fetch->easy = curl_easy_init();
	return fetch->easy && set_options(fetch->easy, pages, fetch) ? 0 : -ENOMEM;
}

static int multi_open(struct pages *pages, int epoll)
{
	struct epoll_event event = { .events = EPOLLIN };

	pages->epoll = epoll_create1(EPOLL_CLOEXEC);
	pages->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (pages->epoll < 0 || pages->timer < 0)
		return -errno;
	event.data.fd = pages->timer;
	if (epoll_ctl(pages->epoll, EPOLL_CTL_ADD, pages->timer, &event) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, pages->epoll, &event) < 0)
		return -errno;
	pages->multi = curl_multi_init();
	pages->accept = curl_slist_append(NULL, ACCEPT);
	if (!pages->multi || !pages->accept)
		return -ENOMEM;
	curl_multi_setopt(pages->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(pages->multi, CURLMOPT_SOCKETDATA, pages);
	curl_multi_setopt(pages->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(pages->multi, CURLMOPT_TIMERDATA, pages);
	return 0;
}

int pages_open(const struct page_list *list, int epoll, struct pages **ret_pages)
{
	struct pages *pages = calloc(1, sizeof(*pages));
	int r;

	if (!pages)
		return -ENOMEM;
	*ret_pages = pages;
	pages->epoll = pages->timer = -1;
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return -ENOMEM;
	r = multi_open(pages, epoll);
	for (size_t i = 0; r == 0 && i < list->n; i++)
		r = fetch_add(pages, &list->items[i]);
	return r;
}

void pages_close(struct pages *pages)
{
	if (!pages)
		return;
	for (size_t i = 0; i < pages->n; i++) {
		if (pages->fetches[i]->busy)
			curl_multi_remove_handle(pages->multi, pages->fetches[i]->easy);
		curl_easy_cleanup(pages->fetches[i]->easy);
	}
	curl_multi_cleanup(pages->multi);
	for (size_t i = 0; i < pages->n; i++)
		free(pages->fetches[i]);
	curl_slist_free_all(pages->accept);
	closep(&pages->timer);
	closep(&pages->epoll);
	free(pages);
}

static void fetch_stop(struct pages *pages, struct fetch *fetch)
{
	if (fetch->busy)
		curl_multi_remove_handle(pages->multi, fetch->easy);
	fetch->busy = false;
}

void pages_demand(struct pages *pages, const struct source_demand *demand)
{
	if (!pages)
		return;
	pages->demand = *demand;
	for (size_t i = 0; i < pages->n; i++) {
		struct fetch *fetch = pages->fetches[i];

		page_series_keep(&fetch->table, demand);
		fetch->demanded = page_series_wants(demand, fetch->page->name);
		if (fetch->demanded)
			continue;
		fetch_stop(pages, fetch);
		page_series_fail(&fetch->table);
		fetch->due_ns = 0;
		fetch->trouble[0] = '\0';
	}
}

static void fetch_fail(struct pages *pages, struct fetch *fetch, const char *remedy,
		       const char *text)
{
	snprintf(fetch->trouble, sizeof(fetch->trouble), "%s", text);
	fetch->remedy = remedy;
	pages->failed++;
	page_series_fail(&fetch->table);
}

static bool is_openmetrics(CURL *easy)
{
	char *type = NULL;

	return !curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type) && type &&
	       strstr(type, "application/openmetrics-text");
}

static void fetch_read(struct pages *pages, struct fetch *fetch)
{
	const struct page_times times = {
		.every_ns = fetch->page->every_ns,
		.elapsed_ns = fetch->good_ns ? fetch->begun_ns - fetch->good_ns : 0,
	};
	char why[112];

	fetch->bytes[fetch->size] = '\0';
	if (strlen(fetch->bytes) < fetch->size) {
		fetch_fail(pages, fetch, REMEDY_TEXT, "has a zero byte in it");
		return;
	}
	if (page_series_read(&fetch->table, fetch->page->name, fetch->bytes,
			     is_openmetrics(fetch->easy), &pages->demand, &times, why,
			     sizeof(why)) < 0) {
		fetch_fail(pages, fetch, REMEDY_TEXT, why);
		return;
	}
	fetch->good_ns = fetch->begun_ns;
	fetch->trouble[0] = '\0';
	pages->crowded += fetch->table.crowded + fetch->table.long_names;
	if (fetch->table.crowded)
		snprintf(fetch->trouble, sizeof(fetch->trouble),
			 "has more demanded series than there is room for");
	else if (fetch->table.n_seen == 0)
		snprintf(fetch->trouble, sizeof(fetch->trouble),
			 "has none of the series that are demanded");
	fetch->remedy = REMEDY_NAMES;
}

static void fetch_end(struct pages *pages, struct fetch *fetch, CURLcode result)
{
	char text[96];
	long status = 0;

	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	if (fetch->is_long || result == CURLE_FILESIZE_EXCEEDED) {
		fetch_fail(pages, fetch, REMEDY_LARGE, "is longer than 1 MiB");
	} else if (result == CURLE_OPERATION_TIMEDOUT) {
		snprintf(text, sizeof(text), "did not come within %llu ms",
			 (unsigned long long)(timeout_ns(fetch->page) / NSEC_PER_MSEC));
		fetch_fail(pages, fetch, REMEDY_SLOW, text);
	} else if (result != CURLE_OK) {
		snprintf(text, sizeof(text), "is not to be had: %s", curl_easy_strerror(result));
		fetch_fail(pages, fetch, REMEDY_SERVER, text);
	} else if (status != 200) {
		snprintf(text, sizeof(text), "answers with %ld", status);
		fetch_fail(pages, fetch, status / 100 == 3 ? REMEDY_MOVED : REMEDY_STATUS, text);
	} else {
		fetch_read(pages, fetch);
	}
}

static void take_ended(struct pages *pages)
{
	struct fetch *fetch;
	CURLMsg *message;
	CURLcode result;
	int left;

	while ((message = curl_multi_info_read(pages->multi, &left))) {
		if (message->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&fetch))
			continue;
		result = message->data.result; /* gone with the handle */
		fetch_stop(pages, fetch);
		fetch_end(pages, fetch, result);
	}
}

static void take_event(struct pages *pages, const struct epoll_event *event)
{
	int fd = event->data.fd, running, what = 0;
	uint64_t expired;

	if (fd == pages->timer) {
		if (read(fd, &expired, sizeof(expired)) < 0)
			return;
		fd = CURL_SOCKET_TIMEOUT;
	} else {
		what = (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		       (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		       (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	}
	curl_multi_socket_action(pages->multi, fd, what, &running);
}

void pages_drain(struct pages *pages)
{
	struct epoll_event events[DRAIN_EVENTS];
	int n = 1;

	if (!pages)
		return;
	for (int turn = 0; turn < DRAIN_TURNS && n > 0; turn++) {
		n = epoll_wait(pages->epoll, events, DRAIN_EVENTS, 0);
		for (int i = 0; i < n; i++)
			take_event(pages, &events[i]);
	}
	take_ended(pages);
}

static void fetch_begin(struct pages *pages, struct fetch *fetch, uint64_t now_ns)
{
	/* In step with the clock of the ticks, and not late by what the last one was late. */
	fetch->due_ns = fetch->due_ns && fetch->due_ns + fetch->page->every_ns > now_ns
				? fetch->due_ns + fetch->page->every_ns
				: now_ns + fetch->page->every_ns;
	fetch->begun_ns = now_ns;
	fetch->size = 0;
	fetch->is_long = false;
	fetch->busy = curl_multi_add_handle(pages->multi, fetch->easy) == CURLM_OK;
	if (!fetch->busy)
		fetch_fail(pages, fetch, "", "could not be asked for");
}

void pages_sample(struct pages *pages, struct sampler *sampler)
{
	if (!pages)
		return;
	pages_drain(pages);
	sampler->losses[LOSS_EVENT] += pages->failed;
	sampler->losses[LOSS_SERIES] += pages->crowded;
	pages->failed = pages->crowded = 0;
	for (size_t i = 0; i < pages->n; i++) {
		struct fetch *fetch = pages->fetches[i];

		page_series_sample(&fetch->table, sampler);
		/* At the tick that is nearest: the next one might come a little early. */
		if (fetch->demanded && !fetch->busy &&
		    sampler->now_ns + sampler->interval_ns / 2 >= fetch->due_ns)
			fetch_begin(pages, fetch, sampler->now_ns);
	}
}

bool pages_trouble(const struct pages *pages, char *ret_text, size_t size, const char **ret_remedy)
{
	for (size_t i = 0; pages && i < pages->n; i++) {
		const struct fetch *fetch = pages->fetches[i];

		if (!fetch->trouble[0])
			continue;
		snprintf(ret_text, size, "the page '%s' %s", fetch->page->name, fetch->trouble);
		*ret_remedy = fetch->remedy;
		return true;
	}
	return false;
}
