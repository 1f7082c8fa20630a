# SPDX-License-Identifier: Apache-2.0
"""What an intruder would have in a worker: the next thing that one of its threads does is ours. x86_64, root."""

import os
import platform
import struct

EPOLL_WAIT, EPOLL_PWAIT = 232, 281
FAULT = b"\x0f\x0b"  # ud2


IOCTL = 16  # a vCPU thread is in KVM_RUN


def possible():
	return os.geteuid() == 0 and platform.machine() == "x86_64"


def call(number):
	"""A system call, then for ever the same."""
	return b"\xb8" + struct.pack("<I", number) + b"\x0f\x05\xeb\xf7"


def waiting(pid, numbers=(EPOLL_WAIT, EPOLL_PWAIT)):
	"""Where threads of `pid` that are in one of these system calls come back to user space."""
	found = set()
	for tid in os.listdir(f"/proc/{pid}/task"):
		with open(f"/proc/{pid}/task/{tid}/syscall") as f:
			words = f.read().split()
		if words[0].isdigit() and int(words[0]) in numbers:
			found.add(int(words[-1], 16))
	return found


def take_over(pid, code, numbers=(EPOLL_WAIT, EPOLL_PWAIT)):
	"""The threads that are in one of these calls (waiting for events: the io thread) do this next. False: none waits. One that has ended has been."""
	try:
		places = waiting(pid, numbers)
		with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
			for at in places:
				memory.seek(at)
				memory.write(code)
	except (FileNotFoundError, ProcessLookupError):
		return True
	return bool(places)


FORK = call(57)
