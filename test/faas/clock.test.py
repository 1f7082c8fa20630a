# SPDX-License-Identifier: Apache-2.0
"""The wall clock is set, forth and back by a day, under a server that works: no deadline moves. Debian's libfaketime steps
CLOCK_REALTIME for the server's process alone; 77 where it is not installed."""

import glob
import os
import re
import time

from faas import Background, Gate, Server, equal, finish, ok
from vm import skip

DAY = 86400


class Clock:
	"""The server's wall clock: an offset in a file, which libfaketime reads at each look."""

	def __init__(self, library):
		self.path = f"/tmp/faas-clock-{os.getpid()}"
		self.set(0)
		self.env = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": self.path, "FAKETIME_NO_CACHE": "1",
			"FAKETIME_DONT_FAKE_MONOTONIC": "1"}

	def set(self, seconds):
		with open(self.path + ".new", "w") as f:
			f.write(f"{seconds:+d}s\n")
		os.rename(self.path + ".new", self.path)

	def seen(self, s):
		"""How far the server's clock is off, in days: the time that it writes into answers."""
		return round((int(s.get("/function/quiet/").headers["X-Start-Time"]) / 1e9 - time.time()) / DAY)


def steps(s, clock):
	gate = Gate(s, "clock")
	s.image("slow", f"start={gate.path}")
	s.deploy("quiet", idle_timeout="10h", timeout="1h")
	s.deploy("one", max_instances=1, timeout="1h", queue_timeout="10m")
	equal(clock.seen(s), 0, "the clock is right")
	pid = s.get("/function/quiet/").text
	for days in (1, -1, 0):
		busy, at = gate.hold(s, "one")
		waits = Background(s.get, f"/function/one/gate{gate.path}")
		while s.describe("one")["ukvmm"]["queued"] != 1:
			pass
		starting = Background(s.deploy, f"slow{days}", image="slow", start_timeout="10m")
		start = gate.arrival()
		idle = s.connect()
		clock.set(days * DAY)
		equal(clock.seen(s), days, f"the clock is set: {days:+d} day")
		equal(s.get("/function/quiet/").text, pid, "nothing that is idle has ended")
		start.open()
		equal(starting.get().status, 202, "what starts gets its time")
		at.open()
		equal(busy.get().status, 200, "a request that is under way is answered")
		gate.arrival().open()
		equal(waits.get().status, 200, "so is one that waits")
		idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		ok(idle.recv(100).startswith(b"HTTP/1.1 200"), "a connection that was open stays")
		idle.close()
		deadlines(s, days)


def deadlines(s, days):
	"""And those that are due come: a clock that went back does not keep them."""
	# each has one that is short: a busy machine takes its time for what has none
	for name, settings in (("idle", {"idle_timeout": "100ms"}), ("late", {"timeout": "200ms"}), ("full", {"queue_timeout": "100ms"})):
		s.deploy(f"{name}{days}", **{"idle_timeout": "10h", "max_instances": 1, **settings})
	s.line(f"of idle{days}: idle")
	equal(s.get(f"/function/late{days}/stall").status, 504, "deadlines that are due come")
	gate = Gate(s, f"full{days}")
	busy, at = gate.hold(s, f"full{days}")
	equal(s.get(f"/function/full{days}/").status, 503, "in the queue, too")
	at.open()
	busy.get()
	took = float(s.get("/function/quiet/").headers["X-Duration-Seconds"])
	ok(0 < took < 60, "durations are what they are", str(took))


def main():
	libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
	if not libraries:
		skip("no libfaketime")
	# it comes before the sanitizer's library
	os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
	clock = Clock(libraries[0])
	try:
		with Server(env=clock.env) as s:
			s.image("plain")
			steps(s, clock)
			m = s.metrics()
			counts = [v for k, v in m.items() if re.match("ukvmm_function_(cpu|memory)", k)]
			ok(counts and min(counts) >= 0, "no cost is negative", str(counts))
			equal(s.balance(), 0, "requests balance")
			equal(s.stop(), 0, "it ends")
	finally:
		os.unlink(clock.path)
	finish()


main()
