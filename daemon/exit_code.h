/* SPDX-License-Identifier: Apache-2.0 */
/* Exit codes of every verb; stable. */
#ifndef FLYBALL_DAEMON_EXIT_CODE_H
#define FLYBALL_DAEMON_EXIT_CODE_H

enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_ERROR = 1,
	EXIT_CODE_CHANGES = 2, /* changes are present: recommend, drift */
	EXIT_CODE_NO_DAEMON = 3,
	EXIT_CODE_PERMISSION = 4,
	EXIT_CODE_REFUSED = 5,      /* by a limit */
	EXIT_CODE_TRIAL_UNDONE = 6, /* the trial failed and was undone */
	EXIT_CODE_INCONCLUSIVE = 7,
	EXIT_CODE_TIMEOUT = 8,
	EXIT_CODE_USAGE = 64,
};

#endif
