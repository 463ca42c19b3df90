// SPDX-License-Identifier: Apache-2.0
/* The list of services. */
#include <string.h>

#include "base/cleanup.h"
#include "base/words.h"
#include "config/reader.h"

#define PORT_MAX 65535

bool config_is_name(const char *text)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	return text[0] && !text[strspn(text, allowed)] && !strspn(text, "_.-");
}

static void parse_name(struct reader *reader, const config_setting_t *setting)
{
	char *name = reader->service->name;

	if (reader_text(reader, setting, SERVICE_NAME_MAX, name) == 0 && !config_is_name(name))
		reader_fail(reader, setting,
			    "'%s' is no name of a service: write letters, digits, '_', '.' and "
			    "'-', a letter or a digit first",
			    excerpt(name).text);
}

static void parse_port(struct reader *reader, const config_setting_t *setting)
{
	long long port = config_setting_get_int64(setting);
	int type = config_setting_type(setting);

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		reader_fail(reader, setting, "port takes a number from 1 to %d, found %s", PORT_MAX,
			    setting_phrase(setting));
	else if (port < 1 || port > PORT_MAX)
		reader_fail(reader, setting, "port is %lld, outside 1 to %d", port, PORT_MAX);
	else
		reader->service->port = (uint16_t)port;
}

static void parse_protocol(struct reader *reader, const config_setting_t *setting)
{
	const char *word;
	int protocol;

	if (reader_string(reader, setting, &word) < 0)
		return;
	protocol = service_protocol_parse(word);
	if (protocol < 0)
		reader_fail(reader, setting, "unknown protocol '%s': write \"tcp\" or \"udp\"",
			    excerpt(word).text);
	else
		reader->service->protocol = (uint32_t)protocol;
}

/* A path from the root on. */
static void parse_path(struct reader *reader, const config_setting_t *setting, char *path)
{
	if (reader_text(reader, setting, SERVICE_PATH_MAX, path) == 0 && path[0] != '/')
		reader_fail(reader, setting, "%s is '%s': write the path from its first '/' on",
			    reader_name(setting).text, excerpt(path).text);
}

static void parse_executable(struct reader *reader, const config_setting_t *setting)
{
	parse_path(reader, setting, reader->service->executable);
}

static void parse_cgroup(struct reader *reader, const config_setting_t *setting)
{
	parse_path(reader, setting, reader->service->cgroup);
}

static void parse_socket(struct reader *reader, const config_setting_t *setting)
{
	parse_path(reader, setting, reader->service->socket);
}

static void parse_unit(struct reader *reader, const config_setting_t *setting)
{
	static const char *const kinds[] = { ".service", ".scope", ".slice" };
	char *unit = reader->service->unit;
	const char *dot;

	if (reader_text(reader, setting, SERVICE_PATH_MAX, unit) < 0)
		return;
	dot = strrchr(unit, '.');
	for (size_t i = 0; dot && i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(dot, kinds[i]) && !strchr(unit, '/'))
			return;
	reader_fail(reader, setting,
		    "'%s' is no unit with processes: write \"NAME.service\", \"NAME.scope\" or "
		    "\"NAME.slice\"",
		    excerpt(unit).text);
}

/* clang-format off: a table reads best as a table. */
static const struct conf_key service_keys[] = {
	{ .name = "name",
	  .parse = parse_name,
	  .type = "string",
	  .fallback = "the unit's, without `.service`, where that makes one",
	  .about = "what signals and policies call it: `service.latency[web]`" },
	{ .name = "port",
	  .parse = parse_port,
	  .type = "number, 1 to 65535",
	  .fallback = "any",
	  .about = "the port that it listens on" },
	{ .name = "protocol",
	  .parse = parse_protocol,
	  .type = "`\"tcp\"` or `\"udp\"`",
	  .fallback = "`\"tcp\"`",
	  .about = "of the port" },
	{ .name = "executable",
	  .parse = parse_executable,
	  .type = "path, may have `*` and `?`",
	  .fallback = "any",
	  .about = "the program that listens, as it is on disk now" },
	{ .name = "cgroup",
	  .parse = parse_cgroup,
	  .type = "path, may have `*` and `?`",
	  .fallback = "any",
	  .about = "the control group (version 2) that it is in, or below" },
	{ .name = "unit",
	  .parse = parse_unit,
	  .type = "string",
	  .fallback = "any",
	  .about = "the unit of systemd that it is in" },
	{ .name = "socket",
	  .parse = parse_socket,
	  .type = "path, may have `*` and `?`",
	  .fallback = "any",
	  .about = "the Unix socket that it listens on; then no port is its own" },
};
/* clang-format on */

