# SPDX-License-Identifier: Apache-2.0
# The demonstration of functions shows what it says, ends by itself without a terminal, and leaves nothing; where it
# cannot run it says why, with 77.
# Usage: demo.test.sh PROGRAM BIN GUESTS
demo=$1 bin=$2 guests=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0 failed=0

# ok WHAT COMMAND...
ok()
{
	local what=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		sed 's/^/# /' "$dir/out"
		failed=1
	fi
}

none_left() { [ -z "$(ls -A "$dir/tmp")" ]; }

mkdir "$dir/tmp" "$dir/none"
export TMPDIR=$dir/tmp
timeout 120 bash "$demo" "$bin" "$dir/none" </dev/null >"$dir/out" 2>&1
ok "without functions: 77" [ $? = 77 ]
ok "and why" grep -q "not built" "$dir/out"
timeout 400 bash "$demo" "$bin" "$guests" </dev/null >"$dir/out" 2>&1
status=$?
ok "its folder is gone" none_left
if [ $status = 77 ] && [ $failed = 0 ]; then
	grep "not shown" "$dir/out"
	exit 77
fi
ok "it ends with 0" [ $status = 0 ]
ok "a table of phases" grep -q "^  first_byte  *[0-9.]* *$" "$dir/out"
ok "three were cold" grep -q " 3 cold starts" "$dir/out"
ok "20 at once were answered" grep -q "^  20 answers" "$dir/out"
ok "and were cold" grep -q " 20 cold starts" "$dir/out"
ok "a URL to try" grep -q "to try: curl http://127.0.0.1:[0-9]*/function/todos/todos" "$dir/out"
ok "all is as it should be" [ -z "$(grep ' NO$' "$dir/out")" ]
echo "1..$n"
exit $failed
