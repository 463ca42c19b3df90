/* SPDX-License-Identifier: Apache-2.0 */
/* What the truth tests of sources with several methods share. */
#ifndef FLYBALL_TEST_TRUTH_METHODS_H
#define FLYBALL_TEST_TRUTH_METHODS_H

#include <string.h>
#include <unistd.h>

#include "base/sysroot.h"
#include "observer/observer.h"

/* Fills in the methods of a source, best first, and whether each works here. Returns how many there are. */
static inline size_t truth_methods(const char *source,
				   struct source_status methods[SOURCE_METHODS_MAX])
{
	struct observer_options options = { .root = sysroot_open("/") };
	struct source_status sources[SOURCES_MAX];
	struct observer *observer = NULL;
	size_t n = 0;

	if (observer_new(&options, &observer) == 0) {
		const size_t n_sources = observer_sources(observer, sources);

		for (size_t i = 0; i < n_sources; i++)
			if (!strcmp(sources[i].name, source))
				n = observer_methods(observer, i, methods);
	}
	observer_free(observer);
	close(options.root);
	return n;
}

#endif
