#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Any system call from inside of a real worker whose guest runs: a thread of it is made to call each number that its filter does
not have, and the worker ends by SIGSYS. (What the filters have, and with which arguments, is sandbox-calls'.) UKVMM,
GUEST: as in ../cli/lib.sh; DOC: sandbox-doc, whose table says which calls are whose."""

import concurrent.futures
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../common"))
from takeover import EPOLL_PWAIT, EPOLL_WAIT, IOCTL, call, possible, take_over

NEWER = set(range(451, 475))  # than the header may be
NONE = {337, 400, 423, 600}  # nobody's, some of them
FREE = {335, 336}  # uretprobe, uprobe: the kernel asks no filter, and ends or refuses those that come from elsewhere
PATIENCE = 60
NUMBERS = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
# what a vCPU's thread is asked for; each waits for the end of a slice
INTERESTING = ("open openat openat2 read socket connect bind listen ptrace process_vm_readv process_vm_writev kill tkill mount umount2"
	" pivot_root unshare setns clone clone3 fork execve execveat keyctl bpf perf_event_open userfaultfd io_uring_setup"
	" io_uring_enter mmap mprotect memfd_create prctl seccomp setuid capset getpid").split()


def calls():
	with open(NUMBERS) as f:
		return {name: int(n) for name, n in re.findall(r"#define __NR_(\w+) (\d+)", f.read())}


def has(role):
	"""The names in the column of a role."""
	rows = [[c.strip() for c in line.strip("|\n ").split("|")] for line in
		subprocess.run([os.environ["DOC"]], capture_output=True, text=True, check=True).stdout.splitlines()]
	head = next(r for r in rows if r[0] == "call")
	return {r[0].split(",")[0] for r in rows if len(r) == len(head) and r[head.index(role)] == "x"}


def until(look):
	end = time.monotonic() + PATIENCE
	while time.monotonic() < end:
		if found := look():
			return found
	return None


def ends(number, places):
	"""How `ukvmm run` says that its worker ended."""
	command = [os.environ["UKVMM"], "run", "--timeout", "100s", "--cmdline", "sleep", os.environ["GUEST"]]
	with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
		p.stdout.readline()
		with open(f"/proc/{p.pid}/task/{p.pid}/children") as f:
			worker = int(f.read().split()[0])
		until(lambda: take_over(worker, call(number), places))
		try:
			_, err = p.communicate("input wakes it", timeout=PATIENCE)
		except subprocess.TimeoutExpired:
			p.kill()
			err = "it lives"
		return p.returncode, err


def dies(number, places):
	status, err = ends(number, places)
	return None if status == 159 and "not on its list" in err else f"{number}: {status} {err.strip()}"


def check(n, name, numbers, places):
	with concurrent.futures.ThreadPoolExecutor(4) as pool:
		wrong = [w for w in pool.map(lambda number: dies(number, places), numbers) if w]
	print(f"{'not ' if wrong or not numbers else ''}ok {n} - {name}: {len(numbers)} calls end it")
	for line in wrong[:10]:
		print(f"# {line}")
	return bool(wrong) or not numbers


def main():
	if os.environ.get("SOFT") or not possible() or not os.access("/dev/kvm", os.R_OK | os.W_OK) or not os.path.exists(NUMBERS):
		print("1..0 # SKIP sanitizers, no /dev/kvm, or not root on x86_64")
		return 77
	known = calls()
	io = {known[name] for name in has("io") if name in known}
	vcpu = {known[name] for name in has("vcpu") if name in known}
	failed = check(1, "an io thread", sorted((set(known.values()) | NEWER | NONE) - FREE - io), (EPOLL_WAIT, EPOLL_PWAIT))
	failed |= check(2, "a vCPU's thread", sorted({known[n] for n in INTERESTING if n in known} - vcpu), (IOCTL,))
	print("1..2")
	return failed


sys.exit(main())
