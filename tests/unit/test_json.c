// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actuator/knobs.h"
#include "base/hist.h"
#include "base/words.h"
#include "daemon/catalogue.h"
#include "daemon/json.h"

static struct policy policy = {
	.name = "disk-read-latency", .scope = SCOPE_DISK, .knob = "block.scheduler",
	.objective = { .ref = { .signal = SIGNAL_DISK_READ_LATENCY, .stat = STAT_P50 },
		       .direction = OBJECTIVE_MINIMIZE, .min_effect = 0.1 },
	.n_guardrails = 2,
	.guardrails = {
		{ .ref = { .signal = SIGNAL_DISK_WRITE_BYTES, .stat = STAT_RATE }, .kind = GUARDRAIL_MAX_DROP, .limit = 0.4 },
		{ .ref = { .signal = SIGNAL_PSI_IO_FULL, .stat = STAT_VALUE }, .kind = GUARDRAIL_MAX, .limit = 0.8 },
	},
	.trial = { .max_pairs = 40, .error = 0.05 },
};

static struct trial trial;
static struct catalogue catalogue;
static struct json_context context = { .catalogue = &catalogue,
				       .policies = &policy,
				       .wall_offset_ns = 1000000000 };

static int set_up(void **state)
{
	(void)state;
	catalogue = catalogue_here();
	policy.objective.direction = OBJECTIVE_MINIMIZE;
	trial = (struct trial){
		.id = 7, .scope = { .kind = SCOPE_DISK, .name = "loop8" }, .incumbent = "none", .arm = "bfq",
		.phase = TRIAL_ENDED, .verdict = VERDICT_KEPT, .reason = REASON_BETTER, .alpha = 0.05,
		.opened_ns = 4000000000, .ended_ns = 9000000000, .n_pairs = 2, .noise = NAN,
		.n_evidence = 1, .n_ready = 1, .ready = { 4e6 }, .n_screened = 1,
		.pairs = {
			{ .y_base = 4e6, .y_arm = 50e3, .d = 4.38, .effect = 4.38, .effect_low = -INFINITY, .effect_high = INFINITY },
			{ .y_base = 6e6, .y_arm = 70e3, .d = 4.45, .log_e_keep = 3.1, .effect = log(10), .effect_low = log(2),
			  .effect_high = log(100) },
		},
	};
	trial.evidence[0] =
		(struct evidence){ .ref = { .signal = SIGNAL_DISK_READ_LATENCY, .stat = STAT_P99 },
				   .op = CONDITION_GREATER,
				   .limit = 2e6,
				   .value = 9.5e6 };
	trial.screened[0].y = NAN;
	trial.guardrails[0].base = NAN;
	hist_add(&trial.hist[WINDOW_BASE], 5000);
	hist_add(&trial.hist[WINDOW_BASE], 5000);
	return 0;
}

static double number_at(const json_t *object, const char *a, const char *b)
{
	return json_number_value(json_object_get(json_object_get(object, a), b));
}

static void a_trial_says_of_which_family_its_knob_is(void **state)
{
	json_t *json = json_trial(&trial, &context, JSON_SUMMARY);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(json, "family")), "io-scheduler");
	json_decref(json);
}

static void a_lower_latency_is_an_effect_by_its_share(void **state)
{
	json_t *json = json_trial(&trial, &context, JSON_SUMMARY);

	(void)state;
	assert_true(fabs(number_at(json, "effect", "estimate") - 0.9) < 1e-9);
	assert_true(fabs(number_at(json, "effect", "low") - 0.5) < 1e-9);
	assert_true(fabs(number_at(json, "effect", "high") - 0.99) < 1e-9);
	assert_true(fabs(json_number_value(json_object_get(json, "before")) - 5e6) < 1);
	assert_true(fabs(json_number_value(json_object_get(json, "after")) - 60e3) < 1);
	json_decref(json);
}

static void a_higher_throughput_is_an_effect_by_its_growth(void **state)
{
	json_t *json;

	(void)state;
	policy.objective.direction = OBJECTIVE_MAXIMIZE;
	json = json_trial(&trial, &context, JSON_SUMMARY);
	assert_true(fabs(number_at(json, "effect", "estimate") - 9.0) < 1e-9);
	json_decref(json);
}

