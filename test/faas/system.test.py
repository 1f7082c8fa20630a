# SPDX-License-Identifier: Apache-2.0
"""/system, the commands that use it, and the state folder."""

import hashlib
import json
import os
import select
import signal
import sqlite3
import subprocess
import tempfile
import urllib.request

from faas import LIMIT, Background, Gate, Server, equal, finish, ok


def contract(s):
	got = s.ask("POST", "/system/functions", {"service": "mapped", "image": "plain", "envProcess": "x",
		"envVars": {"A": "1", "B": "two"}, "labels": {"team": "x", "com.openfaas.scale.min": "1",
		"com.openfaas.scale.max": "7", "com.openfaas.scale.zero-duration": "5m"}, "annotations": {"note": "hi there",
		"ukvmm.concurrency": "3"}, "limits": {"memory": "64Mi", "cpu": "1500m"}, "requests": {"memory": "32Mi"},
		"readOnlyRootFilesystem": True, "secrets": None})
	equal(got.status, 202, "OpenFaaS's deploy")
	d = s.describe("mapped")
	equal((d["name"], d["image"], d["envVars"], d["labels"]["team"], d["annotations"]["note"], d["namespace"]),
		("mapped", "plain", {"A": "1", "B": "two"}, "x", "hi there", "ukvmm"), "is what describe says")
	equal((d["ukvmm"]["memory"], d["limits"]["cpu"], d["ukvmm"]["maxInstances"], d["ukvmm"]["minWarm"],
		d["ukvmm"]["concurrency"]), (64 << 20, "2", 7, 1, 3), "limits, labels and annotations count")
	equal(s.get("/function/mapped/env/B").text, "two", "the environment arrives")
	s.get("/function/mapped/")
	listed = s.get("/system/functions").json()
	equal([(f["name"], f["invocationCount"]) for f in listed], [("mapped", 2)], "list")
	ok(listed[0]["createdAt"].endswith("Z") and listed[0]["availableReplicas"] >= 1 and "usage" in listed[0], "its members")
	equal(s.get("/system/info").json()["provider"], "ukvmm-faas", "info")
	equal(s.get("/system/namespaces").json(), ["ukvmm"], "namespaces")
	equal(s.ask("POST", "/system/namespace/other", {}).status, 501, "there is one")
	equal(s.ask("POST", "/system/alert", {}).status, 501, "no alerts")
	equal(s.get("/system/nothing").status, 404, "an unknown path")
	equal(s.ask("PATCH", "/system/functions", {}).status, 405, "an unknown method")
	equal(s.get("/system/function/nothing").status, 404, "an unknown function")


def errors(s):
	bad = lambda **k: s.ask("POST", "/system/functions", {"service": "bad", "image": "plain", **k})
	for name, fields, text in (
			("a name", {"service": "../x"}, "service"), ("no name", {"service": None}, "service"),
			("no image", {"image": ""}, "image"), ("an unknown image", {"image": "nothing"}, "image import"),
			("a container image", {"image": "docker.io/library/nginx:latest"}, "containers"),
			("an image that does not boot", {"image": "unbootable"}, "not bootable"),
			("another namespace", {"namespace": "other"}, "there is one only"),
			("a setting's name", {"annotations": {"ukvmm.nonsense": "1"}}, "no setting"),
			("a setting's value", {"annotations": {"ukvmm.concurrency": "0"}}, "1 to 10000"),
			("a setting's form", {"annotations": {"ukvmm.timeout": "soon"}}, "such as 60s"),
			("more warm than may be", {"annotations": {"ukvmm.min-warm": "5", "ukvmm.max-instances": "2"}}, "min-warm"),
			("a label's value", {"labels": {"com.openfaas.scale.max": "x"}}, "scale.max"),
			("memory", {"limits": {"memory": "much"}}, "memory"), ("cpu", {"limits": {"cpu": "-1"}}, "cpu"),
			("environment with quotes", {"envVars": {"A": "b\"c"}}, "quotes"),
			("a name with blanks", {"envVars": {"A B": "c"}}, "blanks"),
			("environment that is no text", {"envVars": {"A": 1}}, "text"),
			("an unknown secret", {"secrets": ["nothing"]}, "create it first"),
			("egress where there is none", {"annotations": {"ukvmm.egress": "192.0.2.0/24"}}, "egress(bad)"),
			("egress in another form", {"annotations": {"ukvmm.egress": "example.org"}}, "example.org is not"),
			("too much memory", {"limits": {"memory": "60Gi"}}, "memory")):
		got = bad(**fields)
		ok(got.status == 400 and text in got.text, f"{name}: 400 with the reason", str(got))
	for body in (b"", b"{", b"[]", b"null", b'{"service":"a","image":"plain"', b"\xff\xfe"):
		equal(s.ask("POST", "/system/functions", body).status, 400, f"{body!r} is no deploy")
	equal(s.ask("POST", "/system/functions", b"[" * 100000).status, 400, "deep nesting")
	equal(s.ask("POST", "/system/functions", b" " * (2 << 20)).status, 413, "2 MiB of it")
	equal(s.deploy("nothing", method="PUT").status, 404, "an update of nothing")
	equal(s.ask("DELETE", "/system/functions", {"functionName": "nothing"}).status, 404, "a removal of nothing")
	equal(len(s.get("/system/functions").json()), 1, "none of them is there")


