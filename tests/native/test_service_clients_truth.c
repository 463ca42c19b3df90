// SPDX-License-Identifier: Apache-2.0
/*
 * The service source against the clients of servers that everybody knows: what nginx, redis, memcached, PostgreSQL and MariaDB answered, over
 * TCP and over Unix sockets.
 */
#include "tests/native/service_truth.h"

static bool has_program(const char *program)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	return system(command) == 0;
}

static pid_t start(const char *command)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(1);
	}
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

/* A free port, and a server that makes the /tmp folder its own. */
static uint16_t free_port(void)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .never_accepts = true };
	struct lab_server *server = lab_server_start(&ways, 0);
	uint16_t port = server->port;

	lab_server_stop(server);
	return port;
}

static void await_port(uint16_t port)
{
	struct lab_server at = { .ways = { .type = SOCK_STREAM }, .port = port };

	for (int i = 0; i < 200; i++) {
		int fd = lab_connect(&at);

		if (fd >= 0) {
			close(fd);
			return;
		}
		usleep(50000);
	}
	fail_msg("nobody listens on port %u", port);
}

static double number_of(const char *command)
{
	FILE *pipe = popen(command, "r");
	double number = NAN;

	if (fscanf(pipe, "%lf", &number) != 1)
		number = NAN;
	pclose(pipe);
	return number;
}

/* wrk says how many answers it had; what was under way on its 8 connections at its end may be counted besides. */
static void nginx_counts_as_wrk_does(void **state)
{
	struct truth *t = *state;
	char folder[] = "/tmp/flyball-nginx-XXXXXX", command[1024];
	struct seen seen = { .requests = 0 };
	struct service *service;
	double answers;
	uint16_t port;
	pid_t nginx;

	if (!has_program("nginx") || !has_program("wrk") || !mkdtemp(folder))
		skip();
	port = free_port();
	snprintf(command, sizeof(command),
		 "cat >%s/conf <<EOF\n"
		 "daemon off; master_process off; pid %s/pid; error_log %s/error;\n"
		 "events { }\n"
		 "http { access_log off; keepalive_requests 1000000; server { listen "
		 "127.0.0.1:%u; location / { return 200 'hello, world'; } } }\nEOF\n"
		 "exec nginx -e %s/error -c %s/conf",
		 folder, folder, folder, port, folder, folder);
	service = name_service(t);
	service->port = port;
	nginx = start(command);
	await_port(port);
	attach(t);
	snprintf(command, sizeof(command),
		 "wrk -t1 -c8 -d2s http://127.0.0.1:%u/ | awk '/requests in/ { print $1 }'", port);
	answers = number_of(command);
	usleep(100000);
	take(t, &seen);
	stop(nginx);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	print_message("          wrk had %.0f answers, %" PRIu64
		      " pipelined, p50 in nginx %.1f µs, p99 %.1f "
		      "µs\n",
		      answers, seen.losses[LOSS_PIPELINED], hist_quantile(&seen.latency, 0.5) / 1e3,
		      hist_quantile(&seen.latency, 0.99) / 1e3);
	if (!(seen.requests >= answers && seen.requests <= answers + 8))
		fail_msg("wrk had %.0f answers, seen %.0f", answers, seen.requests);
	assert_true(seen.losses[LOSS_PIPELINED] * 1000 <= seen.requests);
	assert_int_equal(seen.lossy, 0);
}

/* redis-benchmark asks for two settings on a connection of its own before it begins. */
static void redis_counts_as_its_own_client_does(void **state)
{
	struct truth *t = *state;
	char command[512];
	struct seen seen = { .requests = 0 };
	uint16_t port;
	pid_t redis;

	if (!has_program("redis-server") || !has_program("redis-benchmark"))
		skip();
	port = free_port();
	snprintf(command, sizeof(command),
		 "exec redis-server --port %u --bind 127.0.0.1 --save '' --appendonly no "
		 "--daemonize no >/dev/null",
		 port);
	name_service(t)->port = port;
	redis = start(command);
	await_port(port);
	attach(t);
	snprintf(command, sizeof(command),
		 "redis-benchmark -p %u -n 20000 -c 10 -t get -q >/dev/null", port);
	assert_int_equal(system(command), 0);
	usleep(100000);
	take(t, &seen);
	stop(redis);
	print_message("          seen %.0f requests, p50 in redis %.1f µs\n", seen.requests,
		      hist_quantile(&seen.latency, 0.5) / 1e3);
	near(seen.requests, 20001, 0, 1);
	assert_int_equal(seen.latency.count + seen.losses[LOSS_PIPELINED], seen.requests);
	assert_true(seen.losses[LOSS_PIPELINED] * 100 <= seen.requests);
}

