// SPDX-License-Identifier: Apache-2.0
/* The command line, and the client against a tiny server in a child process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/words.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/verbs.h"
#include "daemon/exit_code.h"

#define ARGS_MAX 16

static char *out, *err;

/* Runs `flyball …` with what it writes in `out` and `err`. */
static int flyball(const char *first, ...)
{
	char *argv[ARGS_MAX + 2] = { (char *)"flyball" };
	FILE *out_file, *err_file;
	size_t out_size, err_size;
	va_list words;
	int argc = 1, r;

	free(out);
	free(err);
	va_start(words, first);
	for (const char *word = first; word && argc <= ARGS_MAX; word = va_arg(words, const char *))
		argv[argc++] = (char *)word;
	va_end(words);
	out_file = open_memstream(&out, &out_size);
	err_file = open_memstream(&err, &err_size);
	r = cli_run(argc, argv, out_file, err_file);
	fclose(out_file);
	fclose(err_file);
	return r;
}

static void every_verb_has_help_with_all_its_options(void **state)
{
	size_t n;
	const struct verb *const *verbs = cli_verbs(&n);

	(void)state;
	assert_true(n >= 18);
	for (size_t i = 0; i < n; i++) {
		const struct option_row *row;

		assert_int_equal(flyball(verbs[i]->name, "--help", NULL), EXIT_CODE_OK);
		assert_non_null(strstr(out, verbs[i]->about));
		assert_string_equal(err, "");
		for (size_t j = 0; (row = cli_option(verbs[i], j)); j++) {
			assert_non_null(strstr(out, row->name));
			assert_true(row->about[strlen(row->about) - 1] == '.');
			assert_true((row->type == OPTION_FLAG) == (row->argument == NULL));
		}
		flyball("help", NULL);
		assert_non_null(strstr(out, verbs[i]->name));
	}
}

static void names_of_verbs_and_of_their_options_are_unique(void **state)
{
	size_t n;
	const struct verb *const *verbs = cli_verbs(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct option_row *a, *b;

		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(verbs[i]->name, verbs[j]->name);
		for (size_t j = 0; (a = cli_option(verbs[i], j)); j++)
			for (size_t k = 0; k < j && (b = cli_option(verbs[i], k)); k++)
				assert_string_not_equal(a->name, b->name);
	}
}

static void an_unknown_verb_is_named_with_the_nearest_one(void **state)
{
	(void)state;
	assert_int_equal(flyball("stauts", NULL), EXIT_CODE_USAGE);
	assert_non_null(strstr(err, "'stauts'"));
	assert_non_null(strstr(err, "did you mean 'status'?"));
	assert_string_equal(out, "");
}

static void an_unknown_option_is_named_with_the_nearest_one(void **state)
{
	(void)state;
	assert_int_equal(flyball("recommend", "--fro", "3s", NULL), EXIT_CODE_USAGE);
	assert_non_null(strstr(err, "'--fro'"));
	assert_non_null(strstr(err, "did you mean '--for'?"));
}

