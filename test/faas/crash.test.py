# SPDX-License-Identifier: Apache-2.0
"""The server, or its broker, is killed with -9 under load and started anew: functions are back, and of what was there no
process, tap or cgroup is left. With microVMs; 77 where there are none."""

import os
import signal
import subprocess
import time

from faas import Background, Server, equal, finish, ok
from vm import image, prepare


def children(pid):
	with open(f"/proc/{pid}/task/{pid}/children") as f:
		return [int(p) for p in f.read().split()]


def cgroups(pid):
	"""Those that workers of this server have or had."""
	found = []
	for root, folders, _ in os.walk("/sys/fs/cgroup"):
		found += [os.path.join(root, f) for f in folders if f.startswith(f"ukvmm-faas-{pid}-")]
	return found


def taps(network):
	got = subprocess.run(["nsenter", f"--net=/proc/self/fd/{network}", "ip", "-o", "link"], pass_fds=[network],
		capture_output=True, text=True, check=True).stdout
	return got.count("ukf")


def alive(pids):
	def state(pid):
		try:
			with open(f"/proc/{pid}/stat") as f:
				return f.read().rsplit(")", 1)[1].split()[0]
		except (FileNotFoundError, ProcessLookupError):
			return "X"
	return [p for p in pids if state(p) not in "XZ"]


def until_none(look):
	end = time.monotonic() + 60
	found = look()
	while found and time.monotonic() < end:
		found = look()
	return found


def hammer(s, stop, statuses):
	while not stop:
		try:
			statuses.append(s.get("/function/noop/").status)
			statuses.append(s.ask("POST", "/function/echo/", os.urandom(20000)).status)
			statuses.append(s.get("/function/once/").status)
		except OSError:
			statuses.append(0) # its server is gone
		except Exception: # an answer that is none, or half of one
			statuses.append(0)


def under_load(s, work):
	stop, statuses = [], []
	clients = [Background(hammer, s, stop, statuses) for _ in range(4)]
	while len(statuses) < 30 or 200 not in statuses:
		pass
	work()
	stop.append(1)
	for c in clients:
		c.get()
	return set(statuses)


def set_up(s):
	for name in ("noop", "echo"):
		image(s, name)
	equal(s.deploy("noop", image="noop", memory="16M").status, 202, "functions")
	s.deploy("echo", image="echo", memory="32M", concurrency=4)
	s.deploy("once", image="noop", memory="16M", single_use="true")


def what_there_is(s):
	(broker,) = s.children()
	return [s.process.pid, broker] + children(broker), os.open(f"/proc/{s.process.pid}/ns/net", os.O_RDONLY)


def nothing_left(server, pids, network, before):
	left = until_none(lambda: alive(pids) or taps(network) or cgroups(server))
	print(f"# {time.monotonic() - before:.2f} s after the kill", flush=True)
	equal(left, [] if isinstance(left, list) else 0, "no process, tap or cgroup of what was killed")
	os.close(network)


def killed(s, which, again_with):
	pids, network = what_there_is(s)
	ok(len(pids) > 4 and taps(network) > 0, f"before: {len(pids)} processes, {len(cgroups(s.process.pid))} cgroups")
	before = 0

	def kill():
		nonlocal before
		before = time.monotonic()
		os.kill(pids[which], signal.SIGKILL)
		s.process.wait(60)

	statuses = under_load(s, kill)
	ok(statuses <= {0, 200, 502}, "requests meanwhile: answered, or lost with their instance", str(statuses))
	equal(s.process.returncode, -9 if which == 0 else 1, "the server has ended")
	with Server(program=os.environ["FAAS_VM"], state=s.state) as again:
		nothing_left(s.process.pid, pids, network, before)
		equal(sorted(f["name"] for f in again.get("/system/functions").json()), ["echo", "noop", "once"],
			"functions are back")
		body = os.urandom(20000)
		equal([again.get("/function/noop/").status, again.ask("POST", "/function/echo/", body).body == body,
			again.get("/function/once/").status], [200, True, 200], "and serve")
		equal(again.balance(), 0, "requests balance")
		again_with(again)


def end(s):
	pids, network = what_there_is(s)
	before = time.monotonic()
	equal(s.stop(), 0, "it ends")
	nothing_left(s.process.pid, pids, network, before)


def main():
	prepare()
	with Server(program=os.environ["FAAS_VM"]) as s:
		set_up(s)
		killed(s, 0, lambda again: killed(again, 1, end))
	finish()


main()
