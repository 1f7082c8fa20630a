#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The real passt: comes and goes with the guest, however that ends, and what goes wrong with it is told.
. "$(dirname "$0")/lib.sh"
need_kvm
skip() {
	echo "1..0 # SKIP $*"
	exit 77
}
command -v passt >/dev/null || skip 'passt is not installed'
own_network "$@"
grep -qE '^[a-z0-9]+\s+00000000\s' /proc/net/route || skip 'passt wants a default route, and there is none'

port=
for p in $(shuf -i 20000-30000 -n 50); do
	(: <>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { port=$p; break; }
done
listens() { (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
await() { # NAME COMMAND...: until it is true; 100 s are for ever
	local name=$1 end=$((SECONDS + 100))
	shift
	until "$@" || [ $SECONDS -gt $end ]; do :; done
	"$@"
	result $? "$name"
}
# The passt that has this port, once it is in the background.
passt_pid() { pgrep -f -- "--tcp-ports 127.0.0.1/$port:80 "; }
gone() { ! listens; }

net="passt,fwd=127.0.0.1:$port:80"
start_net() { # WRAP...: a guest that waits, with this network; sets pid
	mkfifo "$dir/fifo"
	"$@" run --timeout 100s --net "$net" --cmdline sleep "$GUEST" </dev/null >"$dir/fifo" 2>"$dir/net-err" &
	pid=$!
	exec 8<"$dir/fifo"
	rm "$dir/fifo"
	read -r first <&8
}
finish_net() {
	finish 2>/dev/null
	err=$(<"$dir/net-err")
}

run run --net passt --cmdline 'exit 7' "$GUEST"
ends 'a guest with passt' 7

start_net env --default-signal "$UKVMM"
is 'the guest runs' "$first" ready
listens
result $? 'its port is open before it runs'
if [ "$(id -u)" = 0 ]; then
	is 'passt has dropped root' "$(ps -o user= -p "$(passt_pid)")" nobody
fi
run run --net "$net" --cmdline 'exit 7' "$GUEST"
ends 'a port that is taken' 125 "ukvmm: passt\\(net0\\): .*127.0.0.1/$port:80.*"
kill -TERM "$pid"
finish_net
ends 'ended politely' 143
await 'its port is closed then' gone

start_net "$UKVMM"
kill -KILL "$pid"
finish_net
is 'ended by SIGKILL' "$status" 137
await 'passt ends with us all the same' gone

start_net env --default-signal "$UKVMM"
kill -TERM "$(passt_pid)"
told() { [ -s "$dir/net-err" ]; }
await 'a passt that ends is told of' told
kill -TERM "$pid"
finish_net
ends 'a passt that ended' 143 'ukvmm: passt\(net0\): it has ended: .*'
await 'its port is closed, then or a little later' gone

if [ "$(id -u)" = 0 ]; then
	install -m 755 "$UKVMM" "$dir/ukvmm"
	install -m 644 "$GUEST" "$dir/guest"
	chmod 755 "$dir"
	exec 9<>/dev/kvm
	(cd / && exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all "$dir/ukvmm" run --kvm-fd 9 \
		--net "$net" --cmdline 'exit 7' "$dir/guest") </dev/null >"$dir/out" 2>"$dir/err"
	status=$? err=$(<"$dir/err")
	exec 9<&-
	ends 'passt without any privilege' 7
fi

done_testing
