# SPDX-License-Identifier: Apache-2.0
"""What a function reaches that has egress: what it was given, and nothing else. 77 as vm.test.py.

What is not answered is told from what is answered late as in network.test.py: something that is answered was sent last.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time

from faas import LIMIT, Background, Server, equal, finish, ok
from outside import ELSEWHERE, FAR, HERE, METADATA, NEAR, World, reach
from vm import image, prepare, skip

VM = os.environ["FAAS_VM"]
BLOCK = "10.77.0.0/24"
OURS = "10.77.0.249"  # the host's end of the uplink


def deploy(s, name, **settings):
	return s.deploy(name, image="fn-reach", memory="32M", max_instances="1", min_warm="1", idle_timeout="1h", **settings)


def begin(s, name, **settings):
	"""A new revision, ready to be asked; the address of its gateway."""
	got = deploy(s, name, **settings)
	equal(got.status, 202, f"deploy {name}: {got.text.strip()}")
	s.get(f"/function/{name}/seen")  # it knows its gateway: lwIP keeps one frame of those that wait for ARP
	address = [i["address"].split(":")[0] for i in s.instances() if i["function"] == name][-1]
	first, last = address.rsplit(".", 1)
	return address, f"{first}.{int(last) - 1}"


def until(condition, name):
	end = time.monotonic() + LIMIT
	while not condition() and time.monotonic() < end:
		pass
	ok(condition(), name)


def rules(s):
	return subprocess.run(["nsenter", "-t", str(s.process.pid), "-n", "nft", "list", "ruleset"], capture_output=True, text=True,
		check=True).stdout


def host():
	"""What there is of ours in the host's namespace."""
	links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
	tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
	return [line for line in (links + tables).splitlines() if "ukvmm" in line]


def forward(digit):
	with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
		f.write(digit)


def resolv_conf(folder, text):
	with open(os.path.join(folder, "resolv.conf"), "w") as f:
		f.write(text)


def wide(s, world, two):
	"""Blocks of addresses: what is in them and what never is, though it is in them."""
	_, gateway = begin(s, "one", egress=f"203.0.113.0/24:80,8000-8010/tcp 203.0.113.0/24:9/udp {FAR}/icmp 0.0.0.0/0:7000/tcp "
		"169.254.0.0/16")
	closed = (f"/try/{NEAR}/81", f"/try/{NEAR}/8011", f"/try/{ELSEWHERE}/80", f"/try/{METADATA}/80", f"/try/{two}/8080",
		f"/try/{HERE}/7000", f"/try/{OURS}/7000", f"/try/{HERE}/{s.port}", f"/tell/{NEAR}/10", f"/forge/{NEAR}/9",
		f"/ping/{NEAR}/0", f"/ping/{FAR}/0")
	reach(s, "one", dict.fromkeys(closed, "waiting") | {f"/try/{gateway}/7000": "refused", "/ask/some.name": NEAR,
		f"/tell/{NEAR}/9": "open", f"/try/{FAR}/8010": "open", f"/try/{gateway}/53": "open", f"/try/{NEAR}/80": "open"},
		"other ports, other addresses, metadata, another function, the host, /system, a forged source: not answered")
	world.has_seen([("icmp", FAR, 0, HERE), ("udp", NEAR, 53, HERE), ("udp", NEAR, 9, HERE),
		("tcp", FAR, 8010, HERE), ("tcp", NEAR, 53, HERE), ("tcp", NEAR, 80, HERE)],
		"outside is seen what was allowed, from the host's address")


def named(s, world):
	"""A redeploy takes effect; what a rule names is reached, wherever it is."""
	_, gateway = begin(s, "one", egress=f"{FAR}:81/tcp {HERE}:7000 {METADATA}:80", dns="none")
	equal(s.describe("one")["annotations"]["ukvmm.dns"], "none", "describe shows it")
	reach(s, "one", {f"/try/{NEAR}/80": "waiting", f"/try/{HERE}/{s.port}": "waiting", f"/try/{FAR}/80": "waiting",
		f"/try/{gateway}/53": "refused", f"/try/{HERE}/7000": "open", f"/try/{METADATA}/80": "open", f"/try/{FAR}/81": "open"},
		"a new revision reaches what it names, the host and the metadata service, and not what the old one did; no DNS")
	world.has_seen([("tcp", METADATA, 80, HERE), ("tcp", FAR, 81, HERE)], "outside is seen the same")


