/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines on stderr, for the edges only (daemon/); libraries return reasons. */
#ifndef FLYBALL_BASE_LOG_H
#define FLYBALL_BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR,   /* something does not work */
	LOG_LEVEL_WARNING, /* something was ignored */
	LOG_LEVEL_INFO,    /* one decision, one line */
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_COUNT,
};

/* Names the process in each line; sets what is shown. Under systemd lines carry their priority (<3> to <7>). */
void log_open(const char *process, enum log_level show);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
