/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the actuator promises, as a model for spin: one knob, its journal, and every process that can die.
 *
 *     supervisor ──starts──► actuator ──asks──► hand ──writes──► the kernel
 *         └─ recovers the journal when the actuator has died
 *
 * Values are numbers; ALIEN is one that an administrator wrote, once, at any moment. A kill is SIGKILL and may come
 * between any two steps; a whole daemon that is gone is started again. Nothing is remembered but the journal.
 *
 * Checked in every interleaving (tests/checks/model):
 *
 *     1. No trial's value stays: when recovery has run, and when everything is at rest, the knob has a value that
 *        was kept, the one from before, or the administrator's.
 *     2. A foreign value is never overwritten: what was found by looking before a write is left, and nothing is begun
 *        on that knob any more (the pin, actuator/pins.h). One that was there before anybody looked is the incumbent of the
 *        next trial, and comes back.
 *     3. No deadlock: every run comes to rest with every lock free.
 *     4. A split ends with its transaction: no program draws for new connections unless the intent of one is the last record.
 *
 * With SPLITS each transaction is a split: in the place of the arm's turns the hand draws (COIN), which writes nothing. What
 * draws is a link that the hand has, and that the kernel takes away with it, however it ends. The first write of such a
 * transaction is that of its keep; the journal says so before (`applied`), or recovery, which finds the arm in force,
 * would take it for somebody else's.
 *
 * What the model takes for granted:
 *
 *     - The hand's read and the start of its write are one step. No user of sysfs can do better: there is no
 *       compare-and-swap for a file. The gap is microseconds.
 *     - While a write is inside the kernel (it may hang there) no other write of the same file ends: the kernel
 *       serialises them by the knob's own lock. A write of a killed process ends in force or not at all, before
 *       the process is gone.
 *     - A record is in the journal whole or not at all: its checksum says so. Records that end a transaction are owed and
 *       written later where the disk is full; that of a keep is not, and the keep is undone.
 *     - What brings about an undo: deadline, heartbeat, the end of core. It may come at any moment, also long after core has
 *       gone, as that of a change by hand does.
 *
 * Each of these switches breaks one rule of the actuator, and spin must find what goes wrong then:
 *
 *     BREAK_INTENT   the write comes before its intent
 *     BREAK_FOREIGN  the value in force is not looked at before a write
 *     BREAK_HAND     recovery does not wait for the hand of a dead actuator
 *     BREAK_STUCK    a write that is late counts as undone
 *     BREAK_COMMIT   a keep is answered without its record, and forgotten
 *     BREAK_LOCK     recovery does not take the journal's lock
 *     BREAK_AGAIN    the hand that follows a dead one writes without looking
 *     BREAK_PIN      a foreign value that was found is the incumbent of the next trial
 *     BREAK_SPLIT    (with SPLITS) the hand draws on when it is asked for something else
 *     BREAK_APPLIED  (with SPLITS) the keep of a split is written before the journal says that it will be
 */
#ifndef KILLS
#define KILLS 2 /* processes that die in one run */
#endif
#ifndef BEGINS
#define BEGINS 2 /* transactions in one run */
#endif
#ifndef HANGS
#define HANGS 1 /* writes that do not return in time */
#endif

#ifndef FULL
#define FULL 1 /* records of a keep that find a full disk */
#endif

#define VALUES 3 /* 0 to 2 are ours */
#define ALIEN 9
#define COIN 8 /* what the hand is asked, in the place of a value, to draw */

mtype:record = { NONE, INTENT, COMMITTED, ENDED };
mtype:answer = { DONE, FOREIGN, LATE };

/* The system. */
byte knob = 0;
bool admin_acted = false;
bool pinned = false;  /* a foreign value was found; survives every process */
bool adopted = false; /* for the assertions alone: it was there when a trial began */

/* The journal: its last record, which says everything. */
mtype:record record = NONE;
byte old_value, new_value;

/*
 * Of a split: a program draws, which the hand has; the journal says that something is written; and the actuator knows it, or
 * has to assume it.
 */
bool drawing = false;
#ifdef SPLITS
bool applied = false, touched = false;
#define ANOTHERS (!touched && knob == new_value) /* the arm, which was not written by us */
#else
#define ANOTHERS false
#endif

/* For the assertions alone: what may stand at rest, and whether the operator asked for the value before it. */
byte kept = 0;
bool rolling_back = false;

/* Lives, and locks that the kernel frees with their holder. */
bool supervisor_up = false, core_up = true, hand_up = false;
byte actuators = 0; /* one of a dead supervisor may be ending beside the next */
bool supervisor_killed = false, actuator_killed = false, hand_killed = false;
bool journal_locked = false;
byte kills = KILLS, begins = BEGINS, hangs = HANGS, lacks = FULL;

