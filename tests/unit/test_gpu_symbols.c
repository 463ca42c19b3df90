// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/test_source.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/rng.h"
#include "observer/gpu_library.h"
#include "observer/gpu_symbols.h"

#define LIBRARY_BYTES_MAX 65536

struct found {
	char paths[8][GPU_LIBRARY_PATH_MAX];
	size_t n;
};

static bool note(void *data, int fd, const char *path)
{
	struct found *found = data;

	assert_true(fd >= 0);
	if (found->n < ARRAY_SIZE(found->paths))
		strcpy(found->paths[found->n++], path);
	return true;
}

static void a_call_is_known_by_all_of_its_variants(void **state)
{
	(void)state;
	assert_int_equal(gpu_call_kind("cuLaunchKernel"), GPU_CALL_LAUNCH);
	assert_int_equal(gpu_call_kind("cuLaunchKernel_ptsz"), GPU_CALL_LAUNCH);
	assert_int_equal(gpu_call_kind("hipLaunchKernel_spt"), GPU_CALL_LAUNCH);
	assert_int_equal(gpu_call_kind("cuCtxSynchronize_v2"), GPU_CALL_WAIT);
	assert_int_equal(gpu_call_kind("cuMemcpyHtoD_v2_ptds"), GPU_CALL_COPY);
	assert_int_equal(gpu_call_kind("cuMemcpyHtoD"), GPU_CALL_COPY);
}

static void other_functions_are_no_calls(void **state)
{
	static const char *const names[] = { "",
					     "_v2",
					     "_ptsz",
					     "cuLaunch",
					     "cuInit",
					     "cuMemcpyAsync",
					     "cuLaunchKernelX",
					     "cuMemcpyHtoDAsync_v2",
					     "XcuLaunchKernel" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(gpu_call_kind(names[i]), GPU_CALL_KIND_COUNT);
}

static size_t library_read(unsigned char bytes[LIBRARY_BYTES_MAX])
{
	int fd = open(GPUDRIVER, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, bytes, LIBRARY_BYTES_MAX);

	close(fd);
	assert_true(n > 0 && n < LIBRARY_BYTES_MAX);
	return (size_t)n;
}

/* What was read is within bounds, whatever the file says. */
static int places_read(int fd)
{
	struct uprobe_place places[UPROBES_MAX];
	int n = gpu_symbols_read(fd, places);

	assert_true(n <= UPROBES_MAX && n != 0);
	for (int i = 0; i < n; i++)
		assert_true(places[i].cookie < GPU_CALL_KIND_COUNT && places[i].offset > 0);
	return n;
}

static void a_function_with_two_names_is_one_place(void **state)
{
	struct uprobe_place places[UPROBES_MAX];
	int fd = open(GPUDRIVER, O_RDONLY | O_CLOEXEC);
	size_t kinds[GPU_CALL_KIND_COUNT] = { 0 };
	int n = gpu_symbols_read(fd, places);

	(void)state;
	close(fd);
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		kinds[places[i].cookie]++;
		for (int j = 0; j < i; j++)
			assert_true(places[i].offset != places[j].offset);
	}
	assert_int_equal(kinds[GPU_CALL_LAUNCH], 6);
	assert_int_equal(kinds[GPU_CALL_WAIT], 4);
	assert_int_equal(kinds[GPU_CALL_COPY], 1);
}

static void a_file_that_is_cut_is_no_library(void **state)
{
	static unsigned char bytes[LIBRARY_BYTES_MAX];
	const size_t size = library_read(bytes);
	int fd = memfd_create("flyball-test", MFD_CLOEXEC);
	Elf64_Ehdr header;

	(void)state;
	memcpy(&header, bytes, sizeof(header));
	for (size_t n = 0; n < size; n += 97) {
		int r;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, bytes, n, 0), n);
		r = places_read(fd);
		if (n <= header.e_shoff) /* section headers lie last, and of these one is needed */
			assert_int_equal(r, -ENOEXEC);
	}
	close(fd);
}

static void a_file_with_wrong_bytes_is_read_within_its_bounds(void **state)
{
	static unsigned char bytes[LIBRARY_BYTES_MAX], wrong[LIBRARY_BYTES_MAX];
	const size_t size = library_read(bytes);
	int fd = memfd_create("flyball-test", MFD_CLOEXEC), refused = 0;
	struct rng rng;

	(void)state;
	rng_init(&rng, 7);
	for (int i = 0; i < 5000; i++) {
		const size_t area = i % 2 ? 64 : size;

		memcpy(wrong, bytes, size);
		for (int j = 0; j < 1 + i % 4; j++)
			wrong[rng_next(&rng) % area] = (unsigned char)rng_next(&rng);
		assert_int_equal(pwrite(fd, wrong, size, 0), size);
		refused += places_read(fd) < 0;
	}
	close(fd);
	assert_in_range(refused, 1000, 4999);
}

/* glibc's: a header of 48 bytes, entries of 24, and their texts. */
static void cache_put(struct files *f, uint32_t n_said, const char *name, const char *path)
{
	struct {
		char magic[20];
		uint32_t n, bytes, unused[5];
		int32_t flags;
		uint32_t name, path, version;
		uint64_t hwcap;
		char texts[128];
	} cache = { .n = n_said, .name = 72, .path = 72 + 32 };
	char full[256];
	int fd;

	memcpy(cache.magic, "glibc-ld.so.cache1.1", 20);
	strcpy(cache.texts, name);
	strcpy(cache.texts + 32, path);
	put(f, "etc/ld.so.cache", "");
	snprintf(full, sizeof(full), "%s/etc/ld.so.cache", f->folder);
	fd = open(full, O_WRONLY | O_CLOEXEC);
	assert_int_equal(file_write_all(fd, (const char *)&cache, sizeof(cache)), 0);
	close(fd);
}

