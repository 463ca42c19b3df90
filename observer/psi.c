// SPDX-License-Identifier: Apache-2.0
/*
 * Pressure stall information: the share of a tick in which tasks waited, from the totals in microseconds. Reading
 * brings the totals up to date (psi_show → collect_percpu_times), so a tick of any length is exact, other than with avg10.
 */
#include "observer/psi.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "observer/text.h"

#define PSI_REMEDY "boot with psi=1, or use a kernel with CONFIG_PSI"

static const char *const psi_paths[PSI_FILE_COUNT] = {
	[PSI_CPU] = "proc/pressure/cpu",
	[PSI_IO] = "proc/pressure/io",
	[PSI_MEMORY] = "proc/pressure/memory",
};

struct psi_row {
	enum psi_file file;
	const char *line;
};

#define ROW(signal) [(signal)-SIGNAL_PSI_CPU_SOME]
static const struct psi_row psi_rows[PSI_SIGNALS] = {
	ROW(SIGNAL_PSI_CPU_SOME) = { .file = PSI_CPU, .line = "some " },
	ROW(SIGNAL_PSI_IO_SOME) = { .file = PSI_IO, .line = "some " },
	ROW(SIGNAL_PSI_IO_FULL) = { .file = PSI_IO, .line = "full " },
	ROW(SIGNAL_PSI_MEMORY_SOME) = { .file = PSI_MEMORY, .line = "some " },
	ROW(SIGNAL_PSI_MEMORY_FULL) = { .file = PSI_MEMORY, .line = "full " },
};

enum psi_file psi_file_of(enum signal_id signal)
{
	return psi_rows[signal - SIGNAL_PSI_CPU_SOME].file;
}

uint32_t psi_files(const struct signal_set *signals)
{
	uint32_t files = 0;

	for (uint32_t i = 0; i < PSI_SIGNALS; i++)
		if (signal_set_has(signals, SIGNAL_PSI_CPU_SOME + i))
			files |= 1u << psi_rows[i].file;
	return files;
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

double psi_share(struct psi_totals *totals, enum signal_id signal, const char *text,
		 struct sampler *sampler)
{
	const uint32_t i = signal - SIGNAL_PSI_CPU_SOME;
	uint64_t total_us, before_us = totals->us[i];
	const bool known = totals->known[i];

	totals->known[i] = psi_parse(text, psi_rows[i].line, &total_us);
	if (!totals->known[i] || (known && total_us < before_us)) {
		sampler->losses[LOSS_EVENT]++;
		return NAN;
	}
	totals->us[i] = total_us;
	if (!known || sampler->interval_ns == 0)
		return NAN;
	/* The two clocks are read at slightly different moments: a little more than all is all. */
	return fmin((double)(total_us - before_us) * (double)NSEC_PER_USEC /
			    (double)sampler->interval_ns,
		    1.0);
}

struct psi {
	int fds[PSI_FILE_COUNT];
	struct psi_totals totals;
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

static void psi_sample(void *state, struct sampler *sampler)
{
	char texts[PSI_FILE_COUNT][PSI_BYTES];
	struct psi *psi = state;
	const uint32_t files = psi_files(&sampler->demand->host);

	for (size_t i = 0; i < PSI_FILE_COUNT; i++)
		if (files & 1u << i && source_reread(psi->fds[i], texts[i], PSI_BYTES) < 0)
			texts[i][0] = '\0';
	for (uint32_t i = 0; i < PSI_SIGNALS; i++) {
		const enum signal_id signal = SIGNAL_PSI_CPU_SOME + i;

		if (sampler_wants_host(sampler, signal))
			sampler_host(sampler, signal,
				     psi_share(&psi->totals, signal, texts[psi_rows[i].file],
					       sampler));
		else
			psi->totals.known[i] = false;
	}
}

const struct source_ops psi_source = {
	.name = "psi",
	.first = SIGNAL_PSI_CPU_SOME,
	.last = SIGNAL_PSI_MEMORY_FULL,
	.scopes = SCOPE_BIT(SCOPE_HOST),
	.state_size = sizeof(struct psi),
	.probe = psi_probe,
	.open = psi_open,
	.sample = psi_sample,
	.close = psi_close,
};
