# SPDX-License-Identifier: Apache-2.0
"""microVMs where the kernel refuses the server something: whoever waits is told, and nothing waits for what nobody tells."""

import os

from faas import Background, Server, equal, finish, ok
from vm import image, prepare


def unwatched():
	"""No room to watch one more worker."""
	sign = f"/tmp/faas-short-{os.getpid()}"
	with Server(program=os.environ["FAAS_VM"], env={"NO_ROOM": sign}) as s:
		image(s, "noop")
		equal(s.deploy("once", image="noop", memory="16M", single_use="true").status, 202, "a function")
		equal(s.get("/function/once/").status, 200, "serves")
		while any(i["state"] != "idle" for i in s.instances()):
			pass
		with open(sign, "w"):
			try:
				got = [r.get().status for r in [Background(s.get, "/function/once/") for _ in range(6)]]
				ok(all(status in (502, 503) for status in got), "no worker can be watched: who waits is told", str(got))
				got = s.deploy("other", image="noop", memory="18M")
				ok(got.status == 422 and ("epoll_ctl" in got.text or "worker" in got.text), "a deploy, too", str(got))
				while s.instances():
					pass
				ok(True, "what was begun has ended")
			finally:
				os.unlink(sign)
		while s.get("/function/once/").status != 200:
			pass
		ok(True, "with room again it serves")
		equal(s.balance(), 0, "requests balance")
		equal(s.stop(), 0, "it ends")


def main():
	prepare()
	unwatched()
	finish()


main()
