# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts beside it; needs bash. Sets `root`, the top of the source tree.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=${0##*/}

say() { printf '%s: %s\n' "$me" "$*" >&2; }
die() { say "$*"; exit 1; }

# Runs a command as root: as it is, or through sudo.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "need root or sudo for: $*"
	fi
}

# Why /dev/kvm cannot be used; nothing where it can. UKVMM_NO_KVM=1 pretends that there is none.
no_kvm_reason()
{
	if [ "${UKVMM_NO_KVM:-}" = 1 ]; then
		echo "UKVMM_NO_KVM=1"
	elif [ ! -e /dev/kvm ]; then
		echo "there is no /dev/kvm"
	elif ! (: <>/dev/kvm) 2>/dev/null; then
		echo "/dev/kvm cannot be opened (join its group or be root)"
	fi
}

# Configures and builds presets: build_preset PRESET [TARGET...]
build_preset()
{
	local preset=$1
	shift
	(cd "$root" && cmake --preset "$preset" >"build/$preset.log" 2>&1) ||
		{ cat "$root/build/$preset.log" >&2; die "cmake --preset $preset failed"; }
	(cd "$root" && cmake --build --preset "$preset" ${1:+--target "$@"}) >"$root/build/$preset.log" 2>&1 ||
		{ grep -v '^\[[0-9]*/[0-9]*\] ' "$root/build/$preset.log" >&2; die "building $preset failed"; }
}
