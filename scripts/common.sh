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
	elif [ ! -c /dev/kvm ]; then
		echo "there is no /dev/kvm"
	elif ! (: <>/dev/kvm) 2>/dev/null; then
		echo "/dev/kvm cannot be opened (join its group or be root)"
	fi
}

# For UKVMM_NO_KVM=1 as root: runs this script again where /dev has no kvm, in a mount namespace of
# its own. The tests then see what they would see on such a machine. Returns where there is nothing
# to hide or no right to hide it.
hide_kvm()
{
	[ -e /dev/kvm ] && [ "$(id -u)" = 0 ] && [ -z "${UKVMM_KVM_HIDDEN:-}" ] || return 0
	UKVMM_KVM_HIDDEN=1 exec unshare --mount bash -c '
		set -e
		mount --rbind /dev /mnt
		mount -t tmpfs -o mode=755 dev /dev
		for node in /mnt/*; do
			name=${node##*/}
			if [ "$name" = kvm ]; then
				continue
			elif [ -L "$node" ]; then
				cp -P "$node" /dev/
			elif [ -d "$node" ]; then
				mkdir "/dev/$name" && mount --rbind "$node" "/dev/$name"
			else
				: >"/dev/$name" && mount --bind "$node" "/dev/$name"
			fi
		done
		umount -R -l /mnt
		exec "$@"' hide_kvm "$0" "$@"
}

# Configures and builds presets: build_preset PRESET [TARGET...]
build_preset()
{
	local preset=$1
	shift
	local log=$root/build/$preset.log
	if ! (cd "$root" && cmake --preset "$preset") >"$log" 2>&1; then
		cat "$log" >&2
		die "cmake --preset $preset failed"
	fi
	if ! (cd "$root" && cmake --build --preset "$preset" ${1:+--target "$@"}) >"$log" 2>&1; then
		grep -v '^\[[0-9]*/[0-9]*\] ' "$log" >&2
		die "building $preset failed"
	fi
}
