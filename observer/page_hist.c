// SPDX-License-Identifier: Apache-2.0
#include "observer/page_hist.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Of one bucket, so that all of them together fit into one of ours; more than any machine measures between two pages. */
#define COUNT_MAX (double)(UINT32_MAX / PAGE_BUCKETS_MAX)

void page_hist_begin(struct page_hist *page)
{
	page->n_new = 0;
	page->new_sum = NAN;
}

int page_hist_take(struct page_hist *page, double le, double cum)
{
	const size_t n = page->n_new;

	if (!isfinite(cum) || cum < 0)
		return -EINVAL;
	if (n > 0 && n <= PAGE_BUCKETS_MAX &&
	    (le <= page->new_le[n - 1] || cum < page->new_cum[n - 1]))
		return -EINVAL;
	if (n < PAGE_BUCKETS_MAX) {
		page->new_le[n] = le;
		page->new_cum[n] = cum;
	}
	page->n_new++;
	return 0;
}

bool page_hist_has_bounds(const struct page_hist *page)
{
	return page->n == page->n_new &&
	       !memcmp(page->le, page->new_le, page->n * sizeof(page->le[0]));
}

/*
 * A bucket's values are taken as evenly spread over it, as Prometheus does; those over the last finite bound as equal
 * to it.
 */
static void hist_spread(struct hist *hist, uint64_t low, uint64_t high, uint64_t count)
{
	const uint32_t last = hist_index(high);
	const double width = (double)(high - low);
	uint64_t had = 0;

	for (uint32_t i = hist_index(low); i < last; i++) {
		double share = ((double)hist_lower(i + 1) - (double)low) / width;
		uint64_t upto = (uint64_t)((double)count * share + 0.5);

		upto = upto < count ? upto : count;
		hist->buckets[i] += (uint32_t)(upto - had);
		had = upto;
	}
	hist->buckets[last] += (uint32_t)(count - had);
	hist->count += count;
}

static uint64_t to_ns(double value, double unit_ns)
{
	double ns = value * unit_ns;

	return ns <= 0 ? 0 : ns < (double)HIST_VALUE_MAX ? (uint64_t)ns : HIST_VALUE_MAX;
}

static bool fell(const struct page_hist *page)
{
	for (size_t i = 0; i < page->n; i++)
		if (page->new_cum[i] < page->cum[i])
			return true;
	return false;
}

void page_hist_advance(struct page_hist *page, bool is_new)
{
	const bool from_zero = is_new || fell(page);
	double sum = page->new_sum - (from_zero ? 0 : page->sum), below = 0, guess = 0;
	uint64_t low = 0;

	for (size_t i = 0; i < page->n_new; i++) {
		uint64_t high =
			isinf(page->new_le[i]) ? low : to_ns(page->new_le[i], page->unit_ns);
		double upto = page->new_cum[i] - (from_zero ? 0 : page->cum[i]);
		double count = upto - below;

		/* Not read at one moment, a page may take back a few from a bucket. */
		if (count >= 1) {
			count = count < COUNT_MAX ? floor(count) : COUNT_MAX;
			hist_spread(&page->hist, low, high, (uint64_t)count);
			guess += count * ((double)low + (double)high) / 2;
		}
		below = upto > below ? upto : below;
		low = high;
	}
	sum *= page->unit_ns;
	page->hist.sum += (uint64_t)(sum >= 0 && sum < 1e18 ? sum : guess);
}

void page_hist_keep(struct page_hist *page)
{
	page->n = page->n_new;
	page->sum = page->new_sum;
	memcpy(page->le, page->new_le, sizeof(page->le));
	memcpy(page->cum, page->new_cum, sizeof(page->cum));
}
