#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The operator's hand wins: a value that somebody else sets in the middle of a trial stays.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
need_disk "$@"

policy_write 1s 100ms
daemon_start
arm_await
echo kyber >"/sys/block/$disk_loop/queue/scheduler"
check "the trial ends" lab_await 30 trial_ended
check "as aborted" equal "$(trial_member verdict)" aborted
check "because somebody else changed the knob" equal "$(trial_member reason)" foreign-write
check "the hand's value stays" equal "$(disk_scheduler)" kyber
sleep 3
check "and still stays" equal "$(disk_scheduler)" kyber
daemon_stop
check "also at the end of the daemon" equal "$(disk_scheduler)" kyber