def revisions(s):
	s.image("v1", "version=first")
	s.image("v2", "version=second")
	s.image("broken", "start=die")
	s.deploy("r", image="v1")
	ok(s.get("/function/r/").text.startswith("first"), "a revision")
	equal(s.deploy("r", image="v2", method="PUT").status, 202, "the next")
	ok(s.get("/function/r/").text.startswith("second"), "serves")
	got = s.deploy("r", image="broken", method="PUT")
	ok(got.status == 422 and "nothing has changed" in got.text, "one that does not run", str(got))
	ok(s.get("/function/r/").text.startswith("second"), "leaves the old one")
	equal(s.ask("POST", "/system/rollback/r", b"").status, 202, "rollback")
	ok(s.get("/function/r/").text.startswith("first"), "goes back")
	equal(s.describe("r")["ukvmm"]["revision"], 3, "as a revision of its own")
	equal(s.ask("POST", "/system/rollback/nothing", b"").status, 404, "rollback of nothing")
	s.deploy("fresh", image="v1")
	equal(s.ask("POST", "/system/rollback/fresh", b"").status, 404, "rollback of the first")


def secrets(s):
	equal(s.ask("POST", "/system/secrets", {"name": "key", "value": "s3cret"}).status, 201, "a secret")
	equal(s.ask("POST", "/system/secrets", {"name": "key", "value": "x"}).status, 409, "is not made twice")
	equal(s.ask("PUT", "/system/secrets", {"name": "key", "value": "s4cret"}).status, 200, "but changed")
	equal(s.ask("PUT", "/system/secrets", {"name": "other", "value": "x"}).status, 404, "if it is there")
	equal(s.ask("POST", "/system/secrets", {"name": "../x", "value": "x"}).status, 400, "by a name")
	equal(s.get("/system/secrets").json(), [{"name": "key", "namespace": "ukvmm"}], "listed without its value")
	equal(s.deploy("guarded", secrets=["key"]).status, 202, "a function with it")
	body = s.get("/function/guarded/secrets").body
	ok(body.startswith(b"070701") and b"key\0" in body and b"s4cret" in body, "gets it as an archive", body[:200])
	ok(b"s4cret" not in s.get("/system/function/guarded").body, "describe does not tell it")
	equal(s.ask("DELETE", "/system/secrets", {"name": "key"}).status, 409, "it cannot go while it is used")
	s.ask("DELETE", "/system/functions", {"functionName": "guarded"})
	equal(s.ask("DELETE", "/system/secrets", {"name": "key"}).status, 202, "afterwards it can")
	equal(s.ask("DELETE", "/system/secrets", {"name": "key"}).status, 404, "once")


