// SPDX-License-Identifier: Apache-2.0
#include "observer/gpu_library.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "observer/gpu_symbols.h"

#define CACHE_PATH "etc/ld.so.cache"
#define CACHE_MAGIC "glibc-ld.so.cache1.1"
#define CACHE_ENTRIES_MAX 65536
#define CACHE_CHUNK 128
#define MAPS_CHUNK 16384
#define MAPS_BYTES_MAX (4u << 20) /* some 40,000 mappings; what lies behind is not looked at */

/* What programs ask the linker for; a process has mapped the file behind it, which has a longer number. */
static const char *const names[] = {
	"libcuda.so.1",
	"libamdhip64.so.7",
	"libamdhip64.so.6",
	"libamdhip64.so.5",
};

static const char *const folders[] = {
	"usr/lib/x86_64-linux-gnu",
	"usr/lib/aarch64-linux-gnu",
	"usr/lib64",
	"usr/lib",
	"usr/lib/wsl/lib",
	"usr/local/nvidia/lib64",
	"run/opengl-driver/lib",
	"opt/rocm/lib",
};

struct search {
	int root;
	gpu_library_fn *tell;
	void *data;
	size_t n;
	bool ended;
};

static bool is_name(const char *name)
{
	static const char *const stems[] = { "libcuda.so", "libamdhip64.so" };

	for (size_t i = 0; i < ARRAY_SIZE(stems); i++) {
		const size_t length = strlen(stems[i]);

		if (!strncmp(name, stems[i], length) &&
		    (name[length] == '\0' || name[length] == '.'))
			return true;
	}
	return false;
}

/* Whatever lies there: a pipe would wait for somebody. */
static int file_open(int folder, const char *path)
{
	_cleanup_close_ int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? take_fd(&fd) : -EINVAL;
}

static void search_tell(struct search *search, int fd, const char *path)
{
	search->n++;
	search->ended = !search->tell(search->data, fd, path);
}

/* `path` begins with a slash. */
static void search_path(struct search *search, const char *path)
{
	_cleanup_close_ int fd = path[0] == '/' ? file_open(search->root, path + 1) : -EINVAL;

	if (fd != -ENOENT && fd != -ENOTDIR && fd != -EINVAL)
		search_tell(search, fd, path);
}

/* glibc's dl-cache.h: a header, the entries, and the texts, whose places are counted from the header's. */
struct cache_header {
	char magic[sizeof(CACHE_MAGIC) - 1];
	uint32_t n_entries, text_bytes, unused[5];
};

struct cache_entry {
	int32_t flags;
	uint32_t name, path, unused;
	uint64_t hwcap;
};

_Static_assert(sizeof(struct cache_header) == 48 && sizeof(struct cache_entry) == 24,
	       "as glibc has them");

static bool cache_text(int fd, uint32_t place, char *text, size_t size)
{
	const ssize_t n = pread(fd, text, size, place);

	return n > 0 && memchr(text, '\0', (size_t)n);
}

static void search_cache(struct search *search)
{
	_cleanup_close_ int fd = file_open(search->root, CACHE_PATH);
	struct cache_entry entries[CACHE_CHUNK];
	struct cache_header header;
	char name[32], path[GPU_LIBRARY_PATH_MAX];

	if (fd < 0 || pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.magic, CACHE_MAGIC, sizeof(header.magic)))
		return;
	for (uint32_t i = 0; i < header.n_entries && i < CACHE_ENTRIES_MAX; i += CACHE_CHUNK) {
		const ssize_t n = pread(fd, entries, sizeof(entries),
					(off_t)(sizeof(header) + i * sizeof(entries[0])));

		for (uint32_t j = 0; j < CACHE_CHUNK && i + j < header.n_entries; j++) {
			if (n < (ssize_t)((j + 1) * sizeof(entries[0])) || search->ended)
				return;
			if (cache_text(fd, entries[j].name, name, sizeof(name)) && is_name(name) &&
			    cache_text(fd, entries[j].path, path, sizeof(path)))
				search_path(search, path);
		}
	}
}

