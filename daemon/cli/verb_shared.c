// SPDX-License-Identifier: Apache-2.0
/* What several verbs share: the daemon's socket, the policies of the command line, members of JSON. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/quantity.h"
#include "daemon/cli/client.h"
#include "daemon/exit_code.h"
#include "daemon/cli/verbs.h"

#define ANSWER_NS (10 * NSEC_PER_SEC) /* a daemon that says nothing for so long hangs */

const char *member_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

double member_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

json_int_t member_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

int print_json(const struct invocation *invocation, const json_t *json)
{
	json_dumpf(json, invocation->out, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	fputc('\n', invocation->out);
	return EXIT_CODE_OK;
}

const char *run_folder(const struct invocation *invocation)
{
	const char *folder = option_text(invocation, "--run");

	if (!folder)
		folder = getenv("FLYBALL_RUN_DIR");
	return folder && folder[0] ? folder : DEFAULT_RUN_DIR;
}

int budget_wanted(const struct invocation *invocation, double otherwise_ratio, double *ret_ratio)
{
	const char *text = option_text(invocation, "--budget");
	enum unit unit;

	*ret_ratio = otherwise_ratio;
	if (!text)
		return EXIT_CODE_OK;
	if (quantity_parse_all(text, ret_ratio, &unit) < 0 || *ret_ratio < 0 || *ret_ratio > 1 ||
	    (unit != UNIT_RATIO && *ret_ratio != 0))
		return cli_usage_error(invocation,
				       "unable to take '%s' for '--budget': needs a share of the "
				       "machine from 0%% to 100%%, such as 0.5%%",
				       text);
	return EXIT_CODE_OK;
}

int source_forced(const struct invocation *invocation, struct observer_options *options)
{
	const char *text = option_text(invocation, "--source");
	char complaint[160];

	if (!text || observer_force(options, text, complaint, sizeof(complaint)) == 0)
		return EXIT_CODE_OK;
	return cli_usage_error(invocation, "unable to take '%s' for '--source': %s", text,
			       complaint);
}

int daemon_error(const struct invocation *invocation, int error)
{
	const char *folder = run_folder(invocation);

	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
		return cli_error(invocation, EXIT_CODE_NO_DAEMON,
				 "no daemon runs (nothing listens on %s/%s): start it with "
				 "'flyball daemon'",
				 folder, CLIENT_SOCKET);
	case -EACCES:
	case -EPERM:
		return cli_error(invocation, EXIT_CODE_PERMISSION,
				 "not allowed to ask the daemon on %s/%s: use sudo, or join the "
				 "group of the socket",
				 folder, CLIENT_SOCKET);
	case -ETIMEDOUT:
		return cli_error(invocation, EXIT_CODE_TIMEOUT,
				 "the daemon on %s/%s does not answer", folder, CLIENT_SOCKET);
	default:
		return cli_error(invocation, EXIT_CODE_ERROR,
				 "unable to ask the daemon on %s/%s: %s", folder, CLIENT_SOCKET,
				 strerror(-error));
	}
}

int daemon_connect(const struct invocation *invocation, const char *verb, json_t *args,
		   struct client **ret_client)
{
	struct client *client = NULL;
	int r = client_open(run_folder(invocation), &client);

	if (r < 0) {
		json_decref(args);
		return daemon_error(invocation, r);
	}
	r = client_send(client, verb, args);
	if (r < 0) {
		client_close(client);
		return daemon_error(invocation, r);
	}
	*ret_client = client;
	return EXIT_CODE_OK;
}

int daemon_ask(const struct invocation *invocation, const char *verb, json_t *args,
	       json_t **ret_data)
{
	_cleanup_json_ json_t *reply = NULL;
	struct client *client = NULL;
	const char *error;
	int r, code;

	r = daemon_connect(invocation, verb, args, &client);
	if (r != EXIT_CODE_OK)
		return r;
	r = client_next(client, clock_now_ns() + ANSWER_NS, &reply);
	client_close(client);
	if (r <= 0)
		return daemon_error(invocation, r < 0 ? r : -ECONNRESET);
	code = (int)member_integer(reply, "exit");
	error = member_text(reply, "error");
	if (code != EXIT_CODE_OK || error[0])
		return cli_error(invocation, code ? code : EXIT_CODE_ERROR, "%s",
				 error[0] ? error : "the daemon refused");
	if (!json_is_object(json_object_get(reply, "data")))
		return daemon_error(invocation, -EBADMSG);
	*ret_data = json_incref(json_object_get(reply, "data"));
	return EXIT_CODE_OK;
}

json_t *daemon_status_quietly(const struct invocation *invocation)
{
	struct client *client = NULL;
	json_t *reply = NULL, *data = NULL;

	if (client_open(run_folder(invocation), &client) < 0)
		return NULL;
	if (client_send(client, "status", NULL) == 0 &&
	    client_next(client, clock_now_ns() + ANSWER_NS, &reply) > 0)
		data = json_incref(json_object_get(reply, "data"));
	json_decref(reply);
	client_close(client);
	return data;
}

static int load_folder(struct policy_set *set, const struct catalogue *catalogue,
		       const char *folder)
{
	int r = policy_set_load_folder(set, catalogue, folder);

	return r == -EINVAL ? 0 : r; /* -EINVAL: the errors are in the set */
}

