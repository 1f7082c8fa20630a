# SPDX-License-Identifier: Apache-2.0
"""OpenFaaS's client, as its published sources have it send requests and read answers: each command of it that the server
is for. The client itself is not run: what it sends is sent here, and answers are looked at as it decodes them, where a
member of another type, or one that it follows and is not there, is an error."""

import base64
import datetime
import json
import urllib.parse

from faas import Server, equal, finish, ok

AGENT = "faas-cli/0.17.0"
TEXT, NUMBER, FLAG = str, (int, float), bool
RESOURCES = {"memory": TEXT, "cpu": TEXT}
STATUS = {"name": TEXT, "image": TEXT, "namespace": TEXT, "envProcess": TEXT, "envVars": {None: TEXT}, "constraints": [TEXT],
	"secrets": [TEXT], "labels": {None: TEXT}, "annotations": {None: TEXT}, "limits": RESOURCES, "requests": RESOURCES,
	"readOnlyRootFilesystem": FLAG, "invocationCount": NUMBER, "replicas": int, "availableReplicas": int, "createdAt": TEXT,
	"usage": {"cpu": NUMBER, "totalMemoryBytes": NUMBER}}
VERSION = {"release": TEXT, "sha": TEXT}


def decodes(value, shape, where=""):
	"""What of value has not this shape: members that are there have its types; others do not matter."""
	if isinstance(shape, dict) and isinstance(value, dict):
		return [w for k, v in value.items() for w in decodes(v, shape.get(k, shape.get(None)), f"{where}.{k}")]
	if isinstance(shape, list) and isinstance(value, list):
		return [w for v in value for w in decodes(v, shape[0], where + "[]")]
	if shape is None:
		return []
	right = isinstance(shape, (type, tuple)) and isinstance(value, shape) and (shape is FLAG or not isinstance(value, bool))
	return [] if right else [f"{where}: {value!r}"]


def send(s, method, path, body=None, **query):
	headers = {"User-Agent": AGENT}
	if body is not None:
		headers["Content-Type"] = "application/json"
	return s.ask(method, path + ("?" + urllib.parse.urlencode(query) if query else ""), body, headers)


def deploy(s, update=True, **fields):
	"""As the client does by default: an update, and where that is 404 a deploy. The last status."""
	spec = {"service": "figlet", "image": "plain:latest", "labels": None, "annotations": None, **fields}
	got = send(s, "PUT" if update else "POST", "/system/functions", spec)
	return send(s, "POST", "/system/functions", spec) if update and got.status == 404 else got


