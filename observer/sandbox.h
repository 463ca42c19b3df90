/* SPDX-License-Identifier: Apache-2.0 */
/* Whether probes at returns of functions may be used beside programs whose system calls are filtered. */
#ifndef FLYBALL_OBSERVER_SANDBOX_H
#define FLYBALL_OBSERVER_SANDBOX_H

#include <stdbool.h>

/*
 * True where a probed return is a system call (x86-64, since ff474a78cef5 "uprobe: Add uretprobe syscall to speed up return probe",
 * 6.11) that filters see (until cf6cb56ef244 "seccomp: passthrough uretprobe systemcall without filtering", 6.14): a filter that does not know
 * it, as those of containers, then ends the program. By children that try it; true also when there can be none.
 */
bool sandbox_breaks_at_return(void);

#endif
