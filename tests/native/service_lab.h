/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server with a known service time, and clients of it. The server is a process of its own, with a thread a
 * connection; it measures itself what flyball is to measure: from the end of the read that brought a request's first
 * byte to the end of the send of its answer's first byte.
 */
#ifndef FLYBALL_TESTS_SERVICE_LAB_H
#define FLYBALL_TESTS_SERVICE_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define LAB_REQUEST 64 /* bytes of a request */
#define LAB_TIMES_MAX 65536
#define LAB_PARTS_MAX 8

/* What it answers, one after the other on each connection, and all again. */
struct lab_text {
	const char *bytes;
	size_t size;
};

/* How it sends that. */
enum lab_call {
	LAB_SEND,
	LAB_WRITE,
	LAB_WRITEV,  /* the first three bytes apart */
	LAB_SENDMSG, /* likewise */
	LAB_SENDFILE,
};

/* How a server behaves. */
struct lab_ways {
	int type;           /* SOCK_STREAM or SOCK_DGRAM; SOCK_SEQPACKET of a Unix socket */
	const char *path;   /* of a Unix socket, which is made anew; NULL = on the loopback */
	uint64_t delay_ns;  /* from a whole request to its answer, not asleep at the end */
	size_t answer;      /* bytes of each part of an answer */
	unsigned int parts; /* of an answer; 0 = 1 */
	uint64_t gap_ns;    /* between them */
	size_t greeting;    /* bytes that it says first */
	bool peeks;         /* looks at each request before it reads it */
	bool sends_file;    /* by sendfile(2) */
	bool never_accepts;
	int backlog;                  /* of listen(2); 0 = 128 */
	const struct lab_text *texts; /* what it answers instead of zeroes; NULL = nothing */
	size_t n_texts;
	enum lab_call call;
};

struct lab_server {
	struct lab_ways ways;
	uint16_t port;
	int listener;
	pid_t pid;
	uint32_t n_times;
	uint64_t times[LAB_TIMES_MAX];  /* what it measured, ns */
	uint64_t begins[LAB_TIMES_MAX]; /* the same to the beginning of the send */
};

/* Sleeps most of the time and spins the rest: a sleep alone ends some 60 µs late. */
static inline void lab_wait(uint64_t ns)
{
	const uint64_t until = clock_now_ns() + ns, spin = 300 * NSEC_PER_USEC;
	struct timespec sleep = { 0 };

	if (ns > spin) {
		sleep.tv_sec = (time_t)((ns - spin) / NSEC_PER_SEC);
		sleep.tv_nsec = (long)((ns - spin) % NSEC_PER_SEC);
		nanosleep(&sleep, NULL);
	}
	while (clock_now_ns() < until)
		;
}

static inline void lab_note(struct lab_server *server, uint64_t begin_ns, uint64_t ns)
{
	uint32_t i = __atomic_fetch_add(&server->n_times, 1, __ATOMIC_SEQ_CST);

	if (i >= LAB_TIMES_MAX)
		return;
	server->begins[i] = begin_ns;
	server->times[i] = ns;
}

static inline void lab_send(const struct lab_ways *ways, int fd, const struct sockaddr_in *to)
{
	static char zeroes[65536];
	char path[] = "/tmp/flyball-answer-XXXXXX";
	int file;

	if (to) {
		sendto(fd, zeroes, ways->answer, 0, (const struct sockaddr *)to, sizeof(*to));
	} else if (ways->sends_file) {
		file = mkstemp(path);
		unlink(path);
		if (ftruncate(file, (off_t)ways->answer) == 0)
			sendfile(fd, file, NULL, ways->answer);
		close(file);
	} else {
		send(fd, zeroes, ways->answer, MSG_NOSIGNAL);
	}
}

static inline void lab_send_text(const struct lab_ways *ways, int fd, size_t i)
{
	const struct lab_text *text = &ways->texts[i % ways->n_texts];
	const size_t head = text->size < 3 ? text->size : 3;
	struct iovec parts[] = { { (void *)text->bytes, head },
				 { (void *)(text->bytes + head), text->size - head } };
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t n = -1;
	FILE *file;

	if (ways->call == LAB_WRITE)
		n = write(fd, text->bytes, text->size);
	else if (ways->call == LAB_WRITEV)
		n = writev(fd, parts, 2);
	else if (ways->call == LAB_SENDMSG)
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
	else if (ways->call == LAB_SEND)
		n = send(fd, text->bytes, text->size, MSG_NOSIGNAL);
	if (ways->call == LAB_SENDFILE) {
		file = tmpfile();
		fwrite(text->bytes, 1, text->size, file);
		fflush(file);
		n = sendfile(fd, fileno(file), &(off_t){ 0 }, text->size);
		fclose(file);
	}
	if (n != (ssize_t)text->size)
		_exit(1);
}

static inline void lab_answer(struct lab_server *server, int fd, const struct sockaddr_in *to,
			      uint64_t asked_ns, size_t i_text)
{
	const struct lab_ways *ways = &server->ways;
	uint64_t begin_ns;

	lab_wait(ways->delay_ns);
	begin_ns = clock_now_ns() - asked_ns;
	if (ways->texts)
		lab_send_text(ways, fd, i_text);
	else
		lab_send(ways, fd, to);
	lab_note(server, begin_ns, clock_now_ns() - asked_ns);
	for (unsigned int i = 1; i < ways->parts; i++) {
		lab_wait(ways->gap_ns);
		lab_send(ways, fd, to);
	}
}

struct lab_connection {
	struct lab_server *server;
	int fd;
};