def deploys(s):
	spec = {"envProcess": "cat", "envVars": {"write_debug": "true"}, "constraints": ["node.role == worker"],
		"labels": {"com.openfaas.scale.min": "1", "com.openfaas.scale.max": "5", "com.openfaas.scale.zero": "true",
			"com.openfaas.scale.zero-duration": "1h30m0s", "com.openfaas.scale.factor": "20",
			"com.openfaas.scale.type": "capacity", "com.openfaas.scale.target": "7",
			"com.openfaas.scale.target-proportion": "0.9", "com.openfaas.scale.other": "kept"},
		"annotations": {"topic": "a topic"}, "limits": {"memory": "64Mi", "cpu": "1500m"},
		"requests": {"memory": "32Mi", "cpu": "100m"}, "readOnlyRootFilesystem": True}
	got = deploy(s, **spec)
	ok(got.status in (200, 201, 202), "deploy: an image's name with the tag that the client adds", str(got))
	d = s.describe("figlet")
	equal([d[k] for k in ("envProcess", "envVars", "constraints", "labels", "annotations", "requests",
		"readOnlyRootFilesystem", "image")], [spec[k] for k in ("envProcess", "envVars", "constraints", "labels",
		"annotations", "requests", "readOnlyRootFilesystem")] + ["plain:latest"], "is told again as it was given")
	equal((d["limits"], d["ukvmm"]["minWarm"], d["ukvmm"]["maxInstances"], d["ukvmm"]["concurrency"]),
		({"memory": str(64 << 20), "cpu": "2"}, 0, 5, 7), "limits and the labels of scaling count")
	equal(deploy(s).status, 202, "a second time it is an update")
	d = s.describe("figlet")
	equal((d["ukvmm"]["revision"], "requests" in d, d["constraints"], d["readOnlyRootFilesystem"]), (2, False, [], False),
		"which takes away what is not given any more")
	equal(deploy(s, requests={"memory": "96Mi", "cpu": "3"}).status, 202, "requests without limits")
	equal(s.describe("figlet")["limits"], {"memory": str(96 << 20), "cpu": "3"}, "are limits")
	deploy(s, labels={"com.openfaas.scale.type": "rps", "com.openfaas.scale.target": "9"})
	equal(s.describe("figlet")["ukvmm"]["concurrency"], 1, "a target of another type than capacity is no concurrency")
	for name, fields, text in (
			("requests beyond limits", {"limits": {"memory": "32Mi"}, "requests": {"memory": "64Mi"}}, "requests.memory"),
			("CPUs beyond limits", {"limits": {"cpu": "1"}, "requests": {"cpu": "1500m"}}, "requests.cpu"),
			("requests of something else", {"requests": {"cpu": "many"}}, "requests"),
			("a GPU", {"limits": {"nvidia.com/gpu": "1"}}, "GPU"),
			("infinitely many CPUs", {"limits": {"cpu": "inf"}}, "limits.cpu"),
			("a capacity of none", {"labels": {"com.openfaas.scale.type": "capacity", "com.openfaas.scale.target": "0"}},
				"scale.target"),
			("a time without a unit in it", {"labels": {"com.openfaas.scale.zero-duration": "1h30"}}, "zero-duration"),
			("constraints that are none", {"constraints": [1]}, "constraints"),
			("a container's image", {"image": "ghcr.io/openfaas/figlet:latest"}, "image import")):
		got = deploy(s, **fields)
		ok(got.status == 400 and text in got.text, f"{name}: 400, and the client shows why", str(got))


def lists(s):
	for path in ("/system/functions", "/system/function/figlet"):
		got = send(s, "GET", path, usage="1") if path.endswith("figlet") else send(s, "GET", path)
		equal(decodes(got.json(), STATUS if path.endswith("figlet") else [STATUS]), [], f"{path}: as the client decodes it")
	created = s.describe("figlet")["createdAt"].replace("Z", "+00:00")
	ok(datetime.datetime.fromisoformat(created).tzinfo, "createdAt is a time of RFC 3339", created)
	usage = s.describe("figlet")["usage"]
	ok(usage["coldStarts"] >= 2 and {"cpuSeconds", "memoryByteSeconds", "networkBytes"} <= set(usage), "its costs", str(usage))
	equal(send(s, "GET", "/system/function/nothing", usage="1").status, 404, "describe of nothing")


def invokes(s):
	got = s.ask("POST", "/function/figlet.openfaas-fn/count?a=b", b"12345", {"User-Agent": AGENT, "Content-Type": "text/plain"})
	equal((got.status, got.text), (200, "5\n"), "invoke: by OpenFaaS's default namespace")
	equal(s.ask("POST", "/function/figlet.ukvmm/count", b"123").text, "3\n", "and by ours")
	equal(s.ask("POST", "/function/figlet.other/count", b"123").status, 404, "not by another")
	equal(s.ask("POST", "/async-function/figlet.openfaas-fn", b"", {"X-Callback-Url": "http://h/"}).status, 501, "async: 501")
	equal(s.ask("GET", "/healthz", None, {"User-Agent": AGENT}).status, 200, "ready")


