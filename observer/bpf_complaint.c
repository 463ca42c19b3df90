// SPDX-License-Identifier: Apache-2.0
#include "observer/bpf_complaint.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "include/source.h"

/* libbpf's callback carries no context: the one place for its first complaint, cleared before each use. */
static _Thread_local char complaint[SOURCE_TEXT_MAX / 2];

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list ap)
{
	if (level != LIBBPF_WARN || complaint[0])
		return 0;
	if (!strncmp(format, "libbpf: ", 8))
		format += 8;
	vsnprintf(complaint, sizeof(complaint), format, ap);
	complaint[strcspn(complaint, "\n")] = '\0';
	return 0;
}

void bpf_complaint_begin(void)
{
	libbpf_set_print(keep_complaint);
	complaint[0] = '\0';
}

const char *bpf_complaint(void)
{
	return complaint;
}
