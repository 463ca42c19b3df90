// SPDX-License-Identifier: Apache-2.0
/* What works here, and what to do about what does not. Changes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "actuator/knobs.h"
#include "base/sysroot.h"
#include "base/words.h"
#include "daemon/cli/doctor.h"
#include "daemon/exit_code.h"
#include "daemon/json.h"
#include "daemon/cli/render.h"
#include "daemon/cli/verbs.h"
#include "observer/observer.h"

static const struct {
	const char *word;
	enum tone tone;
} states[CHECK_STATE_COUNT] = {
	[CHECK_OK] = { .word = "ok", .tone = TONE_GOOD },
	[CHECK_LESS] = { .word = "less", .tone = TONE_WARN },
	[CHECK_MISSING] = { .word = "missing", .tone = TONE_BAD },
};

void check_add(struct doctor *doctor, const char *name, enum check_state state, const char *text,
	       const char *remedy)
{
	json_array_append_new(doctor->checks,
			      json_pack("{s:s, s:s, s:s, s:s}", "name", name, "state",
					states[state].word, "text", text, "remedy", remedy));
	table_row(doctor->table);
	table_cell(doctor->table, TONE_STRONG, "%s", name);
	table_cell(doctor->table, states[state].tone, "%s", states[state].word);
	table_cell(doctor->table, TONE_PLAIN, "%s%s%s", text, remedy[0] ? "\n→ " : "", remedy);
}

static void check_kernel(struct doctor *doctor)
{
	bool btf = sysroot_exists(doctor->root, "sys/kernel/btf/vmlinux");
	bool psi = sysroot_exists(doctor->root, "proc/pressure/io");
	struct utsname name;
	char text[160];

	uname(&name);
	snprintf(text, sizeof(text), "Linux %s, %s", name.release, name.machine);
	check_add(doctor, "kernel", CHECK_OK, text, "");
	if (btf)
		check_add(doctor, "BTF", CHECK_OK,
			  "/sys/kernel/btf/vmlinux: BPF programs fit themselves to this kernel",
			  "");
	else
		check_add(doctor, "BTF", CHECK_LESS,
			  "no /sys/kernel/btf/vmlinux: sources fall back to /proc",
			  "use a kernel that is built with CONFIG_DEBUG_INFO_BTF=y");
	if (psi)
		check_add(doctor, "PSI", CHECK_OK,
			  "/proc/pressure: waiting for CPU, memory and I/O is seen", "");
	else
		check_add(doctor, "PSI", CHECK_LESS,
			  "no /proc/pressure: guardrails on psi.* have no values",
			  "boot with psi=1, or use a kernel that is built with CONFIG_PSI=y");
}

/*
 * /proc/self/status:
 *     CapPrm:	000001ffffffffff
 *     CapEff:	000001ffffffffff
 */
static uint64_t capabilities_read(int root)
{
	char status[8192];
	const char *line;

	if (sysroot_read(root, "proc/self/status", status, sizeof(status)) < 0)
		return 0;
	line = strstr(status, "\nCapEff:");
	return line ? strtoull(line + strlen("\nCapEff:"), NULL, 16) : 0;
}

static void check_privilege(struct doctor *doctor)
{
	static const struct {
		const char *name;
		unsigned int bit;
	} wanted[] = {
		{ .name = "CAP_BPF", .bit = CAP_BPF },
		{ .name = "CAP_PERFMON", .bit = CAP_PERFMON },
		{ .name = "CAP_SETUID", .bit = CAP_SETUID },
		{ .name = "CAP_SETGID", .bit = CAP_SETGID },
	};
	char lacking[128] = "", text[192];
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!(doctor->capabilities & (1ull << wanted[i].bit)))
			used += (size_t)snprintf(lacking + used, sizeof(lacking) - used, " %s",
						 wanted[i].name);
	if (used == 0 && geteuid() == 0) {
		check_add(doctor, "privilege", CHECK_OK,
			  "uid 0, with the capabilities that sources and the daemon need", "");
		return;
	}
	snprintf(text, sizeof(text), "uid %u%s%s", geteuid(), used ? ", without" : "", lacking);
	check_add(doctor, "privilege", CHECK_LESS, text,
		  "'flyball daemon' and 'flyball recommend' start as root (each process then drops "
		  "what it does not need)");
}

