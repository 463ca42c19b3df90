#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every row of the sysctl family, set and restored on a machine that may be changed.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
vm_enter --cpus 2 --nodes 2 --mem 2G

FLYBALL_DISPOSABLE=1 "$helpers/test_families_sysctl"