static bool sees_unix(const struct truth *t)
{
	return strcmp(t->method, "kprobe") != 0;
}

/* Until somebody listens there, a service that is found by it can be looked for. */
static void await_socket(const char *path)
{
	struct lab_server at = { .ways = { .type = SOCK_STREAM, .path = path } };

	for (int i = 0; i < 600; i++) {
		int fd = lab_connect(&at);

		if (fd >= 0) {
			close(fd);
			return;
		}
		usleep(50000);
	}
	fail_msg("nobody listens on '%s'", path);
}

static void observe_socket(struct truth *t, const char *path)
{
	await_socket(path);
	strcpy(name_service(t)->socket, path);
	t->looks = true;
	attach(t);
}

static void redis_counts_as_its_own_client_does_over_a_unix_socket(void **state)
{
	static const char path[] = "/tmp/flyball-truth-redis.sock";
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	char command[512];
	pid_t redis;

	if (!sees_unix(t) || !has_program("redis-server") || !has_program("redis-benchmark"))
		skip();
	snprintf(command, sizeof(command),
		 "exec redis-server --port 0 --unixsocket %s --save '' --appendonly no --daemonize "
		 "no >/dev/null",
		 path);
	redis = start(command);
	observe_socket(t, path);
	snprintf(command, sizeof(command),
		 "redis-benchmark -s %s -n 20000 -c 10 -t get -q >/dev/null; "
		 "for i in 1 2 3 4 5 6 7; do redis-cli -s %s nonsense; done >/dev/null",
		 path, path);
	assert_int_equal(system(command), 0);
	usleep(100000);
	take(t, &seen);
	stop(redis);
	unlink(path);
	print_message("          seen %.0f requests, %.0f errors, p50 in redis %.1f µs\n",
		      seen.requests, seen.errors, hist_quantile(&seen.latency, 0.5) / 1e3);
	near(seen.requests, 20001 + 7, 0, 1);
	assert_int_equal(seen.latency.count, seen.requests);
	assert_int_equal(seen.losses[LOSS_PIPELINED], 0);
	assert_true(seen.errors_valid > 0);
	assert_int_equal(seen.errors, 7);
}

static void memcached_answers_what_it_is_asked_over_a_unix_socket(void **state)
{
	static const char path[] = "/tmp/flyball-truth-memcached.sock";
	static const struct {
		const char *command, *answer;
	} talk[] = {
		{ "set a 0 0 1\r\nx\r\n", "STORED\r\n" },
		{ "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n" },
		{ "nonsense\r\n", "ERROR\r\n" },
		{ "get b\r\n", "END\r\n" },
	};
	struct lab_server at = { .ways = { .type = SOCK_STREAM, .path = path } };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	char command[256];
	pid_t memcached;
	int fd;

	if (!sees_unix(t) || !has_program("memcached"))
		skip();
	snprintf(command, sizeof(command), "exec memcached -u root -s %s -a 0777 -t 1", path);
	memcached = start(command);
	observe_socket(t, path);
	fd = lab_connect(&at);
	for (int i = 0; i < 100; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(talk); j++) {
			const size_t n = strlen(talk[j].command);

			assert_int_equal(send(fd, talk[j].command, n, 0), n);
			assert_true(lab_receive(fd, strlen(talk[j].answer)));
		}
	}
	close(fd);
	take(t, &seen);
	stop(memcached);
	unlink(path);
	assert_int_equal(seen.requests, 400);
	assert_int_equal(seen.latency.count, 400);
	assert_true(seen.errors_valid > 0);
	assert_int_equal(seen.errors, 100);
	assert_int_equal(seen.errors_lossy, 0);
}

