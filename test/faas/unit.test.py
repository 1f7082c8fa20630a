# SPDX-License-Identifier: Apache-2.0
"""systemd's unit: it is one, and with the rights that it gives, and no more, functions are served. The environment has
FAAS_UNIT, the unit; FAAS_SAMPLES, the folder of its sockets and the sample configuration; else as vm.test.py. The second
half needs what microVMs need."""

import os
import shutil
import socket
import subprocess
import tempfile

from faas import Server, equal, finish, ok
from outside import FAR, HERE, NEAR, World, reach
from vm import image, missing, prepare

UNIT, SAMPLES, VM = os.environ["FAAS_UNIT"], os.environ["FAAS_SAMPLES"], os.environ["FAAS_VM"]
NOBODY = 65534


def read_unit(path):
	with open(path) as f:
		lines = [line.rstrip("\n").split("=", 1) for line in f if "=" in line and not line.startswith("#")]
	return {key: [v for k, v in lines if k == key] for key, _ in lines}


def keys(unit, sockets):
	wanted = {"CapabilityBoundingSet": ["CAP_NET_ADMIN"], "AmbientCapabilities": ["CAP_NET_ADMIN"],
		"NoNewPrivileges": ["yes"], "PrivateNetwork": ["yes"], "DynamicUser": ["yes"], "DevicePolicy": ["closed"],
		"DeviceAllow": ["/dev/kvm rw", "/dev/net/tun rw"], "Type": ["notify"], "KillMode": ["mixed"]}
	for key, value in wanted.items():
		equal(unit.get(key), value, f"{key}={value}")
	ok("AF_NETLINK" in unit["RestrictAddressFamilies"][0].split(), "it may have netlink sockets")
	ok(not {"RestrictNamespaces", "PrivateDevices", "ProtectKernelTunables", "PrivateUsers"} & set(unit),
		"nothing that its workers or its network need is taken")
	equal([v.rsplit(":", 1)[0] for v in sockets["ListenStream"]], ["127.0.0.1"] * 2, "sockets: two, on loopback")


def verify(folder):
	"""By systemd itself, where it is installed; the unit names the program as it will be installed."""
	if not shutil.which("systemd-analyze"):
		print("# no systemd-analyze: the unit's syntax was not looked at")
		return
	with open(UNIT) as f:
		lines = [f"ExecStart={VM} serve\n" if line.startswith("ExecStart=") else line for line in f]
	with open(os.path.join(folder, "ukvmm-faas.service"), "w") as f:
		f.writelines(lines)
	shutil.copy(os.path.join(SAMPLES, "ukvmm-faas.socket"), folder)
	with open(os.path.join(os.path.dirname(UNIT), "ukvmm-faas-uplink.service")) as f:
		lines = [line.split("=")[0] + "=/bin/true\n" if line.startswith("Exec") else line for line in f]
	with open(os.path.join(folder, "ukvmm-faas-uplink.service"), "w") as f:
		f.writelines(lines)
	for name in ("ukvmm-faas.service", "ukvmm-faas.socket", "ukvmm-faas-uplink.service"):
		p = subprocess.run(["systemd-analyze", "verify", "--man=no", os.path.join(folder, name)], capture_output=True,
			text=True, timeout=100)
		ok(p.returncode == 0 and not p.stderr.strip(), f"systemd-analyze verify {name}", p.stderr)


def script(path, text):
	with open(path, "w") as f:
		f.write(text)
	os.chmod(path, 0o755)


def as_unit(folder, unit, fds, network):
	"""A program that does what systemd would: sockets, network, devices, user, capabilities, as the unit has them."""
	caps = "-all" + "".join(",+" + c.lower()[4:] for c in unit["CapabilityBoundingSet"][0].split())
	ambient = "-all" + "".join(",+" + c.lower()[4:] for c in unit["AmbientCapabilities"][0].split())
	program = os.path.join(folder, "ukvmm-faas")
	for name in ("ukvmm-faas", "ukvmm-worker"):  # nobody may not get to where they were built
		shutil.copy(os.path.join(os.path.dirname(VM), name), folder)
	devices = {d.split()[0] for d in unit["DeviceAllow"]} | {"/dev/null", "/dev/urandom"}
	nodes = "".join("mknod -m 666 {} c {} {}\n".format(d, os.major(os.stat(d).st_rdev), os.minor(os.stat(d).st_rdev))
		for d in sorted(devices))
	inner, outer = os.path.join(folder, "inner"), os.path.join(folder, "outer")
	script(inner, f"""#!/bin/bash -e
ip link set lo up
mount -t tmpfs -o mode=755 dev /dev
mkdir /dev/net
{nodes}export LISTEN_PID=$$ LISTEN_FDS={len(fds)}
exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --bounding-set {caps} --inh-caps {ambient} \
	--ambient-caps {ambient} --no-new-privs {program} "$@"
""")
	high = " ".join(f"{100 + i}<&{fd}" for i, fd in enumerate(fds))
	low = " ".join(f"{3 + i}<&{100 + i}" for i in range(len(fds)))
	script(outer, f"#!/bin/bash\nexec {high}\nexec {low}\nexec {network} unshare --mount {inner} \"$@\"\n")
	return outer


