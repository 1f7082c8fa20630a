# SPDX-License-Identifier: Apache-2.0
"""Many cold starts one after the other, on a handful of taps: nothing of an instance is in the way of the next one. By
what the kernel counts in the network namespace of the instances, and not by time. 77: as vm.test.py."""

import os
import time

from faas import Background, Server, equal, finish, ok
from vm import image, prepare

STARTS = 300


CLOSING = {"04", "05", "06", "08", "09", "0B"} # FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE_WAIT, LAST_ACK, CLOSING


def counter(s, name):
	"""Of the namespace that the server is in: files with lines in pairs, names and values."""
	for file in ("netstat", "snmp"):
		with open(f"/proc/{s.process.pid}/net/{file}") as f:
			lines = [line.split() for line in f]
		for names, values in zip(lines[::2], lines[1::2]):
			if name in names:
				return int(values[names.index(name)])
	raise KeyError(name)


def closing(s):
	"""Connections of which one side has said that it ends; the other one never will if it has."""
	with open(f"/proc/{s.process.pid}/net/tcp") as f:
		return [line for line in f.readlines()[1:] if line.split()[3] in CLOSING]


def singly(s):
	s.get("/function/once/")
	statuses = set()
	for _ in range(STARTS):
		statuses.add(s.get("/function/once/").status)
	equal(statuses, {200}, f"{STARTS} cold starts")
	ok(counter(s, "ActiveOpens") >= STARTS, "each over a connection of its own")
	equal(counter(s, "TCPSynRetrans"), 0, "no connect had to be tried twice")
	equal(closing(s), [], "no end of a connection waits for a machine that is gone")


def together(s):
	got = [r.get().status for r in [Background(s.get, "/function/once/") for _ in range(60)]]
	equal(set(got), {200}, "sixty at once")
	equal((counter(s, "TCPSynRetrans"), closing(s)), (0, []), "with as little left behind")


def workers(s):
	"""How many there are with and without an instance."""
	(broker,) = s.children()
	with open(f"/proc/{broker}/task/{broker}/children") as f:
		return len(f.read().split())


def grows():
	"""As many workers wait as were wanted at once, and no more than they may be."""
	with Server("--network", "own", "--pool", "2", "--pool-most", "9", program=os.environ["FAAS_VM"]) as s:
		image(s, "noop")
		s.deploy("once", image="noop", memory="16M", single_use="true")
		got = [r.get().status for r in [Background(s.get, "/function/once/") for _ in range(30)]]
		equal(set(got), {200}, "thirty at once, with two that wait")
		deadline = time.monotonic() + 60
		while (any(s.instances()) or workers(s) != 9) and time.monotonic() < deadline:
			pass
		equal(workers(s), 9, "then as many wait as may")
		got = [r.get().status for r in [Background(s.get, "/function/once/") for _ in range(30)]]
		equal(set(got), {200}, "thirty more")


def main():
	prepare()
	with Server("--network", "own", program=os.environ["FAAS_VM"]) as s:
		image(s, "noop")
		s.deploy("once", image="noop", memory="16M", single_use="true")
		singly(s)
		together(s)
		equal(s.balance(), 0, "requests balance")
	grows()
	finish()


main()
