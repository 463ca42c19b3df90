/* SPDX-License-Identifier: Apache-2.0 */
/* What libbpf complains of first, for a status: its callback carries no context. */
#ifndef FLYBALL_OBSERVER_BPF_COMPLAINT_H
#define FLYBALL_OBSERVER_BPF_COMPLAINT_H

/* Forgets what was said, and listens from now on. */
void bpf_complaint_begin(void);

/* The first warning since; "" = none. */
const char *bpf_complaint(void);

#endif
