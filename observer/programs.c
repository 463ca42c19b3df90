// SPDX-License-Identifier: Apache-2.0
#include "observer/programs.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* libbpf's callback carries no context: the one place for its first complaint, cleared before each use. */
static _Thread_local char complaint[SOURCE_TEXT_MAX / 2];

static int keep_complaint(enum libbpf_print_level level, const char *format, va_list ap)
{
	if (level != LIBBPF_WARN || complaint[0])
		return 0;
	if (!strncmp(format, "libbpf: ", 8))
		format += 8;
	vsnprintf(complaint, sizeof(complaint), format, ap);
	complaint[strcspn(complaint, "\n")] = '\0';
	return 0;
}

void programs_listen(void)
{
	libbpf_set_print(keep_complaint);
	complaint[0] = '\0';
}

int programs_refuse(const struct programs_way *way, int error, const char *what,
		    struct source_status *status)
{
	source_say(status, SOURCE_UNAVAILABLE, way->remedy, "unable to %s BPF programs: %s%s%s",
		   what, strerror(-error), complaint[0] ? ": " : "", complaint);
	return error;
}

/* Of the object's programs only those of the way are loaded. */
static int seats_take(struct programs *programs, const struct btf *btf)
{
	const struct programs_hook *hooks = programs->way->hooks;
	struct bpf_program *program;

	bpf_object__for_each_program(program, programs->object)
	{
		bool wanted = false;

		for (size_t i = 0; i < PROGRAMS_HOOKS_MAX && hooks[i].program; i++) {
			if (strcmp(bpf_program__name(program), hooks[i].program) ||
			    (hooks[i].possible &&
			     !hooks[i].possible(programs->context, btf, hooks[i].target)))
				continue;
			programs->seats[i].program = program;
			wanted = true;
		}
		bpf_program__set_autoload(program, wanted);
	}
	for (size_t i = 0; i < PROGRAMS_HOOKS_MAX && hooks[i].program; i++)
		if (!programs->seats[i].program && !hooks[i].possible)
			return -ENOENT;
	return 0;
}

int programs_open(struct programs *programs, const struct source_context *context,
		  const struct programs_way *way, const struct btf *btf)
{
	size_t size;
	const void *elf = way->elf(&size);

	*programs = (struct programs){ .way = way, .context = context };
	for (size_t i = 0; i < PROGRAMS_HOOKS_MAX; i++)
		programs->seats[i].fd = -1;
	programs->object = bpf_object__open_mem(elf, size, NULL);
	return programs->object ? seats_take(programs, btf) : -errno;
}

struct bpf_map *programs_map(const struct programs *programs, const char *name, size_t size_least)
{
	struct bpf_map *map = bpf_object__find_map_by_name(programs->object, name);

	return map && bpf_map__value_size(map) >= size_least ? map : NULL;
}

int programs_settings(struct programs *programs, const void *settings, size_t size)
{
	struct bpf_map *rodata = programs_map(programs, ".rodata", size);

	return rodata ? bpf_map__set_initial_value(rodata, settings, bpf_map__value_size(rodata))
		      : -EPROTO;
}

int programs_resize(struct programs *programs, const char *name, size_t size, uint32_t n)
{
	struct bpf_map *map = programs_map(programs, name, size);

	return map ? bpf_map__set_max_entries(map, n ? n : 1) : -EPROTO;
}

void *programs_memory(const struct programs *programs, const char *name, size_t size)
{
	const int fd = bpf_object__find_map_fd_by_name(programs->object, name);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* libbpf does so for skeletons alone. */
static int shared_map(struct programs *programs, size_t size)
{
	const struct bpf_map *bss = programs_map(programs, ".bss", size);
	void *memory;

	if (!bss)
		return -EPROTO;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(bss), 0);
	if (memory == MAP_FAILED)
		return -errno;
	programs->shared = memory;
	programs->shared_size = size;
	return 0;
}

int programs_load(struct programs *programs, size_t shared_size, struct source_status *status)
{
	int r = bpf_object__load(programs->object);

	if (r < 0)
		return programs_refuse(programs->way, r, "load", status);
	r = shared_map(programs, shared_size);
	return r < 0 ? programs_refuse(programs->way, r, "agree with", status) : 0;
}

void programs_complain(const char *program, const char *target)
{
	if (!strstr(complaint, program))
		snprintf(complaint, sizeof(complaint), "%s%s%s", program, target ? " at " : "",
			 target ? target : "");
}

int programs_attach(struct programs *programs, bool switched)
{
	const struct programs_way *way = programs->way;

	for (size_t i = 0; i < PROGRAMS_HOOKS_MAX; i++) {
		struct seat *seat = &programs->seats[i];
		int r;

		if (!seat->program)
			continue;
		if (way->hooks[i].switched && !switched) {
			seat_leave(seat);
			continue;
		}
		r = seat_taken(seat) ? 0
				     : way->attach(seat, programs->context, way->hooks[i].target);
		if (r < 0) {
			programs_complain(way->hooks[i].program, way->hooks[i].target);
			return r;
		}
	}
	return 0;
}

bool programs_switched(const struct programs *programs)
{
	for (size_t i = 0; i < PROGRAMS_HOOKS_MAX; i++)
		if (programs->way->hooks[i].switched && seat_taken(&programs->seats[i]))
			return true;
	return false;
}

void programs_cost(const struct programs *programs, uint64_t *ret_runs, uint64_t *ret_run_ns)
{
	uint64_t runs = 0, run_ns = 0;

	for (size_t i = 0; i < PROGRAMS_HOOKS_MAX; i++) {
		const struct bpf_program *program = programs->seats[i].program;
		struct bpf_prog_info info = { 0 };
		uint32_t length = sizeof(info);

		if (!program ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length) < 0)
			continue;
		runs += info.run_cnt;
		run_ns += info.run_time_ns;
	}
	*ret_runs = runs;
	*ret_run_ns = run_ns;
}

void programs_leave(struct programs *programs)
{
	for (size_t i = PROGRAMS_HOOKS_MAX; i-- > 0;)
		seat_leave(&programs->seats[i]);
}

bool programs_may_rest(const struct programs *programs)
{
	return programs->way->attach == seat_typed || programs->way->attach == seat_raw;
}

void programs_close(struct programs *programs)
{
	if (!programs->context)
		return;
	programs_leave(programs);
	if (programs->shared)
		munmap(programs->shared, programs->shared_size);
	bpf_object__close(programs->object);
}
