// SPDX-License-Identifier: Apache-2.0
/*
 * The supervisor. Its whole state is which workers live and whether it is stopping:
 *
 *     start: recover the journal → spawn observer, actuator, core → pair them
 *     a worker dies: (actuator: recover the journal) → spawn it again → pair it with those that live
 *     stop: core first (it ends its trials in order), then the others; who does not end is killed
 *
 *     core says that the observer is late: where it is for long is what hangs → kill it; if it does not die of that, leave
 *         it to itself → spawn another one, which leaves that source out until the old one is gone
 *
 * A pair is a fresh channel; each end travels to its process as MESSAGE_PEER. In recommend mode there is no actuator.
 */
#include "daemon/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "actuator/actuator.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sysroot.h"
#include "daemon/channel.h"
#include "daemon/exit_code.h"
#include "daemon/hang.h"
#include "daemon/place.h"
#include "daemon/process.h"
#include "observer/observer.h"

#define STOP_TIMEOUT_NS (3 * NSEC_PER_SEC) /* a worker that does not end by then is killed */
#define SHORT_LIFE_NS NSEC_PER_SEC /* a worker that lived shorter waits before its next start */
#define BACKOFF_MIN_NS (100 * NSEC_PER_MSEC)
#define BACKOFF_MAX_NS (10 * NSEC_PER_SEC)

/* How often core says that the observer is late, in the same step each time, before that counts as hanging. */
#define LATE_MAX 2
#define LATE_ATTACH_MAX 10             /* loading programs takes seconds on a slow machine */
#define STAND_NS (300 * NSEC_PER_MSEC) /* at the end: who stands in one file for so long hangs */
#define GRAVE_NS (500 * NSEC_PER_MSEC) /* who was killed and lives on hangs in the kernel */
#define HUNG_MAX 8 /* that are left to themselves; no more are started beside so many */

struct supervisor;

struct child {
	struct supervisor *supervisor;
	enum role role;
	pid_t pid;   /* 0 = not running */
	int control; /* our end of its control channel; -1 = none */
	uint64_t started_ns, backoff_ns;
	unsigned int restarts;
	sd_event_source *exit_source, *control_source, *restart_source;
};

/* An observer that was killed and does not die. */
struct hung {
	struct supervisor *supervisor;
	pid_t pid; /* 0 = a free place */
	sd_event_source *exit_source;
};

struct supervisor {
	const struct daemon_options *options;
	struct place place;
	struct account account;
	int root;
	struct split_maps maps[2]; /* of split connections: the actuator's, the observer's */
	sd_event *event;
	sd_event_source *stop_timer;
	bool stopping, killed;
	bool in_haste;        /* the stop timer looks whether the observer hangs */
	uint32_t stop_serial; /* the observer's step when that timer began */
	int exit_code;
	struct child children[ROLE_COUNT];
	struct source_watch *watch; /* shared with the observer */
	uint32_t late_serial;       /* the step that core last found it late in */
	unsigned int n_late;        /* how often */
	sd_event_source *grave;     /* runs while a killed observer has not died yet */
	struct hung hung[HUNG_MAX];
	int counting; /* while it is open the kernel times BPF programs; -1 = it does not */
};

/* Who talks to whom. */
static const enum role pairs[][2] = {
	{ ROLE_CORE, ROLE_OBSERVER },
	{ ROLE_CORE, ROLE_ACTUATOR },
};

uint64_t process_heartbeat_ns(const struct daemon_options *options)
{
	/* Four ticks: one may be late by a busy machine, which also kept a living core waiting for more than a second. */
	return options->tick_ns * 4 > 2 * NSEC_PER_SEC ? options->tick_ns * 4 : 2 * NSEC_PER_SEC;
}

/* In the foreground the plan says what was decided. */
static enum log_level log_level(const struct daemon_options *options)
{
	return options->foreground_plan ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
}

static bool is_wanted(const struct supervisor *s, enum role role)
{
	if (role == ROLE_ACTUATOR)
		return s->options->mode == ANALYZER_AUTONOMOUS;
	return role != ROLE_SUPERVISOR;
}

