# SPDX-License-Identifier: Apache-2.0
"""Functions that ask others by the runtime's own calls: with egress and without, by name and by address, and one another.
77 as vm.test.py."""

import os
import shutil
import subprocess
import tempfile

from faas import LIMIT, Background, Server, equal, finish, ok
from outside import FAR, HERE, NEAR, World
from vm import image, prepare, skip

TIMEOUT, REFUSED, NO_WAY = 110, 111, 113
IP = "ip=%ip/30,%gateway gateway-mac=%gateway-mac"


def deploy(s, name, **settings):
	got = s.deploy(name, **({"memory": "64M", "max_instances": "1", "min_warm": "1", "idle_timeout": "1h"} | settings))
	equal(got.status, 202, f"deploy {name}: {got.text.strip()}")


def told(s, name, path):
	return s.get(f"/function/{name}/{path}").text


def closed(s):
	deploy(s, "one", image="fn-others")
	equal(told(s, "one", f"connect/{NEAR}/80?500"), f"error {TIMEOUT}", "without egress: not answered")
	equal(told(s, "one", "lookup/some.name?500"), f"error {NO_WAY}", "nobody to ask for names")
	gateway = [i["address"] for i in s.instances() if i["function"] == "one"][-1].split(":")[0].rsplit(".", 1)
	gateway = f"{gateway[0]}.{int(gateway[1]) - 1}"
	equal(told(s, "one", f"connect/{gateway}/8098"), f"error {REFUSED}", "its gateway refuses")


def opened(s, world):
	deploy(s, "one", image="fn-others", egress=f"{NEAR}:80/tcp")
	equal(told(s, "one", "lookup/some.name"), NEAR, "with egress: a name, whom the host asks answers")
	equal(told(s, "one", f"body?0,100,http://{NEAR}/"), f"{NEAR}:80\n", "an address and a port that were opened")
	equal(told(s, "one", "body?0,100,http://some.name/"), f"{NEAR}:80\n", "and by its name")
	equal(told(s, "one", f"connect/{NEAR}/81?500"), f"error {TIMEOUT}", "another port is not")
	equal(told(s, "one", f"connect/{FAR}/80?500"), f"error {TIMEOUT}", "nor another address")
	equal(world.seen(), sorted([("udp", NEAR, 53, HERE), ("tcp", NEAR, 80, HERE), ("tcp", NEAR, 80, HERE)]),
		"that is what is seen outside: the name was asked for once")
	deploy(s, "one", image="fn-others", egress=f"{FAR}:80")
	equal(told(s, "one", f"connect/{NEAR}/80?500"), f"error {TIMEOUT}", "a new revision has the new rules")
	equal(told(s, "one", f"body?0,100,http://{FAR}/"), f"{FAR}:80\n", "which open something else")
	world.seen()


def calls(s):
	deploy(s, "todos", image="todos")
	deploy(s, "front", image="fetch", egress="@todos", concurrency=8, cmdline=IP + " from=%functions/todos")
	deploy(s, "stranger", image="fetch", cmdline=IP + " from=%functions/todos")
	item = told(s, "todos", "todos/2")
	equal(told(s, "front", "todos/2"), item, "a function answers with what another one says")
	equal(s.get("/function/front/todos/9").status, 404, "and with its status")
	equal(s.ask("POST", "/function/front/todos", "x").status, 405, "the method is passed on")
	waiting = [Background(s.get, "/function/front/todos/2") for _ in range(64)]
	equal({(w.get().status, w.get().text) for w in waiting}, {(200, item)}, "64 at once, 8 in one instance")
	equal(s.get("/function/stranger/todos/2").status, 404, "who may not call it is told that there is none")
	s.line(r'GET /function/todos/todos/2" 200')
	ok(True, "calls are in the log")


def main():
	prepare()
	if not shutil.which("nft"):
		skip("no nft")
	world = World()
	with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
		f.write("1")
	folder = tempfile.mkdtemp(prefix="faas-test-")
	with open(os.path.join(folder, "resolv.conf"), "w") as f:
		f.write(f"nameserver {NEAR}\n")
	subprocess.run(["mount", "--bind", f.name, "/etc/resolv.conf"], check=True)
	try:
		with Server("--addresses", "10.77.0.0/24", "--callback", "0.0.0.0:8099", program=os.environ["FAAS_VM"]) as s:
			s.line("functions have egress by")
			for name in ("fn-others", "fetch", "todos"):
				equal(image(s, name).status, 201, f"image {name}")
			closed(s)
			opened(s, world)
			calls(s)
			equal(s.stop(), 0, "it ends")
	finally:
		subprocess.run(["umount", "/etc/resolv.conf"], check=True, timeout=LIMIT)
		shutil.rmtree(folder)
	world.end()
	finish()


main()
