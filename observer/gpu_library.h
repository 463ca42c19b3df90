/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libraries of CUDA's and HIP's drivers that there are: those of the machine, and those that a process has mapped, which
 * may be its container's own. Allocates nothing.
 */
#ifndef FLYBALL_OBSERVER_GPU_LIBRARY_H
#define FLYBALL_OBSERVER_GPU_LIBRARY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "observer/processes.h"
#include "observer/uprobes.h"

#define GPU_LIBRARY_PATH_MAX 256

/* One that is open. */
struct gpu_library {
	int fd; /* -1 = none */
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
	char path[GPU_LIBRARY_PATH_MAX]; /* for people */
	int n_places;
	struct uprobe_place places[UPROBES_MAX];
};

/* Told of a file that may be one, open at `fd`, which stays the caller's, or -errno: it does not open. Returns false to end the search. */
typedef bool gpu_library_fn(void *data, int fd, const char *path);

/*
 * Looks for the machine's: in what the linker has found (/etc/ld.so.cache), and in the usual folders; the same one may come twice. With
 * `configured` (a path) that one alone. Returns how many were told, which may be 0.
 */
size_t gpu_library_find(int root, const char *configured, gpu_library_fn *tell, void *data);

/*
 * Looks for those that a process has mapped. Returns how many were told, or -errno; -EACCES when it has one that may not be opened.
 */
int gpu_library_mapped(const struct processes *processes, int root, const struct scope *process,
		       gpu_library_fn *tell, void *data);

/*
 * Takes over the file at `fd`, by a descriptor of its own, and reads where its calls are. Returns 0, or -errno as of
 * gpu_symbols_read(), with nothing taken.
 */
int gpu_library_take(int fd, const char *path, struct gpu_library *ret_library);

/* Whether it is the file at `fd`. */
bool gpu_library_is(const struct gpu_library *library, int fd);

/* Whether its bytes, or their number, are others than when it was taken over. */
bool gpu_library_changed(const struct gpu_library *library);

void gpu_library_close(struct gpu_library *library);

#endif
