/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the service programs and user space share: which sockets belong to a service, and the histograms. */
#ifndef FLYBALL_BPF_SERVICE_H
#define FLYBALL_BPF_SERVICE_H

#include <stdint.h>

#include "include/hist.h"

#define SERVICE_ABI 3 /* grows with every change of this file; checked after loading */

#define SERVICE_SLOTS_MAX 32      /* services measured at once; include/service.h has as many */
#define SERVICE_RULES_MAX 64      /* a rule an executable or group of a service */
#define SERVICE_FILES_MAX 64      /* executables, and files of Unix sockets, that rules name */
#define SERVICE_LISTENERS_MAX 512 /* listening sockets of all services together */
#define SERVICE_DEPTH_MAX 16      /* levels of control groups that are looked at */
#define SERVICE_CONNS_MAX \
	65536 /* connections that the kprobe method follows; else the socket's end */
#define SERVICE_PORT_WORDS (65536 / 64)
#define SERVICE_ADDRESS_BITS 12 /* log2 of the bits by which Unix sockets are let go */
#define SERVICE_ADDRESS_WORDS ((1u << SERVICE_ADDRESS_BITS) / 64)
#define SERVICE_THIN_MAX 16 /* at most one connection in 2^16 is measured */

/* Which processes' listening sockets are a service's: each condition that is set must hold. */
struct service_rule {
	uint64_t group;  /* id of a control group, in which, or below, the process is; 0 = any */
	uint32_t file;   /* 1 + index of its executable in `files`; 0 = any */
	uint32_t socket; /* 1 + index in `files` of the Unix socket that it listens on; 0 = any */
	uint32_t netns;  /* inode of the network namespace of the socket; 0 = any */
	uint32_t slot;
	uint16_t port; /* that it listens on; 0 = any, and any Unix socket */
	uint8_t udp;   /* 1 = a UDP socket that is bound, instead of a TCP one that listens */
	uint8_t used;  /* 1 = this is a rule */
	uint32_t pad;
};

/* What a scan of all open files does. */
enum service_scan {
	SERVICE_SCAN_FILES, /* of our own: notes which executable is which */
	SERVICE_SCAN_LISTENERS,
	SERVICE_SCAN_CONNECTIONS, /* of Unix sockets: marks those that are there already */
};

/*
 * Where somebody listens. A Unix socket is known by its name's struct in the kernel: those that are accepted share it with the one
 * that listens, so none that does not listen any more leaves it to another while it is used.
 */
struct service_port {
	uint64_t address; /* of that struct; 0 = TCP or UDP */
	uint32_t
		netns; /* of a Unix socket a part of the address of its file's name in its folder */
	uint16_t port;
	uint16_t udp; /* 1 = UDP */
};

struct service_listener {
	uint32_t slot;
	uint32_t generation; /* of the scan that has seen it last, or the one that comes */
};

enum service_state {
	SERVICE_UNKNOWN, /* it was there before us: a request may be half read */
	SERVICE_QUIET,   /* nothing asked */
	SERVICE_ASKED,   /* a request's first byte was read */
	SERVICE_ANSWERED,
};

/* One connection, in the storage of its socket. */
struct service_conn {
	uint64_t asked_ns; /* when the first byte of the request was read */
	uint32_t epoch;    /* of struct service_shared when it was decided */
	uint8_t slot;
	uint8_t state;     /* enum service_state */
	uint8_t skipped;   /* 1 = not in the sample */
	uint8_t pipelined; /* 1 = requests were sent before the answer to an earlier one */
	uint32_t open;     /* datagrams read and not answered */
	uint32_t read_seq; /* kprobe: copied_seq and write_seq, as far as counted */
	uint32_t sent_seq;
	uint8_t protocol; /* enum answer_protocol: what its answers were so far */
	uint8_t pad[3];
};

/* What the programs are told before they are loaded: all of the object's .rodata. */
struct service_settings {
	uint32_t abi;
	uint32_t pad;
};

/* What user space tells them while they run, and they it: all of the object's .bss. */
struct service_shared {
	uint64_t
		since_ns; /* CLOCK_MONOTONIC: what was asked before may have been answered unseen */
	uint64_t ports[SERVICE_PORT_WORDS]; /* a bit a port on which some service listens */
	uint64_t addresses
		[SERVICE_ADDRESS_WORDS]; /* likewise Unix sockets, by service_address_bit() */
	struct service_rule rules[SERVICE_RULES_MAX];
	uint32_t file_fds[SERVICE_FILES_MAX]; /* 1 + our descriptor of each executable; 0 = none */
	uint64_t files[SERVICE_FILES_MAX]; /* the inodes behind, by their addresses in the kernel */
	uint32_t scan;                     /* enum service_scan */
	uint32_t generation;               /* of listeners; grows with each scan */
	uint32_t epoch; /* grows when slots or the sample change: each connection is decided anew */
	uint32_t wanted;         /* 1 << slot of what is measured */
	uint32_t looked;         /* 1 << slot of whose answers the first bytes are looked at */
	uint32_t thin;           /* one connection in 2^thin is measured */
	uint32_t lost_listeners; /* over SERVICE_LISTENERS_MAX */
	uint32_t unmarked; /* 1 = a Unix socket listens whose connections are not all marked */
};

/* One service on one CPU. Everything only grows and may wrap. */
struct service_hist {
	uint64_t requests;  /* read: the first byte of each */
	uint64_t answers;   /* first bytes sent; measured but for the next two */
	uint64_t pipelined; /* answers of connections that had asked again before */
	uint64_t
		unknown; /* answers on connections that were there before us, to what was asked then */
	uint64_t
		continued; /* sends that were no first byte: streamed, pushed, or unseen requests' */
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t errors;      /* answers that say so, in a protocol that was recognised */
	uint64_t fine;        /* the other answers in such a protocol */
	uint64_t connections; /* that entered the sample */
	uint64_t skipped;     /* connections that did not */
	uint64_t unstored;    /* reads and sends whose connection the kernel had no memory for */
	uint64_t sum;         /* of all latencies, ns */
	uint64_t clamped;     /* those over HIST_VALUE_MAX */
	uint32_t buckets[HIST_BUCKETS];
};

static inline uint32_t service_address_bit(uint64_t address)
{
	return (uint32_t)((address * 0x9e3779b97f4a7c15ull) >> (64 - SERVICE_ADDRESS_BITS));
}

_Static_assert(sizeof(struct service_rule) == 32, "user space and BPF must agree");
_Static_assert(sizeof(struct service_port) == 16, "user space and BPF must agree");
_Static_assert(sizeof(struct service_conn) == 32, "user space and BPF must agree");
_Static_assert(sizeof(struct service_hist) == 112 + 4096, "user space and BPF must agree");

#endif
