// SPDX-License-Identifier: Apache-2.0
#include "daemon/place.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sysroot.h"
#include "daemon/exit_code.h"

#define LISTEN_BACKLOG 16
#define PUSH_GROUP "flyball-app" /* its members may push metrics, and nothing else */

static int find_account(const struct daemon_options *options, struct account *ret_account)
{
	int r;

	/* Who is not root cannot become anybody else: the processes stay who they are. */
	if (geteuid() != 0) {
		*ret_account = (struct account){ .uid = geteuid(), .gid = getegid() };
		return 0;
	}
	r = account_find(options->user, ret_account);
	/* A look at a machine on which nothing is installed. */
	if (r == -ENOENT && options->foreground_plan)
		r = account_find("nobody", ret_account);
	if (r == 0)
		return 0;
	if (r == -EINVAL)
		log_error("unable to run as '%s': it is root; give another with --user",
			  options->user);
	else
		log_error("unable to find the user '%s': make it with 'useradd --system --shell "
			  "/usr/sbin/nologin "
			  "%s', or give another (or an unused number) with --user",
			  options->user, options->user);
	return EXIT_CODE_ERROR;
}

/* What core may write lies apart from what only root may. */
static int make_folders(const struct daemon_options *options, const struct account *account)
{
	char history[PATH_MAX];
	int r;

	r = file_make_folder(options->run_dir, 0755);
	if (r < 0) {
		log_error("unable to make the folder '%s': %s", options->run_dir, strerror(-r));
		return r;
	}
	snprintf(history, sizeof(history), "%s/history", options->state_dir);
	r = file_make_folder(options->state_dir, 0755);
	if (r == 0 && mkdir(history, 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0 && chown(history, account->uid, account->gid) < 0)
		r = -errno;
	if (r < 0)
		log_error("unable to make the folder '%s': %s", options->state_dir, strerror(-r));
	return r;
}

void push_folder_open(const char *run_dir, const struct account *account, bool is_daemon,
		      struct push_folder *ret_folder)
{
	const struct group *group = getgrnam(PUSH_GROUP);
	char path[PATH_MAX];
	bool made;

	*ret_folder = (struct push_folder){ .run_dir = NULL };
	ret_folder->made_run_dir = !is_daemon && mkdir(run_dir, 0755) == 0;
	snprintf(path, sizeof(path), "%s/app", run_dir);
	made = mkdir(path, 0750) == 0;
	if (!made && !is_daemon)
		return;
	/* What fails here is said by the source that cannot listen there. */
	if ((geteuid() == 0 &&
	     chown(path, account->uid, group ? group->gr_gid : account->gid) < 0) ||
	    chmod(path, 0750) < 0)
		log_warning("unable to give '%s' its owner and mode: %m", path);
	ret_folder->run_dir = run_dir;
}

void push_folder_close(struct push_folder *folder)
{
	char path[PATH_MAX];

	if (!folder->run_dir)
		return;
	snprintf(path, sizeof(path), "%s/app/socket", folder->run_dir);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	if (folder->made_run_dir)
		rmdir(folder->run_dir);
	folder->run_dir = NULL;
}

static bool needs_app(const struct condition *condition)
{
	for (uint32_t i = 0; i < condition->n_nodes; i++)
		if (condition->nodes[i].op < CONDITION_AND &&
		    signal_is_app(condition->nodes[i].ref.signal))
			return true;
	return false;
}

/* A plan leaves no trace; it makes the folder only where a condition asks for what is pushed. */
static bool plan_needs_app(const struct policy_set *set)
{
	for (size_t i = 0; i < set->n_policies; i++)
		if (needs_app(&set->policies[i].when) ||
		    signal_is_app(set->policies[i].objective.ref.signal))
			return true;
	return false;
}

static int take_lock(const struct daemon_options *options, int state)
{
	_cleanup_close_ int lock =
		openat(state, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	char text[32];
	int n;

	if (lock < 0) {
		log_error("unable to open '%s/lock': %m", options->state_dir);
		return -errno;
	}
	if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		if (sysroot_reread(lock, text, sizeof(text)) <= 0)
			strcpy(text, "unknown");
		log_error("another flyball daemon (process %s) works in '%s': stop it, or give "
			  "this one its own "
			  "--state and --run",
			  text, options->state_dir);
		return -EBUSY;
	}
	n = snprintf(text, sizeof(text), "%d\n", getpid());
	if (ftruncate(lock, 0) < 0 || pwrite(lock, text, (size_t)n, 0) != n) {
		log_error("unable to write '%s/lock': %m", options->state_dir);
		return -EIO;
	}
	return take_fd(&lock);
}

static bool is_answered(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
}

static int listen_at(const struct daemon_options *options, const struct account *account)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock",
			 options->run_dir);

	if (n < 0 || (size_t)n >= sizeof(address.sun_path)) {
		log_error("unable to listen in '%s': the path is longer than a socket's may be "
			  "(%zu bytes)",
			  options->run_dir, sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	/* A daemon with a state folder of its own may live here, too: its clients would lose it. */
	if (is_answered(&address)) {
		log_error("another flyball daemon listens on '%s': give this one its own --run",
			  address.sun_path);
		return -EADDRINUSE;
	}
	unlink(address.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chown(address.sun_path, (uid_t)-1, account->gid) < 0 ||
	    chmod(address.sun_path, 0660) < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
		log_error("unable to listen on '%s': %m", address.sun_path);
		return -errno;
	}
	return take_fd(&fd);
}

int place_open(const struct daemon_options *options, struct account *ret_account,
	       struct place *ret_place)
{
	_cleanup_close_ int state = -1;
	int r = find_account(options, ret_account);

	*ret_place = PLACE_NONE;
	if (r != 0)
		return r;
	if (options->foreground_plan) {
		if (plan_needs_app(options->policies))
			push_folder_open(options->run_dir, ret_account, false, &ret_place->push);
		return 0;
	}
	if (make_folders(options, ret_account) < 0)
		return geteuid() == 0 ? EXIT_CODE_ERROR : EXIT_CODE_PERMISSION;
	/*
	 * The journal lies in the run folder, which is memory: what it undoes does not outlive a reboot either, and an
	 * fsync on the disk that a trial is about can take very long.
	 */
	ret_place->journal = open(options->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	state = open(options->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret_place->journal < 0 || state < 0) {
		log_error("unable to open '%s': %m",
			  ret_place->journal < 0 ? options->run_dir : options->state_dir);
		return EXIT_CODE_ERROR;
	}
	ret_place->lock = take_lock(options, state);
	if (ret_place->lock < 0)
		return EXIT_CODE_ERROR;
	ret_place->pins = take_fd(&state);
	ret_place->listener = listen_at(options, ret_account);
	if (ret_place->listener < 0)
		return EXIT_CODE_ERROR;
	ret_place->run_dir = options->run_dir;
	push_folder_open(options->run_dir, ret_account, true, &ret_place->push);
	return 0;
}

void place_close(struct place *place)
{
	char path[PATH_MAX];

	if (place->run_dir) {
		snprintf(path, sizeof(path), "%s/control.sock", place->run_dir);
		unlink(path);
	}
	push_folder_close(&place->push);
	if (place->listener >= 0)
		close(place->listener);
	if (place->lock >= 0)
		close(place->lock);
	if (place->pins >= 0)
		close(place->pins);
	if (place->journal >= 0)
		close(place->journal);
	*place = PLACE_NONE;
}