static void check_user(struct doctor *doctor)
{
	if (getpwnam(DEFAULT_USER))
		check_add(doctor, "user", CHECK_OK,
			  "'flyball' exists: the process that decides runs as it", "");
	else
		check_add(doctor, "user", CHECK_LESS, "no user 'flyball'",
			  "useradd --system --no-create-home --shell /usr/sbin/nologin flyball, or "
			  "--user NAME");
}

/* Both are made by the daemon; what exists must be a folder that root can sync. */
static void check_folder(struct doctor *doctor, const char *path, const char *what)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[64], text[256];

	snprintf(name, sizeof(name), "folder %s", path);
	if (fd < 0 && errno == ENOENT) {
		snprintf(text, sizeof(text), "not there yet (%s): the daemon makes it", what);
		check_add(doctor, name, CHECK_OK, text, "");
	} else if (fd < 0) {
		snprintf(text, sizeof(text), "unable to open it (%s): %s", what, strerror(errno));
		check_add(doctor, name, geteuid() ? CHECK_LESS : CHECK_MISSING, text,
			  geteuid() ? "ask as root" : "make it a folder that root may write");
	} else if (fsync(fd) < 0) {
		snprintf(text, sizeof(text), "fsync fails (%s): %s", what, strerror(errno));
		check_add(doctor, name, CHECK_MISSING, text,
			  "use a file system that can sync, and --state DIR");
	} else {
		snprintf(text, sizeof(text), "there, and it can be synced (%s)", what);
		check_add(doctor, name, CHECK_OK, text, "");
	}
}

struct knob_count {
	size_t rows, instances, writable;
	char reason
		[KNOB_REASON_MAX]; /* of the last that cannot be written; "" = the kernel gives none */
};

static void count_found(const struct knob_found *found, void *context)
{
	struct knob_count *count = context;

	if (found->error || (found->reading.flags & KNOB_GONE))
		return;
	count->instances++;
	if (found->reading.flags & KNOB_WRITABLE)
		count->writable++;
	else
		memcpy(count->reason, found->reading.reason, sizeof(count->reason));
}

/* Processes are not listed: this one stands for all. */
static void count_own(int root, const struct knob_row *row, struct knob_count *count)
{
	struct knob_found found = { .row = row, .reading.scope.kind = SCOPE_PROCESS };
	struct scope own = { .kind = SCOPE_PROCESS };

	snprintf(own.name, sizeof(own.name), "%d", getpid());
	found.error = knob_resolve(root, row, &own);
	if (found.error == 0)
		found.error = knob_read(root, row, &own, &found.reading);
	count_found(&found, count);
}

static void count_knobs(int root, enum knob_family family, struct knob_count *count)
{
	_cleanup_free_ const struct knob_row **rows =
		calloc(knob_rows_count, sizeof(const struct knob_row *));

	for (size_t i = 0; rows && i < knob_rows_count; i++) {
		if (knob_rows[i].family != family)
			continue;
		rows[count->rows++] = &knob_rows[i];
		if (knob_rows[i].scope == SCOPE_PROCESS)
			count_own(root, &knob_rows[i], count);
	}
	if (rows)
		knob_list(root, rows, count->rows, count_found, count);
}

static void check_family(struct doctor *doctor, const char *name, const struct knob_count *count)
{
	char text[160 + KNOB_REASON_MAX];

	if (count->instances == 0) {
		snprintf(text, sizeof(text), "%zu knob%s, nothing here that has them", count->rows,
			 count->rows == 1 ? "" : "s");
		check_add(doctor, name, CHECK_LESS, text, "");
		return;
	}
	snprintf(text, sizeof(text), "%zu knob%s, %zu instance%s here, %zu writable%s%s",
		 count->rows, count->rows == 1 ? "" : "s", count->instances,
		 count->instances == 1 ? "" : "s", count->writable,
		 count->writable == 0 && count->reason[0] ? ": " : "",
		 count->writable == 0 ? count->reason : "");
	/* What this machine is not made for is not broken. */
	if (count->writable || count->reason[0])
		check_add(doctor, name, count->writable ? CHECK_OK : CHECK_LESS, text, "");
	else
		check_add(doctor, name, CHECK_MISSING, text,
			  "is /proc/sys or /sys mounted read-only (a container)? 'flyball knobs' "
			  "shows each");
}

static void check_knobs(struct doctor *doctor)
{
	for (uint32_t family = 0; family < FAMILY_COUNT; family++) {
		struct knob_count count = { 0 };
		char name[64];

		count_knobs(doctor->root, family, &count);
		snprintf(name, sizeof(name), "knobs %s", knob_family_word(family));
		check_family(doctor, name, &count);
	}
}

