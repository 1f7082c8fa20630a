# SPDX-License-Identifier: Apache-2.0
"""What tests with microVMs share: what they need, and a network namespace for each. FAAS_GUESTS: where functions are."""

import ctypes
import os
import subprocess
import sys

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000


def skip(why):
	print(f"1..0 # SKIP {why}")
	sys.exit(77)


def missing():
	"""What microVMs would need and is not there, or None."""
	if not os.access("/dev/kvm", os.R_OK | os.W_OK):
		return "/dev/kvm cannot be opened"
	if not os.path.exists(os.path.join(os.environ["FAAS_GUESTS"], "noop.elf")):
		return "no functions: scripts/fetch-lwip, -DUKVMM_FUNCTIONS=ON"
	if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
		return "no /dev/net/tun"
	return None if os.geteuid() == 0 else "a network namespace of its own needs root"


def prepare():
	why = missing()
	if why or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET | CLONE_NEWNS) < 0:
		skip(why or "no right to make a network namespace")
	subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
	subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def image(s, name):
	with open(os.path.join(os.environ["FAAS_GUESTS"], name + ".elf"), "rb") as f:
		return s.ask("POST", "/system/images/" + name, f.read())
