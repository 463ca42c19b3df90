/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between the processes: versioned, one SOCK_SEQPACKET datagram each, of a fixed size but for SERIES, which
 * ends with its last byte in use. What arrives is checked whole before anybody looks at it; a message that is short, long
 * or out of range is the sender's end.
 *
 *     supervisor → all       PEER (with a descriptor), STOP
 *     all → supervisor       READY, BAD_PEER
 *     observer → supervisor  COUNT
 *     core → supervisor      LATE
 *     core → observer        DEMAND
 *     observer → core        FRAME, then SERIES until there are n_series; SOURCE, BUDGET
 *     core → actuator        CHANGE, HEARTBEAT, FREEZE, REQUEST, READ
 *     actuator → core        KEPT…, OUTCOME, LIMIT…, PIN…, ANSWER, READING
 */
#ifndef FLYBALL_DAEMON_MESSAGE_H
#define FLYBALL_DAEMON_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/batch.h"
#include "include/demand.h"
#include "include/frame.h"
#include "include/limits.h"
#include "include/outcome.h"
#include "include/source.h"

#define MESSAGE_MAGIC 0x6c62796cu /* "lybl" */
#define MESSAGE_VERSION 2

enum role {
	ROLE_SUPERVISOR,
	ROLE_OBSERVER,
	ROLE_ACTUATOR,
	ROLE_CORE,
	ROLE_COUNT,
};

enum message_type {
	MESSAGE_PEER,     /* a new channel to `role` is attached */
	MESSAGE_STOP,     /* end in order */
	MESSAGE_READY,    /* the sender is ready to work */
	MESSAGE_BAD_PEER, /* `role` sent something that is no message: end it */
	MESSAGE_DEMAND,   /* replaces the demand */
	MESSAGE_FRAME,    /* a frame begins */
	MESSAGE_SERIES,   /* many series of it: a batch */
	MESSAGE_SOURCE,   /* the state of one source */
	MESSAGE_CHANGE,
	MESSAGE_HEARTBEAT,
	MESSAGE_FREEZE,
	MESSAGE_KEPT, /* a change that an earlier core kept, or (CHANGE_BY_HAND) left open */
	MESSAGE_OUTCOME,
	MESSAGE_REQUEST, /* what the operator asks of the actuator */
	MESSAGE_ANSWER,  /* to one request */
	MESSAGE_LIMIT,   /* one limit in force */
	MESSAGE_PIN,     /* one knob that belongs to somebody else */
	MESSAGE_READ,    /* asks for a knob that core may not read itself */
	MESSAGE_READING, /* what it is */
	MESSAGE_COUNT,   /* have the kernel time BPF programs (1), or no more (0) */
	MESSAGE_BUDGET,  /* what flyball costs, against its budget */
	MESSAGE_LATE,    /* `role` with this process id has sent nothing for a heartbeat's time */
	MESSAGE_TYPE_COUNT,
};

struct message_header {
	uint32_t magic;
	uint16_t version;
	uint16_t type; /* enum message_type */
	uint32_t size; /* of the whole message */
	uint32_t pad;
};

/* PEER, BAD_PEER, LATE: which process (and for PEER and LATE its id); FREEZE, COUNT: value 0 or 1. */
struct message_word {
	uint32_t value;
	int32_t pid;
};

struct message_demand {
	uint64_t tick_ns;
	uint32_t n_demands;
	uint32_t pad;
	struct demand demands[DEMANDS_MAX];
};

struct message_frame {
	uint64_t seq, time_ns, interval_ns;
	uint64_t losses[LOSS_COUNT];
	struct signal_set skipped;
	uint32_t n_series;
	uint32_t pad;
};

enum request_kind {
	REQUEST_SHOW, /* send the limits again */
	REQUEST_LIMITS_RELOAD,
	REQUEST_LIMIT_SET, /* name, value, for_ns */
	REQUEST_PIN,       /* name (a knob), scope, uid */
	REQUEST_UNPIN,     /* name, scope */
	REQUEST_KIND_COUNT,
};

struct message_request {
	uint64_t id;     /* of the answer */
	uint64_t for_ns; /* 0 = as long as the daemon runs */
	uint32_t kind;   /* enum request_kind */
	uint32_t uid;    /* who asks */
	char name[LIMIT_NAME_MAX];
	struct scope scope;
	char value[LIMIT_TEXT_MAX];
};

#define ANSWER_TEXT_MAX 2048
struct message_answer {
	uint64_t id;
	int32_t error; /* errno; 0 = done */
	uint32_t pad;
	char text[ANSWER_TEXT_MAX]; /* may have several lines */
};

/* The index-th of `total`; total 0 = there is none, and the rest is empty. */
struct message_limit {
	uint32_t index, total;
	struct limit_row row;
};

struct message_pin {
	uint32_t index, total;
	struct pin pin;
};

/* READ: of the reading only knob and scope; READING: all of it, with the slot that asked. */
struct message_reading {
	uint32_t slot;
	struct knob_reading reading;
};

struct message {
	struct message_header header;
	union {
		struct message_word
			word; /* PEER, BAD_PEER, LATE, FREEZE, COUNT; STOP, READY and HEARTBEAT have it, too, as 0 */
		struct message_demand demand;
		struct message_frame frame;
		struct message_batch series;
		struct source_status source;
		struct budget_report budget;
		struct change change; /* CHANGE, KEPT */
		struct outcome outcome;
		struct message_request request;
		struct message_answer answer;
		struct message_limit limit;
		struct message_pin pin;
		struct message_reading reading; /* READ, READING */
	};
};

/* "supervisor", "observer", … */
const char *role_word(uint32_t role);

/* Size of a message of that type on the wire, header and all; of SERIES that of an empty one. */
size_t message_size(enum message_type type);

/* Name of a type, for logs. */
const char *message_word(uint32_t type);

/* Fills in the header, and all else that is on the wire with zeroes. */
void message_init(struct message *message, enum message_type type);

/* After the last batch_add(): SERIES is as long as what it holds. */
void message_fit(struct message *message);

/*
 * Checks `size` received bytes: header, size of the type, that `from` may send it to `to`, and every field's
 * range. Returns 0, or -EBADMSG.
 */
int message_check(const struct message *message, size_t size, enum role from, enum role to);

#endif