static void what_is_not_a_number_becomes_null(void **state)
{
	json_t *json = json_trial(&trial, &context, JSON_FULL), *first;

	(void)state;
	first = json_array_get(json_object_get(json, "pairs"), 0);
	assert_true(json_is_null(json_object_get(first, "low")));
	assert_true(json_is_null(json_object_get(first, "high")));
	assert_true(json_is_null(json_object_get(json, "noise")));
	assert_true(json_is_null(
		json_object_get(json_array_get(json_object_get(json, "screened"), 0), "y")));
	assert_true(json_is_null(
		json_object_get(json_array_get(json_object_get(json, "guardrails"), 0), "base")));
	json_decref(json);
}

static void a_trial_survives_being_written_and_read(void **state)
{
	json_t *json = json_trial(&trial, &context, JSON_FULL), *again;
	char *text = json_dumps(json, JSON_COMPACT);

	(void)state;
	assert_non_null(text);
	again = json_loads(text, 0, NULL);
	assert_true(json_equal(json, again));
	json_decref(again);
	json_decref(json);
	free(text);
}

static void times_are_wall_seconds_and_a_running_trial_has_no_end(void **state)
{
	json_t *json = json_trial(&trial, &context, JSON_SUMMARY);

	(void)state;
	assert_true(json_number_value(json_object_get(json, "opened_at")) == 5.0);
	assert_int_equal(json_integer_value(json_object_get(json, "duration_ns")), 5000000000);
	json_decref(json);
	trial.ended_ns = 0;
	json = json_trial(&trial, &context, JSON_SUMMARY);
	assert_true(json_is_null(json_object_get(json, "ended_at")));
	assert_true(json_is_null(json_object_get(json, "duration_ns")));
	json_decref(json);
}

static void evidence_and_guardrails_are_sentences_with_units(void **state)
{
	json_t *json = json_trial(&trial, &context, JSON_FULL);
	const json_t *guardrails = json_object_get(json, "guardrails");

	(void)state;
	assert_string_equal(json_string_value(
				    json_object_get(json_array_get(json_object_get(json,
										   "evidence"),
								   0),
						    "text")),
			    "disk.read.latency.p99 > 2.00 ms");
	assert_string_equal(json_string_value(
				    json_object_get(json_array_get(guardrails, 0), "text")),
			    "disk.write.bytes.rate may fall by at most 40.0 %");
	assert_string_equal(json_string_value(
				    json_object_get(json_array_get(guardrails, 1), "text")),
			    "psi.io.full stays under 80.0 %");
	json_decref(json);
}

static void a_histogram_holds_only_its_filled_buckets(void **state)
{
	json_t *json = json_trial(&trial, &context, JSON_FULL);
	const json_t *base = json_object_get(json_object_get(json, "histograms"), "base");

	(void)state;
	assert_int_equal(json_array_size(base), 1);
	assert_int_equal(json_integer_value(json_array_get(json_array_get(base, 0), 0)),
			 hist_lower(hist_index(5000)));
	assert_int_equal(json_integer_value(json_array_get(json_array_get(base, 0), 1)), 2);
	json_decref(json);
}

static void a_summary_has_no_detail(void **state)
{
	json_t *json = json_trial(&trial, &context, JSON_SUMMARY);

	(void)state;
	assert_null(json_object_get(json, "pairs"));
	assert_null(json_object_get(json, "histograms"));
	json_decref(json);
}

static void commands_can_be_pasted_into_a_shell(void **state)
{
	const struct knob_row file = { .name = "x",
				       .scope = SCOPE_DISK,
				       .path = "sys/block/%s/queue/scheduler" };
	const struct knob_row sysctl = { .name = "y",
					 .scope = SCOPE_HOST,
					 .path = "proc/sys/vm/dirty_ratio" };
	const struct scope disk = { .kind = SCOPE_DISK, .name = "vda" },
			   host = { .kind = SCOPE_HOST };
	char text[128];

	(void)state;
	assert_int_equal(knob_command(-1, &file, &disk, "bfq", text, sizeof(text)), 0);
	assert_string_equal(text, "echo bfq > /sys/block/vda/queue/scheduler");
	assert_int_equal(knob_command(-1, &sysctl, &host, "20", text, sizeof(text)), 0);
	assert_string_equal(text, "sysctl -w vm.dirty_ratio=20");
	assert_int_equal(knob_command(-1, &sysctl, &host, "4096 87380", text, sizeof(text)), 0);
	assert_string_equal(text, "sysctl -w vm.dirty_ratio='4096 87380'");
	assert_int_equal(knob_command(-1, &sysctl, &host, "it's", text, sizeof(text)), -EINVAL);
	assert_int_equal(knob_command(-1, &file, &disk, "bfq", text, 10), -ENAMETOOLONG);
}