def asks(s, world, folder):
	begin(s, "one", egress=f"{NEAR}:80", dns=FAR)
	reach(s, "one", {"/ask/some.name": FAR}, "a resolver of its own answers")
	resolv_conf(folder, f"search here\nnameserver ::1\nnameserver 127.0.0.53\nnameserver {FAR}\n")
	begin(s, "one", egress=f"{NEAR}:80")
	reach(s, "one", {"/ask/some.name": FAR}, "whom the host asks is read anew")
	world.seen()


def many(s, world):
	"""The longest list there may be, of the longest rules."""
	begin(s, "one", egress=" ".join(f"192.0.2.{i}:7-9" for i in range(127)) + f" {NEAR}:80-81")
	reach(s, "one", {f"/try/{NEAR}/8000": "waiting", f"/try/{NEAR}/81": "open", f"/push/{NEAR}/80": "open"},
		"128 rules: the last one holds; and 2 MiB arrive")
	world.seen()


def churn(s):
	"""Instances that come and go, with and without egress, some of them before they are ready."""
	for name, settings in (("fresh", {"egress": "203.0.113.0/24:80"}), ("plain", {})):
		got = s.deploy(name, image="fn-reach", memory="32M", single_use="true", max_instances="8", **settings)
		equal(got.status, 202, f"deploy {name}")
	calls = [Background(s.get, f"/function/{name}/seen") for _ in range(16) for name in ("fresh", "plain")]
	equal([c.get().status for c in calls], [200] * 32, "each request has an instance of its own")
	for _ in range(8):
		s.ask("POST", "/system/scale-function/fresh", {"replicas": 8})
		s.ask("POST", "/system/scale-function/fresh", {"replicas": 0})
	for name in ("fresh", "plain"):
		equal(s.ask("DELETE", "/system/functions", {"functionName": name}).status, 202, f"{name} is removed")
	until(lambda: not [i for i in s.instances() if i["function"] in ("fresh", "plain")], "all are gone")


def peers(s):
	"""A function that may call another one does so over HTTP; the other way round it may not."""
	begin(s, "one", egress="@two @nobody", cmdline="ip=%ip/30,%gateway functions=%functions")
	begin(s, "three", cmdline="ip=%ip/30,%gateway functions=%functions")
	reach(s, "one", {f"/try/{NEAR}/80": "waiting", "/call/nobody/": "404", "/call/three/seen": "404", "/call/two/seen": "200"},
		"one calls the function that it may call, no other one, and reaches nothing else")
	reach(s, "three", {"/call/two/seen": "404"}, "three may call nobody")
	s.line(r'GET /function/two/seen" 200')
	ok(True, "the call is in the log")
	s.ask("DELETE", "/system/functions", {"functionName": "three"})


def connections(s, *ends):
	with open(f"/proc/{s.process.pid}/net/nf_conntrack") as f:
		return [line for line in f if any(end in line for end in ends)]


def removed(s):
	begin(s, "one", egress=f"{NEAR}:80")
	reach(s, "one", {f"/try/{NEAR}/80": "open"}, "it connects")
	ok("jump function-" in rules(s), "while it runs there are rules for it")
	procfs = os.path.exists(f"/proc/{s.process.pid}/net/nf_conntrack")
	if procfs:
		ok(connections(s, NEAR), "and a connection is known")
		equal(connections(s, "=8080 ", "=8099 "), [], "those of requests, and of calls, are not")
	equal(s.ask("DELETE", "/system/functions", {"functionName": "one"}).status, 202, "it is removed")
	until(lambda: "function-" not in rules(s) and "ukf" not in rules(s), "its rules are gone")
	if procfs:
		until(lambda: not connections(s, NEAR, FAR), "its connections are forgotten: no other guest gets what comes for them")