def images(s):
	listed = {i["name"]: i for i in s.get("/system/images").json()}
	equal(sorted(listed), ["broken", "plain", "unbootable", "v1", "v2"], "images")
	equal(s.deploy("byhash", image="sha256:" + listed["v1"]["hash"]).status, 202, "an image by its hash")
	equal(s.ask("DELETE", "/system/images/v1").status, 200, "a name goes")
	ok(os.path.exists(os.path.join(s.state, "store", "images", listed["v1"]["hash"])), "the file stays where it is used")
	s.ask("DELETE", "/system/images/unbootable")
	ok(not os.path.exists(os.path.join(s.state, "store", "images", listed["unbootable"]["hash"])), "and goes where not")
	equal(s.ask("DELETE", "/system/images/v1").status, 404, "once")
	equal(s.ask("POST", "/system/images/empty", b"").status, 400, "an empty image")
	equal(s.ask("POST", "/system/images/" + "x" * 64, b"test").status, 400, "a name too long")
	equal([n for n in os.listdir(os.path.join(s.state, "store", "images")) if n.startswith(".")], [], "no half upload is left")


def image_files(s):
	return set(os.listdir(os.path.join(s.state, "store", "images")))


def images_go(s):
	"""Files that nobody refers to, and one that goes while a function of it starts."""
	before = image_files(s)
	for n in range(4):
		s.image("again", f"version={n}")
	equal(len(image_files(s) - before), 1, "a name that is given anew leaves no file behind")
	s.deploy("holder", image="again")
	s.image("again", "version=next")
	equal(len(image_files(s) - before), 2, "a function's file stays when its name goes")
	ok(s.get("/function/holder/").text.startswith("3"), "and serves")
	s.ask("DELETE", "/system/functions", {"functionName": "holder"})
	equal(len(image_files(s) - before), 1, "until the function goes")
	s.ask("DELETE", "/system/images/again")
	equal(image_files(s), before, "and the last one with its name")
	gate = Gate(s, "image-gate")
	s.image("gated", f"start={gate.path}")
	deploy = Background(s.deploy, "gated", image="gated")
	starts = gate.arrival()
	equal(s.ask("DELETE", "/system/images/gated").status, 200, "an image is removed while a function of it starts")
	starts.open()
	got = deploy.get()
	ok(got.status == 409 and "meanwhile" in got.text, "the function is not kept: it would not be there after a restart", str(got))
	equal(s.get("/system/function/gated").status, 404, "nor does it serve")


def logs(s):
	s.get("/function/fresh/die")
	s.line("my last words")
	lines = [json.loads(l) for l in s.get("/system/logs?name=fresh").text.splitlines()]
	equal([l["text"] for l in lines], ["these are my last words"], "logs")
	ok(lines[0]["name"] == "fresh" and lines[0]["instance"].startswith("fresh-") and lines[0]["timestamp"][-1] == "Z", "members")
	s.get("/function/fresh/die")
	s.line("my last words")
	get = lambda q: len(s.get("/system/logs?name=fresh" + q).text.splitlines())
	equal([get(""), get("&tail=1"), get("&instance=" + lines[0]["instance"]), get("&since=2100-01-01T00:00:00Z"),
		get("&since=1h")], [2, 1, 1, 0, 2], "tail, instance, since")
	follow = urllib.request.urlopen(f"http://127.0.0.1:{s.port}/system/logs?name=fresh&follow=true&tail=0", timeout=100)
	s.get("/function/fresh/die")
	equal(json.loads(follow.readline())["text"], "these are my last words", "follow")
	follow.close()
	s.deploy("talks")
	s.get("/function/talks/talk/5000")
	s.get("/function/talks/die")  # its end is told behind all that it wrote
	s.line("my last words")
	lines = [json.loads(l) for l in s.get("/system/logs?name=talks").text.splitlines()]
	ok(500 < len(lines) < 2000 and sum(len(l["text"]) for l in lines) <= 128 << 10, "a function's log has a bound", str(len(lines)))
	numbers = [int(l["text"].split()[1]) for l in lines[:-1]]
	ok(numbers == list(range(5000 - len(numbers), 5000)) and lines[-1]["text"] == "these are my last words",
		"the last lines of it are kept", f"{numbers[:1]} to {numbers[-1:]}, {lines[-1]}")
	ok(lines[0]["text"].split(", ")[1].startswith("?[2J? and 0"), "without what terminals obey", lines[0]["text"])
	equal(len(s.get("/system/logs?name=fresh").text.splitlines()), 3, "another's is not touched")
	equal(s.get("/system/logs?name=nothing").status, 404, "of nothing")
	equal(s.get("/system/logs").status, 400, "without a name")


