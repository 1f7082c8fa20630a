#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Functions as processes on a tap of a network namespace, asked by curl. 77: no rights or no curl.
# Usage: serve.sh DIRECTORY-OF-PROGRAMS
set -euo pipefail
if [ -z "${UKVMM_INSIDE:-}" ]; then
	command -v curl >/dev/null && [ -c /dev/net/tun ] && unshare -Urn true 2>/dev/null || exit 77
	UKVMM_INSIDE=1 exec unshare -Urn "$0" "$@"
fi
bin=$1
work=$(mktemp -d)
server=
trap 'stop; rm -rf "$work"' EXIT

stop() { [ -z "$server" ] || { kill "$server"; wait "$server" || true; server=; } 2>/dev/null; }
fail() { echo "FAIL: $*" >&2; exit 1; }
start()
{
	stop
	mkfifo "$work/$1" 2>/dev/null || true
	"$bin/rt-$1" tap0 "${@:2}" >"$work/$1" &
	server=$!
	read -r line <"$work/$1" && [ "$line" = "ready 1" ] || fail "$1 is not ready"
	ip addr flush dev tap0
	ip link set tap0 mtu 1500 up
	ip addr add 10.9.0.1/24 dev tap0
}
get() { curl -sS --fail-with-body --max-time 200 "$@"; }
url=http://10.9.0.2:8080

start echo ip=10.9.0.2/24,10.9.0.1
[ "$(get -d hello $url/)" = hello ] || fail "echo"
[ "$(get -d one $url/ --next -sS -d two $url/)" = onetwo ] || fail "keep-alive"
head -c 5000000 /dev/urandom >"$work/body"
get --data-binary @"$work/body" $url/ | cmp - "$work/body" || fail "a large body"
get -H 'Transfer-Encoding: chunked' --data-binary @"$work/body" $url/ | cmp - "$work/body" || fail "chunks"
exec 3<>/dev/tcp/10.9.0.2/8080
printf 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nonePOST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\ntwo' >&3
[ "$(grep -aoE '(one|two)(HTTP)?' <&3 | tr -d '\n')" = oneHTTPtwo ] || fail "pipelining"
exec 3>&-
[ "$(curl -s -o "$work/out" -w '%{http_code}' -H 'Content-Length: x' -d a $url/)" = 400 ] || fail "a bad length"

start todos ip=10.9.0.2 netmask=255.255.255.0
[ "$(get $url/todos/2)" = '{"id":2,"title":"serve","done":true}' ] || fail "todos"
[ "$(curl -s -o "$work/out" -w '%{http_code}' $url/todos/9)" = 404 ] || fail "todos: none"

start serve ip=10.9.0.2/24
[ "$(get $url/ | wc -c)" = $((50 << 20)) ] || fail "serve"

start serve ip=10.9.0.2/24 plain=1
[ "$(get $url/ | wc -c)" = $((50 << 20)) ] || fail "serve, without offloads"
start echo ip=10.9.0.2/24 plain=1
get --data-binary @"$work/body" $url/ | cmp - "$work/body" || fail "a large body, without offloads"

start bubble ip=10.9.0.2/24
[ "$(get $url/)" = 20000 ] || fail "bubble"
