// SPDX-License-Identifier: Apache-2.0
#include "observer/service_programs.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "observer/programs.h"
#include "service.skel.h"
#include "service_kprobe.skel.h"

/* A program, and the function in the kernel that it needs, with so many arguments, where that has changed. */
struct hook {
	const char *program, *function;
	unsigned int least, most; /* 0 = any number */
	bool optional;            /* left out where the kernel has no such function */
	bool of_unix;             /* left out where no service may have a Unix socket */
};

struct way_row {
	struct programs_way way; /* its elf and remedy: of the rest there is more here */
	struct hook hooks[SERVICE_HOOKS_MAX];
};

/* See bpf/service.bpf.c. */
#define READ_ARGUMENTS .least = 4, .most = 5
#define SEND_ARGUMENTS .least = 3, .most = 3

static const struct way_row ways[SERVICE_WAY_COUNT] = {
	[SERVICE_TP_BTF] = {
		.way.elf = service_bpf__elf_bytes,
		.way.remedy = "use a kernel since 6.3 with CONFIG_DEBUG_INFO_BTF",
		.hooks = {
			{ .program = "tp_btf_read", .function = "__traceiter_sock_recv_length" },
			{ .program = "tp_btf_send", .function = "__traceiter_sock_send_length" },
		},
	},
	[SERVICE_FENTRY] = {
		.way.elf = service_bpf__elf_bytes,
		.way.remedy = "use a kernel since 5.19 that allows this kind of program",
		.hooks = {
			{ .program = "fexit_tcp_read", .function = "tcp_recvmsg", READ_ARGUMENTS },
			{ .program = "fexit_tcp_send", .function = "tcp_sendmsg", SEND_ARGUMENTS },
			{ .program = "fexit_tcp_page", .function = "tcp_sendpage",
			  .least = 5, .most = 5, .optional = true },
			{ .program = "fexit_udp_read", .function = "udp_recvmsg", READ_ARGUMENTS },
			{ .program = "fexit_udp_send", .function = "udp_sendmsg", SEND_ARGUMENTS },
			{ .program = "fexit_udp6_read", .function = "udpv6_recvmsg",
			  READ_ARGUMENTS, .optional = true },
			{ .program = "fexit_udp6_send", .function = "udpv6_sendmsg",
			  SEND_ARGUMENTS, .optional = true },
			{ .program = "fexit_unix_read", .function = "unix_stream_recvmsg",
			  .least = 4, .most = 4, .optional = true, .of_unix = true },
			{ .program = "fexit_packet_read", .function = "unix_seqpacket_recvmsg",
			  .least = 4, .most = 4, .optional = true, .of_unix = true },
			{ .program = "fexit_unix_send", .function = "unix_stream_sendmsg",
			  SEND_ARGUMENTS, .optional = true, .of_unix = true },
			{ .program = "fexit_packet_send", .function = "unix_seqpacket_sendmsg",
			  SEND_ARGUMENTS, .optional = true, .of_unix = true },
			{ .program = "fexit_unix_page", .function = "unix_stream_sendpage",
			  .least = 5, .most = 5, .optional = true, .of_unix = true },
		},
	},
	[SERVICE_KPROBE] = {
		.way.elf = service_kprobe_bpf__elf_bytes,
		.way.remedy = "use a kernel with CONFIG_KPROBE_EVENTS",
		.hooks = {
			{ .program = "kprobe_close", .function = "tcp_close" },
			{ .program = "kprobe_read", .function = "tcp_cleanup_rbuf" },
			{ .program = "kprobe_send", .function = "tcp_sendmsg" },
			{ .program = "kprobe_page", .function = "tcp_sendpage", .optional = true },
		},
	},
};

/* The programs that look for listeners, whatever the way: the last place of a way's, and the scans. */
#define LISTEN_PROGRAM "listen_state"
#define SCAN_PROGRAM "listen_scan"

int service_programs_refuse(enum service_way way, int error, const char *what,
			    struct source_status *status)
{
	return programs_refuse(&ways[way].way, error, what, status);
}

