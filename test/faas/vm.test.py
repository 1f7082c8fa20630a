# SPDX-License-Identifier: Apache-2.0
"""Functions as microVMs: the guests of examples/functions behind the server. 77: no /dev/kvm, no network namespaces, or
the functions are not built (FAAS_GUESTS: where they would be)."""

import base64
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

from faas import Background, Server, equal, finish, ok
from vm import image, prepare

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../common"))
from takeover import FAULT, FORK, possible, take_over

SANITIZED = bool(os.environ.get("FAAS_SANITIZED"))


def workers(s):
	"""The broker's children: it is the server's only one."""
	(broker,) = s.children()
	with open(f"/proc/{broker}/task/{broker}/children") as f:
		return [int(p) for p in f.read().split()]


def limits(pid):
	"""What its cgroup allows: (bytes, CPU time per period, threads); None where it has none of its own."""
	found = {}
	with open(f"/proc/{pid}/cgroup") as f:
		for line in f:
			_, names, path = line.strip().split(":", 2)
			if "/ukvmm-faas-" in path:
				for name in names.split(",") if names else ("memory", "cpu", "pids"):
					found[name] = path
	def value(name, old, new):
		for root, file in ((f"/sys/fs/cgroup/{name}", old), ("/sys/fs/cgroup", new), ("/sys/fs/cgroup/unified", new)):
			try:
				with open(f"{root}{found[name]}/{file}") as f:
					return f.read().split()[0]
			except (KeyError, FileNotFoundError):
				pass
		return None
	return (value("memory", "memory.limit_in_bytes", "memory.max"), value("cpu", "cpu.cfs_quota_us", "cpu.max"),
		value("pids", "pids.max", "pids.max"))


def born(s):
	"""The programs that they are; none is counted of one that ends meanwhile."""
	exes = set()
	for pid in workers(s):
		try:
			exes.add(os.path.basename(os.readlink(f"/proc/{pid}/exe")))
		except (FileNotFoundError, ProcessLookupError):
			pass
	return exes


def until(look, wanted):
	"""What look() gives, once it is what is wanted, or after a while."""
	end = time.monotonic() + 100
	found = look()
	while not wanted(found) and time.monotonic() < end:
		found = look()
	return found


def reaped(s):
	"""Page faults of those children of the broker that have ended: proc(5), cminflt."""
	with open(f"/proc/{s.children()[0]}/stat") as f:
		return int(f.read().rsplit(")", 1)[1].split()[8])


def limits_of_all(s):
	"""Of those that live: one that ends, as spares do, has left its cgroup before it has left /proc; one that is being
	born may be on its way into it."""
	found = {}
	for pid in workers(s):
		try:
			found[pid] = limits(pid)
		except (FileNotFoundError, ProcessLookupError):
			pass
	return [found[pid] for pid in found if not gone(pid)]


def insides(s):
	"""Of those that live: what is in their root, how many mounts they see, whether the root is read-only."""
	found = []
	for pid in workers(s):
		try:
			with open(f"/proc/{pid}/mountinfo") as f:
				mounts = [line.split()[4:6] for line in f]
			found.append((os.listdir(f"/proc/{pid}/root"), len(mounts), "ro" in mounts[0][1].split(",") if mounts else False))
		except OSError: # it ends
			pass
	return found


def walled(s):
	"""Small programs of their own, each with limits where this host has cgroups."""
	s.get("/function/noop/")
	exes = until(lambda: born(s), lambda found: found == {"ukvmm-worker"})
	equal(exes, {"ukvmm-worker"}, "workers are a program of their own")
	found = until(lambda: insides(s), lambda found: found and all(one == ([], 1, True) for one in found))
	ok(found and all(one == ([], 1, True) for one in found), "their root is empty, all that is mounted, and read-only", str(found))
	ok(os.path.join(s.state, "store") not in "".join(files(s.children()[0])), "their broker has nothing of the server's")
	if any("have no cgroups of their own" in line for line in s.seen):
		print("# no cgroups here: " + s.seen[-1])
		return
	found = until(lambda: limits_of_all(s), lambda found: found and all(all(one) for one in found))
	ok(all(16 << 20 < int(memory or 0) < 64 << 20 for memory, _, _ in found), "their memory is limited", f"{found}")
	equal({cpu for _, cpu, _ in found}, {"100000"}, "and their CPU time")
	equal({tasks for _, _, tasks in found}, {"25"}, "and their threads")
	ok(not any(f == "/dev/kvm" for f in files(s.process.pid)), "the server has no /dev/kvm")


