# SPDX-License-Identifier: Apache-2.0
# For tests that ask functions over a tap, in a network namespace of their own. $1 is ukvmm; the file that sources this is
# run again inside of the namespace. 77: no /dev/kvm, no rights.
set -euo pipefail
skip() { echo "SKIPPED: $*"; exit 77; }
fail() { echo "FAIL: $*"; cat "$work/out" 2>/dev/null || true; exit 1; }

if [ -z "${UKVMM_INSIDE:-}" ]; then
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || skip "no usable /dev/kvm"
	[ -c /dev/net/tun ] || skip "no /dev/net/tun"
	command -v curl >/dev/null || skip "no curl"
	unshare -Urn true 2>/dev/null || skip "no network namespaces"
	UKVMM_INSIDE=1 exec unshare -Urn "$0" "$@"
fi

ukvmm=$1
work=$(mktemp -d)
guest=
stop()
{
	[ -z "$guest" ] || { kill "$guest"; wait "$guest"; guest=; } 2>/dev/null || true
}
trap 'stop; rm -rf "$work"' EXIT
url=http://10.9.0.2:8080

# start IMAGE WORDS [OPTION...]: a guest on a tap of its own; ask waits until it answers
start()
{
	local image=$1 words=$2
	shift 2
	stop
	ip link del tap0 2>/dev/null || true
	ip tuntap add tap0 mode tap
	ip addr add 10.9.0.1/24 dev tap0
	ip link set tap0 up
	timeout 510 "$ukvmm" run --timeout 500s --net tap=tap0 "$@" --cmdline "ip=10.9.0.2/24 $words" "$image" >"$work/out" 2>&1 &
	guest=$!
}
# Again where it could not connect (7): the guest may not be there yet, and nobody answers for its address after 3 s.
ask()
{
	local end=$((SECONDS + 200)) rc=7
	while [ $rc = 7 ] && [ $SECONDS -lt $end ]; do
		rc=0
		curl -sS --max-time 200 "$@" || rc=$?
	done
	return $rc
}
# want WHAT GOT WANTED
want()
{
	[ "$2" = "$3" ] || fail "$1: got \"$2\", wanted \"$3\""
	echo "ok - $1"
}