def own(world, folder):
	equal(host(), [], "the host has nothing of ours")
	with Server("--addresses", BLOCK, "--listen", "0.0.0.0:0", "--callback", "0.0.0.0:8099", program=VM) as s:
		s.line("functions have egress by ukvmm0, DNS from " + NEAR)
		ok(s.get("/system/info").json()["ukvmm"]["egress"].endswith("by ukvmm0, DNS from " + NEAR), "info has it, too")
		equal(len(host()), 2, "an interface and a table are on the host")
		equal(subprocess.run(["ip", "-6", "addr", "show", "dev", "ukvmm0"], capture_output=True, text=True, check=True).stdout,
			"", "the interface has no IPv6 address")
		equal(image(s, "fn-reach").status, 201, "an image that connects to others")
		two, gateway = begin(s, "two")
		wide(s, world, two)
		named(s, world)
		asks(s, world, folder)
		many(s, world)
		peers(s)
		churn(s)
		# it tries first; what one of the others sends then goes the same way
		equal([s.get(f"/function/two/{path}").status for path in (f"try/{NEAR}/80", f"tell/{NEAR}/9", f"tell/{NEAR}/53",
			f"ping/{FAR}/0", f"try/{gateway}/53")], [202] * 5, "one without egress tries, too")
		removed(s)
		equal(s.get("/function/two/seen").text.split(), ["waiting", "waiting", "waiting", "waiting", "refused"],
			"one without egress reaches nothing")
		world.has_seen([("tcp", NEAR, 80, HERE)], "and nothing of it is seen outside")
		begin(s, "one", egress="203.0.113.0/24")
		s.process.kill()
		s.process.wait()
	# at once, as a supervisor would
	with Server("--addresses", BLOCK, program=VM) as s:
		s.line("functions have egress by ukvmm0")
		ok(True, "after SIGKILL another server takes its place")
		image(s, "fn-reach")
		begin(s, "one", egress="203.0.113.0/24")
		with Server("--addresses", BLOCK, program=VM) as other:
			other.line("functions have no egress: .*--addresses")
			ok(True, "but not that of one that lives")
		s.process.kill()
		s.process.wait()
	until(lambda: host() == [], "after SIGKILL the host has nothing of ours")


def command(s):
	status, _, said = s.command("deploy", "three", "--image", "fn-reach", "--memory", "32M", "--egress", f"{NEAR}:80",
		"--egress", f"{FAR}:81/tcp", "--dns", "none")
	equal((status, said), (0, ""), "deploy --egress, twice, --dns")
	_, text, _ = s.command("describe", "three")
	ok(f'"ukvmm.egress":\t"{NEAR}:80 {FAR}:81/tcp"' in text, "describe shows both", text)


def named_interface(world):
	with Server("--addresses", BLOCK, "--uplink", "near", program=VM) as s:
		s.line("functions have egress by ukvmm0 and near, DNS")
		image(s, "fn-reach")
		begin(s, "one", egress="203.0.113.0/24:80")
		reach(s, "one", {f"/try/{NEAR}/81": "waiting", f"/try/{NEAR}/80": "open"}, "by the interface that was named")
		world.seen()
		command(s)
		with Server("--addresses", "10.78.0.0/24", program=VM) as other:
			other.line("functions have egress by ukvmm1")
			ok(True, "another server has another interface")
		equal(s.stop(), 0, "it ends")
	equal(host(), [], "and leaves nothing")


def other_interface(world):
	with Server("--addresses", BLOCK, "--uplink", "lo", program=VM) as s:
		image(s, "fn-reach")
		begin(s, "one", egress=f"{NEAR}:80 {HERE}:7000")
		reach(s, "one", {f"/try/{NEAR}/80": "waiting", f"/try/{HERE}/7000": "open"}, "not by another one than was named")
		equal(world.seen(), [], "nothing is seen outside")


def refused(name, text, *options, **settings):
	with Server(*([] if "--addresses" in options else ["--addresses", BLOCK]), *options, program=VM) as s:
		image(s, "fn-reach")
		got = deploy(s, "one", **({"egress": "203.0.113.0/24"} | settings))
		ok(got.status == 400 and text in got.text, f"{name}: refused, and why", got)
		equal(deploy(s, "two").status, 202, "one without egress is served")
		return s.state


