// SPDX-License-Identifier: Apache-2.0
/*
 * The tcp-congestion family: how the TCP connections of a network namespace avoid congestion. A setting counts for
 * connections that are made from then on.
 *
 * Found by experiment on Linux 6.18 (tests/native/test_families_tcp.c repeats them):
 * - Making a restricted algorithm the machine's default lifts its restriction for good (net/ipv4/tcp_cong.c:
 *   "default is always allowed"), so the list of the unrestricted ones is a companion. The kernel adds the one name
 *   and takes none away: a list that differs in another way is somebody's hand, and is left.
 * - A namespace takes unrestricted algorithms alone (else EPERM), so only these are its choices.
 * - Writing the name of an algorithm that is not there makes the kernel load a module, which then stays. What is not
 *   available is not offered, and the guard refuses it, unless the limit load_modules is set; a module that went
 *   after that check is loaded for nobody but the one that is owed its old value.
 *
 * dctcp asks for ECN by itself, whatever tcp_ecn says; but where nobody marks it is plain Reno, and where not all mark
 * it starves its neighbours. That the operator has made ECN the rule is the sign that the network is meant to mark.
 */
#include "actuator/family.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/in_netns.h"
#include "actuator/knobs.h"
#include "actuator/split.h"
#include "base/cleanup.h"
#include "base/sysroot.h"

#define ALLOWED_PATH "proc/sys/net/ipv4/tcp_allowed_congestion_control"
#define ECN_PATH "proc/sys/net/ipv4/tcp_ecn"
#define LIST_MAX 512 /* 16 names of 16 letters are half of it */

struct visit {
	int root;
	const struct knob_row *row;
	const struct scope *scope;
	const char *value;           /* to write */
	struct knob_reading reading; /* what was read */
	char text[LIST_MAX];         /* another file's content */
};

static bool list_has(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *word = list; *word; word += strcspn(word, " ")) {
		word += strspn(word, " ");
		if (!strncmp(word, name, length) && (word[length] == ' ' || word[length] == '\0'))
			return true;
	}
	return false;
}

/* How many names of `list` are not in `other`. */
static size_t list_extra(const char *list, const char *other)
{
	char copy[LIST_MAX], *rest = NULL;
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", list);
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		n += !list_has(other, word);
	return n;
}

/* --- the default of a namespace --- */

static size_t tcp_scopes(int root, const struct knob_row *row, struct scope *ret_scopes, size_t max)
{
	size_t n = 0;

	if (sysroot_exists(root, row->path)) {
		if (max > 0)
			ret_scopes[0] = (struct scope){ .kind = SCOPE_HOST };
		n = 1;
	}
	return n + in_netns_scopes(root, ret_scopes + (n < max ? n : max), n < max ? max - n : 0);
}

/* The choices of a namespace are the unrestricted ones, and what is in force. */
static void drop_restricted(struct knob_reading *reading, const char *unrestricted)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < reading->n_choices; i++)
		if (list_has(unrestricted, reading->choices[i]) ||
		    !strcmp(reading->choices[i], reading->value))
			memmove(reading->choices[n++], reading->choices[i], KNOB_NAME_MAX);
	memset(reading->choices[n], 0, (KNOB_CHOICES_MAX - n) * sizeof(reading->choices[0]));
	reading->n_choices = n;
}

static int read_algorithm(int root, const struct knob_row *row, const struct scope *scope,
			  struct knob_reading *ret_reading)
{
	char list[LIST_MAX];
	int r = knob_read_file(root, row, scope, ret_reading);

	/* The list is one for the whole machine, and reads the same from everywhere. */
	if (r == 0 && scope->kind == SCOPE_NETNS &&
	    sysroot_read(root, ALLOWED_PATH, list, sizeof(list)) >= 0)
		drop_restricted(ret_reading, list);
	return r;
}

static int read_here(void *data)
{
	struct visit *visit = data;

	return read_algorithm(visit->root, visit->row, visit->scope, &visit->reading);
}

static int tcp_list(int root, const struct knob_row *const *rows, size_t n, knob_found_fn fn,
		    void *context)
{
	return in_netns_list(root, rows, n, read_algorithm, fn, context);
}

static int tcp_read(int root, const struct knob_row *row, const struct scope *scope,
		    struct knob_reading *ret_reading)
{
	struct visit visit = { .root = root, .row = row, .scope = scope };
	int r = in_netns(root, scope, read_here, &visit);

	if (r < 0)
		return knob_unreadable(r, row, scope, ret_reading);
	*ret_reading = visit.reading;
	return 0;
}

/* Of what is listed now; the list is one for the whole machine. */
static bool is_available(int root, const struct knob_row *row, const char *value)
{
	char list[LIST_MAX];

	return sysroot_read(root, row->choices_path, list, sizeof(list)) < 0 ||
	       list_has(list, value);
}

static bool is_unrestricted(int root, const char *value)
{
	char list[LIST_MAX];

	return sysroot_read(root, ALLOWED_PATH, list, sizeof(list)) < 0 || list_has(list, value);
}

static int write_here(void *data)
{
	struct visit *visit = data;
	const struct family_limits *limits = family_limits();

	if (!limits->load_modules && !limits->going_back &&
	    !is_available(visit->root, visit->row, visit->value))
		return -EPERM;
	return knob_write_file(visit->root, visit->row, visit->scope, visit->value);
}

static int tcp_write(int root, const struct knob_row *row, const struct scope *scope,
		     const char *value)
{
	struct visit visit = { .root = root, .row = row, .scope = scope, .value = value };

	return in_netns(root, scope, write_here, &visit);
}

