#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Devices that cannot be had are refused with status 125 and a message that names the word, the file or the
# program. All of this comes before /dev/kvm is opened.
. "$(dirname "$0")/lib.sh"

refused() { # OPTION WORD ARG...: a word of an option's that is wrong
	local option=$1 word=$2
	shift 2
	run run "$@" "$GUEST"
	ends "run $*" 125 "ukvmm: run\\($option\\): \"$word\": .+; see ukvmm run --help"
}
missing() { # OPTION ARG...: something that an option needs
	local option=$1
	shift
	run run "$@" "$GUEST"
	ends "run $*" 125 "ukvmm: run\\($option\\): .+"
}

# words
missing --disk --disk ''
missing --disk --disk ,ro
refused --disk '' --disk x,
refused --disk frob --disk x,frob
refused --disk ro=1 --disk x,ro=1
refused --disk ro --disk x,ro,ro
refused --disk name --disk x,name
refused --disk name= --disk x,name=
refused --disk 'name=a{32}' --disk "x,name=$(printf 'a%.0s' {1..32})"
refused --disk overlay= --disk x,overlay=
refused --disk rate=fast --disk x,rate=fast
refused --disk rate=0 --disk x,ops=5/s,rate=0
refused --disk ops=1/m --disk x,ops=1/m
refused --disk 'serial=1{21}' --disk "x,serial=$(printf '1%.0s' {1..21})"
refused --disk block=1000 --disk x,block=1000
refused --disk block=64K --disk x,block=64K
refused --disk engine=aio --disk x,engine=aio
refused --disk engine --disk x,engine
run run --disk x,ro,overlay "$GUEST"
ends 'an overlay that must not be written' 125 'ukvmm: run\(--disk\): "x": an overlay .+'
too_many=()
for i in {1..65}; do too_many+=(--disk x); done
missing --disk "${too_many[@]}"

missing --net --net mtu=1500
refused --net '' --net ''
refused --net eth0 --net eth0
refused --net tap --net tap
refused --net tap= --net tap=
refused --net 'tap=a{16}' --net tap=aaaaaaaaaaaaaaaa
refused --net fd=x --net fd=x
refused --net socket= --net socket=
refused --net none --net tap=a,none
refused --net passt=1 --net passt=1
refused --net mac=1 --net none,mac=1
refused --net 'mac=.*' --net none,mac=01:00:5e:00:00:01
refused --net mtu=67 --net none,mtu=67
refused --net mtu=65522 --net none,mtu=65522
refused --net rx-rate=- --net none,rx-rate=-
refused --net tx-ops=0/s --net none,tx-ops=0/s
refused --net fwd=80:0 --net passt,fwd=80:0
refused --net fwd-udp=x --net passt,fwd-udp=x
refused --net 'fwd=1\.2\.3:80' --net passt,fwd=1.2.3:80
run run --net none,fwd=80 "$GUEST"
ends 'ports without passt' 125 'ukvmm: run\(--net\): "none,fwd=80": ports are forwarded by passt only.*'

missing --vsock --vsock ''
refused --vsock cid=2 --vsock x,cid=2
refused --vsock cid=4294967295 --vsock x,cid=4294967295
refused --vsock listen=1 --vsock x,listen=1
missing --vsock --vsock x --vsock y
refused_word() {
	run run "$@" "$GUEST"
	ends "run $*" 125 'ukvmm: run\(--(kicks|rng=1|console=1)\): .+'
}
refused_word --kicks often
refused_word --rng=1
refused_word --console=1

# files
cannot() { # NAME ERROR ARG...
	local name=$1 error=$2
	shift 2
	run run "$@" "$GUEST"
	ends "$name" 125 "ukvmm: $error"
}
truncate -s 1M "$dir/a" "$dir/b" "$dir/c,d"
mkfifo "$dir/pipe"
ln -s loop "$dir/loop"
cannot 'a disk that is not there' "open\\($dir/none\\): No such file or directory" --disk "$dir/none"
cannot 'a disk that is not there, to be read' "open\\($dir/none\\): No such file or directory" --disk "$dir/none,ro"
cannot 'a disk that is a loop' "open\\($dir/loop\\): Too many levels of symbolic links" --disk "$dir/loop"
for how in '' ,ro ,overlay; do
	cannot "a directory as disk$how" "open\\($dir\\): it is a directory; .*" --disk "$dir$how"
	cannot "a fifo as disk$how" "open\\($dir/pipe\\): .*a disk is a regular file or a block device" --disk "$dir/pipe$how"
	cannot "a device as disk$how" 'open\(/dev/zero\): .*a disk is a regular file or a block device' --disk "/dev/zero$how"
done
cannot 'a disk given twice' "F_OFD_SETLK\\($dir/a\\): it is in use: .*" --disk "$dir/a" --disk "$dir/a"
cannot 'a disk given twice, once to be read' "F_OFD_SETLK\\($dir/a\\): it is in use: .*" --disk "$dir/a" --disk "$dir/a,ro"
cannot 'a disk given twice, first to be read' "F_OFD_SETLK\\($dir/a\\): it is in use: .*" --disk "$dir/a,ro" --disk "$dir/a"
cannot 'a disk and its own overlay' "F_OFD_SETLK\\($dir/a\\): it is in use: .*" --disk "$dir/a,overlay=$dir/a"
cannot 'an overlay in a folder that is not there' "open\\($dir/none/top\\): No such file or directory" \
	--disk "$dir/a,overlay=$dir/none/top"
cannot 'an overlay that is a directory' "open\\($dir\\): it is a directory; .*" --disk "$dir/a,overlay=$dir"
if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then # it is looked at by the guest's process
	echo text >"$dir/text"
	cannot 'an overlay that is something else' "overlay\\($dir/a,overlay=$dir/text\\): the top is neither .*" \
		--disk "$dir/a,overlay=$dir/text"
fi
# the first is opened, so the comma was understood; the second is what fails
cannot 'a comma in a name, doubled' "open\\($dir/none\\): .*" --disk "$dir/c,,d" --disk "$dir/none"
cannot 'disks come before networks' "open\\($dir/none\\): .*" --disk "$dir/none" --net unix=/nowhere
if [ "$(id -u)" != 0 ]; then
	chmod 400 "$dir/b"
	cannot 'a disk that may only be read' "open\\($dir/b\\): Permission denied" --disk "$dir/b"
fi

# networks
cannot 'a socket that is not there' "connect\\($dir/none\\): No such file or directory" --net unix="$dir/none"
cannot 'a socket that is none' "connect\\($dir/a\\): Connection refused" --net unix="$dir/a"
long=$dir/$(printf 'x%.0s' {1..110})
cannot 'a socket with a long path' "connect\\($long\\): File name too long" --net unix="$long"
for kind in fd socket; do
	cannot "$kind of what is not open" 'run\(--net\): file descriptor 77 is not open' --net $kind=77
done

done_testing
