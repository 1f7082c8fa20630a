# SPDX-License-Identifier: Apache-2.0
# What the CLI's tests share. Each prints TAP and ends with done_testing; the environment names what is
# tested: UKVMM (the program), GUEST (guest.c), GUESTS (the folder of test/guests), JSON (json.c).
set -u
: "${UKVMM:?}" "${GUEST:?}" "${GUESTS:?}" "${JSON:?}"

dir=$(mktemp -d)
tests=0 failed=0
trap 'rm -rf "$dir"' EXIT

need_kvm() {
	[ -r /dev/kvm ] && [ -w /dev/kvm ] && return
	echo "1..0 # SKIP /dev/kvm cannot be opened"
	exit 77
}

# own_network: runs this script again where its ports are nobody else's, if that can be had: in a network namespace with a
# default route, which passt wants. After it, OWN_NETWORK is set, or there was none.
own_network() {
	local make='ip link set lo up && ip tuntap add route0 mode tap && ip addr add 192.0.2.1/24 dev route0 &&
		ip link set route0 up && ip route add default via 192.0.2.2'
	[ -z "${OWN_NETWORK:-}" ] && unshare -n sh -c "$make" 2>/dev/null || return 0
	rm -rf "$dir"
	OWN_NETWORK=1 exec unshare -n sh -c "$make && exec \"\$0\" \"\$@\"" "$0" "$@"
}

# run ARG...: `ukvmm ARG...` with nothing on stdin; sets status, out, err
run() {
	"$UKVMM" "$@" <"${input:-/dev/null}" >"$dir/out" 2>"$dir/err"
	status=$?
	out=$(<"$dir/out")
	err=$(<"$dir/err")
}

# order WORDS [ARG...]: runs the test guest with this command line
order() {
	local words=$1
	shift
	run run "$@" --cmdline "$words" "$GUEST"
}

result() { # CONDITION-STATUS NAME
	tests=$((tests + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tests - $2"
	else
		echo "not ok $tests - $2"
		failed=1
	fi
}

is() { # NAME GOT WANTED
	[ "$2" = "$3" ]
	result $? "$1"
	[ "$2" = "$3" ] || printf '# got:    %q\n# wanted: %q\n# status %s, stderr: %q\n' "$2" "$3" "${status-}" "${err-}"
}

like() { # NAME GOT REGEX
	[[ $2 =~ $3 ]]
	local rc=$?
	result $rc "$1"
	[ $rc = 0 ] || printf '# got:    %q\n# wanted: %q\n# status %s, stderr: %q\n' "$2" "$3" "${status-}" "${err-}"
}

# ends NAME STATUS [STDERR]: how the last run ended; STDERR is a regex of all of it, none: nothing
ends() {
	is "$1: status" "$status" "$2"
	like "$1: messages" "$err" "^${3-}\$"
}

# start WORDS: ukvmm in the background with default signals, its output on fd 8; waits for its first line
start() {
	mkfifo "$dir/fifo"
	# unquoted: a command and its options
	${wrap-env --default-signal} "$UKVMM" run --timeout 100s --cmdline "$1" "$GUEST" <"${input:-/dev/null}" \
		>"$dir/fifo" 2>"$dir/err" &
	pid=$!
	exec 8<"$dir/fifo"
	rm "$dir/fifo"
	read -r first <&8
}

finish() {
	wait "$pid"
	status=$?
	exec 8<&-
	err=$(<"$dir/err")
}

done_testing() {
	echo "1..$tests"
	exit $failed
}
