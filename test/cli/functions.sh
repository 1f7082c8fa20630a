#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The functions of examples/functions as guests on a tap, asked by curl, answer what the same code answers as a process
# of the host ($RT: where those are). 77: no /dev/kvm, no network namespaces, or the functions are not built.
. "$(dirname "$0")/lib.sh"
need_kvm
skip()
{
	echo "1..0 # SKIP $*"
	exit 77
}
if [ -z "${UKVMM_INSIDE:-}" ]; then
	[ -x "$GUESTS/noop.elf" ] && [ -x "$RT/rt-noop" ] || skip "no functions: scripts/fetch-lwip"
	command -v curl >/dev/null || skip "no curl"
	[ -c /dev/net/tun ] && unshare -Urn true 2>/dev/null || skip "no network namespaces"
	UKVMM_INSIDE=1 exec unshare -Urn "$0" "$@"
fi
readonly address=10.9.0.2 url=http://10.9.0.2:8080
work=$dir server=
stop()
{
	[ -z "$server" ] || { kill "$server"; wait "$server"; server=; } 2>/dev/null
}
trap 'stop; rm -rf "$dir"' EXIT
tap_up()
{
	ip addr replace 10.9.0.1/24 dev tap0
	ip link set tap0 up
	ip neigh flush dev tap0 # each guest has a MAC address of its own
}
# Both until the first answer: connects wait for the guest to be there.
guest()
{
	stop
	tap_up
	"$UKVMM" run --timeout 500s --mem 192M --net tap=tap0 "${@:2}" --cmdline "ip=$address/24" "$GUESTS/$1.elf" \
		>"$work/out" 2>&1 &
	server=$!
}
process()
{
	stop
	mkfifo "$work/$1" 2>/dev/null
	"$RT/rt-$1" tap0 "ip=$address/24" >"$work/$1" &
	server=$!
	read -r _ <"$work/$1"
	ip link set tap0 mtu 1500
	tap_up
}
# Again where it could not connect (7): the guest may not be there yet, and nobody answers for its address after 3 s.
ask()
{
	local end=$((SECONDS + 200)) rc
	until curl -sS --max-time 200 "$@" 2>"$work/err"; rc=$?; [ $rc != 7 ] || [ $SECONDS -gt $end ]; do :; done
	return $rc
}

ip tuntap add tap0 mode tap
tap_up
for f in noop fib matmul alloc bubble; do
	guest $f
	said=$(ask "$url/")
	[ $? = 0 ] && status=$(ask -o "$work/body" -w '%{http_code}' "$url/") && [ "$status" = 200 ]
	result $? "$f: a guest answers"
	process $f
	[ "$said" = "$(ask "$url/")" ]
	result $? "$f: as the same code on the host does"
done

head -c 3000000 /dev/urandom >"$work/sent"
guest echo
ask -o "$work/got" --data-binary @"$work/sent" "$url/"
cmp -s "$work/sent" "$work/got"
result $? "echo: 3 MB come back"
ask -o "$work/got" -H 'Transfer-Encoding: chunked' --data-binary @"$work/sent" "$url/"
cmp -s "$work/sent" "$work/got"
result $? "echo: in chunks"

guest todos
[ "$(ask "$url/todos/2")" = '{"id":2,"title":"serve","done":true}' ]
result $? "todos: one"
[ "$(ask -o "$work/body" -w '%{http_code}' "$url/todos/9")" = 404 ]
result $? "todos: none"

guest serve
[ "$(ask "$url/" | wc -c)" = $((50 << 20)) ]
result $? "serve: 50 MiB"

head -c $((4 << 20)) /dev/urandom >"$work/disk"
guest readfile --disk "$work/disk,ro"
said=$(ask "$url/")
# FNV-1a of 64 bits
wanted=$(python3 -c 'import sys
h = 0xcbf29ce484222325
for b in open(sys.argv[1], "rb").read():
    h = (h ^ b) * 0x100000001b3 & 0xffffffffffffffff
print("%x" % h)' "$work/disk")
[ -n "$said" ] && [ "$said" = "$wanted" ]
result $? "readfile: the sum of the disk"

done_testing
