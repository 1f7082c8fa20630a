#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Devices as a guest finds them, driven by the io guest: what it writes is in the file or is not, as was asked for.
. "$(dirname "$0")/lib.sh"
need_kvm
io=$GUESTS/io.elf

drive() { # WORDS ARG...
	local words=$1
	shift
	run run --timeout 100s "$@" --cmdline "$words" "$io"
}
works() { # NAME
	is "$1: status" "$status" 0
	like "$1: output" "$out" $'(^|\n)OK$'
	is "$1: messages" "$err" ''
}
order devices
is 'no devices unasked' "$out" ''
truncate -s 1M "$dir/a"
order devices --vsock "$dir/v" --rng --console --net none --disk "$dir/a" --net none
is 'devices come in their own order' "$out" '2 1 1 3 4 19 '

empty=$(truncate -s 1M "$dir/disk" && sha256sum <"$dir/disk")
content() { [ "$(sha256sum <"$1")" = "$empty" ] && echo as it was || echo written; }
new_disk() { rm -f "$dir/disk" && truncate -s 1M "$dir/disk"; }
write='mode=blk-write n=20'

for engine in threads io_uring; do
	new_disk
	drive "$write" --disk "$dir/disk,engine=$engine"
	if [ "$engine" = io_uring ] && [[ $err == *'io_uring'*'no io_uring here'* ]]; then
		echo "# no io_uring here"
		continue
	fi
	works "a disk, $engine"
	is "a disk, $engine: in the file" "$(content "$dir/disk")" written
done
for kicks in auto exit eventfd; do
	drive "$write" --disk "$dir/disk" --kicks $kicks
	works "a disk, --kicks $kicks"
done
drive "$write" --disk "$dir/disk,writethrough,serial=abc,name=root,rate=1G/s,ops=100000/s:10"
works 'a disk with everything'
new_disk
exec 9<>"$dir/disk"
drive "$write" --disk /dev/fd/9
works 'a disk by its descriptor'
exec 9<&-
is 'a disk by its descriptor: in the file' "$(content "$dir/disk")" written
new_disk
drive "$write" --disk "$dir/disk,ro"
is 'a disk that is read-only refuses: status' "$status" 1
is 'a disk that is read-only stays' "$(content "$dir/disk")" 'as it was'
chmod 400 "$dir/disk"
drive "$write" --disk "$dir/disk,overlay"
works 'an overlay in memory'
is 'an overlay in memory: the file stays' "$(content "$dir/disk")" 'as it was'
drive "$write" --disk "$dir/disk,overlay=$dir/top"
works 'an overlay in a file'
is 'an overlay in a file: the base stays' "$(content "$dir/disk")" 'as it was'
[ "$(stat -c %b "$dir/top")" -gt 0 ]
result $? 'an overlay in a file: it is there'
drive "$write" --disk "$dir/disk,overlay=$dir/top"
works 'an overlay in a file, again'
chmod 600 "$dir/disk"
drive "$write" --disk "$dir/disk" --net none --net none,mac=02:00:00:00:00:01 --rng
works 'several devices'
drive "$write" --disk "$dir/disk" --cpus 2
works 'two vCPUs'

head -c 1048576 /dev/urandom >"$dir/garbage"
drive "$write" --disk "$dir/disk,overlay=$dir/garbage"
ends 'a file that is no overlay' 125 "ukvmm: [A-Za-z_]+\\(.+\\): .+"
is 'what was no overlay was not touched' "$(stat -c %s "$dir/garbage")" 1048576
drive "$write" --disk "$dir/disk,name=a" --net none,name=a
ends 'two devices of one name' 125 'ukvmm: [a-z_]+\(a\): .+'
many=()
for i in {1..16}; do many+=(--net none); done
drive "$write" "${many[@]}" --disk "$dir/disk"
ends 'seventeen devices' 125 'ukvmm: [a-z_]+\(.+\): .+'