def commands(s):
	run = s.command
	with tempfile.NamedTemporaryFile("w") as f:
		f.write("test version=command\n")
		f.flush()
		rc, out, err = run("image", "import", "cli", f.name)
		ok(rc == 0 and out.startswith("sha256:"), "image import", err)
		rc, out, err = run("deploy", "frompath", "--image", f.name, "--initrd", f.name)
		ok(rc == 0 and "live" in out, "deploy of a file", err)
		d = s.describe("frompath")
		equal((d["image"], d["annotations"]["ukvmm.initrd"], d["ukvmm"]["hash"]),
			("frompath", "frompath-initrd", hashlib.sha256(b"test version=command\n").hexdigest()), "which is an image then")
		ok(s.get("/function/frompath/").text.startswith("command"), "and runs")
		for missing in ("/nothing/here", "./nothing"):
			rc, out, err = run("deploy", "frompath", "--image", missing)
			ok(rc == 1 and missing in err and "No such file" in err, f"deploy of {missing}: there is no such file", err)
	ok("cli" in run("image", "list")[1], "image list")
	rc, out, err = run("deploy", "x", "--image", "docker.io/library/nginx")
	ok(rc == 1 and "image import" in err, "deploy of a container's image: the cure is said", err)
	rc, out, err = run("deploy", "c", "--image", "cli", "--env", "A=b", "--label", "x=y", "--concurrency", "2")
	ok(rc == 0 and "live" in out, "deploy", err)
	d = s.describe("c")
	equal((d["envVars"], d["labels"], d["ukvmm"]["concurrency"]), ({"A": "b"}, {"x": "y"}, 2), "its options")
	rc, out, err = run("invoke", "c", "/env/A")
	equal((rc, out), (0, "b"), "invoke")
	equal(run("invoke", "c", "-d", "12345", "/count")[1], "5\n", "with a body")
	equal(run("invoke", "c", "-T", "-", "count", stdin="123")[1], "3\n", "from stdin")
	rc, out, err = run("invoke", "c", "status/418")
	ok(rc == 1 and "418" in err and out == "as you like\n", "an error is told", err)
	ok("NAME" in run("list")[1] and json.loads(run("list", "--json")[1]), "list")
	ok(any(l.startswith("c-") for l in run("ps")[1].splitlines()), "ps")
	equal(json.loads(run("describe", "c")[1])["name"], "c", "describe")
	equal(run("scale", "c", "2")[0], 0, "scale")
	run("invoke", "c", "/die")
	s.line("my last words")
	ok("last words" in run("logs", "c")[1], "logs")
	follow = subprocess.Popen([s.program, "logs", "c", "-f"], stdout=subprocess.PIPE, text=True,
		env=dict(os.environ, UKVMM_FAAS_SERVER=f"http://127.0.0.1:{s.port}"))
	first = Background(follow.stdout.readline).get()
	run("invoke", "c", "/die")
	ok("last words" in first and "last words" in Background(follow.stdout.readline).get(), "logs -f: what there was, and what comes", first)
	follow.kill()
	follow.wait()
	follow.stdout.close()
	equal(run("logs", "c", "--since", "2026-01-01T00:00:00+05:30", "--tail", "1")[1].count("last words"), 1, "since a time")
	equal(run("logs", "c", "--since", "2100-01-01T00:00:00+05:30")[1], "", "that is to come")
	equal(run("secret", "set", "s", stdin="value")[0], 0, "secret set")
	equal(run("secret", "set", "s", stdin="value2")[0], 0, "again")
	ok("s" in run("secret", "list")[1], "secret list")
	with tempfile.NamedTemporaryFile() as f:
		for raw in (bytes(range(256)), b"x", b"xy", bytes(65536)):
			f.seek(0)
			f.truncate()
			f.write(raw)
			f.flush()
			rc, out, err = run("secret", "set", "s", f.name)
			s.deploy("holds", secrets=["s"])
			ok(rc == 0 and s.get("/function/holds/secrets").body[112:112 + len(raw)] == raw[:4095 - 112], f"of {len(raw)} bytes", err)
		f.write(b"x")
		f.flush()
		rc, out, err = run("secret", "set", "s", f.name)
		ok(rc == 1 and "64 KiB" in err, "not of more than 64 KiB", err)
	s.ask("DELETE", "/system/functions", {"functionName": "holds"})
	equal(run("secret", "remove", "s")[0], 0, "secret remove")
	equal(run("remove", "c")[0], 0, "remove")
	equal(run("image", "remove", "cli")[0], 0, "image remove")
	rc, out, err = run("describe", "c")
	ok(rc == 1 and "there is no function c" in err, "an error has its reason", err)
	for words in ((), ("deploy",), ("deploy", "x"), ("nothing",), ("scale", "c", "x"), ("describe", "a/b"), ("image",)):
		rc, out, err = run(*words)
		ok(rc == 2 and err and not out, f"usage: {' '.join(words)}", f"{rc} {out} {err}")


