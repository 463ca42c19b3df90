// SPDX-License-Identifier: Apache-2.0
/*
 * By pread(2) and not by mmap(2): the file may be cut short while it is read. Of the sections the dynamic symbols alone are
 * looked at, which every library has that programs are linked against.
 */
#include "observer/gpu_symbols.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SECTIONS_MAX 1024
#define SEGMENTS_MAX 64
#define SYMBOLS_MAX 65536 /* some 20 ms, once a library; libcuda has some 1,000, libamdhip64 less */
#define SYMBOLS_CHUNK 64
#define NAME_BYTES 48 /* longer ones are none of ours */

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_NONE
#endif

/* Without their variants. cuMemcpy and its like are synchronous; those that end in Async are not looked at. */
static const struct call_row {
	const char *name;
	enum gpu_call_kind kind;
} calls[] = {
	{ "cuLaunchKernel", GPU_CALL_LAUNCH },
	{ "cuLaunchKernelEx", GPU_CALL_LAUNCH },
	{ "cuLaunchCooperativeKernel", GPU_CALL_LAUNCH },
	{ "cuGraphLaunch", GPU_CALL_LAUNCH },
	{ "hipLaunchKernel", GPU_CALL_LAUNCH },
	{ "hipLaunchKernelExC", GPU_CALL_LAUNCH },
	{ "hipLaunchCooperativeKernel", GPU_CALL_LAUNCH },
	{ "hipModuleLaunchKernel", GPU_CALL_LAUNCH },
	{ "hipModuleLaunchCooperativeKernel", GPU_CALL_LAUNCH },
	{ "hipExtLaunchKernel", GPU_CALL_LAUNCH },
	{ "hipExtModuleLaunchKernel", GPU_CALL_LAUNCH },
	{ "hipGraphLaunch", GPU_CALL_LAUNCH },
	{ "cuStreamSynchronize", GPU_CALL_WAIT },
	{ "cuCtxSynchronize", GPU_CALL_WAIT },
	{ "cuEventSynchronize", GPU_CALL_WAIT },
	{ "hipStreamSynchronize", GPU_CALL_WAIT },
	{ "hipDeviceSynchronize", GPU_CALL_WAIT },
	{ "hipCtxSynchronize", GPU_CALL_WAIT },
	{ "hipEventSynchronize", GPU_CALL_WAIT },
	{ "cuMemcpy", GPU_CALL_COPY },
	{ "cuMemcpyHtoD", GPU_CALL_COPY },
	{ "cuMemcpyDtoH", GPU_CALL_COPY },
	{ "cuMemcpyDtoD", GPU_CALL_COPY },
	{ "cuMemcpyPeer", GPU_CALL_COPY },
	{ "cuMemcpy2D", GPU_CALL_COPY },
	{ "cuMemcpy3D", GPU_CALL_COPY },
	{ "hipMemcpy", GPU_CALL_COPY },
	{ "hipMemcpyWithStream", GPU_CALL_COPY },
	{ "hipMemcpyHtoD", GPU_CALL_COPY },
	{ "hipMemcpyDtoH", GPU_CALL_COPY },
	{ "hipMemcpyDtoD", GPU_CALL_COPY },
	{ "hipMemcpyPeer", GPU_CALL_COPY },
	{ "hipMemcpy2D", GPU_CALL_COPY },
	{ "hipMemcpy3D", GPU_CALL_COPY },
};

/*
 * cuMemcpyHtoD_v2_ptds: the second edition of its interface, for programs that have a default stream in each thread
 */
static size_t base_length(const char *name)
{
	static const char *const variants[] = { "_ptsz", "_ptds", "_spt", "_v2", "_v3" };
	size_t length = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		const size_t more = strlen(variants[i]);

		if (length > more && !memcmp(name + length - more, variants[i], more))
			length -= more;
	}
	return length;
}

enum gpu_call_kind gpu_call_kind(const char *name)
{
	const size_t length = base_length(name);

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (!strncmp(calls[i].name, name, length) && !calls[i].name[length])
			return calls[i].kind;
	return GPU_CALL_KIND_COUNT;
}

struct library {
	int fd;
	Elf64_Ehdr header;
	Elf64_Phdr segments[SEGMENTS_MAX];
	Elf64_Shdr symbols, names;
	struct uprobe_place *places;
	int n_places;
};

/* All of it, or -ENOEXEC. */
static int read_at(int fd, void *buffer, size_t size, uint64_t offset)
{
	ssize_t n;

	if (offset > INT64_MAX - size)
		return -ENOEXEC;
	n = pread(fd, buffer, size, (off_t)offset);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -ENOEXEC;
}

