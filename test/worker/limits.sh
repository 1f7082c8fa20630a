#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The limits of a guest's cgroup: kept, told of, and gone with it.
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/cgroups.sh"
need_kvm

# in the background, so that its process id is known: others than we may have cgroups of this kind
pids=
run() {
	"$UKVMM" "$@" </dev/null >"$dir/out" 2>"$dir/err" &
	pids+=" $!"
	wait $!
	status=$?
	out=$(<"$dir/out")
	err=$(<"$dir/err")
}
left() {
	for p in $pids; do
		find /sys/fs/cgroup -type d -name "ukvmm-run-$p" 2>"$dir/ignored"
	done | wc -l
}

run run --cpu-quota 50 --cmdline 'exit 3' "$GUEST"
if [ $status = 125 ] && [[ $err == *cgroup* ]]; then
	echo "1..0 # SKIP no cgroup to be had: $err"
	exit 77
fi
ends 'a guest in a cgroup' 3
is 'nothing is left of it' "$(left)" 0

# 32 MiB are touched; the limit is what a guest may have, and what it needs beside that
order 'touch 32' --mem 64M --memory-overhead 16M
ends 'a guest within its memory' 0
is 'a guest within its memory: output' "$out" $'ready\ntouched 32'
# an initrd is in the VMM's own memory before it is in the guest's
head -c 40M /dev/zero | tr '\0' x >"$dir/initrd"
order 'touch 1' --mem 64M --memory-overhead 1M --initrd "$dir/initrd"
ends 'a VMM that grows over its limit' 137 'ukvmm: worker\(.*\): the kernel killed it at the memory limit of its cgroup'
order 'touch 1' --mem 64M --memory-overhead 64M --initrd "$dir/initrd"
ends 'and within it' 0
is 'nothing is left of it, either' "$(left)" 0

cgroup_of() { sed -n "s/^[0-9]*:$1:\(.*\)/\1/p" "/proc/$2/cgroup"; }
mkfifo "$dir/fifo"
"$UKVMM" run --timeout 100s --mem 64M --memory-overhead 8M --cpu-quota 25 --cmdline sleep "$GUEST" </dev/null \
	>"$dir/fifo" 2>"$dir/err" &
pid=$!
exec 8<"$dir/fifo"
rm "$dir/fifo"
read -r first <&8
read -r worker <"/proc/$pid/task/$pid/children"
folder=$(find /sys/fs/cgroup -type d -name "ukvmm-run-$pid" | head -n 1)
value() { # V2-FILE V1-FILE: what was written
	find /sys/fs/cgroup -path "*/ukvmm-run-$pid/$1" -o -path "*/ukvmm-run-$pid/$2" 2>"$dir/ignored" | head -n 1 |
		xargs -r cat
}
[ -n "$folder" ]
result $? 'it has a cgroup of its own'
is 'its memory is what was said, and the guest'"'"'s' "$(value memory.max memory.limit_in_bytes)" $((72 << 20))
like 'its quota' "$(value cpu.max cpu.cfs_quota_us)" '^25000( 100000)?$'
like 'its tasks are counted' "$(value pids.max pids.max)" '^[0-9]+$'
# on some kernels a thread of KVM's own is, too
is 'the worker is in it' "$(find /sys/fs/cgroup -path "*/ukvmm-run-$pid/cgroup.procs" -exec cat {} + | sort -u |
	grep -x "${worker%% *}")" "${worker%% *}"
is 'and we are not' "$(cgroup_of '[^:]*' $pid | grep -c ukvmm-run)" 0
# one who is killed leaves its folders: the next one takes them away
pids+=" $pid"
kill -KILL $pid
finish 2>"$dir/ignored"
end=$((SECONDS + 100))
while [ -e "/proc/${worker%% *}" ] && [ $SECONDS -lt $end ]; do :; done
run run --cpu-quota 50 --cmdline 'exit 3' "$GUEST"
ends 'after one that was killed' 3
is 'what that had left is gone' "$(ran=$pid && left)" 0
is 'nor does that one leave anything' "$(left)" 0
done_testing