def devices_can_be_made():
	p = subprocess.run(["unshare", "--mount", "sh", "-c", "mount -t tmpfs dev /mnt && mknod -m 666 /mnt/null c 1 3 && : >/mnt/null"],
		capture_output=True, timeout=100)
	return p.returncode == 0


def status(pid):
	with open(f"/proc/{pid}/status") as f:
		return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def serves(folder, unit):
	listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
	fds = [s.fileno() for s in listeners]
	with Server("--config", os.path.join(folder, "sample"), "--callback", "none", "--network", "given", state=folder,
			program=as_unit(folder, unit, fds, "unshare --net"), password="secret", inherit=fds) as s:
		equal([s.port, s.metrics_port], [l.getsockname()[1] for l in listeners], "it serves at the sockets it was given")
		is_now = status(s.process.pid)
		equal(is_now["Uid"].split(), [str(NOBODY)] * 4, "it is nobody")
		equal([int(is_now[c], 16) for c in ("CapPrm", "CapEff", "CapBnd")], [1 << 12] * 3, "with CAP_NET_ADMIN and nothing else")
		equal(image(s, "noop").status, 201, "an image")
		got = s.deploy("noop", image="noop", memory="32M")
		equal(got.status, 202, f"a function: {got.text.strip()}")
		equal(s.get("/function/noop/").status, 200, "it answers")
		equal(s.stop(), 0, "it ends")
	for l in listeners:
		l.close()


def uplink(word, unit):
	"""As ukvmm-faas-uplink.service: the script that it runs, with its rights."""
	caps = "-all" + "".join(",+" + c.lower()[4:] for c in unit["CapabilityBoundingSet"][0].split())
	return subprocess.run(["setpriv", "--bounding-set", caps, "--no-new-privs", os.path.join(SAMPLES, "ukvmm-faas-uplink"), word],
		capture_output=True, text=True, timeout=60)


def left():
	links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
	tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
	return [line for line in (links + tables).splitlines() if "ukvmm" in line] + os.listdir("/run/netns")


def has_egress(folder, unit):
	"""The namespace of uplink.conf: with no right more, functions have egress."""
	path = read_unit(os.path.join(SAMPLES, "uplink.conf"))["NetworkNamespacePath"][0]
	own = read_unit(os.path.join(os.path.dirname(UNIT), "ukvmm-faas-uplink.service"))
	listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
	fds = [s.fileno() for s in listeners]
	with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
		f.write("0")
	p = uplink("up", own)
	ok(p.returncode == 1 and "ip_forward" in p.stderr and left() == [], "a host that does not forward is left as it is", p)
	with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
		f.write("1")
	world = World()
	p = uplink("up", own)
	ok(p.returncode == 0 and not p.stderr, "the namespace is made", p)
	host = socket.create_server(("0.0.0.0", 7000))
	with Server("--config", os.path.join(folder, "sample"), "--callback", "none", "--network", "given", "--resolver", FAR, state=folder,
			program=as_unit(folder, unit, fds, f"nsenter --net={path}"), inherit=fds) as s:
		s.line("functions have egress by uplink, DNS from " + FAR)
		equal(image(s, "fn-reach").status, 201, "an image")
		got = s.deploy("one", image="fn-reach", memory="32M", min_warm="1", egress=f"{NEAR}:80 {HERE}:7000 10.101.0.1:7000")
		equal(got.status, 202, f"a function with egress: {got.text.strip()}")
		s.get("/function/one/seen")
		reach(s, "one", {f"/try/{HERE}/7000": "waiting", "/try/10.101.0.1/7000": "waiting", "/ask/some.name": FAR,
			f"/try/{NEAR}/80": "open"}, "the world is reached, and asked; the host is not, though it is named")
		world.has_seen([("tcp", NEAR, 80, HERE), ("udp", FAR, 53, HERE)], "outside is seen the same")
		equal(s.stop(), 0, "it ends")
	subprocess.run(["nft", "flush", "ruleset"], check=True)
	equal([uplink("rules", own).returncode, uplink("rules", own).returncode], [0, 0], "rules that were flushed are put back")
	ok("table ip ukvmm-faas" in left(), "they are there")
	equal(uplink("down", own).returncode, 0, "the namespace is taken away")
	equal(left(), [], "and nothing is left")
	world.end()
	for l in [host, *listeners]:
		l.close()


def main():
	unit, sockets = read_unit(UNIT), read_unit(os.path.join(SAMPLES, "ukvmm-faas.socket"))
	keys(unit, sockets)
	with tempfile.TemporaryDirectory() as folder:
		verify(folder)
	why = missing() or (None if devices_can_be_made() else "no right to make device nodes")
	if why:
		print(f"# not served: {why}")
		finish()
	with tempfile.TemporaryDirectory() as folder:
		shutil.copy(os.path.join(SAMPLES, "ukvmm-faas.conf"), os.path.join(folder, "sample"))
		os.umask(0)
		os.chmod(folder, 0o777)
		serves(folder, unit)
	if shutil.which("nft") and os.path.isdir("/run"):
		prepare()
		subprocess.run(["mount", "-t", "tmpfs", "run", "/run"], check=True)
		os.mkdir("/run/netns")
		with tempfile.TemporaryDirectory() as folder:
			shutil.copy(os.path.join(SAMPLES, "ukvmm-faas.conf"), os.path.join(folder, "sample"))
			os.chmod(folder, 0o777)
			has_egress(folder, unit)
	finish()


main()
