// SPDX-License-Identifier: Apache-2.0
/*
 * The service source against the clients of servers that everybody knows: what nginx and redis answered.
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
	print_message("          wrk had %.0f answers, p50 in nginx %.1f µs, p99 %.1f µs\n",
		      answers, hist_quantile(&seen.latency, 0.5) / 1e3,
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

static const struct service_test tests[] = {
	TEST(nginx_counts_as_wrk_does),
	TEST(redis_counts_as_its_own_client_does),
};

int main(int argc, char **argv)
{
	return service_truth_run(tests, ARRAY_SIZE(tests), argc, argv);
}
