#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Files of an initrd and of a disk are what was put into the archive. Usage: files.sh UKVMM IMAGE
. "$(dirname "$0")/lib.sh"
command -v cpio >/dev/null || skip "no cpio"

mkdir -p "$work/a/dir" "$work/b"
head -c 300000 /dev/urandom >"$work/a/large"
head -c 777 /dev/urandom >"$work/a/dir/odd"
: >"$work/a/empty"
for i in $(seq 300); do echo "$i" >"$work/a/dir/n$i"; done
(cd "$work/a" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >"$work/archive"
echo "of the initrd" >"$work/b/odd"
(cd "$work/b" && echo odd | cpio -o -H newc --quiet) >"$work/initrd"
truncate -s %512 "$work/archive"

same() # WHAT: got is wanted
{
	cmp "$work/got" "$work/wanted" || fail "$1"
	echo "ok - $1"
}
code() { ask -o "$work/body" -w '%{http_code}' "$@"; }
check()
{
	for path in large dir/odd empty dir/n1 dir/n300; do
		cp "$work/a/$path" "$work/wanted"
		ask -o "$work/got" $url/$path
		same "$1: $path"
		ask -o "$work/got" $url/$path
		same "$1: $path again"
	done
	for range in 0-1 1-511 511-2 512-512 1000-65536 65535-100000 299999-10 300000-5 13-299000; do
		tail -c +$((${range%-*} + 1)) "$work/a/large" | { head -c "${range#*-}"; cat >/dev/null; } >"$work/wanted"
		ask -o "$work/got" "$url/large?$range"
		same "$1: $range of a file"
	done
	want "$1: none" "$(code $url/none)" 404
	want "$1: a folder is no file" "$(code $url/dir)" 404
}
start "$2" "" --disk "$work/archive,ro"
check disk
grep -qx "set up" "$work/out" || fail "no setup"
start "$2" "" --initrd "$work/archive"
check initrd
start "$2" "" --initrd "$work/initrd" --disk "$work/archive,ro"
want "the initrd is looked at first" "$(ask $url/odd)" "of the initrd"
cp "$work/a/dir/odd" "$work/wanted"
ask -o "$work/got" $url/dir/odd
same "and the disk then"

# no archive, a broken one, none at all
head -c 65536 /dev/urandom >"$work/noise"
start "$2" "" --disk "$work/noise,ro"
want "a disk of noise" "$(code $url/large)" 404
head -c 20480 "$work/archive" >"$work/short"
start "$2" "" --disk "$work/short,ro"
want "an archive that was cut off" "$(code $url/large)" 404
start "$2" ""
want "no disk" "$(code $url/large)" 404
start "$2" fail=yes
wait "$guest" && fail "a failed setup"
grep -q "setup failed" "$work/out" || fail "no word of a failed setup"
echo "ok - a failed setup ends the guest"
