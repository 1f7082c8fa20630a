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
from vm import image, missing

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
	for name in ("ukvmm-faas.service", "ukvmm-faas.socket"):
		p = subprocess.run(["systemd-analyze", "verify", "--man=no", os.path.join(folder, name)], capture_output=True,
			text=True, timeout=100)
		ok(p.returncode == 0 and not p.stderr.strip(), f"systemd-analyze verify {name}", p.stderr)


def script(path, text):
	with open(path, "w") as f:
		f.write(text)
	os.chmod(path, 0o755)


def as_unit(folder, unit, fds):
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
mount -t tmpfs -o mode=755 dev /dev
mkdir /dev/net
{nodes}ip link set lo up
export LISTEN_PID=$$ LISTEN_FDS={len(fds)}
exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --bounding-set {caps} --inh-caps {ambient} \
	--ambient-caps {ambient} --no-new-privs {program} "$@"
""")
	high = " ".join(f"{100 + i}<&{fd}" for i, fd in enumerate(fds))
	low = " ".join(f"{3 + i}<&{100 + i}" for i in range(len(fds)))
	script(outer, f"#!/bin/bash\nexec {high}\nexec {low}\nexec unshare --net --mount {inner} \"$@\"\n")
	return outer


def devices_can_be_made():
	p = subprocess.run(["unshare", "--mount", "sh", "-c", "mount -t tmpfs dev /mnt && mknod -m 666 /mnt/null c 1 3 && : >/mnt/null"],
		capture_output=True, timeout=100)
	return p.returncode == 0


def status(pid):
	with open(f"/proc/{pid}/status") as f:
		return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def serves(folder, unit):
	os.umask(0)
	os.chmod(folder, 0o777)
	listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
	fds = [s.fileno() for s in listeners]
	with Server("--config", os.path.join(folder, "sample"), "--callback", "none", "--network", "given", state=folder,
			program=as_unit(folder, unit, fds), password="secret", inherit=fds) as s:
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
		serves(folder, unit)
	finish()


main()
