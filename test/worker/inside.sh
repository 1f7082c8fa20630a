#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a guest that has taken over its worker would find there: nothing. Looked at from outside, as root, while a guest
# runs, for a worker of root's and for one of an ordinary user's. What could not be built is listed.
. "$(dirname "$0")/../cli/lib.sh"
need_kvm
if [ "$(id -u)" != 0 ]; then
	echo '1..0 # SKIP only root may look into a worker'
	exit 77
fi
own=$(readlink /proc/self/ns/user)
exec 9<>/dev/kvm
install -m 755 "$UKVMM" "$dir/ukvmm"
install -m 644 "$GUEST" "$dir/guest"
chmod 755 "$dir"

begin() { # WRAP...
	mkfifo "$dir/fifo"
	(cd / && exec "$@" "$dir/ukvmm" run --kvm-fd 9 --timeout 100s --cmdline sleep "$dir/guest") </dev/null \
		>"$dir/fifo" 2>"$dir/err" &
	pid=$!
	exec 8<"$dir/fifo"
	rm "$dir/fifo"
	read -r first <&8
	read -r worker <"/proc/$pid/task/$pid/children"
	worker=${worker%% *}
}

of_each() { # FIELD: its values over all threads, each once
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$worker/task/"*/status | tr '\t' ' ' | sort -u
}

look() { # WHO
	local who=$1 ns
	is "$who: the guest runs" "$first" ready
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		[ $set = CapBnd ] && [ "$who" = 'ordinary user' ] && [ "$(of_each CapBnd)" != 0000000000000000 ] &&
			echo "# $who: the bounding set could not be emptied" && continue
		is "$who: no capability, $set" "$(of_each $set)" 0000000000000000
	done
	is "$who: no new privileges" "$(of_each NoNewPrivs)" 1
	if [ -n "$SOFT" ]; then
		echo "# $who: no filter in a build with sanitizers"
	else
		is "$who: every thread has a filter" "$(of_each Seccomp)" 2
		is "$who: no environment" "$(wc -c <"/proc/$worker/environ")" 0
		like "$who: no core dump" "$(grep 'core file' "/proc/$worker/limits")" ' 0 +0 '
	fi
	is "$who: nobody, outside" "$(of_each Uid)" '65534 65534 65534 65534'
	is "$who: no group" "$(of_each Groups | tr -d ' ')" ''
	for ns in user mnt pid net ipc uts cgroup; do
		[ "$(readlink "/proc/$worker/ns/$ns")" != "$(readlink /proc/self/ns/$ns)" ]
		result $? "$who: a namespace of its own, $ns"
	done
	is "$who: one process in it" "$(readlink /proc/[0-9]*/ns/pid 2>"$dir/ignored" |
		grep -cF "$(readlink "/proc/$worker/ns/pid")")" 1
	like "$who: the first one" "$(of_each NSpid | head -n 1)" ' 1$'
	is "$who: no file" "$(ls -A "/proc/$worker/root/")" ''
	is "$who: one mount" "$(wc -l <"/proc/$worker/mountinfo")" 1
	like "$who: which is read-only" "$(<"/proc/$worker/mountinfo")" ' / / ro,.* tmpfs '
	is "$who: no interface but lo" "$(sed -n 's/^ *\([^ ]*\):.*/\1/p' "/proc/$worker/net/dev")" lo
	is "$who: and that is down" "$(cat "/proc/$worker/net/if_inet6" 2>"$dir/ignored")" ''
	# a sanitizer has a stderr
	is "$who: no descriptor but its own" "$(find "/proc/$worker/fd" -type l -printf '%l\n' |
		grep -vE '^(/dev/(null|kvm)|socket:\[[0-9]+\]|anon_inode:(kvm-(vm|vcpu:[0-9]+|vcpu-stats.*|vm-stats.*)|\[(eventpoll|eventfd|timerfd)\]))$' |
		grep -vxF "${SOFT:+$dir/err}")" ''
	is "$who: three of them are /dev/null" "$(find "/proc/$worker/fd" -type l -printf '%l\n' | grep -c ^/dev/null)" "$([ -n "$SOFT" ] && echo 2 || echo 3)"
	is "$who: a name that tells nothing" "$(tr '\0' ' ' <"/proc/$worker/cmdline")" 'ukvmm --worker '
	setpriv --reuid 65534 --regid 65534 --clear-groups cat "/proc/$worker/maps" >"$dir/maps" 2>"$dir/ignored"
	if [ "$who" = root ]; then
		[ ! -s "$dir/maps" ]
		result $? "$who: another process of its user may not look into it"
	else
		echo "# $who: that user may look into it, being the owner of its namespace; other workers may not"
	fi
	kill -TERM "$pid"
	finish
	ends "$who" 143
	[ ! -e "/proc/$worker" ]
	result $? "$who: the worker is gone with it"
}

begin env --default-signal
look root
begin setpriv --reuid 65534 --regid 65534 --clear-groups
look 'ordinary user'

# the control dies: nobody is left to end the worker but the kernel
for signal in KILL SEGV; do
	begin env --default-signal
	kill -$signal "$pid"
	finish 2>"$dir/ignored"
	end=$((SECONDS + 100))
	while [ -e "/proc/$worker" ] && [ $SECONDS -lt $end ]; do :; done
	[ ! -e "/proc/$worker" ]
	result $? "SIG$signal of the control ends the worker"
done
# the worker dies: that is told, with the status of a program that died so
begin env --default-signal
kill -KILL "$worker"
finish
ends 'a worker that is killed' 137 'ukvmm: worker\(guest\): it died of signal 9.*'
begin env --default-signal
kill -SEGV "$worker"
kill -TERM "$pid"
finish
ends 'a signal from outside is no harm to a worker' "$([ -n "$SOFT" ] && echo "$status" || echo 143)" \
	"$([ -n "$SOFT" ] && echo '.*')"

# where something cannot be had, that is said, and the rest stands
inside() { # COMMAND...: in a user namespace of its own, after these
	(exec unshare -Ur sh -c "$1; exec \"$dir/ukvmm\" run --kvm-fd 9 --cmdline 'exit 5' \"$dir/guest\"") </dev/null >"$dir/out" 2>"$dir/err"
	status=$? err=$(<"$dir/err")
}
inside :
ends "the root of an ordinary user's container" 5
inside 'echo 0 >/proc/sys/user/max_user_namespaces'
ends 'no user namespaces' 5 'ukvmm: sandbox\(guest\): not possible here: a user namespace \(.+\)'
inside 'for n in user mnt pid net ipc uts cgroup; do echo 0 >/proc/sys/user/max_${n}_namespaces; done'
ends 'no namespaces' 5 'ukvmm: sandbox\(guest\): not possible here: a user namespace, namespaces, an empty root \(.+\)'
run run --sandbox-trace --cmdline 'exit 5' "$GUEST"
ends 'with the forbidden calls logged only' 5

# no worker may be had by typing its word
run --worker
ends 'nobody is a worker by a word' 125 'ukvmm: ukvmm\(--worker\): no such command.*'
run run --no-sandbox --cmdline 'exit 5' "$GUEST"
ends 'without walls, with a warning' 5 'ukvmm: run\(--no-sandbox\): .*'
is "where we are has not changed" "$(readlink /proc/self/ns/user)" "$own"
done_testing
