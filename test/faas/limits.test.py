# SPDX-License-Identifier: Apache-2.0
"""What the machine runs out of: disk, connections, processes that are killed; and that all is as it was afterwards."""

import ctypes
import os
import resource
import select
import shutil
import signal
import subprocess
import tempfile

from faas import Background, Gate, Server, equal, finish, ok, read_until

CLONE_NEWNS = 0x20000
CONNECTIONS = 5000


def small_disk():
	"""A folder of 4 MiB, in a mount namespace of our own; None: that is not allowed here."""
	if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) < 0:
		return None
	folder = tempfile.mkdtemp(prefix="faas-disk-")
	subprocess.run(["mount", "--make-rprivate", "/"], check=True)
	subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)
	return folder


def fill(path):
	with open(path, "wb", buffering=0) as f:
		for size in (65536, 4096):
			try:
				while f.write(bytes(size)) == size:
					pass
			except OSError:
				pass


def disk_full():
	state = small_disk()
	if not state:
		print("# no mount namespace: a full disk is not tried")
		return
	try:
		with Server(state=state) as s:
			s.image("plain")
			s.deploy("kept", env={"V": "old"})
			fill(os.path.join(state, "ballast"))
			got = s.ask("POST", "/system/images/more", b"test " + bytes(100000))
			ok(got.status == 507 and got.text, "an image that does not fit: 507", str(got))
			statuses = set()
			for n in range(30):
				statuses.add(s.deploy("kept", method="PUT", labels={"l": "x" * 20000}).status)
				if 507 in statuses:
					break
			ok(507 in statuses and statuses <= {202, 507}, "an update that cannot be kept: 507", str(statuses))
			equal(s.deploy("other", labels={"l": "x" * 20000}).status, 507, "and a new function")
			equal(s.get("/function/other/").status, 404, "which is not there")
			revision = s.describe("kept")["ukvmm"]["revision"]
			equal(s.get("/function/kept/").status, 200, "what was there serves")
			equal(s.ask("POST", "/system/secrets", {"name": "s", "value": "x" * 10000}).status, 507, "nor a secret")
			equal(s.ask("DELETE", "/system/secrets", {"name": "s"}).status, 404, "which is not there either")
			os.unlink(os.path.join(state, "ballast"))
			equal(s.balance(), 0, "requests balance")
			s.stop(signal.SIGKILL)
			with Server(state=state) as again:
				equal(again.describe("kept")["ukvmm"]["revision"], revision, "what served is what the disk has")
				equal([f["name"] for f in again.get("/system/functions").json()], ["kept"], "and nothing else")
				equal(again.deploy("kept", method="PUT", env={"V": "new"}).status, 202, "with room it goes on")
				equal(again.ask("DELETE", "/system/functions", {"functionName": "kept"}).status, 202, "it is removed")
				equal(again.ask("DELETE", "/system/functions", {"functionName": "kept"}).status, 404, "once")
				equal(again.stop(), 0, "it ends")
	finally:
		subprocess.run(["umount", state], check=False)
		shutil.rmtree(state, ignore_errors=True)


def connections():
	"""So many clients with a connection each, all served, and then all gone."""
	soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
	if hard < 2 * CONNECTIONS + 1000:
		print(f"# {hard} descriptors: {CONNECTIONS} connections are not tried")
		return
	resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
	with Server() as s:
		s.image("plain")
		s.deploy("f", concurrency=16, max_instances=4, queue=CONNECTIONS)
		s.get("/function/f/")
		before, children = s.fds(), len(s.children())
		clients = [s.connect() for _ in range(CONNECTIONS)]
		for c in clients:
			c.sendall(b"GET /function/f/ HTTP/1.1\r\nHost: h\r\n\r\n")
		heads = [read_until(c, b"\r\n\r\n").split(b" ")[1] for c in clients]
		equal({h: heads.count(h) for h in set(heads)}, {b"200": CONNECTIONS}, f"{CONNECTIONS} connections are served")
		for c in clients:
			c.close()
		while s.metrics()["ukvmm_connections"] > 1:
			pass
		s.ask("DELETE", "/system/functions", {"functionName": "f"})
		while s.instances():
			pass
		equal(s.children(), [], "no process is left")
		ok(s.fds() <= before, "no descriptor", f"{before} {s.fds()} {children}")
		equal(s.balance(), 0, "requests balance")
		equal(s.stop(), 0, "it ends")


def bursts():
	"""An instance a request, many at once, again and again; and one that is killed in each burst."""
	with Server() as s:
		s.image("plain")
		s.get("/healthz")
		before = s.fds()
		s.deploy("once", single_use="true", max_instances=20)
		gate = Gate(s, "bursts")
		for _ in range(3):
			held = [Background(s.get, f"/function/once/gate{gate.path}") for _ in range(20)]
			at = [gate.arrival() for _ in held]
			os.kill(s.children()[0], signal.SIGKILL)
			for a in at:
				a.open()
			statuses = sorted(r.get().status for r in held)
			equal(statuses, [200] * 19 + [502], "a burst: the one whose instance was killed is told so, the others served")
			while s.instances():
				pass  # none of them is to be taken for one of the next burst
		equal(s.children(), [], "no process is left")
		s.ask("DELETE", "/system/functions", {"functionName": "once"})
		ok(s.fds() <= before, "no descriptor", f"{before} {s.fds()}")
		equal(s.balance(), 0, "requests balance")


def main():
	connections()
	bursts()
	disk_full()
	finish()


main()
