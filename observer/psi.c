// SPDX-License-Identifier: Apache-2.0
/*
 * Pressure stall information: the share of a tick in which tasks waited, from the totals in microseconds. Reading
 * brings the totals up to date (psi_show → collect_percpu_times), so a tick of any length is exact, other than with avg10.
 */
#include "observer/source.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/text.h"

#define PSI_BYTES 512 /* two lines of some 70 bytes */
#define PSI_REMEDY "boot with psi=1, or use a kernel with CONFIG_PSI"

enum psi_file {
	PSI_CPU,
	PSI_IO,
	PSI_MEMORY,
	PSI_FILE_COUNT,
};

static const char *const psi_paths[PSI_FILE_COUNT] = {
	[PSI_CPU] = "proc/pressure/cpu",
	[PSI_IO] = "proc/pressure/io",
	[PSI_MEMORY] = "proc/pressure/memory",
};

struct psi_row {
	enum signal_id signal;
	enum psi_file file;
	const char *line;
};

static const struct psi_row psi_rows[] = {
	{ .signal = SIGNAL_PSI_CPU_SOME, .file = PSI_CPU, .line = "some " },
	{ .signal = SIGNAL_PSI_IO_SOME, .file = PSI_IO, .line = "some " },
	{ .signal = SIGNAL_PSI_IO_FULL, .file = PSI_IO, .line = "full " },
	{ .signal = SIGNAL_PSI_MEMORY_SOME, .file = PSI_MEMORY, .line = "some " },
	{ .signal = SIGNAL_PSI_MEMORY_FULL, .file = PSI_MEMORY, .line = "full " },
};

struct psi {
	int fds[PSI_FILE_COUNT];
	struct {
		uint64_t total_us;
		bool known;
	} before[ARRAY_SIZE(psi_rows)];
};

static void psi_close(void *state)
{
	struct psi *psi = state;

	for (size_t i = 0; i < PSI_FILE_COUNT; i++)
		closep(&psi->fds[i]);
}

static int psi_open(void *state, const struct source_context *context,
		    const struct source_demand *demand, struct source_status *status)
{
	struct psi *psi = state;
	int r = 0;

	(void)demand;
	for (size_t i = 0; i < PSI_FILE_COUNT; i++) {
		psi->fds[i] = source_open_file(context->root, psi_paths[i]);
		if (psi->fds[i] < 0 && r == 0) {
			r = psi->fds[i];
			source_say(status, SOURCE_UNAVAILABLE, PSI_REMEDY, "cannot read /%s: %s",
				   psi_paths[i], strerror(-r));
		}
	}
	if (r == 0)
		source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return r;
}

static void psi_probe(const struct source_context *context, struct source_status *status)
{
	struct psi psi;

	strcpy(status->method, "procfs");
	if (psi_open(&psi, context, NULL, status) == 0)
		status->state = SOURCE_IDLE;
	psi_close(&psi);
}

/*
 * some avg10=0.90 avg60=0.16 avg300=0.03 total=2499852
 * full avg10=0.90 avg60=0.16 avg300=0.03 total=2376962
 */
static bool psi_parse(const char *text, const char *line, uint64_t *ret_total_us)
{
	const char *start = text_line(text, line);
	const char *total = start ? strstr(start, "total=") : NULL;
	const char *end = start ? strchr(start, '\n') : NULL;

	return total && (!end || total < end) &&
	       text_numbers(total + strlen("total="), ret_total_us, 1);
}

static double psi_ratio(struct psi *psi, size_t i, const char *text, struct sampler *sampler)
{
	uint64_t total_us, before_us = psi->before[i].total_us;
	const bool known = psi->before[i].known;

	psi->before[i].known = psi_parse(text, psi_rows[i].line, &total_us);
	if (!psi->before[i].known || (known && total_us < before_us)) {
		sampler->losses[LOSS_EVENT]++;
		return NAN;
	}
	psi->before[i].total_us = total_us;
	if (!known || sampler->interval_ns == 0)
		return NAN;
	/* The two clocks are read at slightly different moments: a little more than all is all. */
	return fmin((double)(total_us - before_us) * (double)NSEC_PER_USEC /
			    (double)sampler->interval_ns,
		    1.0);
}

static void psi_sample(void *state, struct sampler *sampler)
{
	char texts[PSI_FILE_COUNT][PSI_BYTES];
	bool read[PSI_FILE_COUNT] = { 0 };
	struct psi *psi = state;

	for (size_t i = 0; i < ARRAY_SIZE(psi_rows); i++) {
		const enum psi_file file = psi_rows[i].file;

		if (!(sampler->signals & signal_bit(psi_rows[i].signal))) {
			psi->before[i].known = false;
			continue;
		}
		if (!read[file] && sysroot_reread(psi->fds[file], texts[file], PSI_BYTES) < 0)
			texts[file][0] = '\0';
		read[file] = true;
		sampler_host(sampler, psi_rows[i].signal, psi_ratio(psi, i, texts[file], sampler));
	}
}

const struct source_ops psi_source = {
	.name = "psi",
	.first = SIGNAL_PSI_CPU_SOME,
	.last = SIGNAL_PSI_MEMORY_FULL,
	.state_size = sizeof(struct psi),
	.probe = psi_probe,
	.open = psi_open,
	.sample = psi_sample,
	.close = psi_close,
};