# A guest that waits, in the background, has the disk to itself.
holds() { # WORDS-OF-THE-FIRST WORDS-OF-THE-SECOND REFUSED
	mkfifo "$dir/fifo"
	"$UKVMM" run --timeout 100s --disk "$dir/disk$1" --cmdline sleep "$GUEST" </dev/null >"$dir/fifo" 2>&1 &
	pid=$!
	exec 8<"$dir/fifo"
	rm "$dir/fifo"
	read -r first <&8
	run run --disk "$dir/disk$2" --cmdline 'exit 7' "$GUEST"
	if [ "$3" ]; then
		ends "a disk that another run has, \"$1\" and \"$2\"" 125 "ukvmm: F_OFD_SETLK\\($dir/disk\\): it is in use: .*"
	else
		ends "a disk that another run has, \"$1\" and \"$2\"" 7
	fi
	kill -TERM $pid
	wait $pid
	is 'the first one is ended' $? 143
	exec 8<&-
}
holds '' '' refused
holds '' ,ro refused
holds '' ,overlay refused
holds ,ro '' refused
holds ,ro ,overlay ''
holds ,overlay ,ro ''
run run --disk "$dir/disk" --cmdline 'exit 7' "$GUEST"
ends 'a disk that another run had' 7

drive 'mode=rng n=10' --rng
works 'random bytes'
printf 'first\nsecond\n' >"$dir/lines"
input=$dir/lines
# stdout has what comes by the serial line as well, in the middle of a line, too: nothing does, then
drive 'mode=console n=2 silent=1' --console
ends 'a console' 0
is 'a console: what is said to it comes back' "$out" $'hello from a virtio console\nfirst\nsecond'
unset input

# A broken device is told of once, however often the guest breaks it.
mkfifo "$dir/fifo"
env --default-signal "$UKVMM" run --timeout 100s --net none --rng --cmdline 'break 3' "$GUEST" </dev/null \
	>"$dir/fifo" 2>"$dir/err" &
pid=$!
exec 8<"$dir/fifo"
rm "$dir/fifo"
read -r first <&8
is 'a broken device needs a reset' "$first" 1
end=$((SECONDS + 100))
until [ -s "$dir/err" ] || [ $SECONDS -gt $end ]; do :; done
kill -TERM $pid
finish
ends 'a broken device' 143 "ukvmm: virtio\\(net0\\): the guest's driver broke the rules; .*"
is 'a broken device is told of once' "$(wc -l <"$dir/err")" 1

# vsock: the socket is there while the guest runs, and not after it
vsock() { # SIGNAL
	mkfifo "$dir/fifo"
	env --default-signal "$UKVMM" run --timeout 100s --vsock "$dir/vsock,listen" --cmdline sleep "$GUEST" </dev/null \
		>"$dir/fifo" 2>"$dir/err" &
	pid=$!
	exec 8<"$dir/fifo"
	rm "$dir/fifo"
	read -r first <&8
	[ -S "$dir/vsock" ]
	result $? 'vsock: a socket is there'
	# a line that is none is answered by the end: it was read, where there is no file system and a filter
	is 'vsock: a client is served' "$(python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(100)
s.connect(sys.argv[1])
s.sendall(b"GET /\n")
print(s.recv(9))' "$dir/vsock")" "b''"
	kill "-$1" $pid
	finish 2>/dev/null
}
vsock TERM
ends 'vsock' 143
[ ! -e "$dir/vsock" ]
result $? 'vsock: the socket is gone'
vsock KILL
[ -S "$dir/vsock" ]
result $? 'vsock: SIGKILL leaves a socket'
run run --vsock "$dir/vsock,listen,cid=77" --cmdline 'exit 7' "$GUEST"
ends 'vsock: where a killed run had it' 7
: >"$dir/vsock"
run run --vsock "$dir/vsock,listen" --cmdline 'exit 7' "$GUEST"
ends 'vsock: where a file is' 125 "ukvmm: bind\\(vsock0\\): $dir/vsock: .+"
is 'vsock: where a file is, it stays' "$(stat -c %F "$dir/vsock")" 'regular empty file'
run run --vsock "$dir/vsock" --cmdline 'exit 7' "$GUEST"
ends 'vsock without listen' 7

done_testing