static void a_choice_lists_its_choices_and_an_integer_its_range(void **state)
{
	struct knob_found found = { .row = knob_find("block.scheduler"),
				    .reading = { .knob = "block.scheduler",
						 .scope = { .kind = SCOPE_DISK, .name = "vda" },
						 .value = "none",
						 .n_choices = 2,
						 .choices = { "none", "bfq" },
						 .flags = KNOB_WRITABLE } };
	json_t *json = json_knob(&found);

	(void)state;
	assert_int_equal(json_array_size(json_object_get(json, "choices")), 2);
	assert_null(json_object_get(json, "min"));
	assert_true(json_is_true(json_object_get(json, "writable")));
	assert_string_equal(json_string_value(json_object_get(json, "scope")), "disk:vda");
	json_decref(json);
}

static void an_outcome_without_its_change_says_so(void **state)
{
	const struct outcome outcome = { .txn = 3,
					 .action = ACTION_UNDO,
					 .status = OUTCOME_DONE,
					 .unasked = 1,
					 .value = "none",
					 .text = "deadline" };
	json_t *json = json_outcome(&outcome, NULL, 0);

	(void)state;
	assert_true(json_is_null(json_object_get(json, "trial")));
	assert_true(json_is_true(json_object_get(json, "unasked")));
	assert_string_equal(json_string_value(json_object_get(json, "action")), "undo");
	assert_true(json_is_null(json_object_get(json, "after_frame_ns")));
	json_decref(json);
}

static void an_outcome_says_how_long_after_its_frame_it_was_in_force(void **state)
{
	const struct outcome outcome = { .txn = 3, .time_ns = 5000 };
	json_t *json = json_outcome(&outcome, NULL, 2000);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(json, "after_frame_ns")), 3000);
	json_decref(json);
}

static void a_source_shows_every_loss(void **state)
{
	struct source_status source = { .name = "block",
					.method = "tp_btf",
					.state = SOURCE_ATTACHED };
	json_t *json;

	(void)state;
	source.losses[LOSS_EVENT] = 9;
	source.thinning = SOURCE_QUARTER;
	source.cpu_ratio = 0.002;
	json = json_source(&source);
	assert_string_equal(json_string_value(json_object_get(json, "thinning")), "quarter");
	assert_float_equal(json_real_value(json_object_get(json, "cpu_ratio")), 0.002, 1e-12);
	assert_true(json_is_false(json_object_get(json, "on_trial")));
	assert_int_equal(json_object_size(json_object_get(json, "losses")), LOSS_COUNT);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "losses"),
							    loss_word(LOSS_EVENT))),
			 9);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_trial_says_of_which_family_its_knob_is, set_up),
		cmocka_unit_test_setup(a_lower_latency_is_an_effect_by_its_share, set_up),
		cmocka_unit_test_setup(a_higher_throughput_is_an_effect_by_its_growth, set_up),
		cmocka_unit_test_setup(what_is_not_a_number_becomes_null, set_up),
		cmocka_unit_test_setup(a_trial_survives_being_written_and_read, set_up),
		cmocka_unit_test_setup(times_are_wall_seconds_and_a_running_trial_has_no_end,
				       set_up),
		cmocka_unit_test_setup(evidence_and_guardrails_are_sentences_with_units, set_up),
		cmocka_unit_test_setup(a_histogram_holds_only_its_filled_buckets, set_up),
		cmocka_unit_test_setup(a_summary_has_no_detail, set_up),
		cmocka_unit_test(commands_can_be_pasted_into_a_shell),
		cmocka_unit_test(a_choice_lists_its_choices_and_an_integer_its_range),
		cmocka_unit_test(an_outcome_without_its_change_says_so),
		cmocka_unit_test(an_outcome_says_how_long_after_its_frame_it_was_in_force),
		cmocka_unit_test(a_source_shows_every_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