static void recover(struct supervisor *s)
{
	const struct actuator_options options = {
		.root = s->root,
		.state = s->place.journal,
		.only = { .kind = SCOPE_KIND_COUNT },
		.knobs = s->options->knobs,
	};
	struct recovery recovery;
	int r;

	if (s->place.journal < 0)
		return;
	r = actuator_recover(&options, clock_now_ns(), &recovery);
	if (r < 0)
		log_error("unable to recover the journal in '%s': %s", s->options->run_dir,
			  strerror(-r));
	else if (recovery.text[0])
		log_warning("%s", recovery.text);
}

static bool wants_split(const struct daemon_options *options)
{
	for (size_t i = 0; i < options->policies->n_policies; i++)
		if (options->policies->policies[i].trial.split)
			return options->mode == ANALYZER_AUTONOMOUS;
	return false;
}

/* Before anybody is forked, so that a process that is started anew has the same. */
static void make_maps(struct supervisor *s)
{
	int r = wants_split(s->options) ? split_maps_open(&s->maps[0], &s->maps[1]) : 0;

	if (r < 0)
		log_warning("unable to make the maps of split connections: %s, ignoring it: trials "
			    "that split will be refused",
			    strerror(-r));
}

static int child_main(const struct supervisor *s, enum role role, int control)
{
	const struct process_context context = {
		.options = s->options,
		.account = s->account,
		.control = control,
		.listener = role == ROLE_CORE ? s->place.listener : -1,
		.root = s->root,
		.state = role == ROLE_ACTUATOR ? s->place.journal : -1,
		.pins = role == ROLE_ACTUATOR ? s->place.pins : -1,
		.maps = &s->maps[role == ROLE_OBSERVER],
		.watch = role == ROLE_OBSERVER ? s->watch : NULL,
		.restarts = s->children[role].restarts,
	};

	return process_run(role, &context, log_level(s->options));
}

/* Gives both processes of a pair a fresh channel, when both live. */
static void pair(struct supervisor *s, enum role a, enum role b)
{
	int fds[2];
	int r;

	if (s->children[a].control < 0 || s->children[b].control < 0)
		return;
	r = channel_pair(fds);
	if (r < 0) {
		log_error("unable to pair %s and %s: %s", role_word(a), role_word(b), strerror(-r));
		return;
	}
	for (int i = 0; i < 2; i++) {
		struct message message;

		message_init(&message, MESSAGE_PEER);
		message.word.value = i == 0 ? b : a;
		message.word.pid = s->children[message.word.value].pid;
		/* A failure is a death, which its own handler sees. */
		channel_send(s->children[i == 0 ? a : b].control, &message, fds[i]);
		close(fds[i]);
	}
}

/* For the observer. Without the right to, what BPF programs cost is not known, which `overhead` shows as no runs. */
static void count_runs(struct supervisor *s, uint32_t wanted)
{
	if (wanted && s->counting >= 0)
		return;
	closep(&s->counting);
	s->counting = wanted ? observer_count_runs() : -1;
}

static int on_control(sd_event_source *source, int fd, uint32_t revents, void *data);
static int on_death(sd_event_source *source, const siginfo_t *info, void *data);

static int spawn(struct supervisor *s, enum role role)
{
	struct child *child = &s->children[role];
	int fds[2];
	int r;

	r = channel_pair(fds);
	if (r < 0)
		return r;
	child->pid = fork();
	if (child->pid < 0) {
		r = -errno;
		child->pid = 0;
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (child->pid == 0)
		_exit(child_main(s, role, fds[1]));
	close(fds[1]);
	child->control = fds[0];
	child->started_ns = clock_now_ns();
	r = sd_event_add_child(s->event, &child->exit_source, child->pid, WEXITED, on_death, child);
	if (r >= 0)
		r = sd_event_add_io(s->event, &child->control_source, child->control, EPOLLIN,
				    on_control, child);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (pairs[i][0] == role || pairs[i][1] == role)
			pair(s, pairs[i][0], pairs[i][1]);
	return r < 0 ? r : 0;
}

static int schedule_restart(struct child *child);

static int on_restart(sd_event_source *source, uint64_t usec, void *data)
{
	struct child *child = data;
	int r;

	(void)usec;
	child->restart_source = sd_event_source_disable_unref(source);
	child->restarts++;
	r = spawn(child->supervisor, child->role);
	if (r < 0)
		log_error("unable to start %s: %s, trying again", role_word(child->role),
			  strerror(-r));
	if (child->pid > 0)
		return 0;
	/* Not even forked: as if it had died at once. */
	child->started_ns = clock_now_ns();
	return schedule_restart(child);
}

/* At once after a normal life; later and later when it dies right after its start. */
static int schedule_restart(struct child *child)
{
	uint64_t now_ns = clock_now_ns(), wait_ns = 0;

	if (now_ns - child->started_ns < SHORT_LIFE_NS) {
		wait_ns = child->backoff_ns ? child->backoff_ns * 2 : BACKOFF_MIN_NS;
		wait_ns = wait_ns > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : wait_ns;
	}
	child->backoff_ns = wait_ns;
	return sd_event_add_time(child->supervisor->event, &child->restart_source, CLOCK_MONOTONIC,
				 (now_ns + wait_ns) / NSEC_PER_USEC, 1, on_restart, child);
}

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *data);

