// SPDX-License-Identifier: Apache-2.0
#include "config/config.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/reader.h"
#include "include/source.h"

static void parse_budget(struct reader *reader, const config_setting_t *setting)
{
	static const struct range range = { 0, 1, "0%", "100%" };
	struct config *config = reader->config;

	if (reader_ranged(reader, setting, UNIT_RATIO, &range, &config->budget_ratio) < 0)
		return;
	snprintf(config->budget_place.file, sizeof(config->budget_place.file), "%s",
		 reader->conf.errors->file);
	config->budget_place.line = reader_line(reader, setting);
}

/* clang-format off: a table reads best as a table. */
static const struct conf_key root_keys[] = {
	{ .name = "budget",
	  .parse = parse_budget,
	  .type = "share",
	  .fallback = "`\"0.5%\"`",
	  .about = "of the machine's CPU time that flyball may take: over it, sources are sampled "
		   "less, then dropped, but for those of a running trial; 0 = as much as it needs; "
		   "`--budget` of the daemon goes before" },
	{ .name = "services",
	  .parse = config_parse_services,
	  .type = "list of groups",
	  .fallback = "none",
	  .about = "the services whose latency and throughput are signals; of several that fit a "
		   "socket "
		   "the first has it" },
	{ .name = "pages",
	  .parse = config_parse_pages,
	  .type = "list of groups",
	  .fallback = "none",
	  .about = "the pages of metrics (OpenMetrics, Prometheus) whose series are signals" },
};
/* clang-format on */

static const struct conf_group root_group = {
	.name = "the configuration",
	.keys = root_keys,
	.n_keys = ARRAY_SIZE(root_keys),
};

static void parse_root(struct reader *reader, const config_setting_t *root)
{
	reader_group(reader, &root_group, root);
}

static struct error_list *errors_new(const char *path)
{
	struct error_list *errors = calloc(1, sizeof(*errors));

	if (errors)
		*errors = (struct error_list){ .file = path, .what = "configuration" };
	return errors;
}

static int read_source(struct config *config, const struct source *source,
		       struct error_list *errors)
{
	struct reader reader = {
		.conf = { .source = source, .errors = errors },
		.config = config,
	};

	config->n_files++;
	return reader_parse(&reader, parse_root);
}

/* Errors of the text are in the configuration. Returns 0 or -errno. */
static int read_file(struct config *config, const char *path)
{
	_cleanup_(source_deinit) struct source source = { .size = 0 };
	_cleanup_free_ struct error_list *errors = errors_new(path);
	int r;

	if (!errors)
		return -ENOMEM;
	r = source_open(&source, path, errors);
	if (r == 0)
		r = read_source(config, &source, errors);
	error_list_move(errors, config->errors, &config->n_errors);
	return r == -ENOMEM ? r : 0;
}

static int is_conf(const struct dirent *entry)
{
	return fnmatch("*.conf", entry->d_name, FNM_PERIOD) == 0;
}

/* The files of conf.d/, in the order of their names. */
static int read_folder(struct config *config, const char *folder)
{
	char path[CONF_PATH_MAX];
	struct dirent **entries;
	int n = scandir(folder, &entries, is_conf, alphasort), r = 0;

	if (n < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		int length = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);

		if (r == 0)
			r = i < CONFIG_FILES_MAX && (size_t)length < sizeof(path)
				    ? read_file(config, path)
				    : -E2BIG;
		free(entries[i]);
	}
	free(entries);
	return r;
}

static struct config *config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));

	if (config)
		config->budget_ratio = BUDGET_RATIO_DEFAULT;
	return config;
}

static int config_end(struct config *config, int r, struct config **ret_config)
{
	*ret_config = config;
	return r < 0 ? r : config->n_errors ? -EINVAL : 0;
}

int config_load(const char *path, struct config **ret_config)
{
	struct config *config = config_new();
	const char *slash = strrchr(path, '/');
	char folder[CONF_PATH_MAX];
	int r = 0;

	if (!config)
		return -ENOMEM;
	snprintf(folder, sizeof(folder), "%.*s" CONFIG_FOLDER, slash ? (int)(slash - path) + 1 : 0,
		 path);
	if (access(path, F_OK) == 0 || errno != ENOENT)
		r = read_file(config, path);
	if (r == 0 && strcmp(path, "/dev/null"))
		r = read_folder(config, folder);
	return config_end(config, r, ret_config);
}

int config_load_text(const char *path, const char *bytes, size_t size, struct config **ret_config)
{
	_cleanup_(source_deinit) struct source source = { .size = 0 };
	_cleanup_free_ struct error_list *errors = errors_new(path);
	struct config *config = config_new();
	int r;

	if (!config || !errors) {
		free(config);
		return -ENOMEM;
	}
	r = source_init(&source, bytes, size, errors);
	if (r == 0)
		r = read_source(config, &source, errors);
	error_list_move(errors, config->errors, &config->n_errors);
	return config_end(config, r, ret_config);
}

void config_free(struct config *config)
{
	free(config);
}

void config_show(const struct config *config, FILE *out)
{
	const struct service_list *services = &config->services;

	fprintf(out, "budget = \"%.4f%%\"; # ", config->budget_ratio * 100);
	if (config->budget_place.line)
		fprintf(out, "%s:%u\n", config->budget_place.file, config->budget_place.line);
	else
		fputs("the default\n", out);
	fputs("services = (\n", out);
	for (size_t i = 0; i < services->n; i++) {
		fputc('\t', out);
		config_show_service(&services->items[i], out);
		fprintf(out, "%s # %s:%u\n", i + 1 < services->n ? "," : "",
			config->service_places[i].file, config->service_places[i].line);
	}
	fputs(");\npages = (\n", out);
	for (size_t i = 0; i < config->pages.n; i++) {
		fputc('\t', out);
		config_show_page(&config->pages.items[i], out);
		fprintf(out, "%s # %s:%u\n", i + 1 < config->pages.n ? "," : "",
			config->page_places[i].file, config->page_places[i].line);
	}
	fputs(");\n", out);
}

static void print_keys(FILE *out, const struct conf_group *group)
{
	fputs("\n| key | type | default | what |\n|---|---|---|---|\n", out);
	for (size_t i = 0; i < group->n_keys; i++)
		fprintf(out, "| `%s` | %s | %s | %s |\n", group->keys[i].name, group->keys[i].type,
			group->keys[i].required ? "required" : group->keys[i].fallback,
			group->keys[i].about);
}

void config_markdown(FILE *out)
{
	fputs("At the top of the file:\n", out);
	print_keys(out, &root_group);
	fputs("\nIn each service:\n", out);
	print_keys(out, &config_service_group);
	fputs("\nIn each page:\n", out);
	print_keys(out, &config_page_group);
}