def mistakes(s):
	"""What was wrong, where, and what is wanted; nothing is served or deployed."""
	def refused(words, status, *texts):
		rc, out, err = s.command(*words)
		ok(rc == status and not out and all(t in err for t in texts), " ".join(words), f"{rc} {out} {err}")

	refused(("--frob",), 2, "--frob", "no such command")
	for words, texts in ((("deploy", "x", "--frob", "1"), ("--frob", "no such option")), (("deploy", "x", "--image"), ("--image", "value")),
			(("deploy", "x", "--memory", "1M"), ("--image", "missing")), (("deploy", "--image", "x"), ("usage: ukvmm-faas deploy",)),
			(("deploy", "x", "--env", "A", "--image", "x"), ("--env", "NAME=VALUE")), (("logs", "x", "--frob"), ("--frob",)),
			(("invoke", "-z"), ("-z", "no such option")), (("invoke", "x", "-X"), ("-X", "value")), (("list", "--user"), ("--user", "value"))):
		refused(words, 2, *texts)
	refused(("deploy", "x", "--image", "plain", "--memory", "1M"), 1, "ukvmm.memory", "from 2M to 64G")
	refused(("secret", "remove", "nothing"), 1, "none of this name\n")
	refused(("deploy", "x", "--image", "/tmp"), 1, "open(/tmp)", "directory")
	refused(("list", "--server", "http://127.0.0.1:1"), 1, "127.0.0.1:1", "serve")
	rc, out, err = s.command("deploy", "equals", "--image=plain", "--env=A=b=c", "--memory=4M")
	ok(rc == 0 and s.describe("equals")["envVars"] == {"A": "b=c"} and s.describe("equals")["ukvmm"]["memory"] == 4 << 20,
		"deploy --OPTION=VALUE", err)
	for option, value, text in (("memory", "x", "such as 4G"), ("addresses", "10.0.0.0", "10.100.0.0/16"), ("addresses", "10.0.0.0/31", "30"),
			("resolver", "x", "none"), ("network", "x", "shared"), ("log", "x", "json"), ("pool", "0", "number"), ("drain-timeout", "x", "10s")):
		refused(("serve", f"--{option}", value), 2, f"serve(--{option})", value, text)
		with tempfile.NamedTemporaryFile("w") as f:
			f.write(f"# a comment\n{option} = {value}\n")
			f.flush()
			refused(("serve", "--config", f.name), 1, f"config({f.name}): line 2", option, value, text)
	for line, text in (("frob = 1", '"frob"'), ("frob", "OPTION = VALUE"), ("state = " + "x" * 2000, "longer")):
		with tempfile.NamedTemporaryFile("w") as f:
			f.write(line + "\n")
			f.flush()
			refused(("serve", "--config", f.name), 1, f"config({f.name}): line 1", text)
	refused(("serve", "--frob"), 2, "--frob", "no such option")
	refused(("serve", "--memory"), 2, "--memory", "value")
	refused(("serve", "now"), 2, "serve(now)")
	with tempfile.TemporaryDirectory() as folder:
		for where in ("127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:http", "127.0.0.1", "[::1", "x:1"):
			refused(("serve", "--state", folder, "--listen", where), 1, f"listen({where})")


def password():
	with Server(password="pass word") as s:
		equal(s.image("plain").status, 201, "the right password")
		s.password = None
		got = s.get("/system/functions")
		equal((got.status, got.headers["WWW-Authenticate"]), (401, 'Basic realm="ukvmm-faas"'), "none")
		for wrong in ("pass wor", "pass word ", "", "x" * 300):
			s.password = wrong
			equal(s.ask("GET", "/system/functions").status, 401, f"{wrong[:20]!r}")
		s.password = None
		equal(s.get("/healthz").status, 200, "is not asked for elsewhere")
		s.stop()


