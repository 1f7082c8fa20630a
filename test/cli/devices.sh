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
refused --disk engine=aio --disk x,engine=aio
refused --disk engine --disk x,engine
run run --disk x,ro,overlay "$GUEST"
ends 'an overlay that must not be written' 125 'ukvmm: run\(--disk\): "x": an overlay .+'
seventeen=()
for i in {1..17}; do seventeen+=(--disk x); done
missing --disk "${seventeen[@]}"

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

# A stand-in for passt that fails as the file "says" has it; what it was given is in "given".
mkdir "$dir/bin"
cat >"$dir/bin/passt" <<-'EOF'
	#!/bin/sh
	echo "$*" >"$PASST_DIR/given"
	ls -l /proc/$$/fd >"$PASST_DIR/files"
	cat "$PASST_DIR/says" >&2
	kill -"$(cat "$PASST_DIR/signal" 2>/dev/null || echo 0)" $$
	exit 3
EOF
chmod +x "$dir/bin/passt"
export PASST_DIR=$dir
path=$PATH
printf 'Failed to send 47 bytes to syslog\nDon'"'"'t run as root. Changing to nobody...\nno luck\ntoday\n' >"$dir/says"
PATH=$dir/bin:$path
exec 9<"$dir/a"
cannot 'a passt that fails' $'passt\\(net0\\): no luck\nukvmm: passt\\(net0\\): today' \
	--net passt,fwd=8080:80,fwd=127.0.0.1:22,fwd-udp=53,mtu=9000
is 'what passt is given' "$(<"$dir/given")" \
	'--quiet --fd 3 --mtu 9000 --tcp-ports 8080:80 --tcp-ports 127.0.0.1/22:22 --udp-ports 53:53'
is 'passt gets its socket and no file of ours' "$(sed -n 's/.* \([0-9]*\) -> \([a-z]*\).*/\1 \2/p' "$dir/files" | grep -vE '^([0-2]|1[0-9]) ')" '3 socket'
exec 9<&-
: >"$dir/says"
cannot 'a passt that fails silently' 'passt\(eth\): it ended with status 3' --net passt,name=eth
is 'passt forwards nothing unasked' "$(<"$dir/given")" '--quiet --fd 3 --tcp-ports none --udp-ports none'
echo KILL >"$dir/signal"
cannot 'a passt that is killed' 'passt\(net0\): it died of signal 9' --net passt
mkdir "$dir/empty"
PATH=$dir/empty
UKVMM=$(realpath -- "$UKVMM" 2>/dev/null || echo "$UKVMM")
cannot 'no passt' 'posix_spawn\(passt\): it is not installed; .*' --net passt
PATH=$path

done_testing
