// SPDX-License-Identifier: Apache-2.0
/* Files and folders of policies: what they hold goes into the set whole, or not at all. */
#include "policies/policies.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf_errors.h"
#include "policies/policy_text.h"
#include "policies/reader.h"
#include "base/conf_source.h"

#define POLICY_FILES_MAX 256 /* files of all folders */

#define WHOLE_FILE          \
	(struct conf_place) \
	{                   \
		.line = 0   \
	}

/* What policy_set_new() really makes: the set, and the names that later folders cannot load again. */
struct loaded_set {
	struct policy_set set;
	struct policy policies[POLICY_MAX];
	struct error_list errors; /* of the file that is being read */
	size_t n_names;
	char *names[POLICY_FILES_MAX];
};

static struct loaded_set *loaded_set(struct policy_set *set)
{
	return (struct loaded_set *)((char *)set - offsetof(struct loaded_set, set));
}

struct policy_set *policy_set_new(void)
{
	struct loaded_set *loaded = calloc(1, sizeof(*loaded));

	if (!loaded)
		return NULL;
	loaded->set.policies = loaded->policies;
	return &loaded->set;
}

void policy_set_free(struct policy_set *set)
{
	struct loaded_set *loaded;

	if (!set)
		return;
	loaded = loaded_set(set);
	for (size_t i = 0; i < loaded->n_names; i++)
		free(loaded->names[i]);
	free(loaded);
}

/* A file being read: what its policies are added to. */
struct load {
	struct reader reader; /* must be first: parse_root() comes from it to the load */
	struct policy_set *set;
	size_t n_new; /* policies of this file so far, at set->policies[n_policies…] */
};

/* The name must be new to the set and to the file. */
static void check_name(struct load *load, const config_setting_t *setting)
{
	const struct policy *policy = load->reader.policy;
	const config_setting_t *at = config_setting_get_member(setting, "name");

	if (!policy->name[0])
		return;
	for (const struct policy *p = load->set->policies; p < policy; p++) {
		if (strcmp(p->name, policy->name))
			continue;
		reader_fail(&load->reader, at,
			    "a policy '%s' is in %s already: rename one, or give both files "
			    "the same name to replace it",
			    policy->name, strcmp(p->file, policy->file) ? p->file : "this file");
		return;
	}
}

static void add_policy(struct load *load, const config_setting_t *setting)
{
	if (load->set->n_policies + load->n_new == POLICY_MAX) {
		reader_fail(&load->reader, setting, "more than %d policies: remove some",
			    POLICY_MAX);
		return;
	}
	load->reader.policy = &load->set->policies[load->set->n_policies + load->n_new];
	reader_policy(&load->reader, setting);
	if (!config_setting_is_group(setting))
		return;
	check_name(load, setting);
	load->n_new++;
}

static void parse_many(struct load *load, const config_setting_t *setting)
{
	int n = config_setting_length(setting);

	if (!config_setting_is_list(setting)) {
		reader_fail(&load->reader, setting,
			    "policies takes a list ( { … }, { … } ), found %s",
			    setting_phrase(setting));
		return;
	}
	if (n == 0)
		reader_fail(&load->reader, setting, "the list of policies is empty");
	for (int i = 0; i < n && load->set->n_policies + load->n_new < POLICY_MAX; i++)
		add_policy(load, config_setting_get_elem(setting, (unsigned int)i));
	if (n > 0 && load->n_new < (size_t)n && load->set->n_policies + load->n_new == POLICY_MAX)
		reader_fail(&load->reader,
			    config_setting_get_elem(setting, (unsigned int)load->n_new),
			    "more than %d policies: remove some", POLICY_MAX);
}

static void parse_root(struct reader *reader, const config_setting_t *root)
{
	struct load *load = (struct load *)reader;
	const config_setting_t *one = config_setting_get_member(root, "policy");
	const config_setting_t *many = config_setting_get_member(root, "policies");

	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *member = config_setting_get_elem(root, (unsigned int)i);

		if (member != one && member != many)
			reader_fail_key(&load->reader, member,
					"unknown key '%s': a file has policy: { … } or "
					"policies = ( { … }, { … } )",
					reader_name(member).text);
	}
	if (one && many)
		reader_fail_key(&load->reader, many,
				"a file has either 'policy' or 'policies': move all of them "
				"into 'policies'");
	if (config_setting_length(root) == 0)
		error_list_add(load->reader.conf.errors, WHOLE_FILE,
			       "the file holds no policy: write policy: { … } as in "
			       "docs/policy.md");
	if (one)
		add_policy(load, one);
	if (many)
		parse_many(load, many);
}

