#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What passt is given, and what is said when it fails, hangs or is not there.
. "$(dirname "$0")/lib.sh"
need_kvm

cannot() { # NAME ERROR ARG...
	local name=$1 error=$2
	shift 2
	run run "$@" "$GUEST"
	ends "$name" 125 "ukvmm: $error"
}
truncate -s 1M "$dir/a"
mkfifo "$dir/pipe"

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
cat >"$dir/bin/passt" <<-'EOF'
	#!/bin/sh
	read line <"$PASST_DIR/pipe"
EOF
env --default-signal "$UKVMM" run --net passt "$GUEST" </dev/null >"$dir/out" 2>"$dir/err" &
pid=$!
# its passt is up once the pipe has a reader
exec 7>"$dir/pipe"
kill -TERM $pid
wait $pid
status=$? err=$(<"$dir/err")
exec 7>&-
ends 'a passt that hangs, and SIGTERM' 143
mkdir "$dir/empty"
PATH=$dir/empty
UKVMM=$(realpath -- "$UKVMM" 2>/dev/null || echo "$UKVMM")
cannot 'no passt' 'posix_spawn\(passt\): it is not installed; .*' --net passt
PATH=$path

done_testing