static int arm_stop_timer(struct supervisor *s)
{
	const uint64_t wait_ns = s->in_haste ? STAND_NS : STOP_TIMEOUT_NS;

	s->stop_serial = __atomic_load_n(&s->watch->serial, __ATOMIC_RELAXED);
	s->stop_timer = sd_event_source_disable_unref(s->stop_timer);
	return sd_event_add_time(s->event, &s->stop_timer, CLOCK_MONOTONIC,
				 (clock_now_ns() + wait_ns) / NSEC_PER_USEC, 1000, on_stop_timeout,
				 s);
}

static bool observer_hangs(const struct supervisor *s)
{
	const struct child *child = &s->children[ROLE_OBSERVER];
	char what[HANG_WHAT_MAX];

	return child->pid > 0 &&
	       __atomic_load_n(&s->watch->serial, __ATOMIC_RELAXED) == s->stop_serial &&
	       hang_find(s->root, child->pid, what, sizeof(what));
}

/* Who is killed and does not die hangs in the kernel, perhaps for ever: there is nothing to wait for. */
static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *data)
{
	struct supervisor *s = data;
	const bool killed = s->killed;

	(void)source;
	(void)usec;
	if (s->in_haste && !observer_hangs(s)) {
		s->in_haste = false;
		return arm_stop_timer(s);
	}
	s->in_haste = s->options->foreground_plan;
	s->killed = true;
	for (enum role role = 0; role < ROLE_COUNT; role++) {
		if (s->children[role].pid <= 0)
			continue;
		log_warning("%s (process %d) does not end, %s", role_word(role),
			    s->children[role].pid,
			    killed ? "though it was killed: leaving it to itself" : "killing it");
		kill(s->children[role].pid, SIGKILL);
	}
	return killed ? sd_event_exit(s->event, 0) : arm_stop_timer(s);
}

static bool any_alive(const struct supervisor *s)
{
	for (enum role role = 0; role < ROLE_COUNT; role++)
		if (s->children[role].pid > 0)
			return true;
	return false;
}

static void send_stop(struct supervisor *s, bool core)
{
	for (enum role role = 0; role < ROLE_COUNT; role++)
		if (s->children[role].control >= 0 && (role == ROLE_CORE) == core)
			channel_send_word(s->children[role].control, MESSAGE_STOP, 0);
	arm_stop_timer(s);
}

static void stop(struct supervisor *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	/* A user waits, and nothing is to be undone. */
	s->in_haste = s->options->foreground_plan;
	for (enum role role = 0; role < ROLE_COUNT; role++)
		s->children[role].restart_source =
			sd_event_source_disable_unref(s->children[role].restart_source);
	send_stop(s, s->children[ROLE_CORE].pid > 0);
	if (!any_alive(s))
		sd_event_exit(s->event, 0);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	(void)source;
	(void)info;
	stop(data);
	return 0;
}

/* --- an observer that hangs --- */

static int on_hung_end(sd_event_source *source, const siginfo_t *info, void *data)
{
	struct hung *hung = data;

	(void)source;
	log_warning("the observer that hung (process %d) has ended", info->si_pid);
	hang_end(hung->supervisor->watch, hung->pid, clock_now_ns());
	hung->exit_source = sd_event_source_disable_unref(hung->exit_source);
	hung->pid = 0;
	return 0;
}

static void forget(struct child *child)
{
	child->exit_source = sd_event_source_disable_unref(child->exit_source);
	child->control_source = sd_event_source_disable_unref(child->control_source);
	close(child->control);
	child->control = -1;
	child->pid = 0;
}