/* Adds all policies of the source, or all its errors. */
static int load_source(struct policy_set *set, const struct catalogue *catalogue,
		       const struct source *source)
{
	struct error_list *errors = &loaded_set(set)->errors;
	struct load load = {
		.set = set,
		.reader = { .conf = { .source = source, .errors = errors },
			    .catalogue = catalogue },
	};
	int r;

	r = reader_parse(&load.reader, parse_root);
	if (r == -ENOMEM)
		return r;
	if (errors->n > 0)
		return -EINVAL;
	set->n_policies += load.n_new;
	return 0;
}

static struct error_list *begin_errors(struct policy_set *set, const char *file)
{
	struct error_list *errors = &loaded_set(set)->errors;

	errors->n = 0;
	errors->file = file;
	errors->what = "policy";
	return errors;
}

int policy_set_load_text(struct policy_set *set, const struct catalogue *catalogue,
			 const char *file, const char *bytes, size_t size)
{
	_cleanup_(source_deinit) struct source source = { .size = 0 };
	struct error_list *errors = begin_errors(set, file);
	int r;

	r = source_init(&source, bytes, size, errors);
	if (r == 0)
		r = load_source(set, catalogue, &source);
	error_list_move(errors, set->errors, &set->n_errors);
	return r;
}

/* 1 for a mask: a link to /dev/null. */
static int load_file(struct policy_set *set, const struct catalogue *catalogue, const char *path)
{
	_cleanup_(source_deinit) struct source source = { .size = 0 };
	struct error_list *errors = begin_errors(set, path);
	int r;

	if (strlen(path) >= POLICY_FILE_MAX) {
		error_list_add(errors, WHOLE_FILE, "the path is longer than %d bytes",
			       POLICY_FILE_MAX - 1);
		r = -EINVAL;
	} else {
		r = source_open(&source, path, errors);
	}
	if (r == 0)
		r = load_source(set, catalogue, &source);
	error_list_move(errors, set->errors, &set->n_errors);
	return r;
}

int policy_set_load_file(struct policy_set *set, const struct catalogue *catalogue,
			 const char *path)
{
	int r = load_file(set, catalogue, path);

	if (r == 1) {
		struct error_list *errors = begin_errors(set, path);

		error_list_add(errors, WHOLE_FILE, "the file holds no policy: it is /dev/null");
		error_list_move(errors, set->errors, &set->n_errors);
		return -EINVAL;
	}
	return r;
}

static int is_policy_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 &&
	       !strcmp(entry->d_name + length - 5, ".conf");
}

/* By bytes, in every locale alike. */
static int compare_entries(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool was_loaded(const struct loaded_set *loaded, size_t n_names, const char *name)
{
	for (size_t i = 0; i < n_names; i++)
		if (!strcmp(loaded->names[i], name))
			return true;
	return false;
}

static int load_entry(struct policy_set *set, const struct catalogue *catalogue, const char *folder,
		      const char *name)
{
	struct loaded_set *loaded = loaded_set(set);
	_cleanup_free_ char *path = NULL;
	int r;

	if (loaded->n_names == POLICY_FILES_MAX) {
		struct error_list *errors = begin_errors(set, folder);

		error_list_add(errors, WHOLE_FILE,
			       "more than %d policy files: '%s' and later ones are not read",
			       POLICY_FILES_MAX, name);
		error_list_move(errors, set->errors, &set->n_errors);
		return -E2BIG;
	}
	if (asprintf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name) <
	    0) {
		path = NULL;
		return -ENOMEM;
	}
	loaded->names[loaded->n_names] = strdup(name);
	if (!loaded->names[loaded->n_names])
		return -ENOMEM;
	loaded->n_names++;
	r = load_file(set, catalogue, path);
	return r == 1 ? 0 : r;
}

static void free_entries(struct dirent **entries, int n)
{
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
}

static int fail_folder(struct policy_set *set, const char *path, int error)
{
	struct error_list *errors = begin_errors(set, path);

	error_list_add(errors, WHOLE_FILE, "unable to read the folder: %s", strerror(error));
	error_list_move(errors, set->errors, &set->n_errors);
	return -error;
}

int policy_set_load_folder(struct policy_set *set, const struct catalogue *catalogue,
			   const char *path)
{
	struct loaded_set *loaded = loaded_set(set);
	size_t n_before = loaded->n_names;
	struct dirent **entries;
	int n, r = 0;

	n = scandir(path, &entries, is_policy_file, compare_entries);
	if (n < 0)
		return errno == ENOENT   ? 0
		       : errno == ENOMEM ? -ENOMEM
					 : fail_folder(set, path, errno);
	for (int i = 0; i < n; i++) {
		int loaded_r;

		if (was_loaded(loaded, n_before, entries[i]->d_name))
			continue;
		loaded_r = load_entry(set, catalogue, path, entries[i]->d_name);
		if (loaded_r == -ENOMEM || loaded_r == -E2BIG) {
			r = loaded_r == -E2BIG ? -EINVAL : loaded_r;
			break;
		}
		if (loaded_r < 0)
			r = -EINVAL;
	}
	free_entries(entries, n);
	return r;
}
