/* SPDX-License-Identifier: Apache-2.0 */
/* What the source tcp_split shares with its stand-in of a build without BPF programs. */
#ifndef FLYBALL_OBSERVER_TCP_SPLIT_H
#define FLYBALL_OBSERVER_TCP_SPLIT_H

#include "observer/source.h"

#define TCP_SPLIT_ABSENT "only in a daemon in autonomous mode with a policy that splits"
#define TCP_SPLIT_REMEDY "see docs/statistics.md, split trials"

/* Whether connections could be split here, by a look at what it needs. */
void tcp_split_probe(const struct source_context *context, struct source_status *status);

#endif
