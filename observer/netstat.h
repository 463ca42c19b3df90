/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's tables of two lines a protocol, one of names and one of numbers: /proc/net/snmp, /proc/net/netstat. Pure. */
#ifndef FLYBALL_OBSERVER_NETSTAT_H
#define FLYBALL_OBSERVER_NETSTAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETSTAT_COLUMNS_MAX 256 /* of one protocol; TcpExt had 137 in 6.18 */

/*
 * The column of `name` behind `protocol` (`TcpExt:`), from 0; -ENOENT when there is no such name or protocol. Columns are the
 * same as long as the kernel runs.
 */
int netstat_column(const char *text, const char *protocol, const char *name);

/*
 * Reads the numbers of `protocol`, NETSTAT_COLUMNS_MAX at most; a negative one (MaxConn) as 0. Returns how many;
 * -EBADMSG for something else than a number, or no such protocol.
 */
int netstat_numbers(const char *text, const char *protocol,
		    uint64_t ret_numbers[NETSTAT_COLUMNS_MAX]);

#endif