def reasons(folder):
	refused("no uplink", "--uplink none", "--uplink", "none")
	refused("a shared namespace", "--network", "--network", "shared")
	refused("a block that is too small", "/28", "--addresses", "10.77.0.0/29", "--pool", "1")
	refused("the host's own addresses", "--addresses", "--addresses", "10.88.0.0/28", "--pool", "1")
	refused("nobody to ask", "--dns none", "--resolver", "none")
	resolv_conf(folder, "nameserver 127.0.0.1\n")
	refused("nobody who can be asked", "--resolver")
	refused("functions without a place to call", "--callback", "--callback", "none", egress="@two")
	forward("0")
	refused("a host that does not forward", "net.ipv4.ip_forward")
	forward("1")
	with Server("--addresses", BLOCK, "--resolver", NEAR, program=VM) as s:
		image(s, "fn-reach")
		for egress in ("203.0.113.7/24", "203.0.113.0/33", "1.2.3.4:0", "1.2.3.4:80-70", "1.2.3.4:80/sctp", "1.2.3.4:1/icmp", "::/0",
				"1.2.3:80", "@-", "1.2.3.4:", "1.2.3.4:80,", " ".join(["1.2.3.4"] * 129)):
			got = deploy(s, "one", egress=egress)
			ok(got.status == 400 and "egress" in got.text, f"egress {egress[:20]!r}: refused", got)
		equal(deploy(s, "one", egress="1.2.3.4", dns="nobody").status, 400, "dns nobody: refused")
		equal(deploy(s, "one", dns=NEAR).status, 400, "dns without egress: refused")
	for uplink in ("nosuch0",):
		with tempfile.TemporaryDirectory() as state:
			p = subprocess.run([VM, "serve", "--state", state, "--uplink", uplink, "--listen", "127.0.0.1:0", "--metrics", "none"],
				capture_output=True, text=True, timeout=LIMIT)
			ok(p.returncode == 1 and uplink in p.stderr, "an interface that is not there: it does not start", p)


def later():
	"""A function that had egress, where there is none any more: the others are served, and it says why it is not."""
	state = tempfile.mkdtemp(prefix="faas-test-")
	with Server("--addresses", BLOCK, state=state, program=VM) as s:
		image(s, "fn-reach")
		equal(deploy(s, "one", egress="203.0.113.0/24", dns="none").status, 202, "it is served")
		equal(s.stop(), 0, "it ends")
	with Server("--addresses", BLOCK, "--uplink", "none", state=state, program=VM) as s:
		got = s.get("/function/one/seen")
		ok(got.status == 503, "without an uplink it is not", got)
		ok(any("--uplink none" in line for line in s.seen) or s.line("--uplink none"), "the log says why")
	shutil.rmtree(state)


def given(world):
	"""The uplink is in the namespace already."""
	with Server("--addresses", BLOCK, "--network", "given", "--resolver", FAR, program=VM) as s:
		s.line("functions have egress by near, DNS from " + FAR)
		image(s, "fn-reach")
		_, gateway = begin(s, "one", egress="0.0.0.0/0:80")
		reach(s, "one", {f"/try/{NEAR}/81": "waiting", f"/try/{METADATA}/80": "waiting", f"/try/{gateway}/9": "refused",
			"/ask/some.name": FAR, f"/try/{NEAR}/80": "open"}, "given: what is allowed, and DNS")
		world.has_seen([("tcp", NEAR, 80, HERE), ("udp", FAR, 53, HERE)], "outside is seen the same")
		equal(s.stop(), 0, "it ends")
	equal(host(), [], "and leaves nothing")


def main():
	prepare()
	if not shutil.which("nft"):
		skip("no nft")
	world = World()
	subprocess.run(["ip", "addr", "add", "10.88.0.14/32", "dev", "lo"], check=True)
	forward("1")
	local = socket.create_server(("0.0.0.0", 7000))  # of the host
	folder = tempfile.mkdtemp(prefix="faas-test-")
	try:
		resolv_conf(folder, f"nameserver {NEAR}\n")
		subprocess.run(["mount", "--bind", os.path.join(folder, "resolv.conf"), "/etc/resolv.conf"], check=True)
		own(world, folder)
		named_interface(world)
		other_interface(world)
		later()
		reasons(folder)
		given(world)
	finally:
		subprocess.run(["umount", "/etc/resolv.conf"], check=True)
		shutil.rmtree(folder)
	local.close()
	world.end()
	finish()


main()
