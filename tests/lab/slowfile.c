// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/slowfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_BYTES (FUSE_MIN_READ_BUFFER + 65536)
#define POLL_MS 5 /* between two looks at what the test wants */
#define AWAIT_TRIES 10000
#define READS_MAX 16 /* that hang at once */

/* What a server is in the middle of. */
struct server {
	int fuse;
	struct slowfile_control *control;
	uint64_t held; /* the write that has no answer; 0 = none */
	uint32_t held_bytes;
	char held_value[SLOWFILE_VALUE_MAX];
	int below; /* the file that is mounted over, if it is read; else -1 */
	size_t n_reads;
	struct {
		uint64_t unique;
		struct fuse_read_in in;
	} reads[READS_MAX]; /* that have no answer */
};

static void answer(const struct server *s, uint64_t unique, int error, const void *data,
		   size_t size)
{
	struct fuse_out_header header = { .len = (uint32_t)(sizeof(header) + size),
					  .error = error,
					  .unique = unique };
	const struct iovec parts[] = { { &header, sizeof(header) }, { (void *)data, size } };

	/* Of a request that was given up meanwhile nobody wants to hear. */
	(void)!writev(s->fuse, parts, 2);
}

static void answer_init(const struct server *s, uint64_t unique)
{
	const struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION,
					   .minor = FUSE_KERNEL_MINOR_VERSION,
					   .max_write = 4096,
					   .max_background = 1,
					   .congestion_threshold = 1 };

	answer(s, unique, 0, &out, sizeof(out));
}

static void answer_attr(const struct server *s, uint64_t unique)
{
	const struct fuse_attr_out out = {
		.attr = { .ino = FUSE_ROOT_ID, .mode = S_IFREG | 0644, .nlink = 1, .size = 4096 },
	};

	answer(s, unique, 0, &out, sizeof(out));
}

/* Past the page cache: each read and write comes here. */
static void answer_open(const struct server *s, uint64_t unique)
{
	const struct fuse_open_out out = { .open_flags = FOPEN_DIRECT_IO };

	answer(s, unique, 0, &out, sizeof(out));
}

static void answer_read(const struct server *s, uint64_t unique, const struct fuse_read_in *in)
{
	char text[4096];
	size_t length = (size_t)snprintf(text, sizeof(text), "%s\n", s->control->value);
	size_t at = in->offset < length ? (size_t)in->offset : length;
	ssize_t n;

	if (s->below >= 0) {
		n = pread(s->below, text, in->size < sizeof(text) ? in->size : sizeof(text),
			  (off_t)in->offset);
		answer(s, unique, n < 0 ? -errno : 0, text, n < 0 ? 0 : (size_t)n);
		return;
	}
	length -= at;
	answer(s, unique, 0, text + at, length < in->size ? length : in->size);
}

static void answer_write(const struct server *s, uint64_t unique, uint32_t bytes, const char *value)
{
	const struct fuse_write_out out = { .size = bytes };

	strcpy(s->control->value, value);
	answer(s, unique, 0, &out, sizeof(out));
}

static void take_write(struct server *s, uint64_t unique, const struct fuse_write_in *in)
{
	char value[SLOWFILE_VALUE_MAX] = "";

	memcpy(value, in + 1, in->size < sizeof(value) ? in->size : sizeof(value) - 1);
	value[strcspn(value, "\n")] = '\0';
	if (!s->control->hold) {
		answer_write(s, unique, in->size, value);
		return;
	}
	s->held = unique;
	s->held_bytes = in->size;
	strcpy(s->held_value, value);
	s->control->held = true;
}

static void take_read(struct server *s, uint64_t unique, const struct fuse_read_in *in)
{
	if (!s->control->hold_reads || s->n_reads == READS_MAX) {
		answer_read(s, unique, in);
		return;
	}
	s->reads[s->n_reads].unique = unique;
	s->reads[s->n_reads++].in = *in;
	s->control->held = true;
}

static void let_go(struct server *s)
{
	answer_write(s, s->held, s->held_bytes, s->held_value);
	s->held = 0;
	s->control->held = false;
}

static void let_reads_go(struct server *s)
{
	for (size_t i = 0; i < s->n_reads; i++)
		answer_read(s, s->reads[i].unique, &s->reads[i].in);
	s->n_reads = 0;
	s->control->held = false;
}

static void serve_one(struct server *s, const char *request)
{
	const struct fuse_in_header *in = (const struct fuse_in_header *)request;

	switch (in->opcode) {
	case FUSE_INIT:
		answer_init(s, in->unique);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR: /* O_TRUNC means nothing, as in /proc */
		answer_attr(s, in->unique);
		break;
	case FUSE_OPEN:
		answer_open(s, in->unique);
		break;
	case FUSE_READ:
		take_read(s, in->unique, (const struct fuse_read_in *)(in + 1));
		break;
	case FUSE_WRITE:
		take_write(s, in->unique, (const struct fuse_write_in *)(in + 1));
		break;
	case FUSE_RELEASE:
		answer(s, in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT: /* that is the point */
		break;
	default:
		answer(s, in->unique, -ENOSYS, NULL, 0);
	}
}

static void serve(struct server *s)
{
	static char request[REQUEST_BYTES] __attribute__((aligned(8)));

	for (;;) {
		struct pollfd poll_fd = { .fd = s->fuse, .events = POLLIN };
		ssize_t n;

		if (s->held && !s->control->hold)
			let_go(s);
		if (s->n_reads && !s->control->hold_reads)
			let_reads_go(s);
		if (poll(&poll_fd, 1, POLL_MS) <= 0)
			continue;
		n = read(s->fuse, request, sizeof(request));
		if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
			continue;
		if (n < (ssize_t)sizeof(struct fuse_in_header))
			return;
		serve_one(s, request);
	}
}

int slowfile_open(struct slowfile *ret_file, const char *path, const char *value)
{
	struct server server = { .fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC),
				 .below = value ? -1 : open(path, O_RDONLY | O_CLOEXEC) };
	struct slowfile file = { 0 };
	char options[96];

	snprintf(file.path, sizeof(file.path), "%s", path);
	if (server.fuse < 0)
		return -errno;
	snprintf(options, sizeof(options), "fd=%d,rootmode=100644,user_id=0,group_id=0,allow_other",
		 server.fuse);
	file.control = mmap(NULL, sizeof(*file.control), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (file.control == MAP_FAILED ||
	    mount("slowfile", path, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		int r = -errno;

		close(server.fuse);
		return r;
	}
	snprintf(file.control->value, sizeof(file.control->value), "%s", value ? value : "");
	server.control = file.control;
	file.server = fork();
	if (file.server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(&server);
		_exit(0);
	}
	/* The last descriptor: with the server all requests end. */
	close(server.fuse);
	if (server.below >= 0)
		close(server.below);
	*ret_file = file;
	return file.server < 0 ? -errno : 0;
}

void slowfile_close(struct slowfile *file)
{
	umount2(file->path, MNT_DETACH);
	kill(file->server, SIGKILL);
	waitpid(file->server, NULL, 0);
	munmap(file->control, sizeof(*file->control));
}

void slowfile_hold(struct slowfile *file)
{
	file->control->hold = true;
}

void slowfile_hold_reads(struct slowfile *file)
{
	file->control->hold_reads = true;
}

bool slowfile_await(const struct slowfile *file)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (int i = 0; i < AWAIT_TRIES && !file->control->held; i++)
		nanosleep(&pause, NULL);
	return file->control->held;
}

void slowfile_release(struct slowfile *file)
{
	file->control->hold = false;
	file->control->hold_reads = false;
}
