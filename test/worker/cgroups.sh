# SPDX-License-Identifier: Apache-2.0
# For scripts that look for what a run has left: its own, as others may run here at the same time.

# as that of ../cli/lib.sh; ran: its process id
run() {
	"$UKVMM" "$@" <"${input:-/dev/null}" >"$dir/out" 2>"$dir/err" &
	ran=$!
	wait $ran
	status=$?
	out=$(<"$dir/out")
	err=$(<"$dir/err")
}

left() { # how many folders the last one has left
	find /sys/fs/cgroup -type d -name "ukvmm-run-$ran" 2>"$dir/ignored" | wc -l
}
