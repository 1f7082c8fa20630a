#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A worker that was taken over and does what it may not, or crashes: `ukvmm run` says which, after what the guest had said.
The environment is that of ../cli/lib.sh."""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../common"))
from takeover import FAULT, FORK, possible, take_over

PATIENCE = 60
tests = failed = 0


def ok(good, name, text=""):
	global tests, failed
	tests += 1
	failed += not good
	print(f"{'' if good else 'not '}ok {tests} - {name}")
	if not good:
		print(f"# {text}")


def until(look):
	end = time.monotonic() + PATIENCE
	while time.monotonic() < end:
		if found := look():
			return found
	return None


def children(pid):
	with open(f"/proc/{pid}/task/{pid}/children") as f:
		return [int(word) for word in f.read().split()]


def run(*options):
	command = [os.environ["UKVMM"], "run", "--timeout", "100s", *options, "--cmdline", "sleep", os.environ["GUEST"]]
	p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
	said = p.stdout.readline()
	(worker,) = children(p.pid)
	return p, worker, said


def dies(name, code, status, text, *options):
	p, worker, said = run(*options)
	ok(said == "ready\n", f"{name}: the guest runs", said)
	ok(until(lambda: take_over(worker, code)), f"{name}: its io thread is taken over")
	try:
		out, err = p.communicate("input wakes it", timeout=PATIENCE)
	except subprocess.TimeoutExpired:
		p.kill()
		out, err = p.communicate()
	ok(p.returncode == status, f"{name}: status {status}", f"{p.returncode} {err}")
	ok(text in err and len(err.splitlines()) == 1, f"{name}: one line says so", err)
	ok(not os.path.exists(f"/proc/{worker}"), f"{name}: nothing is left of it")


def main():
	if not os.access("/dev/kvm", os.R_OK | os.W_OK) or not possible():
		print("1..0 # SKIP no /dev/kvm, or not root on x86_64")
		return 77
	dies("a crash", FAULT, 128 + 4, "signal 4")
	if not os.environ.get("SOFT"):
		dies("a forbidden call", FORK, 128 + 31, "system call that is not on its list")
		dies("a forbidden call, in a cgroup", FORK, 128 + 31, "system call that is not on its list", "--cpu-quota", "100")
	print(f"1..{tests}")
	return failed != 0


sys.exit(main())