static int tcp_capture(int root, const struct knob_row *row, const struct scope *scope,
		       char *ret_companions, size_t companions_size, char *ret_text,
		       size_t text_size)
{
	char list[LIST_MAX];
	ssize_t n = 0;
	int r;

	(void)row;
	ret_companions[0] = '\0';
	r = in_netns_capture(root, scope, ret_companions, companions_size);
	/* Read-only where flyball itself lives in a namespace that is not the first: then nothing can disturb it. */
	if (r == 0 && scope->kind == SCOPE_HOST && sysroot_writable(root, ALLOWED_PATH) == 0) {
		n = sysroot_read(root, ALLOWED_PATH, list, sizeof(list));
		r = n < 0 ? (int)n
			  : companions_add(ret_companions, companions_size, ALLOWED_PATH, list);
	}
	if (r < 0)
		snprintf(ret_text, text_size, "unable to write down what a change disturbs: %s",
			 strerror(-r));
	return r;
}

/* What the kernel itself makes of the list when the arm is put in force: it gains the arm's name, if it lacked it. */
static bool is_kernels_doing(const char *before, const char *now, const char *arm)
{
	size_t gained = list_extra(now, before);

	return list_extra(before, now) == 0 &&
	       (gained == 0 || (gained == 1 && list_has(now, arm) && !list_has(before, arm)));
}

static int tcp_restore(int root, const struct knob_row *row, const struct scope *scope,
		       const char *companions, char *ret_text, size_t text_size)
{
	char path[KNOB_VALUE_MAX], value[LIST_MAX], now[LIST_MAX], arm[KNOB_VALUE_MAX] = "";
	int r;

	(void)row;
	(void)scope;
	/* A journal of an earlier version does not say it: then nothing is taken for the kernel's doing. */
	companions_find(companions, KNOB_NEW_NAME, arm, sizeof(arm));
	while ((r = companions_next(&companions, path, sizeof(path), value, sizeof(value))) > 0) {
		ssize_t n;

		if (path[0] == '@')
			continue;
		n = sysroot_read(root, path, now, sizeof(now));
		if (n >= 0 && !strcmp(now, value))
			continue;
		if (n >= 0 && !is_kernels_doing(value, now, arm)) {
			snprintf(ret_text, text_size,
				 "found '%.60s' in %s, which is somebody else's: left", now, path);
			continue;
		}
		r = n < 0 ? (int)n : sysroot_write(root, path, value);
		if (r < 0) {
			companions_complain(ret_text, text_size, path, r);
			return r;
		}
	}
	return r;
}

static int tcp_same_instance(int root, const struct knob_row *row, const struct scope *scope,
			     const char *companions)
{
	(void)row;
	return in_netns_same(root, scope, companions);
}

static int read_ecn_here(void *data)
{
	struct visit *visit = data;
	ssize_t n = sysroot_read(visit->root, ECN_PATH, visit->text, sizeof(visit->text));

	return n < 0 ? (int)n : 0;
}

/*
 * tcp_ecn: 0 never, 1 asks and accepts, 2 accepts. Since Linux 6.18 with accurate ECN: 3 asks for it and accepts, 4
 * accepts it and asks for the old one, 5 accepts it.
 */
int tcp_congestion_check(int root, const struct scope *netns, const char *algorithm, char *ret_text,
			 size_t size)
{
	struct visit visit = { .root = root };
	int r;

	if (strcmp(algorithm, "dctcp"))
		return 0;
	r = in_netns(root, netns, read_ecn_here, &visit);
	if (r < 0) {
		snprintf(ret_text, size, "unable to read net.ipv4.tcp_ecn: %s", strerror(-r));
		return r;
	}
	if (!strcmp(visit.text, "1") || !strcmp(visit.text, "3") || !strcmp(visit.text, "4"))
		return 0;
	snprintf(ret_text, size,
		 "dctcp needs a network that marks, and net.ipv4.tcp_ecn is %.8s here: set it to 1 "
		 "where every switch marks (ECN)",
		 visit.text);
	return -EPERM;
}

static int tcp_allowed(int root, const struct knob_row *row, const struct scope *scope,
		       const struct knob_reading *reading, const char *value, char *ret_text,
		       size_t size)
{
	if (knob_same(row, reading->value, value))
		return 0;
	return tcp_congestion_check(root, scope, value, ret_text, size);
}

static int tcp_split(int root, const struct knob_row *row, const struct scope *scope,
		     const char *base, const char *arm, char *ret_text, size_t text_size)
{
	/* A program in the kernel loads no module: every connection that draws it would be refused. */
	if (!is_available(root, row, arm)) {
		snprintf(ret_text, text_size,
			 "'%.16s' is not there, and a split loads no module: load it first", arm);
		return -ENOENT;
	}
	/* It may do there what a process of that namespace may, and no more; else nothing could be kept. */
	if (scope->kind == SCOPE_NETNS && !is_unrestricted(root, arm)) {
		snprintf(ret_text, text_size,
			 "'%.16s' is not for namespaces: add it to "
			 "net.ipv4.tcp_allowed_congestion_control",
			 arm);
		return -EPERM;
	}
	return split_draw(root, scope, base, arm, ret_text, text_size);
}

const struct knob_family_ops family_tcp_congestion = {
	.scopes = tcp_scopes,
	.read = tcp_read,
	.list = tcp_list,
	.write = tcp_write,
	.capture = tcp_capture,
	.restore = tcp_restore,
	.wants_new = true,
	.same_instance = tcp_same_instance,
	.allowed = tcp_allowed,
	.split = tcp_split,
	.split_end = split_end,
};
