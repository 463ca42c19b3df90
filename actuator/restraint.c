// SPDX-License-Identifier: Apache-2.0
#include "actuator/restraint.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actuator/limits_file.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"

static void note(struct restraint *r, const char *text, const char *why)
{
	size_t used = strlen(r->note);

	snprintf(r->note + used, sizeof(r->note) - used, "%s%s%s", used ? "; " : "", text, why);
}

/* Without limits that can be read nothing begins: what a file forbids must not be allowed for a typing error in it. */
static void open_limits(struct restraint *r)
{
	_cleanup_free_ struct limits_errors *errors = calloc(1, sizeof(*errors));
	int error;

	limits_defaults(&r->base);
	if (!r->file || !errors)
		return;
	error = limits_load(r->file, &r->base, errors);
	if (error == 0 || error == -ENOENT)
		return;
	if (errors->n > 0)
		snprintf(r->file_error, sizeof(r->file_error), "%.60s:%u: %.80s",
			 errors->errors[0].file, errors->errors[0].line, errors->errors[0].text);
	else
		snprintf(r->file_error, sizeof(r->file_error), "%.60s: %s", r->file,
			 strerror(-error));
	note(r,
	     "nothing begins until the limits file is in order and 'flyball limits --reload' "
	     "was run: ",
	     r->file_error);
}

void restraint_apply(struct restraint *r, uint64_t now_ns)
{
	char text[LIMIT_TEXT_MAX];

	r->limits = r->base;
	r->again_ns = UINT64_MAX;
	for (size_t i = 0; i < USAGE_SETS_MAX; i++) {
		struct usage_set *set = &r->usage.state.sets[i];

		if (set->name[0] && set->until_ns <= now_ns)
			set->name[0] = '\0';
		if (!set->name[0])
			continue;
		/* What a stricter file has overtaken would loosen now, and is left out. */
		limits_tighten(&r->limits, set->name, set->value, text, sizeof(text));
		if (set->until_ns < r->again_ns)
			r->again_ns = set->until_ns;
	}
}

static bool sets_are_text(const struct usage_state *state)
{
	for (size_t i = 0; i < USAGE_SETS_MAX; i++)
		if (!memchr(state->sets[i].name, '\0', LIMIT_NAME_MAX) ||
		    !memchr(state->sets[i].value, '\0', LIMIT_TEXT_MAX))
			return false;
	return true;
}

void restraint_open(struct restraint *r, const struct actuator_options *options, const char *boot,
		    uint64_t now_ns)
{
	int error;

	r->root = options->root;
	r->file = options->limits_file;
	open_limits(r);
	error = usage_open(&r->usage, options->state, boot, now_ns);
	if (error < 0)
		note(r, "unable to open 'usage' in the run folder, limits count from now: ",
		     strerror(-error));
	else if (error > 0)
		note(r, "the file 'usage' in the run folder is damaged: ", "limits count from now");
	if (r->usage.state.daemon != options->daemon_ns || !sets_are_text(&r->usage.state))
		memset(r->usage.state.sets, 0, sizeof(r->usage.state.sets));
	r->usage.state.daemon = options->daemon_ns;
	error = pins_open(&r->pins, options->pins > 0 ? options->pins : -1);
	if (error < 0)
		note(r, "unable to read 'pins' in the state folder: ", strerror(-error));
	else if (error > 0)
		note(r, "some lines of 'pins' in the state folder are no pins: ", "left out");
	restraint_apply(r, now_ns);
}

void restraint_close(struct restraint *r)
{
	usage_save(&r->usage);
	usage_close(&r->usage);
}

/* `process:1234@5678` */
static void read_process(struct restraint *r, const struct scope *scope, struct limits_view *view)
{
	char path[64];
	ssize_t n;

	r->executable[0] = '\0';
	r->command[0] = '\0';
	view->executable = r->executable;
	view->command = r->command;
	if (scope->kind != SCOPE_PROCESS)
		return;
	view->pid = (int32_t)strtol(scope->name, NULL, 10);
	snprintf(path, sizeof(path), "proc/%d/exe", view->pid);
	n = readlinkat(r->root, path, r->executable, sizeof(r->executable) - 1);
	if (n > 0)
		r->executable[n] = '\0';
	snprintf(path, sizeof(path), "proc/%d/comm", view->pid);
	if (sysroot_read(r->root, path, r->command, sizeof(r->command)) < 0)
		r->command[0] = '\0';
}

