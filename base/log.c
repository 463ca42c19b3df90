// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

/* The one exception to "no mutable globals": who is speaking is the same for a whole process. */
static const char *log_process = "flyball";
static enum log_level log_show = LOG_LEVEL_INFO;
static bool log_systemd;

void log_open(const char *process, enum log_level show)
{
	log_process = process;
	log_show = show;
	log_systemd = getenv("JOURNAL_STREAM") != NULL;
}

void log_line(enum log_level level, const char *format, ...)
{
	static const int priorities[LOG_LEVEL_COUNT] = { 3, 4, 6, 7 };
	char line[LINE_MAX_BYTES];
	int n = 0, m;
	va_list ap;

	if (level > log_show)
		return;
	if (log_systemd)
		n = snprintf(line, sizeof(line), "<%d>", priorities[level]);
	n += snprintf(line + n, sizeof(line) - (size_t)n, "%s: ", log_process);
	va_start(ap, format);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n, format, ap);
	va_end(ap);
	n += m < 0 ? 0 : m;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20)
			line[i] = ' ';
	line[n++] = '\n';
	/* One write a line: lines of several processes do not mix. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}
