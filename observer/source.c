// SPDX-License-Identifier: Apache-2.0
#include "observer/source.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/idset.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define CPUS_TEXT_BYTES 4096

struct series *sampler_add(struct sampler *sampler, enum signal_id signal,
			   const struct scope *scope)
{
	const bool distribution = signal_rows[signal].kind == SIGNAL_DISTRIBUTION;
	struct frame *frame = sampler->frame;
	struct series *series;

	if (frame->n_series == FRAME_SERIES_MAX ||
	    (distribution && frame->n_hists == FRAME_HISTS_MAX)) {
		sampler->losses[LOSS_SERIES]++;
		return NULL;
	}
	series = &frame->series[frame->n_series++];
	*series = (struct series){ .signal = signal, .scope = *scope };
	if (distribution) {
		series->hist = &frame->hists[frame->n_hists++];
		memset(series->hist, 0, sizeof(*series->hist));
	}
	return series;
}

void sampler_value(struct sampler *sampler, enum signal_id signal, const struct scope *scope,
		   double value)
{
	struct series *series = sampler_add(sampler, signal, scope);

	if (!series || sampler->interval_ns == 0 || isnan(value))
		return;
	series->value = value;
	series->flags = SERIES_VALID;
}

void sampler_host(struct sampler *sampler, enum signal_id signal, double value)
{
	static const struct scope host = { .kind = SCOPE_HOST };

	if (sampler_wants_host(sampler, signal))
		sampler_value(sampler, signal, &host, value);
}

void source_say(struct source_status *status, enum source_state state, const char *remedy,
		const char *format, ...)
{
	va_list ap;

	status->state = state;
	snprintf(status->remedy, sizeof(status->remedy), "%s", remedy);
	va_start(ap, format);
	vsnprintf(status->text, sizeof(status->text), format, ap);
	va_end(ap);
}

int source_open_file(int root, const char *path)
{
	_cleanup_close_ int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	char byte;

	if (fd < 0)
		return -errno;
	if (pread(fd, &byte, 1, 0) < 0)
		return -errno;
	return take_fd(&fd);
}

ssize_t source_reread(int fd, char *buffer, size_t size)
{
	ssize_t n;

	do
		n = pread(fd, buffer, size, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n == size)
		return -EFBIG;
	buffer[n] = '\0';
	return n;
}

int source_cpus_possible(int root)
{
	char text[CPUS_TEXT_BYTES];
	struct idset cpus;
	ssize_t n = sysroot_read(root, "sys/devices/system/cpu/possible", text, sizeof(text));
	unsigned int highest = IDSET_MAX;

	if (n < 0)
		return (int)n;
	text[strcspn(text, "\n")] = '\0';
	if (idset_parse(text, &cpus) < 0)
		return -EBADMSG;
	while (highest > 0 && !idset_has(&cpus, highest - 1))
		highest--;
	return highest ? (int)highest : -EBADMSG;
}