/* The hand: what it is asked to put in force, what it answers, and a write that is inside the kernel. */
bool blind = false; /* it does not look: never so, but in BREAK_AGAIN */
chan request = [1] of { byte };
chan reply = [1] of { mtype:answer };
bool writing = false;
byte written;

#define OPEN (record == INTENT)
#define OURS ((knob == old_value || knob == new_value) && !(ANOTHERS))

/* Rule 1. A rollback that was cut off after its write and before its record has the value from before. */
#define SETTLED (knob == ALIEN || (!OPEN && (knob == kept || (rolling_back && knob == old_value))))

proctype Hand()
{
	byte wanted;

	{
		do
		:: atomic {
			request ? wanted ->
#ifndef BREAK_SPLIT
			drawing = false;
#endif
			if
#ifndef BREAK_FOREIGN
			:: !OURS && !blind -> reply ! FOREIGN
			:: (OURS || blind) && wanted == COIN && knob == old_value -> drawing = true; reply ! DONE
			:: (OURS || blind) && wanted != COIN && knob == wanted -> reply ! DONE
			:: (OURS || blind) && wanted != COIN && knob != wanted -> written = wanted; writing = true
#else
			:: knob == wanted -> reply ! DONE
			:: knob != wanted -> written = wanted; writing = true
#endif
			fi
		   }
		:: atomic { writing -> knob = written; writing = false; reply ! DONE }
		od
	} unless { hand_killed }
	/* A write that is inside the kernel ends in force, or not at all. */
	atomic {
		if
		:: writing -> knob = written
		:: true
		fi;
		writing = false;
		drawing = false;
		hand_up = false;
		hand_killed = false
	}
}

inline hand_fork()
{
	atomic {
		do
		:: request ? _
		:: reply ? _
		:: empty(request) && empty(reply) -> break
		od;
		hand_up = true;
		run Hand()
	}
}

/*
 * Asks the hand, and kills it when it does not answer in time. One that was killed by somebody else is replaced, and the next
 * one asked the same: once.
 */
inline put(value, answer)
{
	request ! value;
	if
	:: reply ? answer
	:: atomic { hangs > 0 && hand_up && empty(reply) -> hangs--; answer = LATE; hand_killed = true }
	:: !hand_up && empty(reply) ->
		hand_fork();
#ifdef BREAK_AGAIN
		blind = true;
#endif
#ifdef SPLITS
		touched = touched || value != COIN; /* it may have done what it was asked */
#endif
		request ! value;
		if
		:: reply ? answer
		:: atomic { hangs > 0 && hand_up && empty(reply) -> hangs--; answer = LATE; hand_killed = true }
		:: atomic { !hand_up && empty(reply) -> answer = LATE }
		fi
	fi;
#ifdef SPLITS
	touched = touched || (answer != FOREIGN && value == new_value);
#endif
	pinned = pinned || answer == FOREIGN
}

/* A rollback takes back the keep, too. */
inline end()
{
	atomic {
		if
		:: record == COMMITTED -> kept = old_value; rolling_back = false
		:: record != COMMITTED
		fi;
		record = ENDED
	}
}

/* Old in force again, whatever it takes; then the record of the end. */
inline undo(answer)
{
	do
	:: put(old_value, answer);
	   if
	   :: answer == LATE ->
#ifdef BREAK_STUCK
		record = ENDED;
		break
#else
		/* Stuck: nothing is written, and nothing counts as undone, before the hand is gone. */
		!hand_up;
		hand_fork()
#endif
	   :: answer != LATE -> end(); break
	   fi
	od
}

/* Under the journal's lock: by the supervisor after a death and at every start, and by the actuator when it opens. */
inline recover(answer)
{
#ifndef BREAK_HAND
	!hand_up;
#endif
#ifdef SPLITS
	touched = applied;
#endif
	if
	:: OPEN -> hand_fork(); undo(answer); hand_dismiss()
	:: !OPEN
	fi;
	assert(SETTLED)
}

/* Between two requests the hand is idle: it ends at once. */
inline hand_dismiss()
{
	if
	:: atomic { hand_up -> hand_killed = true }
	:: !hand_up
	fi;
	!hand_up
}

inline begin()
{
	atomic {
#ifndef BREAK_PIN
		begins > 0 && core_up && !OPEN && !pinned ->
#else
		begins > 0 && core_up && !OPEN ->
#endif
		begins--;
		adopted = adopted || knob == ALIEN;
		kept = knob; /* also after a rollback that was cut off before its record */
		rolling_back = false;
#ifdef SPLITS
		applied = false;
		touched = false;
#endif
		old_value = knob;
		new_value = (knob == ALIEN -> 0 : (knob + 1) % VALUES)
	}
#ifndef BREAK_INTENT
	record = INTENT
#else
	put(new_value, said);
	record = INTENT
#endif
}