/* What an operator has declared, and whether it can be read. */
static void check_config(struct doctor *doctor, const struct config *config, int error)
{
	char text[CONF_PATH_MAX + CONF_TEXT_MAX + 32];

	if (config && config->n_errors)
		snprintf(text, sizeof(text), "%s:%u:%u: %s", config->errors[0].file,
			 config->errors[0].line, config->errors[0].column, config->errors[0].text);
	else if (error < 0 || !config)
		snprintf(text, sizeof(text), "%s", strerror(-error));
	else
		snprintf(text, sizeof(text), "%zu services", config->services.n);
	check_add(doctor, DEFAULT_CONFIG, error < 0 ? CHECK_MISSING : CHECK_OK, text,
		  error < 0 ? "mend it: the daemon does not start before" : "");
}

static void check_declared(struct doctor *doctor)
{
	_cleanup_knobs_ struct knob_file *file = NULL;
	char text[CONF_TEXT_MAX + 64];

	if (access(DEFAULT_KNOBS, F_OK) < 0 || knob_file_load(DEFAULT_KNOBS, &file) < 0)
		return;
	if (file->n_errors)
		snprintf(text, sizeof(text), "line %u: %s", file->errors[0].line,
			 file->errors[0].text);
	else
		snprintf(text, sizeof(text), "%zu declared", file->table.n - knob_rows_count);
	check_add(doctor, DEFAULT_KNOBS, file->n_errors ? CHECK_MISSING : CHECK_OK, text,
		  file->n_errors ? "mend it: the daemon does not start before" : "");
}

static int doctor_run(const struct invocation *invocation)
{
	static const char *const titles[] = { "what", "state", "found" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const struct style style = style_of(invocation->out);
	_cleanup_close_ int root = sysroot_open("/");
	struct doctor doctor = {
		.checks = json_array(), .table = table, .root = root, .err = invocation->err
	};
	_cleanup_json_ json_t *result = NULL;
	_cleanup_config_ struct config *config = NULL;
	struct observer_options options = { 0 };
	json_t *sources, *check;
	size_t i, missing = 0;
	int error, r = source_forced(invocation, &options);

	if (r != EXIT_CODE_OK) {
		json_decref(doctor.checks);
		return r;
	}
	if (root < 0) {
		json_decref(doctor.checks);
		return cli_error(invocation, EXIT_CODE_ERROR, "unable to open '/': %s",
				 strerror(-root));
	}
	error = config_load(DEFAULT_CONFIG, &config);
	doctor.capabilities = capabilities_read(root);
	check_kernel(&doctor);
	check_privilege(&doctor);
	check_user(&doctor);
	check_folder(&doctor, DEFAULT_STATE_DIR, "history");
	check_folder(&doctor, DEFAULT_RUN_DIR, "the journal and the control socket");
	check_config(&doctor, config, error);
	options.run_dir = DEFAULT_RUN_DIR;
	options.services = error < 0 ? NULL : &config->services;
	options.pages = error < 0 ? NULL : &config->pages;
	sources = check_sources(&doctor, &options);
	check_knobs(&doctor);
	check_declared(&doctor);
	json_array_foreach (doctor.checks, i, check)
		missing += !strcmp(member_text(check, "state"), "missing");
	result = json_pack("{s:i, s:o, s:o}", "schema", 1, "checks", doctor.checks, "sources",
			   sources);
	if (invocation->json) {
		print_json(invocation, result);
	} else {
		table_print(table, &style, invocation->out);
		fprintf(invocation->out, "\n%s\n",
			missing ? "some of it does not work here: see the arrows"
				: "flyball can work here; 'flyball recommend' looks for something "
				  "worth changing");
	}
	return missing ? EXIT_CODE_ERROR : EXIT_CODE_OK;
}

const struct verb verb_doctor = {
	.name = "doctor",
	.arguments = "",
	.about = "Say what works on this machine, and what to do about what does not.",
	.text = "Looks only. Exits with 1 when something does not work; 'less' is a fallback, or a "
		"part that is not needed "
		"for everything. A source that can work by several methods uses the first that "
		"does; each is tried for a "
		"moment.",
	.options = (const struct option_row[]){ OPTION_SOURCE, { .name = NULL } },
	.run = doctor_run,
};