static bool hook_possible(const struct hook *hook, const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, hook->function, BTF_KIND_FUNC);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	type = type ? btf__type_by_id(btf, type->type) : NULL;
	return type && btf_is_func_proto(type) &&
	       (!hook->most || (btf_vlen(type) >= hook->least && btf_vlen(type) <= hook->most));
}

static bool may_be_unix(const struct service_list *services)
{
	for (size_t i = 0; services && i < services->n; i++)
		if (service_may_be_unix(&services->items[i]))
			return true;
	return false;
}

/* Of the object's programs only those of the way are loaded, those at Unix sockets only for services that may have some. */
static int programs_take(struct service_programs *programs, const struct btf *btf,
			 const struct service_list *services)
{
	const bool takes_unix = may_be_unix(services);
	const struct hook *hooks = ways[programs->way].hooks;
	struct bpf_program *program;
	int r = 0;

	bpf_object__for_each_program(program, programs->object)
	{
		const char *name = bpf_program__name(program);
		bool wanted = !strcmp(name, LISTEN_PROGRAM) || !strcmp(name, SCAN_PROGRAM);

		if (!strcmp(name, LISTEN_PROGRAM))
			programs->programs[SERVICE_HOOKS_MAX] = program;
		for (size_t i = 0; i < SERVICE_HOOKS_MAX && hooks[i].program; i++) {
			if (strcmp(name, hooks[i].program) || (hooks[i].of_unix && !takes_unix))
				continue;
			wanted = hook_possible(&hooks[i], btf);
			if (wanted)
				programs->programs[i] = program;
			else if (!hooks[i].optional)
				r = -EOPNOTSUPP;
		}
		bpf_program__set_autoload(program, wanted);
	}
	return r;
}

static int object_open(struct service_programs *programs, const struct service_list *services)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct bpf_map *hists;
	size_t size;
	const void *elf = ways[programs->way].way.elf(&size);
	int r;

	if (!btf)
		return -errno;
	programs->object = bpf_object__open_mem(elf, size, NULL);
	r = programs->object ? programs_take(programs, btf, services) : -errno;
	btf__free(btf);
	if (r < 0)
		return r;
	hists = bpf_object__find_map_by_name(programs->object, "hists");
	if (!hists || bpf_map__value_size(hists) != sizeof(struct service_hist))
		return -EPROTO;
	return bpf_map__set_max_entries(hists, services && services->n ? (uint32_t)services->n : 1);
}

/* Maps what user space and the running programs tell each other: libbpf does so for skeletons alone. */
static int shared_map(struct service_programs *programs)
{
	const struct bpf_map *bss = bpf_object__find_map_by_name(programs->object, ".bss");
	void *memory;

	if (!bss || bpf_map__value_size(bss) < sizeof(*programs->shared))
		return -EPROTO;
	memory = mmap(NULL, sizeof(*programs->shared), PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(bss), 0);
	if (memory == MAP_FAILED)
		return -errno;
	programs->shared = memory;
	return 0;
}

/* A link to the iterator over the open files of all, or of this process alone. */
static struct bpf_link *scan_attach(const struct bpf_program *program, enum service_scan scan)
{
	union bpf_iter_link_info info;
	struct bpf_iter_attach_opts options;
	struct bpf_link *link = NULL;

	/* With their padding, which libbpf and the kernel take for options that they do not know. */
	memset(&info, 0, sizeof(info));
	memset(&options, 0, sizeof(options));
	info.task.pid = (uint32_t)getpid();
	options.sz = sizeof(options);
	options.link_info = &info;
	options.link_info_len = sizeof(info);

	/* Since f0d74c4da1f0 ("bpf: Parameterize task iterators."), 6.1; the program knows its own files, too. */
	if (scan == SERVICE_SCAN_FILES)
		link = bpf_program__attach_iter(program, &options);
	return link ? link : bpf_program__attach_iter(program, NULL);
}

static int hook_attach(struct service_programs *programs, size_t i)
{
	int r = 0;

	if (!programs->programs[i] || programs->links[i])
		return 0;
	programs->links[i] = bpf_program__attach(programs->programs[i]);
	if (!programs->links[i]) {
		r = -errno;
		programs_complain(bpf_program__name(programs->programs[i]), NULL);
	}
	return r;
}

