# SPDX-License-Identifier: Apache-2.0
"""What a function can reach: nothing but who asks it. 77 as vm.test.py.

A connect that is not answered is told from one that is answered late by the order of frames: what a function sends after
it is answered, and the one it went to has been asked since.
"""

import os
import subprocess
import tempfile

from faas import Server, equal, finish, ok
from vm import image, prepare

VM = os.environ["FAAS_VM"]


def serve(s):
	"""Two functions; the addresses of their instances."""
	equal(image(s, "fn-reach").status, 201, "an image that connects to others")
	for name in ("one", "two"):
		got = s.deploy(name, image="fn-reach", memory="32M", max_instances="1", min_warm="1", idle_timeout="1h")
		equal(got.status, 202, f"deploy {name}: {got.text.strip()}")
		s.get(f"/function/{name}/seen")  # it knows its gateway: lwIP keeps one frame of those that wait for ARP
	addresses = {i["function"]: i["address"].split(":")[0] for i in s.instances()}
	return addresses["one"], addresses["two"]


def gateway(address):
	first, last = address.rsplit(".", 1)
	return f"{first}.{int(last) - 1}"


def reach(s, *targets):
	"""How connects of function one stand once each party has seen all that was sent before."""
	for where, port in targets:
		equal(s.get(f"/function/one/try/{where}/{port}").status, 202, f"it tries {where} port {port}")
	# its frames went out in order, those of two came in order; so does what comes back
	for name in ("one", "two", "one"):
		s.get(f"/function/{name}/seen")
	return s.get("/function/one/seen").text.split()


def callback_port(s):
	"""Of the only listener in the server's namespace."""
	with open(f"/proc/{s.process.pid}/net/tcp") as f:
		listeners = [line.split()[1].split(":") for line in list(f)[1:] if line.split()[3] == "0A"]
	return [int(port, 16) for address, port in listeners if address == "00000000"]


def apart():
	# not 0: the kernel would now and then choose what it chose for the metrics outside
	with Server("--callback", "0.0.0.0:8099", program=VM) as s:
		one, two = serve(s)
		mine = os.readlink("/proc/self/ns/net")
		ok(os.readlink(f"/proc/{s.process.pid}/ns/net") != mine, "instances have a namespace of their own")
		links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
		ok("ukf" not in links, "no tap is among the host's interfaces", links)
		callback = callback_port(s)
		equal(len(callback), 1, "the callback is where they are, and is all that listens there")
		equal(reach(s, (two, 8080), (gateway(one), s.port), (gateway(two), s.port), (gateway(one), s.metrics_port),
			("192.0.2.1", 80), ("198.51.100.7", s.port), (gateway(one), callback[0])),
			["waiting", "refused", "refused", "refused", "waiting", "waiting", "open"],
			"another function, the world, the host at addresses of its own: unanswered; /system, metrics: refused; "
			"the callback: open")
		equal(s.get("/function/two/seen").text, "", "both are still served")
		equal(s.stop(), 0, "it ends")


def shared():
	"""The same functions where nothing is closed: what was unanswered is answered, so the test can tell."""
	with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
		f.write("1")
	with Server("--network", "shared", "--listen", "0.0.0.0:0", program=VM) as s:
		ok(any("not filtered" in line for line in s.seen), "shared: it says so", s.seen)
		one, two = serve(s)
		equal(reach(s, (two, 8080), (gateway(one), s.port), ("198.51.100.7", s.port)), ["open", "open", "open"],
			"another function, /system, the host: open")


def given():
	"""The namespace is there already, as systemd's PrivateNetwork= makes it; it forwards until it is closed."""
	with Server("--network", "given", program=VM) as s:
		one, two = serve(s)
		equal(reach(s, (two, 8080), (gateway(one), 9)), ["waiting", "refused"], "given: it is closed as well")
		for path, wanted in (("ipv4/conf/all/rp_filter", "1"), ("ipv4/ip_forward", "0"), ("ipv6/conf/all/disable_ipv6", "1")):
			with open("/proc/sys/net/" + path) as f:
				equal(f.read().strip(), wanted, path)


def without_rights():
	"""CAP_SYS_ADMIN is missing: own says so and ends, auto says so and serves."""
	with tempfile.TemporaryDirectory() as folder:
		program = os.path.join(folder, "ukvmm-faas")
		with open(program, "w") as f:
			f.write(f'#!/bin/sh\nexec setpriv --bounding-set -sys_admin "{VM}" "$@"\n')
		os.chmod(program, 0o755)
		p = subprocess.run([program, "serve", "--network", "own", "--listen", "127.0.0.1:0", "--metrics", "none", "--state",
			folder], capture_output=True, text=True, timeout=100)
		ok(p.returncode == 1 and "unshare" in p.stderr, "own without the right to it: it does not start", p)
		with Server(program=program) as s:
			ok(any("CAP_SYS_ADMIN" in line for line in s.seen), "auto: it says so", s.seen)
			one, two = serve(s)
			equal(reach(s, (gateway(one), 9)), ["refused"], "and serves")


def main():
	prepare()
	subprocess.run(["ip", "addr", "add", "198.51.100.7/32", "dev", "lo"], check=True)
	apart()
	shared()
	given()
	without_rights()
	finish()


main()
