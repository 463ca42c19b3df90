# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the tests in the software machine share. Each tests/vm/NAME.sh is given the program and the folder of the helpers,
# runs itself again inside by vm_enter, and exits with 0, or 77 with a reason where this machine cannot run it.
set -euo pipefail
flyball=$(realpath "${1:?the program}")
# shellcheck disable=SC2034 # for those who source it
helpers=$(realpath "${2:?the folder of the helpers}")

# vm_enter [OPTION of tests/vm/run...]: what follows runs inside, as root, and nothing that it does comes out.
vm_enter()
{
	[ -z "${FLYBALL_VM_GUEST:-}" ] || return 0
	exec "$(dirname "${BASH_SOURCE[0]}")/run" "$@" -- bash "$(realpath "$0")" "$flyball" "$helpers"
}

fail()
{
	echo "FAILED: $*"
	exit 1
}

# One line for each thing that was checked: check TEXT COMMAND...
check()
{
	local text=$1

	shift
	"$@" || fail "$text"
	echo "ok: $text"
}

# equal A B
equal()
{
	[ "$1" = "$2" ] || { echo "'$1' is not '$2'" && return 1; }
}