static int service_attach(struct service_programs *programs)
{
	int r = 0;

	const struct bpf_program *scan =
		bpf_object__find_program_by_name(programs->object, SCAN_PROGRAM);

	for (size_t i = 0; i < 2; i++) {
		programs->scans[i] = scan_attach(scan, (enum service_scan)i);
		if (!programs->scans[i]) {
			r = -errno;
			programs_complain(SCAN_PROGRAM, NULL);
			return r;
		}
	}
	for (size_t i = 0; r == 0 && i <= SERVICE_HOOKS_MAX; i++)
		r = hook_attach(programs, i);
	return r;
}

int service_programs_attend(struct service_programs *programs, bool attends)
{
	int r = 0;

	for (size_t i = 0; !attends && i < SERVICE_HOOKS_MAX; i++) {
		bpf_link__destroy(programs->links[i]);
		programs->links[i] = NULL;
	}
	for (size_t i = 0; attends && r == 0 && i < SERVICE_HOOKS_MAX; i++)
		r = hook_attach(programs, i);
	return r;
}

/* Who sleeps in a read when a trampoline comes leaves it unseen: a request of each connection would be missing in each turn. */
bool service_programs_may_rest(const struct service_programs *programs)
{
	return programs->way == SERVICE_TP_BTF;
}

bool service_way_sees(enum service_way way, const struct service *service)
{
	return way != SERVICE_KPROBE || (!service->socket[0] && service->protocol != SERVICE_UDP);
}

bool service_way_looks(enum service_way way)
{
	return way != SERVICE_KPROBE;
}

int service_programs_load(struct service_programs *programs, enum service_way way,
			  const struct service_list *services, struct source_status *status)
{
	int r;

	*programs = (struct service_programs){ .way = way, .hists_fd = -1, .listeners_fd = -1 };
	programs_listen();
	r = object_open(programs, services);
	if (r < 0)
		return service_programs_refuse(way, r, "prepare", status);
	r = bpf_object__load(programs->object);
	if (r < 0)
		return service_programs_refuse(way, r, "load", status);
	r = shared_map(programs);
	if (r < 0)
		return service_programs_refuse(way, r, "agree with", status);
	programs->hists_fd = bpf_object__find_map_fd_by_name(programs->object, "hists");
	programs->listeners_fd = bpf_object__find_map_fd_by_name(programs->object, "listeners");
	r = service_attach(programs);
	return r < 0 ? service_programs_refuse(way, r, "attach", status) : 0;
}

int service_programs_scan(const struct service_programs *programs, enum service_scan scan)
{
	_cleanup_close_ int fd =
		bpf_iter_create(bpf_link__fd(programs->scans[scan != SERVICE_SCAN_FILES]));
	char nothing[64];
	ssize_t n;

	if (fd < 0)
		return -errno;
	__atomic_store_n(&programs->shared->scan, (uint32_t)scan, __ATOMIC_SEQ_CST);
	do
		n = read(fd, nothing, sizeof(nothing));
	while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	return n < 0 ? -errno : 0;
}

void service_programs_cost(const struct service_programs *programs, uint64_t *ret_runs,
			   uint64_t *ret_run_ns)
{
	uint64_t runs = 0, run_ns = 0;

	for (size_t i = 0; i <= SERVICE_HOOKS_MAX; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t length = sizeof(info);

		if (!programs->programs[i] ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(programs->programs[i]), &info, &length) <
			    0)
			continue;
		runs += info.run_cnt;
		run_ns += info.run_time_ns;
	}
	*ret_runs = runs;
	*ret_run_ns = run_ns;
}

void service_programs_unload(struct service_programs *programs)
{
	for (size_t i = 0; i <= SERVICE_HOOKS_MAX; i++)
		bpf_link__destroy(programs->links[i]);
	for (size_t i = 0; i < 2; i++)
		bpf_link__destroy(programs->scans[i]);
	if (programs->shared)
		munmap(programs->shared, sizeof(*programs->shared));
	bpf_object__close(programs->object);
}