/* Keep: in force, recorded, answered. A foreign value ends the transaction where it stands. */
inline keep(answer)
{
#if defined(SPLITS) && !defined(BREAK_APPLIED)
	applied = true;
#endif
	put(new_value, answer);
	if
	:: answer == DONE ->
		if
#ifndef BREAK_COMMIT
		:: atomic { record = COMMITTED; kept = new_value }
#else
		:: kept = new_value
#endif
		:: lacks > 0 ->
			lacks--;
			undo(answer)
		fi
	:: answer == FOREIGN -> record = ENDED
	:: answer == LATE -> late(answer)
	fi
}

inline late(answer)
{
	!hand_up;
	hand_fork();
	undo(answer)
}

inline turn(value, answer)
{
	put(value, answer);
	if
	:: answer == DONE
	:: answer == FOREIGN -> record = ENDED
	:: answer == LATE -> late(answer)
	fi
}

proctype Actuator()
{
	mtype:answer said;
	bool holds = false;

	{
		if
		:: atomic { !journal_locked -> journal_locked = true; holds = true }
		:: !supervisor_up -> goto over
		fi;
		recover(said);
		hand_fork();
		do
		:: begin()
#ifndef SPLITS
		:: core_up && OPEN -> turn(new_value, said)
#else
		:: core_up && OPEN -> turn(COIN, said)
#endif
		:: core_up && OPEN -> turn(old_value, said)
		:: core_up && OPEN -> keep(said)
		:: core_up && OPEN -> undo(said)
		/* Deadline, heartbeat, EOF of core's channel. */
		:: OPEN -> undo(said)
		/* Rollback of what was kept. */
		:: atomic { core_up && record == COMMITTED -> rolling_back = true }; undo(said)
		/* Without a supervisor it undoes, and ends. */
		:: !supervisor_up && OPEN -> undo(said)
		:: !supervisor_up && !OPEN -> break
		:: !core_up && !OPEN && kills == 0 -> break
		od;
		hand_dismiss();
over:		skip
	} unless { actuator_killed }
	/* The kernel frees its locks, and kills its hand (PR_SET_PDEATHSIG). */
	atomic {
		if
		:: holds -> journal_locked = false
		:: !holds
		fi;
		if
		:: hand_up && holds -> hand_killed = true
		:: else
		fi;
		actuator_killed = false;
		actuators--
	}
}

/* One life of the supervisor: recovers, starts the actuator, and does the same again when it dies. */
proctype Supervisor()
{
	mtype:answer said;
	bool holds = false;

	{
		do
		:: true -> /* an actuator of the last supervisor may still live: the lock says so */
#ifndef BREAK_LOCK
			atomic { !journal_locked -> journal_locked = true; holds = true };
#endif
			recover(said);
#ifndef BREAK_LOCK
			atomic { journal_locked = false; holds = false };
#endif
			if
			:: !core_up && kills == 0 -> break
			:: core_up || kills > 0 -> atomic { actuators++; run Actuator() }
			fi;
			actuators == 0
		od
	} unless { supervisor_killed }
	atomic {
		if
		:: holds ->
			journal_locked = false;
			if
			:: hand_up -> hand_killed = true
			:: else
			fi
		:: !holds
		fi;
		supervisor_killed = false;
		supervisor_up = false
	}
}

/* SIGKILL for one of them, or for all at once. */
proctype Killer()
{
	do
	:: atomic { kills > 0 && actuators > 0 && !actuator_killed -> kills--; actuator_killed = true }
	:: atomic { kills > 0 && hand_up && !hand_killed -> kills--; hand_killed = true }
	:: atomic { kills > 0 && supervisor_up && !supervisor_killed -> kills--; supervisor_killed = true }
	:: atomic {
		kills > 0 && supervisor_up && actuators > 0 && !supervisor_killed && !actuator_killed ->
		kills--;
		supervisor_killed = true;
		actuator_killed = true
	   }
	:: atomic { core_up -> core_up = false }
	:: atomic { kills > 0 && !core_up -> kills = 0 } /* some are left over */
	:: kills == 0 && !core_up -> break
	od
}

/* Once, at any moment that is not inside somebody's write. */
proctype Administrator()
{
	if
	:: atomic { !writing -> knob = ALIEN; admin_acted = true }
	:: true
	fi
}

/* The service manager: a daemon that is gone is started again. */
init {
	atomic { run Killer(); run Administrator() };
	do
	:: atomic { !supervisor_up && (kills > 0 || core_up || OPEN) ->
		supervisor_up = true;
		run Supervisor()
	   }
	:: !supervisor_up && kills == 0 && !core_up && actuators == 0 && !OPEN && !hand_up -> break
	od;
	assert(SETTLED);
	assert(!journal_locked)
}

/* Rules 2 and 4. */
ltl rules { [] ((admin_acted && !adopted -> knob == ALIEN) && (pinned -> knob == ALIEN) && (drawing -> OPEN)) }