/* Ten statements fail; one answer is to the beginning of the session, and its end has none. */
static void postgres_answers_what_psql_asks_over_a_unix_socket(void **state)
{
	char folder[] = "/tmp/flyball-postgres-XXXXXX", command[1024], path[64];
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	pid_t postgres;

	if (!sees_unix(t) || is_emulated() || !has_program("setpriv") || !has_program("initdb") ||
	    !has_program("psql") || !mkdtemp(folder))
		skip();
	snprintf(
		command, sizeof(command),
		"chown nobody %s && cd / && exec setpriv --reuid nobody --clear-groups --pdeathsig "
		"TERM sh -c 'initdb -D %s/data -N -A trust -U postgres >/dev/null && exec postgres "
		"-D %s/data -k %s -c listen_addresses= -F 2>%s/log'",
		folder, folder, folder, folder, folder);
	postgres = start(command);
	snprintf(path, sizeof(path), "%s/.s.PGSQL.5432", folder);
	observe_socket(t, path);
	snprintf(command, sizeof(command),
		 "{ for i in 1 2 3 4 5 6 7 8 9 10; do echo 'select 1; select 1/0;'; done; } | "
		 "psql -X -q -h %s -U postgres postgres >/dev/null 2>&1",
		 folder);
	assert_int_equal(system(command), 0);
	usleep(100000);
	take(t, &seen);
	stop(postgres);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	print_message("          %" PRIu64 " answers, %.0f errors, p50 in PostgreSQL %.1f µs\n",
		      seen.latency.count, seen.errors, hist_quantile(&seen.latency, 0.5) / 1e3);
	assert_int_equal(seen.latency.count, 21);
	assert_true(seen.errors_valid > 0);
	assert_int_equal(seen.errors, 10);
}

/* Ten statements fail; besides, the client logs in, and asks what it wants to know itself. */
static void mariadb_answers_what_its_client_asks_over_a_unix_socket(void **state)
{
	char folder[] = "/tmp/flyball-mariadb-XXXXXX", command[1024], path[64];
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	pid_t mariadb;

	if (!sees_unix(t) || is_emulated() || !has_program("mariadb-install-db") ||
	    !has_program("mariadbd") || !has_program("mariadb") || !mkdtemp(folder))
		skip();
	snprintf(command, sizeof(command),
		 "chown mysql %s && mariadb-install-db --no-defaults --user=mysql "
		 "--datadir=%s/data "
		 "--auth-root-authentication-method=normal >/dev/null 2>&1 && exec mariadbd "
		 "--no-defaults --user=mysql --datadir=%s/data --socket=%s/socket "
		 "--pid-file=%s/pid --skip-networking 2>%s/log",
		 folder, folder, folder, folder, folder, folder);
	mariadb = start(command);
	snprintf(path, sizeof(path), "%s/socket", folder);
	observe_socket(t, path);
	snprintf(command, sizeof(command),
		 "for i in 1 2 3 4 5 6 7 8 9 10; do echo 'select 1; select nonsense;'; done | "
		 "mariadb --no-defaults --socket=%s -u root -f >/dev/null 2>&1",
		 path);
	assert_int_equal(system(command) < 0, 0);
	usleep(100000);
	take(t, &seen);
	stop(mariadb);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	print_message("          %" PRIu64 " answers, %.0f errors, p50 in MariaDB %.1f µs\n",
		      seen.latency.count, seen.errors, hist_quantile(&seen.latency, 0.5) / 1e3);
	assert_true(seen.latency.count >= 21 && seen.latency.count <= 25);
	assert_true(seen.errors_valid > 0);
	assert_int_equal(seen.errors, 10);
	assert_int_equal(seen.errors_lossy, 0);
}

static const struct service_test tests[] = {
	TEST(nginx_counts_as_wrk_does),
	TEST(redis_counts_as_its_own_client_does),
	TEST(redis_counts_as_its_own_client_does_over_a_unix_socket),
	TEST(memcached_answers_what_it_is_asked_over_a_unix_socket),
	TEST(postgres_answers_what_psql_asks_over_a_unix_socket),
	TEST(mariadb_answers_what_its_client_asks_over_a_unix_socket),
};

int main(int argc, char **argv)
{
	return service_truth_run(tests, ARRAY_SIZE(tests), argc, argv);
}
