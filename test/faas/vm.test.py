# SPDX-License-Identifier: Apache-2.0
"""Functions as microVMs: the guests of examples/functions behind the server. 77: no /dev/kvm, no network namespaces, or
the functions are not built (FAAS_GUESTS: where they would be)."""

import os
import signal
import subprocess

from faas import Background, Server, equal, finish, ok
from vm import image, prepare

def gone(pid):
	try:
		with open(f"/proc/{pid}/stat") as f:
			return f.read().rsplit(")", 1)[1].split()[0] == "Z"
	except FileNotFoundError:
		return True


def wait_gone(pids):
	"""Each of them: a pidfd is readable when its process ends."""
	import select
	for pid in pids:
		try:
			fd = os.pidfd_open(pid)
		except ProcessLookupError:
			continue
		ended = select.select([fd], [], [], 10)[0]
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
	got = s.ask("POST", "/system/functions", {"service": "linux", "image": "docker.io/nginx"})
	ok(got.status == 400 and "image import" in got.text, "a container's image: 400 with the cure", got.text)
	s.ask("POST", "/system/images/text", b"this is no kernel")
	got = s.deploy("text", image="text")
	ok(got.status == 400 and got.text, "a file that does not boot: 400", got.text)
	got = s.deploy("small", image="noop", memory="2M", start_timeout="3s")
	ok(got.status == 422 and got.text, "too little memory: the deploy fails and says why", got.text)


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
	for pid in s.children():
		os.kill(pid, signal.SIGKILL)
	s.line(f"{name} of noop: died")
	got = s.get("/function/noop/")
	ok(got.status == 200, "workers that are killed are replaced", f"{got} {s.seen[-8:]}")


def main():
	prepare()
	with Server(program=os.environ["FAAS_VM"]) as s:
		serving(s)
		fresh(s)
		killed(s)
		equal(s.balance(), 0, "requests balance")
		s.get("/function/noop/")
		workers = s.children()
		state = s.state
		network = os.open(f"/proc/{s.process.pid}/ns/net", os.O_RDONLY)
		equal(taps(network) > 0, True, "there are taps")
		s.stop(signal.SIGKILL)
		ok(workers and wait_gone(workers), "SIGKILL leaves no machine behind")
		equal(taps(network), 0, "and no tap")
		os.close(network)
		with Server(program=os.environ["FAAS_VM"], state=state) as again:
			equal(again.get("/function/todos/todos/1").status, 200, "functions are back")
			equal(again.stop(), 0, "it ends")
	finish()


main()
