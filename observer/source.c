// SPDX-License-Identifier: Apache-2.0
#include "observer/source.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "observer/observer.h"

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

void sampler_host(struct sampler *sampler, enum signal_id signal, double value)
{
	static const struct scope host = { .kind = SCOPE_HOST };
	struct series *series;

	if (!(sampler->signals & signal_bit(signal)))
		return;
	series = sampler_add(sampler, signal, &host);
	if (!series || sampler->interval_ns == 0 || isnan(value))
		return;
	series->value = value;
	series->flags = SERIES_VALID;
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
