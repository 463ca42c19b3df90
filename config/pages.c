// SPDX-License-Identifier: Apache-2.0
/* The list of pages of metrics. */
#include <arpa/inet.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/words.h"
#include "config/reader.h"

#define NS_PER_MS 1000000ull
#define EVERY_DEFAULT_NS (1000 * NS_PER_MS)

static void parse_name(struct reader *reader, const config_setting_t *setting)
{
	char *name = reader->page->name;

	if (reader_text(reader, setting, PAGE_NAME_MAX, name) == 0 && !config_is_name(name))
		reader_fail(reader, setting,
			    "'%s' is no name of a page: write letters, digits, '_', '.' and '-', a "
			    "letter or a digit first",
			    excerpt(name).text);
}

/* What follows http:// or https://; NULL = it is neither. */
static const char *after_scheme(const char *url)
{
	if (!strncmp(url, "http://", 7))
		return url + 7;
	return strncmp(url, "https://", 8) ? NULL : url + 8;
}

static bool has_odd_byte(const char *url)
{
	for (; *url; url++)
		if ((unsigned char)*url <= 0x20 || (unsigned char)*url >= 0x7f)
			return true;
	return false;
}

static void parse_url(struct reader *reader, const config_setting_t *setting)
{
	char *url = reader->page->url;
	const char *host;

	if (reader_text(reader, setting, PAGE_URL_MAX, url) < 0)
		return;
	host = after_scheme(url);
	if (!host || !host[strspn(host, "/")] || has_odd_byte(url))
		reader_fail(reader, setting,
			    "url is '%s': write one like \"http://127.0.0.1:9113/metrics\"",
			    excerpt(url).text);
	else if (memchr(host, '@', strcspn(host, "/?#")))
		reader_fail(reader, setting,
			    "a url here takes no user and password: everybody may "
			    "read the configuration");
}

static void parse_socket(struct reader *reader, const config_setting_t *setting)
{
	char *path = reader->page->socket;

	if (reader_text(reader, setting, PAGE_SOCKET_MAX, path) == 0 && path[0] != '/')
		reader_fail(reader, setting, "socket is '%s': write the path from its first '/' on",
			    excerpt(path).text);
}

static void parse_every(struct reader *reader, const config_setting_t *setting)
{
	static const struct range range = {
		.min = 100e6, .max = 600e9, .min_text = "100ms", .max_text = "10min"
	};
	double every_ns;

	if (reader_ranged(reader, setting, UNIT_TIME, &range, &every_ns) == 0)
		reader->page->every_ns = (uint64_t)every_ns;
}

/* clang-format off: a table reads best as a table. */
static const struct conf_key page_keys[] = {
	{ .name = "name",
	  .parse = parse_name,
	  .required = true,
	  .type = "string",
	  .about = "what signals and policies call it: `app.value[web@queue_length]`" },
	{ .name = "url",
	  .parse = parse_url,
	  .required = true,
	  .type = "string, `http` or `https`",
	  .about = "where it is; the host is an IP address or `localhost`" },
	{ .name = "socket",
	  .parse = parse_socket,
	  .type = "path",
	  .fallback = "none",
	  .about = "a Unix socket to connect to instead; the host of `url` may be any then" },
	{ .name = "every",
	  .parse = parse_every,
	  .type = "time, 100ms to 10min",
	  .fallback = "`\"1s\"`",
	  .about = "how often it is fetched while something needs it; never oftener than once a "
		   "tick" },
};
/* clang-format on */

const struct conf_group config_page_group = {
	.name = "the page",
	.keys = page_keys,
	.n_keys = ARRAY_SIZE(page_keys),
};

/* A name would take a look-up, which waits for others, in a thread of its own. */
static bool is_address(const char *url)
{
	const char *host = after_scheme(url);
	unsigned char address[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	bool six = host[0] == '[';
	size_t length = strcspn(host += six, six ? "]" : ":/?#");

	if (length >= sizeof(text))
		return false;
	memcpy(text, host, length);
	text[length] = '\0';
	return (!six && !strcmp(text, "localhost")) ||
	       inet_pton(six ? AF_INET6 : AF_INET, text, address) == 1;
}

static void check_page(struct reader *reader, const config_setting_t *setting)
{
	const struct page *page = reader->page;
	const struct config *config = reader->config;

	if (!page->socket[0] && !is_address(page->url))
		reader_fail_key(reader, setting,
				"the host of '%s' is a name: write its IP address, or 'localhost'",
				excerpt(page->url).text);
	for (size_t i = 0; i < config->pages.n; i++)
		if (!strcmp(config->pages.items[i].name, page->name))
			reader_fail_key(reader, setting, "the page '%s' is in %s:%u already",
					page->name, config->page_places[i].file,
					config->page_places[i].line);
}

static void parse_page(struct reader *reader, const config_setting_t *setting)
{
	struct page_list *pages = &reader->config->pages;
	struct config_place *place = &reader->config->page_places[pages->n];
	size_t errors = reader->conf.errors->n;

	reader->page = &pages->items[pages->n];
	*reader->page = (struct page){ .every_ns = EVERY_DEFAULT_NS };
	reader_group(reader, &config_page_group, setting);
	if (reader->conf.errors->n > errors)
		return;
	check_page(reader, setting);
	snprintf(place->file, sizeof(place->file), "%s", reader->conf.errors->file);
	place->line = reader_line(reader, setting);
	pages->n++;
}

void config_parse_pages(struct reader *reader, const config_setting_t *setting)
{
	if (!config_setting_is_list(setting)) {
		reader_fail(reader, setting, "pages takes a list ( { … }, { … } ), found %s",
			    setting_phrase(setting));
		return;
	}
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *element = config_setting_get_elem(setting, (unsigned int)i);

		if (reader->config->pages.n == PAGES_MAX) {
			reader_fail(reader, element, "more than %d pages", PAGES_MAX);
			return;
		}
		parse_page(reader, element);
	}
}

void config_show_page(const struct page *page, FILE *out)
{
	bool whole_ms = page->every_ns % NS_PER_MS == 0;

	fputs("{", out);
	config_show_text("name", page->name, out);
	config_show_text("url", page->url, out);
	config_show_text("socket", page->socket, out);
	fprintf(out, " every = \"%llu%s\"; }",
		(unsigned long long)(page->every_ns / (whole_ms ? NS_PER_MS : 1)),
		whole_ms ? "ms" : "ns");
}
