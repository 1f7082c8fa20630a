# SPDX-License-Identifier: Apache-2.0
"""What an intruder would have in a worker: the next thing that one of its threads does is ours. x86_64, root."""

import os
import platform

EPOLL_WAIT, EPOLL_PWAIT = 232, 281
FAULT = b"\x0f\x0b"  # ud2
FORK = b"\xb8\x39\x00\x00\x00\x0f\x05\xeb\xfe"  # eax = 57; syscall; for ever


def possible():
	return os.geteuid() == 0 and platform.machine() == "x86_64"


def waiting(pid):
	"""Where threads of `pid` that wait for events come back to user space."""
	found = set()
	for tid in os.listdir(f"/proc/{pid}/task"):
		with open(f"/proc/{pid}/task/{tid}/syscall") as f:
			words = f.read().split()
		if words[0].isdigit() and int(words[0]) in (EPOLL_WAIT, EPOLL_PWAIT):
			found.add(int(words[-1], 16))
	return found


def take_over(pid, code):
	"""The thread that waits for events, the io thread, does this next. False: none waits. One that has ended has been."""
	try:
		places = waiting(pid)
		with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
			for at in places:
				memory.seek(at)
				memory.write(code)
	except (FileNotFoundError, ProcessLookupError):
		return True
	return bool(places)
