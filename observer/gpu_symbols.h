/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a library of CUDA's or HIP's driver the calls are that hand work to a GPU, wait for it, and copy. Allocates nothing. */
#ifndef FLYBALL_OBSERVER_GPU_SYMBOLS_H
#define FLYBALL_OBSERVER_GPU_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/gpu_calls.h"
#include "observer/uprobes.h"

/* The kind of the call of that name, by any of its variants (`_v2`, `_ptsz`, …); GPU_CALL_KIND_COUNT = none of ours. */
enum gpu_call_kind gpu_call_kind(const char *name);

/*
 * Reads the dynamic symbols of an ELF file of this machine's kind, and fills in up to UPROBES_MAX places, each once, whose cookies are
 * the kinds. The file may be anything. Returns how many, or -errno: -ENOEXEC for what is no such file or contradicts itself, -ENODATA where
 * it has none of the calls, -E2BIG where it has more symbols, or calls, than are looked at.
 */
int gpu_symbols_read(int fd, struct uprobe_place places[UPROBES_MAX]);

#endif
