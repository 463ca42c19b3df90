// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "actuator/actuator.h"
#include "base/cleanup.h"
#include "base/quantity.h"
#include "daemon/exit_code.h"
#include "daemon/cli/render.h"
#include "daemon/cli/verbs.h"

static void print_markdown(FILE *out)
{
	fputs("<!-- Made by `flyball limits --markdown`; a test compares. -->\n", out);
	actuator_limits_markdown(out);
}

static void print_table(const struct invocation *invocation, const json_t *data)
{
	static const char *const titles[] = { "limit", "value", "from" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const struct style style = style_of(invocation->out);
	const json_t *row;
	char left[32];
	size_t i;

	json_array_foreach (json_object_get(data, "limits"), i, row) {
		table_row(table);
		table_cell(table, TONE_STRONG, "%s", member_text(row, "name"));
		table_cell(table, TONE_PLAIN, "%s", member_text(row, "value"));
		if (json_is_real(json_object_get(row, "left_s")))
			table_cell(table, TONE_WARN, "%s, for %s more", member_text(row, "from"),
				   quantity_format(member_number(row, "left_s") * 1e9, UNIT_TIME,
						   left, sizeof(left)));
		else
			table_cell(table, TONE_PLAIN, "%s", member_text(row, "from"));
	}
	table_print(table, &style, invocation->out);
	fprintf(invocation->out, "\nExploring has cost %.3f %% of the objective in 24 h.\n",
		member_number(data, "loss") * 100);
}

/* Takes NAME=VALUE apart into the request; an exit code for what is none. */
static int set_args(const struct invocation *invocation, json_t *args)
{
	const char *text = option_text(invocation, "--set");
	const char *equals = text ? strchr(text, '=') : NULL;

	if (option_given(invocation, "--for") && !text)
		return cli_usage_error(invocation, "'--for' goes with '--set NAME=VALUE'");
	if (text && option_given(invocation, "--reload"))
		return cli_usage_error(invocation, "give either '--set' or '--reload'");
	if (option_given(invocation, "--reload"))
		json_object_set_new(args, "reload", json_true());
	if (!text)
		return EXIT_CODE_OK;
	if (!equals || equals == text || !equals[1])
		return cli_usage_error(invocation, "unable to take '%s': write NAME=VALUE", text);
	json_object_set_new(args, "set", json_stringn(text, (size_t)(equals - text)));
	json_object_set_new(args, "value", json_string(equals + 1));
	json_object_set_new(args, "for_ns",
			    json_integer((json_int_t)option_time_ns(invocation, "--for")));
	return EXIT_CODE_OK;
}

static int limits_run(const struct invocation *invocation)
{
	_cleanup_json_ json_t *data = NULL, *args = json_object();
	int r;

	if (option_given(invocation, "--markdown")) {
		print_markdown(invocation->out);
		return EXIT_CODE_OK;
	}
	r = set_args(invocation, args);
	if (r == EXIT_CODE_OK)
		r = daemon_ask(invocation, "limits", json_incref(args), &data);
	if (r != EXIT_CODE_OK)
		return r;
	if (invocation->json)
		return print_json(invocation, data);
	if (json_array_size(json_object_get(data, "done")))
		fprintf(invocation->out, "%s\n",
			json_string_value(json_array_get(json_object_get(data, "done"), 0)));
	else
		print_table(invocation, data);
	return EXIT_CODE_OK;
}

const struct verb verb_limits = {
	.name = "limits",
	.arguments = "",
	.about = "Show the limits in force and where each comes from; make one stricter.",
	.text = "At run time limits only become stricter; to loosen one, change the file and "
		"use --reload. docs/limits.md describes them all.",
	.options =
		(const struct option_row[]){
			{ .name = "--set",
			  .argument = "NAME=VALUE",
			  .type = OPTION_TEXT,
			  .about = "Make this limit stricter, until the daemon ends or --for." },
			{ .name = "--for",
			  .argument = "TIME",
			  .type = OPTION_TIME,
			  .about = "How long what --set says holds." },
			{ .name = "--reload", .about = "Read the limits file again." },
			{ .name = "--markdown", .about = "Print the tables of docs/limits.md." },
			OPTION_RUN,
			{ .name = NULL },
		},
	.examples = (const char *const[]){ "flyball limits",
					   "flyball limits --set changes_per_hour=100 --for 2h",
					   "flyball limits --set deny='block.* disk:sda'",
					   "flyball limits --reload", NULL },
	.run = limits_run,
};
