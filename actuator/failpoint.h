/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places where a test may end the process. They exist only in a build with FLYBALL_FAILPOINTS, of which the shipped
 * program is none (tests/checks/failpoints).
 */
#ifndef FLYBALL_ACTUATOR_FAILPOINT_H
#define FLYBALL_ACTUATOR_FAILPOINT_H

enum failpoint {
	FAILPOINT_RECORD_BEFORE,  /* a record of the journal is about to be written */
	FAILPOINT_RECORD_WRITTEN, /* written, not yet on the disk */
	FAILPOINT_RECORD_DONE,    /* on the disk where that is asked for */
	FAILPOINT_REWRITE_BEFORE, /* the journal is about to be replaced by a shorter one */
	FAILPOINT_REWRITE_DONE,   /* it is */
	FAILPOINT_HAND_STARTED,   /* in the hand, before its first request */
	FAILPOINT_HAND_ASKED,     /* in the hand, a request has come */
	FAILPOINT_HAND_ANSWERED,  /* in the hand, the answer is sent */
	FAILPOINT_WRITE_BEFORE,   /* in the hand, a value is about to be written */
	FAILPOINT_WRITE_DONE,     /* in the hand, written, not yet read back */
	FAILPOINT_READ_BACK,      /* in the hand, read back */
	FAILPOINT_ATTACH_BEFORE,  /* in the hand, the program of a split is about to be attached */
	FAILPOINT_ATTACH_DONE,    /* in the hand, it is, and connections draw */
	FAILPOINT_RESTORE_BEFORE, /* in the hand, companions are about to be restored */
	FAILPOINT_RESTORE_DONE,   /* in the hand, they are */
	FAILPOINT_PUT_DONE, /* in the actuator, the hand has put a value in force, the journal does not know yet */
	FAILPOINT_COUNT,
};

#ifdef FLYBALL_FAILPOINTS
/* The test's: it may not return. */
void failpoint_hit(enum failpoint point);
#define FAILPOINT(name) failpoint_hit(FAILPOINT_##name)
#else
#define FAILPOINT(name) ((void)0)
#endif

#endif
