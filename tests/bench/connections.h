/* SPDX-License-Identifier: Apache-2.0 */
/* Many TCP connections over loopback, held by processes that die with this one. */
#ifndef FLYBALL_TESTS_CONNECTIONS_H
#define FLYBALL_TESTS_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Makes so many more pairs, in the network namespace of the caller, whose loopback interface is up. Both ends of one are
 * connections. Where `sending` is set, each second one sends a byte every 250 ms. Ends the process where that does not work.
 */
void connections_make(size_t pairs, bool sending);

#endif
