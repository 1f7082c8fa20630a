#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# --io-max: what a guest's disks may ask of the block devices under their files, on devices of the test's own. Root only,
# in a mount namespace: what is mounted, and the loop devices with it, goes with the test.
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/cgroups.sh"

skip() { echo "1..0 # SKIP $1"; exit 77; }
need_kvm
[ "$(id -u)" = 0 ] || skip 'only root may make a file system'
if [ "${IO_MAX_INSIDE-}" != 1 ]; then
	rm -rf "$dir"
	IO_MAX_INSIDE=1 exec unshare --mount --propagation private "$0"
fi
for tool in mkfs.ext4 losetup addpart; do
	command -v $tool >"$dir/ignored" || skip "no $tool"
done

mkdir "$dir/mnt" "$dir/tmp"
truncate -s 48M "$dir/image"
mkfs.ext4 -q -F "$dir/image" || skip 'no file system can be made'
mount -o loop "$dir/image" "$dir/mnt" 2>"$dir/ignored" || skip "no loop device: $(<"$dir/ignored")"
# as the io guest wants it
"$PATTERN" $((4 << 20)) >"$dir/mnt/disk"
# out of the page cache, which asks nothing of a device
cold() { umount "$dir/mnt" && mount -o loop "$dir/image" "$dir/mnt" && device=$(stat -c %Hd:%Ld "$dir/mnt/disk"); }
cold

drive() { # LIMITS TIMEOUT [ARG...]
	local limits=$1 timeout=$2
	shift 2
	run run --timeout "$timeout" --io-max "$limits" --disk "$dir/mnt/disk" "$@" \
		--cmdline 'mode=blk-read n=200 size=4096' "$GUESTS/io.elf"
}

run run --io-max bps=1M "$GUEST"
ends 'a limit of nothing' 125 'ukvmm: run\(--io-max\): there is no --disk .*'
drive bps=1G,iops=1M 100s
[[ $err == *'no such controller'* || $err == *': cgroup('* ]] && skip "no controller for I/O here: $err"
ends 'within the limit' 0
# at 1 KiB/s the first 32 KiB or so take longer than that; nothing that is not held back takes 1,000 times as long
cold
drive rbps=1K 5s
is 'over the limit: status' "$status" 124
is 'over the limit: nothing was answered wrongly' "$out" ''
is 'nothing is left' "$(left)" 0
cold
drive riops=2 5s
is 'more operations than that: status' "$status" 124
cold
drive wbps=1K,wiops=2 100s
ends 'a limit of writes is none of reads' 0

look() { # NAME DISK WANTED-DEVICE
	local name=$1 want=$3
	mkfifo "$dir/fifo"
	"$UKVMM" run --timeout 100s --io-max rbps=2M/s,wbps=1M,riops=500,wiops=250 --disk "$2" --cmdline sleep "$GUEST" \
		</dev/null >"$dir/fifo" 2>"$dir/err" &
	pid=$!
	exec 8<"$dir/fifo"
	rm "$dir/fifo"
	read -r first <&8
	is "$name: the guest runs" "$first" ready
	local at
	at=$(find /sys/fs/cgroup \( -path "*/ukvmm-run-$pid/io.max" -o -path "*/ukvmm-run-$pid/blkio.throttle.read_bps_device" \) \
		2>"$dir/ignored" | head -n 1)
	if [[ $at == */io.max ]]; then
		is "$name: its limits" "$(<"$at")" "$want rbps=2097152 wbps=1048576 riops=500 wiops=250"
	else
		at=${at%/*}
		is "$name: bytes read" "$(<"$at/blkio.throttle.read_bps_device")" "$want 2097152"
		is "$name: bytes written" "$(<"$at/blkio.throttle.write_bps_device")" "$want 1048576"
		is "$name: reads" "$(<"$at/blkio.throttle.read_iops_device")" "$want 500"
		is "$name: writes" "$(<"$at/blkio.throttle.write_iops_device")" "$want 250"
	fi
	kill -TERM $pid
	finish
	ends "$name" 143
}
look 'a file' "$dir/mnt/disk" "$device"
look 'an overlay over it' "$dir/mnt/disk,overlay=$dir/mnt/top" "$device"
umount "$dir/mnt"

# a partition, of which the kernel knows no limits: the disk that it is on
truncate -s 64M "$dir/disk"
loop=$(losetup --find --show "$dir/disk")
# told, not found: not every kernel looks for tables
addpart "$loop" 1 2048 $((62 << 11)) 2>"$dir/ignored"
# shellcheck disable=SC2064
trap "umount '$dir/mnt' '$dir/tmp' 2>'$dir/ignored'; delpart $loop 1 2>>'$dir/ignored'; losetup -d $loop; rm -rf '$dir'" EXIT
whole=$(<"/sys/class/block/${loop#/dev/}/dev")
if part=$(cat "/sys/class/block/${loop#/dev/}p1/dev" 2>"$dir/ignored"); then
	mknod "$dir/part" b "${part%:*}" "${part#*:}"
	mkfs.ext4 -q -F "$dir/part"
	mount "$dir/part" "$dir/mnt"
	truncate -s 1M "$dir/mnt/disk"
	is 'a partition is one' "$(stat -c %Hd:%Ld "$dir/mnt/disk")" "$part"
	look 'a file on a partition' "$dir/mnt/disk" "$whole"
	umount "$dir/mnt"
	look 'a partition itself' "$dir/part" "$whole"
else
	echo "# no partitions of loop devices here"
fi
look 'a device itself' "$loop" "$whole"

refused() { # NAME DISK KIND
	run run --timeout 100s --io-max bps=1M --disk "$2" --cmdline 'exit 3' "$GUEST"
	ends "on $1" 125 "ukvmm: run\\(--io-max\\): $dir/.* is on $3, which has no block device.*"
	is "on $1: nothing is left" "$(left)" 0
}
mount -t tmpfs none "$dir/tmp"
truncate -s 1M "$dir/tmp/disk"
refused tmpfs "$dir/tmp/disk" tmpfs
mount "$dir/image" "$dir/mnt" -o loop
refused 'the top of an overlay' "$dir/mnt/disk,overlay=$dir/tmp/top" tmpfs
mkdir "$dir/mnt/lower" "$dir/tmp/upper" "$dir/tmp/work" "$dir/over"
truncate -s 1M "$dir/mnt/lower/disk"
if mount -t overlay none -o "lowerdir=$dir/mnt/lower,upperdir=$dir/tmp/upper,workdir=$dir/tmp/work" "$dir/over" \
	2>"$dir/ignored"; then
	# a container's file system; the kernel hands out the lower one's number where it can
	if [ "$(stat -c %Hd "$dir/over/disk")" = 0 ]; then
		refused overlayfs "$dir/over/disk" overlayfs
	fi
	umount "$dir/over"
else
	echo '# no overlayfs here'
fi
done_testing