static void a_bad_value_is_named_with_what_is_needed(void **state)
{
	(void)state;
	assert_int_equal(flyball("recommend", "--for", "30", NULL), EXIT_CODE_USAGE);
	assert_non_null(strstr(err, "'30'"));
	assert_non_null(strstr(err, "a time with its unit"));
	assert_int_equal(flyball("recommend", "--for=20MB", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball("daemon", "--history-size", "3s", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball("daemon", "--only", "nonsense", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball("daemon", "--mode", "auto", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball("watch", "disk", "--count", "-1", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball("trial", "0", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball("trial", "7x", NULL), EXIT_CODE_USAGE);
}

static void a_missing_or_a_superfluous_word_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(flyball("recommend", "--for", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball("status", "now", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball("trial", "1", "2", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball("watch", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball("abort", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball("abort", "3", "--all", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball("status", "--json=yes", NULL), EXIT_CODE_USAGE);
	assert_int_equal(flyball(NULL), EXIT_CODE_USAGE);
}

static void an_unknown_signal_or_knob_is_named_with_the_nearest_one(void **state)
{
	(void)state;
	assert_int_equal(flyball("signals", "disk.raed.latency", NULL), EXIT_CODE_USAGE);
	assert_non_null(strstr(err, "did you mean 'disk.read.latency'?"));
	assert_int_equal(flyball("knobs", "block.schedular", NULL), EXIT_CODE_USAGE);
	assert_non_null(strstr(err, "did you mean 'block.scheduler'?"));
}

/* Of this machine, whatever it is: what it has not, or does not list, is said without a scope. */
static void every_knob_is_listed_and_says_why_it_cannot_be_written(void **state)
{
	bool seen[FAMILY_COUNT] = { false };
	_cleanup_json_ json_t *json = NULL;
	const json_t *knob;
	size_t i;

	(void)state;
	assert_int_equal(flyball("knobs", "--json", NULL), EXIT_CODE_OK);
	json = json_loads(out, 0, NULL);
	json_array_foreach (json_object_get(json, "knobs"), i, knob) {
		bool writable = json_is_true(json_object_get(knob, "writable"));
		bool pinned = !strcmp(member_text(knob, "owner"), "admin");

		seen[knob_family_parse(member_text(knob, "family"))] = true;
		assert_int_equal(member_text(knob, "reason")[0] == '\0', writable && !pinned);
		if (!json_is_string(json_object_get(knob, "scope")))
			assert_false(writable);
	}
	for (i = 0; i < FAMILY_COUNT; i++)
		assert_true(seen[i]);
	for (i = 0; i < knob_rows_count; i++)
		if (!strstr(out, knob_rows[i].name))
			fail_msg("%s is not listed", knob_rows[i].name);
	assert_int_equal(flyball("knobs", "tcp-congestion", NULL), EXIT_CODE_OK);
	assert_non_null(strstr(out, "tcp.congestion.route"));
	assert_null(strstr(out, "vm.swappiness"));
}

static void a_process_is_listed_where_it_is_named(void **state)
{
	char only[64];

	(void)state;
	snprintf(only, sizeof(only), "--only=process:%d", getpid());
	assert_int_equal(flyball("knobs", "affinity.process.cpus", only, NULL), EXIT_CODE_OK);
	assert_non_null(strstr(out, "affinity: 1 here"));
	assert_null(strstr(out, "not listed"));
	assert_non_null(strstr(out, knob_find("affinity.process.cpus")->about));
	assert_int_equal(flyball("knobs", "affinity", NULL), EXIT_CODE_OK);
	assert_non_null(strstr(out, "affinity.process.cpus: not listed: name a process"));
	assert_int_equal(flyball("knobs", "--only=disk:no-such-disk", NULL), EXIT_CODE_OK);
	assert_non_null(strstr(err, "there is none in the scope that --only names"));
}

static void help_and_version_go_to_stdout(void **state)
{
	(void)state;
	assert_int_equal(flyball("--help", NULL), EXIT_CODE_OK);
	assert_non_null(strstr(out, "recommend"));
	assert_int_equal(flyball("--version", NULL), EXIT_CODE_OK);
	assert_string_equal(out, "flyball " FLYBALL_VERSION "\n");
	assert_int_equal(flyball("version", "--json", NULL), EXIT_CODE_OK);
	assert_non_null(strstr(out, "\"schema\": 1"));
}

static void no_colour_leaves_the_process_when_it_is_not_a_terminal(void **state)
{
	(void)state;
	assert_int_equal(flyball("signals", "--no-values", NULL), EXIT_CODE_OK);
	assert_null(strchr(out, '\033'));
	assert_non_null(strstr(out, "disk.read.latency"));
}

static char *read_source(const char *name)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[512], *text = calloc(1, 1 << 20);

	snprintf(path, sizeof(path), "%s/%s", SOURCE_DIR, name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("unable to open '%s'", path);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	return text;
}

static void the_references_in_docs_are_what_the_tables_say(void **state)
{
	static const char *const references[][2] = {
		{ "help", "docs/cli.md" },
		{ "signals", "docs/signals.md" },
		{ "knobs", "docs/knobs.md" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(references); i++) {
		_cleanup_free_ char *text = read_source(references[i][1]);

		assert_int_equal(flyball(references[i][0], "--markdown", NULL), EXIT_CODE_OK);
		assert_string_equal(out, text);
	}
}

static void a_policy_error_ends_the_daemon_before_it_starts(void **state)
{
	char path[] = "/tmp/flyball-policy-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "policy: { nonsense = 1; };\n", 27), 27);
	close(fd);
	assert_int_equal(flyball("daemon", "--policy", path, NULL), EXIT_CODE_ERROR);
	assert_non_null(strstr(err, path));
	assert_non_null(strstr(err, ":1:"));
	assert_int_equal(flyball("policy", "check", path, "--json", NULL), EXIT_CODE_ERROR);
	assert_non_null(strstr(out, "\"line\": 1"));
	assert_int_equal(flyball("policy", "check", "/tmp/flyball-there-is-no-such-file.conf",
				 NULL),
			 EXIT_CODE_ERROR);
	unlink(path);
	assert_int_equal(flyball("policy", "chekc", path, NULL), EXIT_CODE_USAGE);
	assert_non_null(strstr(err, "did you mean 'check'?"));
}

/* A server in a child: for each connection it answers with the next of `replies`, then closes. */
static pid_t serve(const char *folder, const char *const *replies)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", folder);
	unlink(address.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	pid = fork();
	if (pid) {
		close(fd);
		return pid;
	}
	alarm(20);
	for (; *replies; replies++) {
		int connection = accept(fd, NULL, NULL);
		char request[1024];

		/* The whole line: a socket that is closed with something unread resets its peer. */
		for (size_t n = 0; n == 0 || request[n - 1] != '\n';) {
			ssize_t got = read(connection, request + n, sizeof(request) - n);

			if (got <= 0)
				_exit(1);
			n += (size_t)got;
		}
		/* In pieces: a line may come in several reads. */
		for (const char *p = *replies; *p; p += strnlen(p, 700))
			if (write(connection, p, strnlen(p, 700)) < 0)
				_exit(1);
		close(connection);
	}
	_exit(0);
}

static char folder[64];

static int folder_make(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/flyball-cli-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/control.sock", folder);
	unlink(path);
	return rmdir(folder);
}

static void a_configuration_is_checked_shown_and_needed_by_the_daemon(void **state)
{
	char path[] = "/tmp/flyball-config-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	dprintf(fd, "services = ( { name = \"web\"; prot = 80; } );\n");
	assert_int_equal(flyball("config", "check", "--config", path, NULL), EXIT_CODE_ERROR);
	assert_non_null(strstr(err, path));
	assert_non_null(
		strstr(err, ":1:30: unknown key 'prot' in the service: did you mean 'port'?"));
	assert_int_equal(flyball("daemon", "--config", path, NULL), EXIT_CODE_ERROR);
	assert_non_null(strstr(err, "did you mean 'port'?"));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	dprintf(fd, "services = ( { name = \"web\"; port = 80; } );\n");
	close(fd);
	assert_int_equal(flyball("config", "check", "--config", path, NULL), EXIT_CODE_OK);
	assert_string_equal(out, "1 file, 1 service, 0 pages, no errors\n");
	assert_int_equal(flyball("config", "show", "--config", path, NULL), EXIT_CODE_OK);
	assert_non_null(strstr(out, "{ name = \"web\"; port = 80; }"));
	unlink(path);
	assert_int_equal(flyball("config", "check", "--config", path, NULL), EXIT_CODE_ERROR);
	assert_non_null(strstr(err, "unable to open the configuration"));
	assert_int_equal(flyball("config", "chekc", NULL), EXIT_CODE_USAGE);
	assert_non_null(strstr(err, "did you mean 'check'?"));
}

static void without_a_daemon_the_remedy_is_named(void **state)
{
	(void)state;
	assert_int_equal(flyball("status", "--run", folder, NULL), EXIT_CODE_NO_DAEMON);
	assert_non_null(strstr(err, "no daemon runs (nothing listens on"));
	assert_non_null(strstr(err, "start it with 'flyball daemon'"));
	assert_int_equal(flyball("trial", "--follow", "--run", folder, NULL), EXIT_CODE_NO_DAEMON);
	setenv("FLYBALL_RUN_DIR", "/tmp/flyball-nowhere", 1);
	assert_int_equal(flyball("freeze", NULL), EXIT_CODE_NO_DAEMON);
	unsetenv("FLYBALL_RUN_DIR");
	assert_non_null(strstr(err, "/tmp/flyball-nowhere/control.sock"));
}

static void an_error_of_the_daemon_keeps_its_exit_code_and_its_words(void **state)
{
	static const char *const replies[] = {
		"{\"exit\":5,\"error\":\"the disk is pinned\",\"data\":null}\n",
		"this is no JSON\n", "{\"exit\":0", NULL
	};
	pid_t pid = serve(folder, replies);

	(void)state;
	assert_int_equal(flyball("abort", "3", "--run", folder, NULL), EXIT_CODE_REFUSED);
	assert_string_equal(err, "flyball: the disk is pinned\n");
	assert_int_equal(flyball("thaw", "--run", folder, NULL), EXIT_CODE_ERROR);
	assert_int_equal(flyball("thaw", "--run", folder, NULL), EXIT_CODE_ERROR);
	waitpid(pid, NULL, 0);
}

#define TRIAL(VERDICT, N, EXTRA)                                                            \
	"{\"id\":7,\"policy\":\"p\",\"knob\":\"block.scheduler\",\"scope\":\"disk:loop8\"," \
	"\"incumbent\":\"none\","                                                           \
	"\"arm\":\"bfq\",\"phase\":\"testing\",\"verdict\":\"" VERDICT                      \
	"\",\"reason\":\"better\",\"reason_text\":"                                         \
	"\"shown\",\"objective\":{\"signal\":\"disk.read.latency.p50\",\"unit\":\"time\","  \
	"\"direction\":"                                                                    \
	"\"minimize\",\"min_effect\":0.1},\"n_pairs\":" N                                   \
	",\"max_pairs\":40,\"before\":4.2e6,\"after\":5e4,"                                 \
	"\"effect\":{\"estimate\":0.988,\"low\":0.9,\"high\":0.999},\"threshold\":2.9957,"  \
	"\"duration_ns\":31000000000" EXTRA "}"
#define PAIR(Y)                             \
	"{\"arm_first\":true,\"y_base\":" Y \
	",\"y_arm\":50000,\"effect\":0.98,\"low\":null,\"high\":0.99}"

static void a_trial_is_followed_from_the_middle_to_its_verdict(void **state)
{
	static const char *const replies[] = {
		/* the stream: a pair that the catch-up tells already, a new one, somebody else's, the verdict */
		"{\"event\":\"tick\",\"data\":{\"time\":1,\"targets\":[],\"trials\":[]}}\n"
		"{\"event\":\"pair\",\"data\":" TRIAL(
			"running", "1",
			",\"pairs\":[" PAIR(
				"1e6") "]") "}\n"
					    "{\"event\":\"pair\",\"data\":" TRIAL(
						    "running", "2",
						    ",\"pairs\":[" PAIR(
							    "2e6") "]") "}\n"
									"{\"event\":"
									"\"outcome\","
									"\"data\":{\"txn\":"
									"1}}\n"
									"{\"event\":"
									"\"verdict\","
									"\"data\":" TRIAL(
										"kept", "2",
										",\"pairs\":"
										"[" PAIR(
											"1e"
											"6") "," PAIR("2e"
												      "6") "]") "}\n",
		"{\"exit\":0,\"error\":null,\"data\":{\"schema\":1,\"trial\":" TRIAL(
			"running", "1", ",\"pairs\":[" PAIR("1e6") "]") "}}\n",
		NULL
	};
	pid_t pid = serve(folder, replies);
	const char *first, *second;

	(void)state;
	assert_int_equal(flyball("trial", "--follow", "--run", folder, NULL), EXIT_CODE_OK);
	first = strstr(out, "pair 1");
	assert_non_null(first);
	assert_null(strstr(first + 1, "pair 1")); /* told once */
	second = strstr(out, "pair 2");
	assert_non_null(second);
	assert_non_null(strstr(second, "'bfq' stays"));
	assert_non_null(strstr(out, "98.8 % lower"));
	assert_null(strchr(out, '\033'));
	waitpid(pid, NULL, 0);
}

static void the_exit_code_of_a_followed_trial_is_its_verdict(void **state)
{
	static const char *const verdicts[] = { "reverted", "aborted", "inconclusive" };
	static const int codes[] = { EXIT_CODE_TRIAL_UNDONE, EXIT_CODE_TRIAL_UNDONE,
				     EXIT_CODE_INCONCLUSIVE };
	static const char running[] =
		"{\"exit\":0,\"error\":null,\"data\":{\"schema\":1,\"trial\":" TRIAL("running", "0",
										     "") "}}\n";
	char line[2048];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		const char *replies[] = { line, running, NULL };
		pid_t pid;

		snprintf(line, sizeof(line),
			 "{\"event\":\"verdict\",\"data\":" TRIAL("%s", "0", "") "}\n",
			 verdicts[i]);
		pid = serve(folder, replies);
		assert_int_equal(flyball("trial", "last", "--follow", "--run", folder, NULL),
				 codes[i]);
		waitpid(pid, NULL, 0);
	}
}

static void without_a_verdict_in_time_following_ends_with_a_time_out(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const char none[] = "{\"exit\":1,\"error\":\"no trial\",\"data\":null}\n";
	pid_t pid;

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", folder);
	unlink(address.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	pid = fork();
	if (!pid) {
		int stream = accept(fd, NULL, NULL), ask = accept(fd, NULL, NULL);

		alarm(20);
		if (stream < 0 || write(ask, none, strlen(none)) < 0)
			_exit(1);
		pause();
	}
	close(fd);
	assert_int_equal(flyball("trial", "--follow", "--timeout", "200ms", "--run", folder, NULL),
			 EXIT_CODE_TIMEOUT);
	assert_non_null(strstr(err, "200ms"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_long_reply_arrives_whole(void **state)
{
	size_t size = 300 * 1024;
	char *line = calloc(1, size + 256);
	const char *replies[] = { line, NULL };
	pid_t pid;

	(void)state;
	strcpy(line, "{\"exit\":0,\"error\":null,\"data\":{\"schema\":1,\"done\":[\"");
	memset(line + strlen(line), 'x', size);
	strcat(line, "\"]}}\n");
	pid = serve(folder, replies);
	assert_int_equal(flyball("freeze", "--run", folder, NULL), EXIT_CODE_OK);
	assert_int_equal(strlen(out), size + 1);
	waitpid(pid, NULL, 0);
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verb_has_help_with_all_its_options),
		cmocka_unit_test(names_of_verbs_and_of_their_options_are_unique),
		cmocka_unit_test(an_unknown_verb_is_named_with_the_nearest_one),
		cmocka_unit_test(an_unknown_option_is_named_with_the_nearest_one),
		cmocka_unit_test(a_bad_value_is_named_with_what_is_needed),
		cmocka_unit_test(a_missing_or_a_superfluous_word_is_an_error),
		cmocka_unit_test(an_unknown_signal_or_knob_is_named_with_the_nearest_one),
		cmocka_unit_test(every_knob_is_listed_and_says_why_it_cannot_be_written),
		cmocka_unit_test(a_process_is_listed_where_it_is_named),
		cmocka_unit_test(help_and_version_go_to_stdout),
		cmocka_unit_test(no_colour_leaves_the_process_when_it_is_not_a_terminal),
		cmocka_unit_test(the_references_in_docs_are_what_the_tables_say),
		cmocka_unit_test(a_policy_error_ends_the_daemon_before_it_starts),
		cmocka_unit_test(a_configuration_is_checked_shown_and_needed_by_the_daemon),
		cmocka_unit_test_setup_teardown(without_a_daemon_the_remedy_is_named, folder_make,
						folder_remove),
		cmocka_unit_test_setup_teardown(
			an_error_of_the_daemon_keeps_its_exit_code_and_its_words, folder_make,
			folder_remove),
		cmocka_unit_test_setup_teardown(a_trial_is_followed_from_the_middle_to_its_verdict,
						folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(the_exit_code_of_a_followed_trial_is_its_verdict,
						folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(
			without_a_verdict_in_time_following_ends_with_a_time_out, folder_make,
			folder_remove),
		cmocka_unit_test_setup_teardown(a_long_reply_arrives_whole, folder_make,
						folder_remove),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	free(out);
	free(err);
	return r;
}