static inline void *lab_serve(void *data)
{
	struct lab_connection connection = *(struct lab_connection *)data;
	struct lab_server *server = connection.server;
	char request[LAB_REQUEST];
	int fd = connection.fd, on = 1;
	size_t n_answers = 0;

	free(data);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (server->ways.greeting)
		send(fd, request, server->ways.greeting, MSG_NOSIGNAL);
	for (;;) {
		uint64_t asked_ns = 0;
		size_t have = 0;

		while (have < sizeof(request)) {
			ssize_t n;

			if (server->ways.peeks)
				recv(fd, request, sizeof(request), MSG_PEEK);
			n = recv(fd, request + have, sizeof(request) - have, 0);
			if (n <= 0) {
				close(fd);
				return NULL;
			}
			if (!asked_ns)
				asked_ns = clock_now_ns();
			have += (size_t)n;
		}
		lab_answer(server, fd, NULL, asked_ns, n_answers++);
	}
}

static inline void lab_serve_datagrams(struct lab_server *server)
{
	char request[LAB_REQUEST];

	for (;;) {
		struct sockaddr_in from;
		socklen_t length = sizeof(from);

		if (recvfrom(server->listener, request, sizeof(request), 0,
			     (struct sockaddr *)&from, &length) > 0)
			lab_answer(server, server->listener, &from, clock_now_ns(), 0);
	}
}

static inline void lab_serve_all(struct lab_server *server)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 65536);
	while (server->ways.never_accepts)
		pause();
	if (server->ways.type == SOCK_DGRAM)
		lab_serve_datagrams(server);
	for (;;) {
		struct lab_connection *connection = malloc(sizeof(*connection));
		pthread_t thread;

		connection->server = server;
		connection->fd = accept(server->listener, NULL, NULL);
		if (connection->fd < 0 ||
		    pthread_create(&thread, &attributes, lab_serve, connection) != 0)
			_exit(1);
	}
}

/* Where the server is; returns the size of it. */
static inline socklen_t lab_address(const struct lab_ways *ways, uint16_t port,
				    struct sockaddr_storage *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)address;
	struct sockaddr_un *un = (struct sockaddr_un *)address;

	memset(address, 0, sizeof(*address));
	if (!ways->path) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in);
	}
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "%s", ways->path);
	return sizeof(*un);
}

/* A server on a free port of the loopback (0), or on that one. The socket listens before it returns. */
static inline struct lab_server *lab_server_start(const struct lab_ways *ways, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t length = lab_address(ways, port, &address);
	struct lab_server *server = mmap(NULL, sizeof(*server), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int on = 1;
	pid_t pid;

	server->ways = *ways;
	if (ways->path)
		unlink(ways->path);
	server->listener = socket(address.ss_family, ways->type | SOCK_CLOEXEC, 0);
	setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(server->listener, (struct sockaddr *)&address, length) < 0 ||
	    (ways->type != SOCK_DGRAM &&
	     listen(server->listener, ways->backlog ? ways->backlog : 128) < 0))
		abort();
	getsockname(server->listener, (struct sockaddr *)&address, &length);
	if (!ways->path)
		server->port = ntohs(((struct sockaddr_in *)&address)->sin_port);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		/* Not to be held up between what the kernel sees and our own clock, where that is allowed. */
		const struct sched_param first = { .sched_priority = 1 };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sched_setscheduler(0, SCHED_FIFO, &first);
		lab_serve_all(server);
	}
	close(server->listener);
	server->pid = pid;
	return server;
}

static inline void lab_server_kill(struct lab_server *server)
{
	if (server->pid <= 0)
		return;
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

static inline void lab_server_stop(struct lab_server *server)
{
	lab_server_kill(server);
	if (server->ways.path)
		unlink(server->ways.path);
	munmap(server, sizeof(*server));
}

/* A client of the server; -1 = it cannot connect. Gives up on a silent server after some seconds. */
static inline int lab_connect(const struct lab_server *server)
{
	struct sockaddr_storage address;
	const socklen_t length = lab_address(&server->ways, server->port, &address);
	struct timeval patience = { .tv_sec = 10 };
	int fd = socket(address.ss_family, server->ways.type | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, length) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline bool lab_receive(int fd, size_t bytes)
{
	static char sink[65536];

	while (bytes > 0) {
		ssize_t n = recv(fd, sink, bytes < sizeof(sink) ? bytes : sizeof(sink), 0);

		if (n <= 0)
			return false;
		bytes -= (size_t)n;
	}
	return true;
}

static inline void lab_request(int fd)
{
	static const char request[LAB_REQUEST];

	if (send(fd, request, sizeof(request), MSG_NOSIGNAL) != sizeof(request))
		abort();
}

static inline size_t lab_answer_bytes(const struct lab_server *server)
{
	return server->ways.answer * (server->ways.parts ? server->ways.parts : 1);
}

/* One after the other. Returns false when an answer did not come. */
static inline bool lab_ask(const struct lab_server *server, int fd, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		lab_request(fd);
		if (!lab_receive(fd, lab_answer_bytes(server)))
			return false;
	}
	return true;
}

static inline int lab_compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static inline double lab_mean(const struct lab_server *server, const uint64_t *times)
{
	double sum = 0;

	for (uint32_t i = 0; i < server->n_times; i++)
		sum += (double)times[i];
	return sum / server->n_times;
}

/* A quantile of some of what the server measured itself. */
static inline double lab_quantile(const struct lab_server *server, uint64_t *times, double q)
{
	qsort(times, server->n_times, sizeof(*times), lab_compare);
	return (double)times[(size_t)(q * (server->n_times - 1))];
}

#endif
