#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Functions as guests on the networks that there are: by DHCP of a server on the tap, by DHCP of passt, also to ask
# others; and many clients at once. 77: no /dev/kvm, no network namespaces, or the functions are not built.
. "$(dirname "$0")/lib.sh"
need_kvm
skip()
{
	echo "1..0 # SKIP $*"
	exit 77
}
[ -x "$GUESTS/noop.elf" ] || skip "no functions: scripts/setup"
command -v curl >/dev/null || skip "no curl"
own_network "$@"
server= files=
stop()
{
	[ -z "$files" ] || { kill "$files"; wait "$files"; files=; } 2>/dev/null
	[ -z "$server" ] || { kill "$server"; wait "$server"; server=; } 2>/dev/null
}
guest() # IMAGE OPTION...
{
	stop
	"$UKVMM" run --timeout 500s --mem 64M "${@:2}" "$GUESTS/$1.elf" >"$dir/said" 2>&1 &
	server=$!
}
# Until it is answered, for ever longer; a connection that is made before the guest has an address is lost. Where nobody
# listens yet (7) no time has passed.
ask() # URL
{
	local time rc end=$((SECONDS + 200))
	for time in 1 1 1 1 2 2 4 8 16 32 64 128; do
		rc=7
		while [ $rc = 7 ] && [ $SECONDS -lt $end ]; do
			curl -sSf --max-time $time "$1" >"$dir/answer" 2>"$dir/err"
			rc=$?
		done
		[ $rc = 0 ] && cat "$dir/answer" && return
	done
}

# The host's loopback, from passt's gateway on: passt leads there.
files() # sets files_port
{
	local port
	mkdir -p "$dir/files"
	head -c 5000000 /dev/urandom >"$dir/files/some"
	free_port
	files_port=$port
	python3 -m http.server --bind 127.0.0.1 -d "$dir/files" "$files_port" >/dev/null 2>&1 &
	files=$!
	local end=$((SECONDS + 100))
	until (: <>"/dev/tcp/127.0.0.1/$files_port") 2>/dev/null || [ $SECONDS -gt $end ]; do :; done
}
some_file() # STATUS: what fn-others says of it
{
	python3 -c 'import sys, zlib
b = open(sys.argv[1], "rb").read()
print(200, len(b), zlib.adler32(b), end=" ")' "$dir/files/some"
}

free_port()
{
	for port in $(shuf -i 20000-30000 -n 50); do
		(: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return
	done
}

passt_half()
{
	command -v passt >/dev/null && grep -qE '^[a-z0-9]+\s+00000000\s' /proc/net/route || {
		echo "# no passt, or no default route: not tried with it"
		return
	}
	free_port
	guest todos --net "passt,fwd=127.0.0.1:$port:8080"
	is 'passt: a guest answers through a forwarded port' "$(ask "http://127.0.0.1:$port/todos/2")" \
		'{"id":2,"title":"serve","done":true}'
	gateway=$(ip route show default | sed -n 's/^default via \([0-9.]*\).*/\1/p;q')
	for mtu in 1500 65520; do
		free_port
		guest fn-others --net "passt,fwd=127.0.0.1:$port:8080,mtu=$mtu"
		ask "http://127.0.0.1:$port/waiting" >/dev/null
		files
		is "passt: 5 MB from a server beyond it, an MTU of $mtu" \
			"$(curl -sS --max-time 200 "http://127.0.0.1:$port/get?0,http://$gateway:$files_port/some")" "$(some_file)"
	done
	free_port
	guest serve --net "passt,fwd=127.0.0.1:$port:8080,mtu=65520"
	ask "http://127.0.0.1:$port/" >/dev/null
	is 'passt: 50 MiB' "$(curl -sS --max-time 200 "http://127.0.0.1:$port/" | wc -c)" $((50 << 20))
	stop
}

tap_up()
{
	ip addr replace 10.9.0.1/24 dev tap0
	ip link set tap0 up
}

dhcp_server()
{
	printf '%s\n' 'start 10.9.0.50' 'end 10.9.0.50' 'interface tap0' "lease_file $dir/leases" "pidfile $dir/pid" \
		'option subnet 255.255.255.0' 'option router 10.9.0.1' 'option dns 10.9.0.1' 'option lease 600' >"$dir/udhcpd.conf"
	: >"$dir/leases"
	busybox udhcpd -f "$dir/udhcpd.conf" >"$dir/dhcp" 2>&1 &
	dhcp=$!
}

# Any name has this address.
names()
{
	exec python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.9.0.1", 53))
while True:
    q, who = s.recvfrom(2048)
    s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7", who)'
}

dhcp_half()
{
	busybox --list 2>/dev/null | grep -qx udhcpd || { echo "# no udhcpd: DHCP is tried with passt only"; return; }
	guest todos --net tap=tap0,mac=02:00:00:00:00:50 # which has the one address, also as another guest
	dhcp_server # after the guest: it asks again
	is 'DHCP: the guest takes the address it is given' "$(ask http://10.9.0.50:8080/todos/2)" \
		'{"id":2,"title":"serve","done":true}'
	names &
	dns=$!
	guest fn-others --net tap=tap0,mac=02:00:00:00:00:50
	is 'DHCP: and asks whom it is told to for names' "$(ask http://10.9.0.50:8080/lookup/some.name)" 192.0.2.7
	kill "$dns"
	wait "$dns" 2>/dev/null
	stop
	kill "$dhcp"
	wait "$dhcp" 2>/dev/null
}

load() # CLIENTS HEY-OPTION...: all is answered with 200
{
	hey -n 4096 -t 200 -c "$@" http://10.9.0.2:8080/ >"$dir/hey" 2>&1
	grep -qE '^  \[200\][[:space:]]4096 responses$' "$dir/hey" && ! grep -qi error "$dir/hey"
	local rc=$?
	[ $rc = 0 ] || sed 's/^/# /' "$dir/hey"
	return $rc
}

load_half()
{
	command -v hey >/dev/null || { echo "# no hey: not tried with many clients"; return; }
	guest noop --net tap=tap0,mac=02:00:00:00:00:02 --cmdline ip=10.9.0.2/24
	ask http://10.9.0.2:8080/
	load 256
	result $? 'load: 256 clients, 4096 requests'
	load 64 -disable-keepalive
	result $? 'load: a connection for each of 4096 requests'
	# nobody gives way: hey may need a second and more for its next request where others have the CPUs
	guest noop --net tap=tap0,mac=02:00:00:00:00:02 \
		--cmdline 'ip=10.9.0.2/24 http.connections=128 http.yield=400000 http.idle=400000'
	ask http://10.9.0.2:8080/
	load 512
	result $? 'load: 512 clients of a guest that takes 128 at once'
	guest echo --net tap=tap0,mac=02:00:00:00:00:02 --cmdline ip=10.9.0.2/24
	ask http://10.9.0.2:8080/
	head -c 20000 /dev/urandom >"$dir/body"
	load 64 -m POST -D "$dir/body"
	result $? 'load: 64 clients that send and get 20 KB'
}

if [ -z "${UKVMM_INSIDE:-}" ]; then
	trap 'stop; rm -rf "$dir"' EXIT
	passt_half
	if [ -c /dev/net/tun ] && unshare -Urn true 2>/dev/null; then
		UKVMM_INSIDE=$tests unshare -Urn "$0" "$@" || failed=1
		exit $failed
	fi
	done_testing
fi
tests=$UKVMM_INSIDE
trap 'stop; rm -rf "$dir"' EXIT
ip tuntap add tap0 mode tap
tap_up
dhcp_half
load_half
done_testing