static int header_read(struct library *library)
{
	const unsigned char data = __BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB;
	Elf64_Ehdr *header = &library->header;
	int r = read_at(library->fd, header, sizeof(*header), 0);

	if (r < 0)
		return r;
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) || header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    header->e_ident[EI_DATA] != data || header->e_machine != MACHINE ||
	    header->e_type != ET_DYN || header->e_phentsize != sizeof(Elf64_Phdr) ||
	    header->e_shentsize != sizeof(Elf64_Shdr) || header->e_phnum > SEGMENTS_MAX ||
	    header->e_shnum > SECTIONS_MAX)
		return -ENOEXEC;
	return read_at(library->fd, library->segments, header->e_phnum * sizeof(Elf64_Phdr),
		       header->e_phoff);
}

static int section_read(const struct library *library, uint32_t i, Elf64_Shdr *ret_section)
{
	const uint64_t offset = library->header.e_shoff + (uint64_t)i * sizeof(*ret_section);

	return i < library->header.e_shnum
		       ? read_at(library->fd, ret_section, sizeof(*ret_section), offset)
		       : -ENOEXEC;
}

static int symbols_find(struct library *library)
{
	Elf64_Shdr *symbols = &library->symbols;

	for (uint32_t i = 0; i < library->header.e_shnum; i++) {
		int r = section_read(library, i, symbols);

		if (r < 0)
			return r;
		if (symbols->sh_type != SHT_DYNSYM)
			continue;
		if (symbols->sh_entsize != sizeof(Elf64_Sym))
			return -ENOEXEC;
		if (symbols->sh_size / sizeof(Elf64_Sym) > SYMBOLS_MAX)
			return -E2BIG;
		return section_read(library, symbols->sh_link, &library->names);
	}
	return -ENOEXEC;
}

/* Where an address of the program is in the file; 0 = nowhere that is code. */
static uint64_t file_offset(const struct library *library, uint64_t address)
{
	for (size_t i = 0; i < library->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &library->segments[i];

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X &&
		    address >= segment->p_vaddr && address - segment->p_vaddr < segment->p_filesz)
			return address - segment->p_vaddr + segment->p_offset;
	}
	return 0;
}

/* Two names of one place are one: else each of its calls would be two, one in the other. */
static int place_add(struct library *library, uint64_t offset, enum gpu_call_kind kind)
{
	for (int i = 0; i < library->n_places; i++)
		if (library->places[i].offset == offset)
			return 0;
	if (library->n_places == UPROBES_MAX)
		return -E2BIG;
	library->places[library->n_places++] =
		(struct uprobe_place){ .offset = offset, .cookie = kind };
	return 0;
}

static int symbol_take(struct library *library, const Elf64_Sym *symbol)
{
	const Elf64_Shdr *names = &library->names;
	char name[NAME_BYTES];
	enum gpu_call_kind kind;
	uint64_t offset;
	ssize_t n;

	if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF ||
	    symbol->st_name >= names->sh_size ||
	    names->sh_offset > (uint64_t)INT64_MAX - symbol->st_name)
		return 0;
	n = pread(library->fd, name, sizeof(name), (off_t)(names->sh_offset + symbol->st_name));
	if (n <= 0 || !memchr(name, '\0', (size_t)n))
		return 0;
	kind = gpu_call_kind(name);
	offset = kind == GPU_CALL_KIND_COUNT ? 0 : file_offset(library, symbol->st_value);
	return offset ? place_add(library, offset, kind) : 0;
}

int gpu_symbols_read(int fd, struct uprobe_place places[UPROBES_MAX])
{
	struct library library = { .fd = fd, .places = places };
	Elf64_Sym symbols[SYMBOLS_CHUNK];
	uint64_t n, chunk;
	int r = header_read(&library);

	if (r == 0)
		r = symbols_find(&library);
	n = r == 0 ? library.symbols.sh_size / sizeof(symbols[0]) : 0;
	for (uint64_t i = 0; r == 0 && i < n; i += chunk) {
		chunk = n - i < SYMBOLS_CHUNK ? n - i : SYMBOLS_CHUNK;
		r = library.symbols.sh_offset > (uint64_t)INT64_MAX
			    ? -ENOEXEC
			    : read_at(fd, symbols, chunk * sizeof(symbols[0]),
				      library.symbols.sh_offset + i * sizeof(symbols[0]));
		for (uint64_t j = 0; r == 0 && j < chunk; j++)
			r = symbol_take(&library, &symbols[j]);
	}
	if (r < 0)
		return r;
	return library.n_places ? library.n_places : -ENODATA;
}