def files(pid):
	found = []
	for fd in os.listdir(f"/proc/{pid}/fd"):
		try:
			found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
		except (FileNotFoundError, ProcessLookupError):
			pass
	return found


def checked(s):
	"""A deploy has its image read by a worker, and says what that found."""
	equal(s.ask("POST", "/system/images/text", b"no kernel at all " * 1000).status, 201, "anything is taken for an image")
	before = reaped(s)
	got = s.deploy("text", image="text")
	ok(got.status == 400 and "image" in got.text, "what is none is refused by the deploy", f"{got}")
	ok(until(lambda: reaped(s), lambda n: n > before) > before, "by a worker, which ends with it")


def unsafe():
	args = [os.environ["FAAS_VM"], "serve", "--state", "/nonexistent/state", "--no-sandbox"]
	got = subprocess.run(args, capture_output=True, text=True, timeout=30)
	ok(got.returncode == 2 and "--unsafe" in got.stderr, "--no-sandbox alone is refused", f"{got}")
	with Server("--no-sandbox", "--unsafe", program=os.environ["FAAS_VM"]) as s:
		s.line("warning: --no-sandbox")
		image(s, "noop")
		s.deploy("noop", image="noop", memory="16M")
		equal(s.get("/function/noop/").status, 200, "with --unsafe it serves, and warns")


def broker_killed(s):
	s.get("/function/noop/")
	pids = s.children() + workers(s)
	os.kill(pids[0], signal.SIGKILL)
	s.line("the broker is gone")
	equal(s.process.wait(100), 1, "a server without its broker ends, and says so")
	ok(wait_gone(pids), "and so do its workers")


def gone(pid):
	try:
		with open(f"/proc/{pid}/stat") as f:
			return f.read().rsplit(")", 1)[1].split()[0] == "Z"
	except (FileNotFoundError, ProcessLookupError):
		return True


def kill_all(pids):
	for pid in pids:
		try:
			os.kill(pid, signal.SIGKILL)
		except ProcessLookupError:
			pass  # it ended by itself meanwhile


def wait_gone(pids):
	"""Each of them: a pidfd is readable when its process ends."""
	import select
	for pid in pids:
		try:
			fd = os.pidfd_open(pid)
		except ProcessLookupError:
			continue
		ended = select.select([fd], [], [], 100)[0]
		os.close(fd)
		if not ended:
			return False
	return True


def taps(network):
	"""In that namespace; it is a descriptor, which also keeps it."""
	got = subprocess.run(["nsenter", f"--net=/proc/self/fd/{network}", "ip", "-o", "link"], pass_fds=[network],
		capture_output=True, text=True, check=True).stdout
	return got.count("ukf")