static void search_folders(struct search *search)
{
	char path[GPU_LIBRARY_PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		for (size_t j = 0; j < ARRAY_SIZE(names) && !search->ended; j++) {
			snprintf(path, sizeof(path), "/%s/%s", folders[i], names[j]);
			search_path(search, path);
		}
}

size_t gpu_library_find(int root, const char *configured, gpu_library_fn *tell, void *data)
{
	struct search search = { .root = root, .tell = tell, .data = data };

	if (configured) {
		search_path(&search, configured);
		return search.n;
	}
	search_cache(&search);
	search_folders(&search);
	return search.n;
}

/* One mapping of a process. */
struct mapping {
	uint64_t start, end, ino;
	unsigned int major, minor;
	const char *path;
};

/*
 * 7f1e2c000000-7f1e2c9d4000 r-xp 001f2000 fe:00 131146                     /usr/lib/x86_64-linux-gnu/libcuda.so.535.54.03
 * 7f1e2d000000-7f1e2d021000 rw-p 00000000 00:00 0
 */
static bool mapping_parse(char *line, struct mapping *ret_mapping)
{
	char *slash = strchr(line, '/');
	const char *base = slash ? strrchr(slash, '/') + 1 : NULL;
	char rights[5];
	char *gone;

	if (!base || !is_name(base))
		return false;
	gone = strstr(slash, " (deleted)");
	if (gone)
		*gone = '\0';
	ret_mapping->path = slash;
	return sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %x:%x %" SCNu64, &ret_mapping->start,
		      &ret_mapping->end, rights, &ret_mapping->major, &ret_mapping->minor,
		      &ret_mapping->ino) == 6 &&
	       rights[2] == 'x';
}

/*
 * The very file, which may be in another mount namespace or have no name any more: that takes CAP_CHECKPOINT_RESTORE. Else the
 * one that has its name here, if it is the same one: NVIDIA's containers have the machine's.
 */
static int mapping_open(const struct processes *processes, int root, const char *pid,
			const struct mapping *mapping)
{
	_cleanup_close_ int fd = -1;
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "%s/map_files/%" PRIx64 "-%" PRIx64, pid, mapping->start,
		 mapping->end);
	fd = file_open(processes->folder, path);
	if (fd >= 0)
		return take_fd(&fd);
	fd = file_open(root, mapping->path + 1);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino != mapping->ino ||
	    st.st_dev != makedev(mapping->major, mapping->minor))
		return -EACCES;
	return take_fd(&fd);
}

static int mapping_see(const struct processes *processes, const char *pid, char *line,
		       struct search *search)
{
	_cleanup_close_ int fd = -1;
	struct mapping mapping;

	if (!mapping_parse(line, &mapping))
		return 0;
	fd = mapping_open(processes, search->root, pid, &mapping);
	if (fd < 0)
		return fd;
	search_tell(search, fd, mapping.path);
	return 0;
}

/* A line that does not fit is none of ours: their names are shorter. */
int gpu_library_mapped(const struct processes *processes, int root, const struct scope *process,
		       gpu_library_fn *tell, void *data)
{
	_cleanup_close_ int maps = processes_open_file(processes, process, "maps");
	struct search search = { .root = root, .tell = tell, .data = data };
	char text[MAPS_CHUNK + 1], pid[16];
	size_t used = 0, all = 0;
	int denied = 0;
	ssize_t n;

	if (maps < 0)
		return maps;
	snprintf(pid, sizeof(pid), "%.*s", (int)strspn(process->name, "0123456789"), process->name);
	while (all < MAPS_BYTES_MAX && !search.ended &&
	       (n = read(maps, text + used, MAPS_CHUNK - used)) > 0) {
		char *line = text, *end;

		all += (size_t)n;
		used += (size_t)n;
		text[used] = '\0';
		for (; (end = strchr(line, '\n')) && !search.ended; line = end + 1) {
			*end = '\0';
			if (mapping_see(processes, pid, line, &search) < 0)
				denied = -EACCES;
		}
		used -= (size_t)(line - text);
		memmove(text, line, used);
		if (used == MAPS_CHUNK)
			used = 0;
	}
	return denied < 0 && search.n == 0 ? denied : (int)search.n;
}

int gpu_library_take(int fd, const char *path, struct gpu_library *ret_library)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	r = gpu_symbols_read(fd, ret_library->places);
	if (r < 0)
		return r;
	ret_library->n_places = r;
	ret_library->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (ret_library->fd < 0)
		return -errno;
	ret_library->dev = st.st_dev;
	ret_library->ino = st.st_ino;
	ret_library->size = st.st_size;
	ret_library->changed = st.st_mtim;
	snprintf(ret_library->path, sizeof(ret_library->path), "%s", path);
	return 0;
}

bool gpu_library_is(const struct gpu_library *library, int fd)
{
	struct stat st;

	return library->fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == library->dev &&
	       st.st_ino == library->ino;
}

bool gpu_library_changed(const struct gpu_library *library)
{
	struct stat st;

	return library->fd >= 0 && (fstat(library->fd, &st) < 0 || st.st_size != library->size ||
				    st.st_mtim.tv_sec != library->changed.tv_sec ||
				    st.st_mtim.tv_nsec != library->changed.tv_nsec);
}

void gpu_library_close(struct gpu_library *library)
{
	closep(&library->fd);
	library->fd = -1;
}
