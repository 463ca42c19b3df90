/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand: a child of the actuator that does everything which touches the system for a knob, because any of it may
 * block: a write to /sys can wait half a minute for a disk. The actuator waits for the hand's answer only so long.
 * States and invariants are in hand.c.
 *
 *     hand_open → (hand_read | hand_capture | hand_put)… → hand_close
 */
#ifndef FLYBALL_ACTUATOR_HAND_H
#define FLYBALL_ACTUATOR_HAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "actuator/family.h"
#include "actuator/setting.h"
#include "actuator/txn.h"
#include "include/knob.h"
#include "include/outcome.h"
#include "include/split.h"

#define HAND_LOCK_NAME \
	"hand.lock"     /* in the state folder; each living hand has a shared flock(2) on it */
#define HAND_HUNG_MAX 4 /* hands that may hang at once; then no other is made */
#define HAND_LIMIT_NS 2000000000ull  /* without an answer or a sign of progress: it hangs */
#define HAND_TOTAL_NS 30000000000ull /* with signs of progress */

enum hand_type {
	HAND_READ,    /* entry.scope → reading */
	HAND_CAPTURE, /* entry.scope → entry.companions, or text */
	HAND_PUT,     /* the transaction → outcome, touched, settled */
	HAND_WORKING, /* from the hand: not done, but getting on */
	HAND_ANSWER,  /* from the hand: done */
	HAND_TYPE_COUNT,
};

/* One datagram each way, of which only the used part of the entry is sent. */
struct hand_message {
	uint32_t type; /* enum hand_type */
	uint32_t row;  /* index into the table of knobs */
	uint32_t side; /* enum setting_side */
	uint32_t touched, settled, n_writes;
	struct family_limits limits;
	int32_t error; /* of READ and CAPTURE: 0 or -errno */
	char text[OUTCOME_TEXT_MAX];
	struct outcome outcome;
	struct knob_reading reading;
	struct journal_entry entry;
};

struct hand {
	int root, state;
	const struct knob_table *knobs; /* NULL = the build's */
	struct split_maps maps;         /* that its splits go to */
	uint64_t limit_ns, total_ns;
	struct family_limits limits; /* go with every request; the owner keeps them true */
	bool former;                 /* hands of a former actuator may live */
	int fd;                      /* our end of the channel; -1 = there is no hand */
	pid_t pid;                   /* 0 = there is no hand */
	uint64_t serial;             /* of the hand; grows with each */
	struct {
		uint64_t serial;
		pid_t pid; /* 0 = free */
	} hung[HAND_HUNG_MAX];
};

/*
 * Waits until the hands of a former actuator are gone, `limit_ns` at most: while one lives everything that is asked
 * fails (hand_is_alone()). The journal's lock must be held: who has it is the only one who makes hands. No hand is made yet.
 */
void hand_open(struct hand *ret_hand, const struct actuator_options *options);

/* Ends the hand. One that hangs is not waited for: its lock tells who comes next. */
void hand_close(struct hand *hand);

/* Makes the hand now, when the process is still small; else the first request does. 0 or -errno. */
int hand_start(struct hand *hand);

/* True when no hand of a former actuator lives; asks again each time until it is. */
bool hand_is_alone(struct hand *hand);

/* As knob_read(); -ETIMEDOUT when it hangs, -EPIPE when the hand died twice. */
int hand_read(struct hand *hand, const struct knob_row *row, const struct scope *scope,
	      struct knob_reading *ret_reading);

/* As the family's capture(), and the same errors besides. */
int hand_capture(struct hand *hand, const struct knob_row *row, const struct scope *scope,
		 char *ret_companions, size_t companions_size, char *ret_text, size_t text_size);

/*
 * As setting_put(). When the hand hangs: OUTCOME_FAILED, ETIMEDOUT, false, and the hand is killed; and again for this
 * transaction, without anything being written, until that hand is gone.
 */
bool hand_put(struct hand *hand, struct txn *txn, enum setting_side side, struct outcome *outcome);

/* The hand's own life: answers what comes over `fd` until it ends. Keeps `root`, `fd`, `lock` and the maps alone open. */
_Noreturn void hand_work(const struct hand *hand, int fd, int lock, pid_t parent);

/* Bytes of a message that are used. */
size_t hand_message_bytes(const struct hand_message *message);

/* Receives one message; its strings end. Returns 0, -EPIPE at the end, -EBADMSG, -errno. */
int hand_receive(int fd, struct hand_message *ret_message);

#endif