static void what_the_linker_found_is_found(void **state)
{
	struct files *f = *state;
	struct found found = { .n = 0 };

	put(f, "opt/far/libamdhip64.so.9.1", "");
	cache_put(f, 1, "libamdhip64.so.9", "/opt/far/libamdhip64.so.9.1");
	assert_int_equal(gpu_library_find(f->root, NULL, note, &found), 1);
	assert_string_equal(found.paths[0], "/opt/far/libamdhip64.so.9.1");
}

static void a_cache_that_promises_too_much_is_read_to_its_end(void **state)
{
	struct files *f = *state;
	struct found found = { .n = 0 };

	put(f, "opt/far/libcuda.so.1", "");
	cache_put(f, UINT32_MAX, "libcuda.so.1", "/opt/far/libcuda.so.1");
	assert_int_equal(gpu_library_find(f->root, NULL, note, &found), 1);
	cache_put(f, 1, "libcudart.so.1", "/opt/far/libcuda.so.1");
	assert_int_equal(gpu_library_find(f->root, NULL, note, &found), 0);
	put(f, "etc/ld.so.cache", "glibc-ld.so.cache1.1");
	assert_int_equal(gpu_library_find(f->root, NULL, note, &found), 0);
}

static void a_usual_folder_is_looked_into_and_a_pipe_is_no_library(void **state)
{
	struct files *f = *state;
	struct found found = { .n = 0 };
	char full[256];

	put(f, "usr/lib64/libcuda.so.1", "");
	snprintf(full, sizeof(full), "%s/usr/lib64/libamdhip64.so.6", f->folder);
	assert_int_equal(mkfifo(full, 0600), 0);
	assert_int_equal(gpu_library_find(f->root, NULL, note, &found), 1);
	assert_string_equal(found.paths[0], "/usr/lib64/libcuda.so.1");
	assert_int_equal(gpu_library_find(f->root, "/nowhere", note, &found), 0);
}

/* A process that has `path` mapped, of that device and inode. */
static struct scope process_put(struct files *f, dev_t dev, ino_t ino, const char *path)
{
	struct scope scope = { .kind = SCOPE_PROCESS, .name = "17@500" };
	char text[512];

	put(f, "proc/17/task/17/stat",
	    "17 (a program) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0");
	snprintf(text, sizeof(text),
		 "00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/program\n"
		 "7f0000000000-7f0000001000 r--p 00000000 %02x:%02x %ju      %s\n"
		 "7f0000001000-7f0000002000 r-xp 00001000 %02x:%02x %ju      %s\n"
		 "7ffc00000000-7ffc00001000 rw-p 00000000 00:00 0       [stack]\n",
		 major(dev), minor(dev), (uintmax_t)ino, path, major(dev), minor(dev),
		 (uintmax_t)ino, path);
	put(f, "proc/17/maps", text);
	return scope;
}

static int mapped(struct files *f, const struct scope *scope, struct found *found)
{
	struct processes processes;
	int r;

	assert_int_equal(processes_open(&processes, f->root), 0);
	r = gpu_library_mapped(&processes, f->root, scope, note, found);
	processes_close(&processes);
	return r;
}

static void what_a_process_has_mapped_is_the_very_file_or_none(void **state)
{
	struct files *f = *state;
	struct found found = { .n = 0 };
	struct scope scope;
	struct stat st;

	put(f, "lib/libcuda.so.550.54", "");
	assert_int_equal(fstatat(f->root, "lib/libcuda.so.550.54", &st, 0), 0);
	scope = process_put(f, st.st_dev, st.st_ino, "/lib/libcuda.so.550.54");
	assert_int_equal(mapped(f, &scope, &found), 1);
	assert_string_equal(found.paths[0], "/lib/libcuda.so.550.54");
	scope = process_put(f, st.st_dev, st.st_ino + 1, "/lib/libcuda.so.550.54");
	assert_int_equal(mapped(f, &scope, &found), -EACCES);
	scope = process_put(f, st.st_dev, st.st_ino, "/lib/libcudart.so.12");
	assert_int_equal(mapped(f, &scope, &found), 0);
	strcpy(scope.name, "17@501");
	assert_true(mapped(f, &scope, &found) < 0);
}

static void lines_of_any_length_are_passed_over(void **state)
{
	static char text[200000];
	struct files *f = *state;
	struct found found = { .n = 0 };
	struct scope scope;
	struct stat st;
	char line[512];
	ssize_t n;

	put(f, "lib/libcuda.so.1", "");
	assert_int_equal(fstatat(f->root, "lib/libcuda.so.1", &st, 0), 0);
	scope = process_put(f, st.st_dev, st.st_ino, "/lib/libcuda.so.1");
	n = sysroot_read(f->root, "proc/17/maps", line, sizeof(line));
	assert_true(n > 0);
	memset(text, 'x', 50000);
	text[50000] = '\n';
	strcpy(text + 50001, line);
	put(f, "proc/17/maps", text);
	assert_int_equal(mapped(f, &scope, &found), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_known_by_all_of_its_variants),
		cmocka_unit_test(other_functions_are_no_calls),
		cmocka_unit_test(a_function_with_two_names_is_one_place),
		cmocka_unit_test(a_file_that_is_cut_is_no_library),
		cmocka_unit_test(a_file_with_wrong_bytes_is_read_within_its_bounds),
		TEST(what_the_linker_found_is_found),
		TEST(a_cache_that_promises_too_much_is_read_to_its_end),
		TEST(a_usual_folder_is_looked_into_and_a_pipe_is_no_library),
		TEST(what_a_process_has_mapped_is_the_very_file_or_none),
		TEST(lines_of_any_length_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