static int leave_alone(struct child *child, struct hung *hung)
{
	struct supervisor *s = child->supervisor;

	*hung = (struct hung){ .supervisor = s, .pid = child->pid };
	forget(child);
	count_runs(s, 0);
	return sd_event_add_child(s->event, &hung->exit_source, hung->pid, WEXITED, on_hung_end,
				  hung);
}

static int on_grave(sd_event_source *source, uint64_t usec, void *data)
{
	struct child *child = data;
	struct supervisor *s = child->supervisor;
	struct hung *hung = s->hung;
	char text[HANG_TEXT_MAX];

	(void)usec;
	while (hung < s->hung + HUNG_MAX && hung->pid)
		hung++;
	if (hung == s->hung + HUNG_MAX) {
		/* Looked at again: one of them may end. */
		sd_event_source_set_time(source, (clock_now_ns() + BACKOFF_MAX_NS) / NSEC_PER_USEC);
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	s->grave = sd_event_source_disable_unref(s->grave);
	hang_note(s->watch, s->root, child->pid, clock_now_ns(), text, sizeof(text));
	log_error("the observer (process %d) was killed and does not die: %s; starting another one",
		  child->pid, text);
	leave_alone(child, hung);
	if (s->stopping)
		return any_alive(s) ? 0 : sd_event_exit(s->event, 0);
	return schedule_restart(child);
}

static void end_child(struct child *child)
{
	struct supervisor *s = child->supervisor;

	kill(child->pid, SIGKILL);
	if (child->role == ROLE_OBSERVER && !s->grave)
		sd_event_add_time(s->event, &s->grave, CLOCK_MONOTONIC,
				  (clock_now_ns() + GRAVE_NS) / NSEC_PER_USEC, 1000, on_grave,
				  child);
}

/* How often the observer may be late in this step. A file does not load programs. */
static unsigned int late_max(const struct supervisor *s, pid_t pid)
{
	char what[HANG_WHAT_MAX];

	return __atomic_load_n(&s->watch->step, __ATOMIC_RELAXED) != STEP_ATTACH ||
			       hang_find(s->root, pid, what, sizeof(what))
		       ? LATE_MAX
		       : LATE_ATTACH_MAX;
}

static void on_late(struct supervisor *s, pid_t pid)
{
	struct child *child = &s->children[ROLE_OBSERVER];
	const uint32_t serial = __atomic_load_n(&s->watch->serial, __ATOMIC_RELAXED);
	char text[HANG_TEXT_MAX];

	if (child->pid <= 0 || child->pid != pid || s->grave)
		return;
	s->n_late = serial == s->late_serial ? s->n_late + 1 : 1;
	s->late_serial = serial;
	if (s->n_late < late_max(s, pid))
		return;
	s->n_late = 0;
	hang_note(s->watch, s->root, pid, clock_now_ns(), text, sizeof(text));
	log_error("killing the observer (process %d): %s", pid, text);
	end_child(child);
}

static int on_control(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct child *child = data;
	struct supervisor *s = child->supervisor;
	struct message message;
	int r = channel_receive(fd, child->role, ROLE_SUPERVISOR, &message, NULL);

	(void)revents;
	if (r == 0)
		return 0;
	if (r < 0) {
		/* Dead, which on_death() handles, or mad. */
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
		if (r == -EBADMSG)
			kill(child->pid, SIGKILL);
		return 0;
	}
	if (message.header.type == MESSAGE_BAD_PEER && s->children[message.word.value].pid > 0) {
		log_error("killing %s (process %d): %s says that it does not keep to the protocol",
			  role_word(message.word.value), s->children[message.word.value].pid,
			  role_word(child->role));
		end_child(&s->children[message.word.value]);
	}
	if (message.header.type == MESSAGE_LATE && message.word.value == ROLE_OBSERVER)
		on_late(s, message.word.pid);
	if (message.header.type == MESSAGE_COUNT)
		count_runs(s, message.word.value);
	if (message.header.type == MESSAGE_READY && child->role == ROLE_CORE &&
	    !s->options->foreground_plan)
		sd_notify(0, "READY=1");
	return 0;
}

static void log_exit(const struct child *child, const siginfo_t *info, bool stopping)
{
	if (info->si_code == CLD_EXITED && info->si_status == 0)
		return;
	if (info->si_code == CLD_EXITED)
		log_warning("%s (process %d) ended with status %d%s", role_word(child->role),
			    child->pid, info->si_status, stopping ? "" : ", restarting it");
	else
		log_warning("%s (process %d) was killed by signal %d (%s)%s",
			    role_word(child->role), child->pid, info->si_status,
			    strsignal(info->si_status), stopping ? "" : ", restarting it");
}

static int on_death(sd_event_source *source, const siginfo_t *info, void *data)
{
	struct child *child = data;
	struct supervisor *s = child->supervisor;
	bool clean = info->si_code == CLD_EXITED && info->si_status == 0;

	(void)source;
	/* Before anything else: nobody else undoes what a dead actuator left. */
	if (child->role == ROLE_ACTUATOR && !clean)
		recover(s);
	if (child->role == ROLE_OBSERVER) {
		count_runs(s, 0);
		s->grave = sd_event_source_disable_unref(s->grave);
		hang_end(s->watch, child->pid, clock_now_ns());
	}
	log_exit(child, info, s->stopping);
	forget(child);
	if (s->options->foreground_plan && child->role == ROLE_CORE && !s->stopping) {
		s->exit_code = clean ? EXIT_CODE_OK : EXIT_CODE_ERROR;
		stop(s);
	} else if (s->stopping && child->role == ROLE_CORE) {
		send_stop(s, false);
	}
	if (s->stopping && !any_alive(s))
		return sd_event_exit(s->event, 0);
	return s->stopping ? 0 : schedule_restart(child);
}

static int start(struct supervisor *s)
{
	int r = sd_event_new(&s->event);

	for (size_t i = 0; i < PROCESS_STOP_SIGNALS && r >= 0; i++)
		r = sd_event_add_signal(s->event, NULL, process_stop_signals[i], on_signal, s);
	for (enum role role = 0; role < ROLE_COUNT && r >= 0; role++)
		if (is_wanted(s, role))
			r = spawn(s, role);
	return r < 0 ? r : 0;
}

static void block_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	for (size_t i = 0; i < PROCESS_STOP_SIGNALS; i++)
		sigaddset(&mask, process_stop_signals[i]);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/*
 * What all processes have from here. Those that may put a value back need little of a CPU, but in time, also where more
 * tasks want one than there are: eight busy ones beside core kept a heartbeat for more than its two seconds.
 */
#define NICENESS (-10)

static int run(struct supervisor *s)
{
	int r;

	if (setpriority(PRIO_PROCESS, 0, NICENESS) < 0)
		log_warning("unable to set the priority %d: %s, ignoring", NICENESS,
			    strerror(errno));
	r = privilege_supervisor();
	if (r < 0) {
		log_error("unable to give up privileges: %s", strerror(-r));
		return EXIT_CODE_PERMISSION;
	}
	recover(s);
	make_maps(s);
	block_signals();
	r = start(s);
	if (r == 0)
		r = sd_event_loop(s->event);
	if (r < 0) {
		log_error("unable to run: %s", strerror(-r));
		s->exit_code = EXIT_CODE_ERROR;
	}
	/* Nothing to do after an actuator that ended in order. */
	recover(s);
	return s->exit_code;
}

int supervisor_run(const struct daemon_options *options)
{
	struct supervisor s = { .options = options,
				.place = PLACE_NONE,
				.root = -1,
				.counting = -1,
				.maps = { SPLIT_MAPS_NONE, SPLIT_MAPS_NONE } };
	int r;

	log_open(role_word(ROLE_SUPERVISOR), log_level(options));
	for (enum role role = 0; role < ROLE_COUNT; role++)
		s.children[role] = (struct child){ .supervisor = &s, .role = role, .control = -1 };
	s.root = sysroot_open("/");
	s.watch = mmap(NULL, sizeof(*s.watch), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (s.root < 0 || s.watch == MAP_FAILED)
		return EXIT_CODE_ERROR;
	r = place_open(options, &s.account, &s.place);
	if (r == 0)
		r = run(&s);
	place_close(&s.place);
	for (size_t i = 0; i < ARRAY_SIZE(s.maps); i++)
		split_maps_close(&s.maps[i]);
	sd_event_unref(s.event);
	closep(&s.counting);
	close(s.root);
	munmap(s.watch, sizeof(*s.watch));
	return r;
}