def ended(pidfd):
	"""Has the process ended, or does it within LIMIT?"""
	found = select.select([pidfd], [], [], LIMIT)[0]
	os.close(pidfd)
	return bool(found)


def json_log():
	"""Each line is an object, whatever clients and instances write into it."""
	with Server("--log", "json") as s:
		s.image("plain")
		s.deploy("f")
		s.get('/function/f/"quoted', **{"X-Call-Id": "id-1"})
		s.get("/function/f/die")
		s.line("my last words")
		equal(s.stop(), 0, "it ends")
		while (line := s.lines.get(timeout=LIMIT)) is not None:
			s.seen.append(line)
		lines = [json.loads(line) for line in s.seen]
		ok(all({"time", "event"} <= set(line) for line in lines), "each line has a time and an event", str(lines))
		(request,) = [line for line in lines if line.get("id") == "id-1"]
		equal((request["event"], request["method"], request["target"], request["status"], request["whole"], request["function"]),
			("request", "GET", '/function/f/"quoted', 200, True, "f"), "a request")
		ok({"seconds", "in", "out", "client", "instance"} <= set(request), "all of it", str(request))
		(died,) = [line for line in lines if line["event"] == "died"]
		ok(died["function"] == "f" and died["instance"].startswith("f-") and "last words" in died["text"], "an instance", str(died))


def survival():
	"""kill -9: what was answered with 202 is there afterwards."""
	with tempfile.TemporaryDirectory(prefix="faas-test-") as state:
		with Server(state=state) as s:
			s.image("plain")
			s.image("v1", "version=first")
			s.ask("POST", "/system/secrets", {"name": "key", "value": "kept"})
			s.deploy("f", image="v1", secrets=["key"], labels={"a": "b"})
			s.deploy("f", image="plain", method="PUT", secrets=["key"], labels={"a": "c"})
			s.deploy("gone")
			s.ask("DELETE", "/system/functions", {"functionName": "gone"})
			pid = os.pidfd_open(int(s.get("/function/f/").text.split()[1]))
			second = None
			try:
				with Server(state=state):
					pass
			except RuntimeError as e:
				second = str(e)
			ok(second and "another server" in second, "one server a folder", str(second))
			s.stop(signal.SIGKILL)
			ok(ended(pid), "its instances end with it")
		with Server(state=state) as s:
			d = s.describe("f")
			equal((d["labels"], d["ukvmm"]["revision"], d["image"]), ({"a": "c"}, 2, "plain"), "the function is back")
			equal(s.get("/system/function/gone").status, 404, "the removed one is not")
			ok(b"kept" in s.get("/function/f/secrets").body, "nor is the secret lost")
			equal(s.ask("POST", "/system/rollback/f", b"").status, 202, "nor the earlier revision")
			ok(s.get("/function/f/").text.startswith("first"), "which serves")
			s.stop()
		db = sqlite3.connect(os.path.join(state, "store", "faas.db"))
		db.execute("PRAGMA user_version = 99")
		db.commit()
		db.close()
		try:
			with Server(state=state):
				ok(False, "a newer folder is refused")
		except RuntimeError as e:
			ok("schema 99" in str(e), "a newer folder is refused", str(e))


def main():
	with Server() as s:
		s.image("plain")
		s.ask("POST", "/system/images/unbootable", b"\x7fELF and so on")
		contract(s)
		errors(s)
		revisions(s)
		secrets(s)
		images(s)
		images_go(s)
		logs(s)
		commands(s)
		mistakes(s)
		equal(s.balance(), 0, "requests balance")
		follow = urllib.request.urlopen(f"http://127.0.0.1:{s.port}/system/logs?name=fresh&follow=true&tail=1", timeout=LIMIT)
		equal(json.loads(follow.readline())["text"], "these are my last words", "somebody follows a log")
		equal(s.stop(), 0, "it ends")
		equal(follow.read(), b"", "and so does what is followed")
		ok(not any("still under way" in line for line in s.seen), "which is not waited for", str(s.seen[-5:]))
	password()
	survival()
	json_log()
	finish()


main()