def serving(s):
	for name in ("noop", "echo", "todos"):
		equal(image(s, name).status, 201, f"image {name}")
		got = s.deploy(name, image=name, memory="32M")
		equal(got.status, 202, f"deploy {name}: {got.text.strip()}")
	equal((s.get("/function/noop/").status, s.get("/function/noop/").body), (200, b""), "noop answers")
	equal(s.get("/function/todos/todos/2").text, '{"id":2,"title":"serve","done":true}', "todos, too")
	equal(s.get("/function/todos/todos/9").status, 404, "its 404 is its own")
	body = os.urandom(3000000)
	equal(s.ask("POST", "/function/echo/", body).body, body, "3 MB come back")
	equal(s.ask("POST", "/function/echo/", (body[i:i + 9999] for i in range(0, 300000, 9999))).body, body[:300000 // 9999 * 9999 + 9999],
		"in chunks")
	equal(s.deploy("probed", image="noop", memory="32M", ready="tcp").status, 202, "ready by a connect")
	equal(s.get("/function/probed/").status, 200, "serves")
	got = s.ask("POST", "/system/functions", {"service": "linux", "image": "docker.io/nginx"})
	ok(got.status == 400 and "image import" in got.text, "a container's image: 400 with the cure", got.text)
	s.ask("POST", "/system/images/text", b"this is no kernel")
	got = s.deploy("text", image="text")
	ok(got.status == 400 and got.text, "a file that does not boot: 400", got.text)
	got = s.deploy("small", image="noop", memory="2M", start_timeout="3s")
	ok(got.status == 422 and got.text, "too little memory: the deploy fails and says why", got.text)


def archive(name, data):
	"""cpio, newc, of one file, in whole sectors: what the functions' runtime reads files from."""
	out = b""
	for n, d in ((name, data), ("TRAILER!!!", b"")):
		head = "070701" + "".join(f"{v:08X}" for v in (1, 0o100400, 0, 0, 1, 0, len(d), 0, 0, 0, 0, len(n) + 1, 0))
		for part in (head.encode() + n.encode() + b"\0", d):
			out += part + bytes(-len(part) % 4)
	return out + bytes(-len(out) % 512)


def given(s):
	"""What a function gets beside its image: disks, secrets, environment."""
	image(s, "fn-files")
	image(s, "fn-ends")
	data = os.urandom(70000)
	s.ask("POST", "/system/images/data", archive("data", data))
	s.ask("POST", "/system/images/other", archive("other", b"of the other disk"))
	equal(s.deploy("files", image="fn-files", memory="32M", disks="data,other").status, 202, "a function with two disks")
	equal(s.get("/function/files/data").body, data, "reads the first one")
	equal(s.ask("DELETE", "/system/images/data").status, 200, "its image's name goes")
	s.ask("POST", "/system/scale-function/files", {"replicas": 0})
	equal(s.get("/function/files/data").body, data, "the disk stays")
	secret = os.urandom(700)
	equal(s.ask("POST", "/system/secrets", {"name": "key", "rawValue": base64.b64encode(secret).decode()}).status, 201, "a secret")
	equal(s.deploy("guarded", image="fn-files", memory="32M", secrets=["key"]).status, 202, "a function with it")
	equal(s.get("/function/guarded/key").body, secret, "reads it as a file")
	equal(s.get("/function/guarded/data").status, 404, "and nothing of another's")
	got = s.deploy("ends", image="fn-ends", memory="32M", env={"what": "two words", "other": "more of them"})
	logged = [json.loads(line)["text"] for line in s.get("/system/logs?name=ends").text.splitlines()]
	ok(got.status == 202 and "two words, and words stay: more of them" in logged, "blanks in its environment arrive", str(logged))
	for bad, text in (("other,", "1 to 4"), ("other,other,other,other,other", "1 to 4"), ("nothing", "no image")):
		got = s.deploy("files", method="PUT", image="fn-files", memory="32M", disks=bad)
		ok(got.status == 400 and text.replace("1 to", "one to") in got.text, f"disks {bad}: 400 with the reason", got.text)
	usage = s.describe("files")["usage"]
	ok(usage["memoryByteSeconds"] > 0 and usage["coldStarts"] >= 2, "its cost is in describe", str(usage))


def fresh(s):
	s.deploy("once", image="noop", memory="32M", single_use="true")
	instances = set()
	for _ in range(10):
		equal(s.get("/function/once/").status, 200, "a cold start") if len(instances) == 0 else s.get("/function/once/")
		instances.add(s.line(r'GET /function/once/" 200 .* (once-\w+)$').group(1))
	equal(len(instances), 10, "each request had an instance of its own")
	together = [Background(s.get, "/function/once/") for _ in range(20)]
	equal({r.get().status for r in together}, {200}, "twenty at once")
	while any(i["function"] == "once" for i in s.instances()):
		pass
	m = s.metrics()
	ok(all(m.get(f'ukvmm_cold_start_seconds_count{{function_name="once",phase="{p}"}}', 0) > 0
		for p in ("worker", "create", "load", "entry", "ready", "first_byte", "all")), "every phase is timed")
	ok(m['ukvmm_function_cpu_seconds_total{function_name="once"}'] > 0 and
		m['ukvmm_function_network_bytes_total{function_name="once"}'] > 0, "their cost is counted")


def killed(s):
	s.get("/function/noop/")
	name = [i["name"] for i in s.instances() if i["function"] == "noop"][0]
	kill_all(workers(s))
	s.line(f"{name} of noop: died")
	got = s.get("/function/noop/")
	ok(got.status == 200, "workers that are killed are replaced", f"{got} {s.seen[-8:]}")
	statuses = set()
	for _ in range(10): # the server has not heard of all ends yet
		kill_all(workers(s))
		statuses |= {r.get().status for r in [Background(s.get, "/function/once/") for _ in range(4)]}
	equal(statuses, {200}, "so are those that only wait")


def silent(s):
	"""A guest that knows nothing of us: it finds no doorbell. Its end is told like any other's, and what it costs is known."""
	with open(os.path.join(os.environ["FAAS_GUESTS"], "noop.elf"), "rb") as f:
		elf = f.read()
	equal(s.ask("POST", "/system/images/silent", elf.replace(b"ukvmm,doorbell", b"nobody,doorbel")).status, 201, "a silent image")
	equal(s.deploy("silent", image="silent", memory="34M", ready="tcp", max_instances="1").status, 202, "is ready by a connect")
	equal(s.get("/function/silent/").status, 200, "serves")
	name = [i["name"] for i in s.instances() if i["function"] == "silent"][0]
	equal(len(s.get(f"/system/stack/{name}").json()), 1, "stack: where it is")
	until(lambda: [i["cpuSeconds"] for i in s.instances() if i["name"] == name], lambda found: found[0] > 0)
	ok(True, "what it costs is told while it lives")
	kill_all(workers(s))
	s.line(f"{name} of silent: died")
	equal(s.get("/function/silent/").status, 200, "one that is killed is told of, and replaced")
	s.ask("DELETE", "/system/functions", {"functionName": "silent"})


def taken_over(s):
	"""Workers that crash, or make a call that they may not: which of it is told, and they are replaced."""
	for code, text in ((FAULT, "signal 4"), (FORK, "not on its list")):
		if not possible() or (code == FORK and SANITIZED):
			continue
		s.get("/function/noop/")
		name = [i["name"] for i in s.instances() if i["function"] == "noop"][0]
		for pid in workers(s):
			until(lambda: take_over(pid, code), bool)
		request = Background(s.get, "/function/noop/")
		s.line(f"{name} of noop: died: .*{text}")
		request.get()
		equal(s.get("/function/noop/").status, 200, f"a worker that was taken over is told of ({text}), and replaced")


def grown(s):
	"""A guest whose VMM would need more than it may: an initrd is in the VMM's own memory first."""
	if any("have no cgroups of their own" in line for line in s.seen):
		return
	equal(s.ask("POST", "/system/images/large", b"x" * (96 << 20)).status, 201, "an initrd larger than the guest")
	got = s.deploy("large", image="noop", memory="32M", initrd="large")
	ok(got.status >= 400 and "memory limit of its cgroup" in got.text, "one that grows is stopped at its limit, and that is said",
		f"{got}")
	equal(s.get("/function/noop/").status, 200, "others serve")
	equal([f["name"] for f in s.get("/system/functions").json() if f["name"] == "large"], [], "there is no function of it")


def killed_unheard(s):
	"""The same while the server cannot hear of it: what was written to a dead machine was read by nobody."""
	for _ in range(5):
		s.get("/function/noop/")
		s.process.send_signal(signal.SIGSTOP)
		pids = workers(s)
		kill_all(pids)
		dead = wait_gone(pids)
		requests = [Background(s.get, "/function/noop/") for _ in range(3)]
		s.process.send_signal(signal.SIGCONT)
		got = [r.get() for r in requests]
		ok(dead and {g.status for g in got} == {200}, "a request goes from a dead machine to another", f"{got} {s.seen[-8:]}")


def sections(elf):
	"""Program headers of an ELF64 file: (type, offset, vaddr, filesz)."""
	offset, = struct.unpack_from("<Q", elf, 32)
	size, n = struct.unpack_from("<HH", elf, 54)
	for i in range(n):
		kind, _, at, vaddr, _, filesz = struct.unpack_from("<IIQQQQ", elf, offset + i * size)
		yield kind, at, vaddr, filesz


def looked_into(s):
	"""Where an instance is and what it has in memory; it goes on as if nothing had been."""
	s.get("/function/noop/")
	name = [i["name"] for i in s.instances() if i["function"] == "noop" and i["state"] == "idle"][0]
	vcpus = s.get(f"/system/stack/{name}").json()
	ok(len(vcpus) == 1 and vcpus[0]["symbol"] and int(vcpus[0]["rip"], 16) == int(vcpus[0]["registers"]["rip"], 16),
		"stack: where its vCPU is, by name", str(vcpus))
	status, out, err = s.command("stack", name)
	ok(status == 0 and vcpus[0]["symbol"].split("+")[0] in out and "rsp" in out, "the command says it, too", out + err)
	core = s.get(f"/system/core/{name}").body
	loads = [p for p in sections(core) if p[0] == 1]
	equal((core[:4], core[16:18], sum(p[3] for p in loads)), (b"\x7fELF", b"\x04\x00", 32 << 20), "dump: a core with its RAM")
	with open(os.path.join(os.environ["FAAS_GUESTS"], "noop.elf"), "rb") as f:
		elf = f.read()
	rip = int(vcpus[0]["rip"], 16)
	at, vaddr = [(at, vaddr) for kind, at, vaddr, size in sections(elf) if kind == 1 and vaddr <= rip < vaddr + size][0]
	here = loads[0][1] - loads[0][2] + rip
	equal(core[here:here + 16], elf[at + rip - vaddr:at + rip - vaddr + 16], "in it is the image's code where the vCPU is")
	if shutil.which("gdb"):
		path = os.path.join(s.state, "core")
		with open(path, "wb") as f:
			f.write(core)
		out = subprocess.run(["gdb", "-batch", "-ex", "info registers rip", "-ex", f"x/4xb {rip}", "-c", path], text=True,
			capture_output=True, timeout=100).stdout
		ok(f"{rip:#x}" in out and f"0x{core[here]:02x}" in out, "gdb reads it", out)
	equal(s.get("/function/noop/").status, 200, "it serves as before")
	ok(name in [i["name"] for i in s.instances()], "and is the same")
	request = Background(s.get, f"/system/core/{name}")
	equal((s.get("/function/noop/").status, request.get().status), (200, 200), "a request and a dump at the same time")
	equal(s.get("/system/stack/nobody").status, 404, "an instance that is not there: 404")
	while s.metrics()['ukvmm_function_cpu_seconds_total{function_name="noop"}'] <= 0:
		pass
	ok(True, "the cost of live instances is counted")


def hung(s):
	"""on-timeout=keep: a guest that turns for ever is paused where it is, and can be looked at until it is ended."""
	image(s, "fn-hang")
	s.deploy("hang", image="fn-hang", memory="32M", on_timeout="keep", timeout="3s", max_instances="1")
	equal(s.get("/function/hang/hang").status, 504, "a guest that hangs: 504")
	name = s.line(r"instance (\S+) of hang: kept").group(1)
	equal([i["state"] for i in s.instances() if i["name"] == name], ["kept"], "it is kept")
	one = s.get(f"/system/stack/{name}").json()
	ok(one and "turn_for_ever" in one[0]["symbol"], "stack: it is where it hangs", str(one))
	core = s.get(f"/system/core/{name}").body
	equal((core[:4], len(core) > 32 << 20), (b"\x7fELF", True), "dump: its registers and memory")
	equal(s.get(f"/system/stack/{name}").json(), one, "it stands still: every register is as it was")
	equal(s.get("/function/hang/").text, "ok\n", "another one serves meanwhile")
	status, out, err = s.command("end", name)
	equal(status, 0, f"it is ended: {out}{err}")
	s.line(f"{name} of hang: stopped")
	equal([i for i in s.instances() if i["name"] == name], [], "and gone")
	s.get("/function/hang/hang")
	name = s.line(r"instance (\S+) of hang: kept").group(1)
	s.ask("DELETE", "/system/functions", {"functionName": "hang"})
	s.line(f"{name} of hang: stopped")
	ok(True, "a function that is removed takes it along")


def no_taps():
	"""No tap can be made: a request that needs one is told so, and the next one is served when there are some again."""
	with Server("--pool", "1", program=os.environ["FAAS_VM"]) as s:
		image(s, "noop")
		s.deploy("noop", image="noop", memory="32M")
		network = os.open(f"/proc/{s.process.pid}/ns/net", os.O_RDONLY)
		before = taps(network)
		subprocess.run(["mount", "--bind", "/dev/null", "/dev/net/tun"], check=True)
		try:
			statuses = []
			for n in range(8):
				got = s.deploy(f"more{n}", image="noop", memory="32M", idle_timeout="1h")
				statuses.append(got.status)
				if got.status == 422:
					break
			ok(statuses[-1] == 422 and "/dev/net/tun" in got.text, "no tap: the deploy fails and says why", got.text)
			got = s.get("/function/noop/")
			equal(got.status, 200, "what has one serves")
			together = [r.get() for r in [Background(s.get, "/function/noop/") for _ in range(4)]]
			ok({r.status for r in together} <= {200, 503}, "more than there are taps: served, or no capacity", str(together))
		finally:
			subprocess.run(["umount", "/dev/net/tun"], check=True)
		equal(s.deploy("again", image="noop", memory="32M").status, 202, "a tap can be made again: the deploy is done")
		equal(s.get("/function/again/").status, 200, "and serves")
		equal(s.balance(), 0, "requests balance")
		ok(before >= 1, "there were taps", str(before))
		equal(s.stop(), 0, "it ends")
	equal(taps(network), 0, "no tap is left")
	os.close(network)


def main():
	prepare()
	with Server(program=os.environ["FAAS_VM"]) as s:
		serving(s)
		given(s)
		fresh(s)
		looked_into(s)
		hung(s)
		killed(s)
		silent(s)
		taken_over(s)
		killed_unheard(s)
		walled(s)
		grown(s)
		checked(s)
		equal(s.balance(), 0, "requests balance")
		s.get("/function/noop/")
		pids = s.children() + workers(s)
		state = s.state
		network = os.open(f"/proc/{s.process.pid}/ns/net", os.O_RDONLY)
		equal(taps(network) > 0, True, "there are taps")
		s.stop(signal.SIGKILL)
		ok(len(pids) > 1 and wait_gone(pids), "SIGKILL leaves no machine behind")
		equal(taps(network), 0, "and no tap")
		os.close(network)
		with Server(program=os.environ["FAAS_VM"], state=state) as again:
			equal(again.get("/function/todos/todos/1").status, 200, "functions are back")
			broker_killed(again)
	unsafe()
	no_taps()
	finish()


main()