static void read_clock(struct limits_view *view)
{
	time_t now = (time_t)(clock_wall_ns() / NSEC_PER_SEC);
	struct tm local;

	localtime_r(&now, &local);
	view->weekday = (uint32_t)local.tm_wday;
	view->minute = (uint32_t)(local.tm_hour * 60 + local.tm_min);
}

void restraint_view(struct restraint *r, const struct change *change, const struct txn *txn,
		    uint64_t now_ns, struct guard_view *view)
{
	const char *knob = txn ? txn->entry.knob : change->knob;
	const struct scope *scope = txn ? &txn->entry.scope : &change->scope;

	if (now_ns >= r->again_ns)
		restraint_apply(r, now_ns);
	view->limits = &r->limits;
	view->limits_error = r->file_error[0] ? r->file_error : NULL;
	view->usage = (struct limits_view){
		.now_ns = now_ns,
		.row = view->row,
		.n_open = view->n_open,
		.by_hand = change->flags & CHANGE_BY_HAND,
	};
	/* Not text: the guard refuses it before it looks at any of this. */
	if (!memchr(knob, '\0', KNOB_NAME_MAX) || !memchr(scope->name, '\0', SCOPE_NAME_MAX))
		return;
	view->pin = pins_find(&r->pins, knob, scope, clock_wall_ns());
	usage_view(&r->usage, knob, scope, change->trial, now_ns, &view->usage);
	read_process(r, scope, &view->usage);
	read_clock(&view->usage);
}

enum outcome_status restraint_began(struct restraint *r, const struct change *change,
				    uint64_t now_ns, char *ret_text, size_t size)
{
	if (usage_begin(&r->usage, change->knob, &change->scope, change->trial, now_ns) == 0)
		return OUTCOME_DONE;
	snprintf(ret_text, size,
		 "%d knobs were changed within the last hour, which is as many as can be counted",
		 USAGE_PLACES_MAX);
	return OUTCOME_REFUSED;
}

void restraint_put(struct restraint *r, const struct txn *txn, bool is_new, uint32_t n_before,
		   uint64_t now_ns)
{
	const struct journal_entry *e = &txn->entry;

	if (!is_new) {
		usage_disarm(&r->usage, e->txn, now_ns);
		return;
	}
	if (txn->n_writes == n_before)
		return;
	usage_write(&r->usage, e->knob, &e->scope, now_ns);
	if (!txn->by_hand)
		usage_arm(&r->usage, e->txn, now_ns);
}

void restraint_split(struct restraint *r, const struct txn *txn, bool is_first, uint64_t now_ns)
{
	const struct journal_entry *e = &txn->entry;

	if (!strcmp(e->old_value, e->new_value))
		return;
	if (is_first)
		usage_write(&r->usage, e->knob, &e->scope, now_ns);
	usage_arm(&r->usage, e->txn, now_ns);
}

void restraint_kept(struct restraint *r, const struct txn *txn, bool is_back, uint64_t now_ns)
{
	const struct journal_entry *e = &txn->entry;

	usage_disarm(&r->usage, e->txn, now_ns);
	usage_end(&r->usage, e->knob, &e->scope, now_ns);
	if (is_back)
		usage_flip(&r->usage, e->knob, &e->scope, &r->limits, now_ns);
}

void restraint_ended(struct restraint *r, const struct txn *txn, bool was_kept, uint64_t now_ns)
{
	const struct journal_entry *e = &txn->entry;

	usage_disarm(&r->usage, e->txn, now_ns);
	usage_end(&r->usage, e->knob, &e->scope, now_ns);
	if (was_kept)
		usage_flip(&r->usage, e->knob, &e->scope, &r->limits, now_ns);
}

void restraint_foreign(struct restraint *r, const char *knob, const struct scope *scope,
		       const char *value)
{
	double pause = r->limits.value[LIMIT_RESUME_AFTER];
	uint64_t wall_ns = clock_wall_ns();
	struct pin pin = { .scope = *scope,
			   .since_ns = wall_ns,
			   .until_ns = isinf(pause) ? UINT64_MAX : wall_ns + (uint64_t)pause };
	int error;

	snprintf(pin.knob, sizeof(pin.knob), "%s", knob);
	snprintf(pin.value, sizeof(pin.value), "%s", value);
	for (char *c = pin.value; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	/* The kernel keeps no record of who wrote. */
	snprintf(pin.by, sizeof(pin.by), "unknown");
	error = pins_add(&r->pins, &pin, wall_ns);
	if (error < 0)
		note(r, "unable to save 'pins' in the state folder: ", strerror(-error));
}
