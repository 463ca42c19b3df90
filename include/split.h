/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps through which the results of split connections come from the kernel to the observer.
 *
 * The supervisor makes them before it forks, and each process has by inheritance what it needs: the hand writes, the
 * observer has the same maps for reading alone. So nothing is pinned (no bpffs is needed), no descriptor travels when
 * one of them is started anew, and the observer needs none of the actuator's rights.
 */
#ifndef FLYBALL_SPLIT_H
#define FLYBALL_SPLIT_H

struct split_maps {
	int results; /* struct tcp_split_result of bpf/tcp_split.h; -1 = there are none */
	int slots;   /* struct tcp_split_slot; -1 = there are none */
};

#define SPLIT_MAPS_NONE ((struct split_maps){ .results = -1, .slots = -1 })

#endif
