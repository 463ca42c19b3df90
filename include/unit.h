/* SPDX-License-Identifier: Apache-2.0 */
/* The units of signals, knobs and policy literals. */
#ifndef FLYBALL_UNIT_H
#define FLYBALL_UNIT_H

enum unit {
	UNIT_NONE,  /* a plain number: requests, pages, events */
	UNIT_TIME,  /* nanoseconds */
	UNIT_BYTES, /* bytes */
	UNIT_RATIO, /* 0.0 to 1.0; written and shown as per cent */
	UNIT_COUNT,
};

#endif