def namespaces(s):
	equal(send(s, "GET", "/system/namespaces").json(), ["ukvmm"], "namespaces: texts, one of them")
	for method, path in (("POST", "/system/namespace/"), ("GET", "/system/namespace/other"), ("PUT", "/system/namespace/other"),
			("DELETE", "/system/namespace/other"), ("GET", "/system/namespace")):
		equal(send(s, method, path, {"name": "other"} if method != "GET" else None).status, 501, f"{method} {path}: 501")
	for namespace, wanted in (("ukvmm", 1), ("openfaas-fn", 1), ("other", 0)):
		equal(len(send(s, "GET", "/system/functions", namespace=namespace).json()), wanted, f"list of {namespace}")
	equal(send(s, "GET", "/system/secrets", namespace="other").json(), [], "secrets of another")
	equal([send(s, method, path, body, **query).status for method, path, body, query in (
		("GET", "/system/function/figlet", None, {"namespace": "other"}),
		("GET", "/system/logs", None, {"name": "figlet", "namespace": "other"}),
		("POST", "/system/scale-function/figlet", {"serviceName": "figlet", "replicas": 1, "namespace": "other"}, {}),
		("DELETE", "/system/functions", {"functionName": "figlet", "namespace": "other"}, {}),
		("DELETE", "/system/secrets", {"name": "key", "namespace": "other"}, {}),
		("POST", "/system/secrets", {"name": "key", "namespace": "other", "value": "x"}, {}))], [404] * 5 + [400],
		"nothing is done in another namespace")
	equal(send(s, "GET", "/system/function/figlet", namespace="openfaas-fn").status, 200, "the function is still there")


def secrets(s):
	raw = bytes(range(256))
	body = {"name": "key", "namespace": "openfaas-fn", "value": raw.decode(errors="replace"), "rawValue": base64.b64encode(raw).decode()}
	equal(send(s, "POST", "/system/secrets", body).status, 201, "secret create from a file that is no text")
	equal(send(s, "POST", "/system/secrets", body).status, 409, "again: 409")
	equal(decodes(send(s, "GET", "/system/secrets").json(), [{"name": TEXT, "namespace": TEXT, "value": TEXT}]), [], "list")
	equal(deploy(s, secrets=["key"]).status, 202, "a function with it")
	ok(raw in s.get("/function/figlet/secrets").body, "gets exactly its bytes")
	equal(send(s, "PUT", "/system/secrets", {"name": "key", "value": "other"}).status, 200, "update")
	equal(send(s, "PUT", "/system/secrets", {"name": "nothing", "value": "x"}).status, 404, "update of nothing")
	for bad in ("A", "AAAAA", "A===", "====", "AA=A", "AA==AAAA", "AAA*", "AAB=", "\u00e9AAA", 5):
		got = send(s, "POST", "/system/secrets", {"name": "bad", "rawValue": bad})
		equal(got.status, 400, f"rawValue {bad!r} is not base64")
	equal(send(s, "POST", "/system/secrets", {"name": "bad", "rawValue": "A" * 87384}).status, 400, "nor is too much of it taken")
	deploy(s)
	equal(send(s, "DELETE", "/system/secrets", {"name": "key"}).status, 202, "remove")
	equal(send(s, "DELETE", "/system/secrets", {"name": "key"}).status, 404, "once")


def logs(s):
	s.get("/function/figlet/die")
	s.line("my last words")
	read = lambda **query: send(s, "GET", "/system/logs", name="figlet", **query)
	got = read(follow="false", tail="-1")
	lines = [json.loads(line) for line in got.text.splitlines()]
	shape = {"name": TEXT, "namespace": TEXT, "instance": TEXT, "timestamp": TEXT, "text": TEXT}
	equal((decodes(lines, [shape]), len(lines), set(lines[0])), ([], 1, set(shape)), "logs: as the client decodes them")
	at = datetime.datetime.fromisoformat(lines[0]["timestamp"][:26] + "+00:00")
	for hours in (-9, 0, 5.5):
		zone = datetime.timezone(datetime.timedelta(hours=hours))
		counts = [len(read(since=(at + datetime.timedelta(seconds=d)).astimezone(zone).isoformat(timespec="seconds")).text.splitlines())
			for d in (-2, 2)]
		equal(counts, [1, 0], f"since a time {hours} hours east")
	equal(len(read(since="2000-01-01T00:00:00.123456789Z").text.splitlines()), 1, "since a time with a fraction")
	for bad in ({"since": "yesterday"}, {"since": "2026-01-01"}, {"since": "2026-01-01T00:00:00+25:00"},
			{"instance": "x" * 200}, {"since": "2026-01-01T00:00:00."}, {"since": "2026-01-01T00:00:00Zulu"}, {"tail": "some"}):
		equal(read(**bad).status, 422, f"{bad} cannot be read: 422")
	for bad in ("%", "%4", "%zz", "%00"):
		equal(s.get(f"/system/logs?name=figlet&instance={bad}").status, 422, f"{bad} is no escape: 422")
	equal(len(s.get("/system/logs?name=fi%67le%74").text.splitlines()), 1, "a name that is escaped")