int policies_load_quietly(const struct invocation *invocation, const struct catalogue *catalogue,
			  struct policy_set *set, const char **ret_path)
{
	static const char *const folders[] = { "/etc/flyball/policies.d",
					       "/usr/local/share/flyball/policies",
					       "/usr/share/flyball/policies" };
	bool named = option_given(invocation, "--policies") || option_given(invocation, "--policy");
	const char *path;
	int r = 0;

	for (size_t i = 0; r >= 0 && (path = option_each(invocation, "--policy", i)); i++) {
		*ret_path = path;
		r = policy_set_load_file(set, catalogue, path);
		r = r == -EINVAL ? 0 : r;
	}
	for (size_t i = 0; r >= 0 && (path = option_each(invocation, "--policies", i)); i++) {
		*ret_path = path;
		r = load_folder(set, catalogue, path);
	}
	for (size_t i = 0; r >= 0 && !named && i < ARRAY_SIZE(folders); i++) {
		*ret_path = folders[i];
		r = load_folder(set, catalogue, folders[i]);
	}
	return r;
}

static void print_errors(const struct invocation *invocation, const struct conf_error *errors,
			 size_t n)
{
	size_t shown = n < CONF_ERRORS_MAX ? n : CONF_ERRORS_MAX;

	for (size_t i = 0; i < shown; i++) {
		const struct conf_error *error = &errors[i];

		if (error->line)
			fprintf(invocation->err, "%s:%u:%u: %s\n", error->file, error->line,
				error->column, error->text);
		else
			fprintf(invocation->err, "%s: %s\n", error->file, error->text);
	}
	if (n > shown)
		fprintf(invocation->err, "... and %zu more\n", n - shown);
}

void policies_print_errors(const struct invocation *invocation, const struct policy_set *set)
{
	print_errors(invocation, set->errors, set->n_errors);
}

int config_read(const struct invocation *invocation, struct config **ret_config)
{
	const char *path = option_text(invocation, "--config");
	int r;

	if (option_given(invocation, "--config") && access(path, F_OK) < 0)
		return cli_error(invocation, EXIT_CODE_ERROR,
				 "unable to open the configuration '%s': %s", path,
				 strerror(errno));
	r = config_load(path, ret_config);
	if (r == 0)
		return EXIT_CODE_OK;
	if (r != -EINVAL)
		return cli_error(invocation, EXIT_CODE_ERROR,
				 "unable to read the configuration '%s': %s", path, strerror(-r));
	print_errors(invocation, (*ret_config)->errors, (*ret_config)->n_errors);
	return cli_error(invocation, EXIT_CODE_ERROR, "%zu error%s in the configuration",
			 (*ret_config)->n_errors, (*ret_config)->n_errors == 1 ? "" : "s");
}

int observer_wanted(const struct invocation *invocation, struct config **ret_config,
		    struct observer_options *ret_options)
{
	int r = source_forced(invocation, ret_options);

	if (r == EXIT_CODE_OK)
		r = config_read(invocation, ret_config);
	if (r != EXIT_CODE_OK)
		return r;
	ret_options->services = &(*ret_config)->services;
	ret_options->pages = &(*ret_config)->pages;
	ret_options->run_dir = run_folder(invocation);
	return EXIT_CODE_OK;
}

int knobs_load(const struct invocation *invocation, struct knob_file **ret_file)
{
	_cleanup_knobs_ struct knob_file *file = NULL;
	int r = knob_file_load(option_text(invocation, "--knobs"), &file);

	if (r < 0)
		return cli_error(invocation, EXIT_CODE_ERROR, "unable to load knobs: %s",
				 strerror(-r));
	print_errors(invocation, file->errors, file->n_errors);
	if (file->n_errors)
		return cli_error(invocation, EXIT_CODE_ERROR,
				 "%zu error%s in the declared knobs; nothing was started",
				 file->n_errors, file->n_errors == 1 ? "" : "s");
	*ret_file = take_ptr(file);
	return EXIT_CODE_OK;
}

int policies_load(const struct invocation *invocation, const struct catalogue *catalogue,
		  struct policy_set **ret_set)
{
	_cleanup_policies_ struct policy_set *set = policy_set_new();
	const char *path = "";
	int r;

	if (!set)
		return cli_error(invocation, EXIT_CODE_ERROR, "out of memory");
	r = policies_load_quietly(invocation, catalogue, set, &path);
	if (r < 0)
		return cli_error(invocation, r == -EACCES ? EXIT_CODE_PERMISSION : EXIT_CODE_ERROR,
				 "unable to load policies from '%s': %s", path, strerror(-r));
	if (set->n_errors) {
		policies_print_errors(invocation, set);
		return cli_error(invocation, EXIT_CODE_ERROR,
				 "%zu error%s in the policies; nothing was started", set->n_errors,
				 set->n_errors == 1 ? "" : "s");
	}
	*ret_set = take_ptr(set);
	return EXIT_CODE_OK;
}

int pattern_error(const struct invocation *invocation, const char *pattern)
{
	return cli_usage_error(invocation,
			       "'%s': an instance stands in brackets behind the name, as in "
			       "'psi.io.full[cgroup:/a]'",
			       pattern);
}
