# SPDX-License-Identifier: Apache-2.0
"""bench/faas-mixed for a short while: everything at once, with kills, and nothing is lost or left. Ten minutes of it are a
benchmark. FAAS_MIXED: the program. What it asserts is said in test/bench/mixed.c."""

import os
import subprocess

from faas import finish, ok
from vm import missing, skip

SECONDS = 24


def main():
	why = missing()
	if why:
		skip(why)
	# what was freed counts as memory otherwise
	env = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") +
		":quarantine_size_mb=1:thread_local_quarantine_size_kb=64")
	got = subprocess.run([os.environ["FAAS_MIXED"], str(SECONDS)], env=env, capture_output=True, text=True, timeout=280)
	print("# " + got.stdout.replace("\n", "\n# "), flush=True)
	ok(got.returncode == 0, f"{SECONDS} s of mixed load with kills: each request is accounted for, nothing is left", got.stderr)
	finish()


main()