def version(s):
	got = send(s, "GET", "/system/info").json()
	shape = {"provider": {"provider": TEXT, "orchestration": TEXT, "version": VERSION}, "version": VERSION, "arch": TEXT}
	equal((decodes(got, shape), got["provider"]["provider"], set(VERSION) <= set(got["provider"]["version"]) & set(got["version"])),
		([], "ukvmm-faas", True), "version: as the client decodes its gateway's")
	got = s.get("/system/info").json()
	equal((got["provider"], decodes(got, {"provider": TEXT, "orchestration": TEXT, "version": VERSION})), ("ukvmm-faas", []),
		"for others it is a provider's")


def removes(s):
	equal(send(s, "POST", "/system/scale-function/figlet", {"serviceName": "figlet", "replicas": 2}).status, 202, "scale")
	equal(send(s, "POST", "/system/scale-function/nothing", {"serviceName": "nothing", "replicas": 2}).status, 404, "of nothing")
	equal(send(s, "DELETE", "/system/functions", {"functionName": "figlet"}).status, 202, "replace: a removal")
	equal(deploy(s, update=False).status, 202, "and a deploy at once")
	equal((s.describe("figlet")["ukvmm"]["revision"], s.get("/function/figlet/").status), (1, 200), "of a function that is new")
	equal(send(s, "DELETE", "/system/functions", {"functionName": "figlet", "namespace": "openfaas-fn"}).status, 202, "remove")
	equal(send(s, "DELETE", "/system/functions", {"functionName": "figlet"}).status, 404, "once")


def metrics(s):
	m = s.metrics()
	for series in ('provider_http_requests_total{code="200",method="GET",path="/system/functions"}',
			'provider_http_request_duration_seconds_count{code="200",method="GET",path="/system/function"}',
			'provider_http_requests_total{code="202",method="POST",path="/system/scale-function"}',
			'provider_http_requests_total{code="501",method="PUT",path="/system/namespace"}',
			'http_requests_total{code="200",method="GET"}', 'http_request_duration_seconds_count{code="404",method="GET"}',
			'gateway_function_invocation_total{function_name="figlet",code="200"}',
			'gateway_function_invocation_started{function_name="figlet"}',
			'gateway_functions_seconds_count{function_name="figlet",code="200"}'):
		ok(m.get(series, 0) > 0, f"metrics have {series}")
	ok(not any('path="/function' in series for series in m), "a provider's are those of /system")


def login():
	with Server(password="secret") as s:
		equal(send(s, "GET", "/system/functions").status, 200, "login: the right password")
		s.password = None
		equal(s.get("/system/functions", **{"User-Agent": AGENT, "Authorization": "Bearer "}).status, 401, "without: 401")
		s.password = "wrong"
		equal(send(s, "GET", "/system/functions").status, 401, "a wrong one: 401")
		s.stop()


def main():
	with Server() as s:
		s.image("plain")
		deploys(s)
		lists(s)
		invokes(s)
		namespaces(s)
		secrets(s)
		logs(s)
		version(s)
		removes(s)
		metrics(s)
		equal(s.balance(), 0, "requests balance")
		equal(s.stop(), 0, "it ends")
	login()
	finish()


main()
