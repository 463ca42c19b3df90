/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of a source, best first: a fallback chain, by what works and never by the kernel's version. */
#ifndef FLYBALL_OBSERVER_METHODS_H
#define FLYBALL_OBSERVER_METHODS_H

#include <stdint.h>

#include "observer/source.h"

struct methods {
	const char *source; /* its name */
	const char *const *names;
	uint32_t n;

	/* Whether one may work here, by a quick look; when not, -errno and why in text and remedy of `status`. */
	int (*probe)(const struct source_context *context, uint32_t method,
		     struct source_status *status);
};

/* The method that is forced on the source; NULL = none is. */
const char *methods_forced(const struct methods *methods, const struct source_context *context);

/*
 * The first method that may work, from `first` on; `status` gets its name, and why the best does not work. Returns
 * `n` when none does, or a forced one does not work or does not exist.
 */
uint32_t methods_choose(const struct methods *methods, const struct source_context *context,
			uint32_t first, struct source_status *status);

#endif