const struct conf_group config_service_group = {
	.name = "the service",
	.keys = service_keys,
	.n_keys = ARRAY_SIZE(service_keys),
};

/* `nginx.service` is called nginx; what makes no name (`getty@tty1.service`) leaves it empty. */
static void name_from_unit(struct service *service)
{
	const char *suffix = strrchr(service->unit, '.');
	size_t length = suffix ? (size_t)(suffix - service->unit) : 0;

	if (service->name[0] || length >= sizeof(service->name))
		return;
	memcpy(service->name, service->unit, length);
	service->name[length] = '\0';
	if (!config_is_name(service->name))
		service->name[0] = '\0';
}

/* What the keys together must be. */
static void check_service(struct reader *reader, const config_setting_t *setting)
{
	const struct service *service = reader->service;
	const struct config *config = reader->config;

	if (!service->port && !service->executable[0] && !service->cgroup[0] && !service->unit[0] &&
	    !service->socket[0])
		reader_fail_key(reader, setting,
				"nothing says which service it is: give it a 'port', 'socket', "
				"'executable', 'cgroup' or 'unit'");
	else if (!service->name[0])
		reader_fail_key(reader, setting, "'name' is missing in the service: %s",
				service_keys[0].about);
	if (service->cgroup[0] && service->unit[0])
		reader_fail_key(reader, setting,
				"a unit is a control group: remove 'cgroup' or 'unit'");
	if (service->socket[0] && (service->port || service->protocol == SERVICE_UDP))
		reader_fail_key(reader, setting,
				"a Unix socket has no port and no protocol: remove 'socket', or "
				"'port' and 'protocol'");
	else if (service->protocol == SERVICE_UDP && !service->port)
		reader_fail_key(reader, setting,
				"'port' is missing in the service: UDP knows no listening");
	for (size_t i = 0; service->name[0] && i < config->services.n; i++)
		if (!strcmp(config->services.items[i].name, service->name))
			reader_fail_key(reader, setting, "the service '%s' is in %s:%u already",
					service->name, config->service_places[i].file,
					config->service_places[i].line);
}

static void parse_service(struct reader *reader, const config_setting_t *setting)
{
	struct service_list *services = &reader->config->services;
	struct config_place *place = &reader->config->service_places[services->n];
	size_t errors = reader->conf.errors->n;

	reader->service = &services->items[services->n];
	*reader->service = (struct service){ .name = "" };
	reader_group(reader, &config_service_group, setting);
	if (reader->conf.errors->n > errors)
		return;
	name_from_unit(reader->service);
	check_service(reader, setting);
	snprintf(place->file, sizeof(place->file), "%s", reader->conf.errors->file);
	place->line = reader_line(reader, setting);
	services->n++;
}

void config_parse_services(struct reader *reader, const config_setting_t *setting)
{
	if (!config_setting_is_list(setting)) {
		reader_fail(reader, setting, "services takes a list ( { … }, { … } ), found %s",
			    setting_phrase(setting));
		return;
	}
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *element = config_setting_get_elem(setting, (unsigned int)i);

		if (reader->config->services.n == SERVICES_MAX) {
			reader_fail(reader, element, "more than %d services", SERVICES_MAX);
			return;
		}
		parse_service(reader, element);
	}
}

void config_show_text(const char *key, const char *text, FILE *out)
{
	if (!text[0])
		return;
	fprintf(out, " %s = \"", key);
	for (; *text; text++)
		fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	fputs("\";", out);
}

void config_show_service(const struct service *service, FILE *out)
{
	fputs("{", out);
	config_show_text("name", service->name, out);
	if (service->port)
		fprintf(out, " port = %u;", service->port);
	if (service->protocol != SERVICE_TCP)
		config_show_text("protocol", service_protocol_word(service->protocol), out);
	config_show_text("executable", service->executable, out);
	config_show_text("cgroup", service->cgroup, out);
	config_show_text("unit", service->unit, out);
	config_show_text("socket", service->socket, out);
	fputs(" }", out);
}
