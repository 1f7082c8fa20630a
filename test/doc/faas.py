# SPDX-License-Identifier: Apache-2.0
"""What is written of ukvmm-faas is what it takes and tells: options, defaults, settings, metrics.
usage: faas.py PROGRAM SOURCE"""

import re
import subprocess
import sys
from pathlib import Path

program, source = sys.argv[1], Path(sys.argv[2])
page = (source / "doc/man1/ukvmm-faas.1.scd").read_text()
settings_doc = (source / "doc/faas.md").read_text()
operating = (source / "doc/operating.md").read_text()
bad = []


def run(*words):
	return subprocess.run([program, *words], capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL)


def ok(condition, what):
	if not condition:
		bad.append(what)


def section(title):
	return re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", page, re.S | re.M).group(1)


def serve_options():
	"""Each option of serve with its default, as --help has them, is in the manual, and the other way round."""
	got = run("serve", "--help")
	ok(got.returncode == 0, "serve --help fails")
	told = dict(re.findall(r"^  --([a-z-]+) .*?(?:\[([^]]*)\])?$", got.stdout, re.M))
	ok(len(told) > 15, "serve --help has hardly any options")
	here = section("OPTIONS OF SERVE")
	for option, default in told.items():
		ok(f"*--{option}*" in here, f"ukvmm-faas(1) has no --{option} of serve")
		if default and not default.startswith("four"):
			after = here[here.find(f"*--{option}*"):][:900]
			ok(re.search(rf"\W{re.escape(default)}\W", after), f"ukvmm-faas(1) does not say that --{option} is {default}")
	for option in re.findall(r"\*--([a-z-]+)\*", here):
		ok(option in told, f"serve has no --{option} of ukvmm-faas(1)")


def deploy_settings():
	table = (source / "vmm/faas/api/settings.c").read_text()
	keys = re.findall(r'^\t\{ "([a-z-]+)", [A-Z]+, ', table, re.M)
	ok(len(keys) > 15, "settings.c has hardly any settings")
	text = run("deploy", "--help").stdout
	rows = re.findall(r"^\| ([a-z, -]+) \|", re.search(r"## Settings of a function(.*?)\n## ", settings_doc, re.S).group(1), re.M)
	documented = {key for row in rows for key in row.split(", ")} - {"key"}
	for key in keys:
		ok(f"--{key} " in text, f"deploy --help has no --{key}")
		ok(f"--{key}*" in page, f"ukvmm-faas(1) has no --{key} of deploy")
		ok(key in documented, f"doc/faas.md has no setting {key}")
	for key in documented - set(keys):
		ok(False, f"doc/faas.md has a setting {key}, which there is not")
	for option in re.findall(r"--([a-z-]+)", text):
		ok(f"--{option}*" in page, f"ukvmm-faas(1) has no --{option} of deploy --help")


def commands():
	usage = run("--help")
	ok(usage.returncode == 0 and run("-h").stdout == usage.stdout, "--help and -h")
	names = {word for line in re.findall(r"ukvmm-faas (.*)", usage.stdout) for word in re.findall(r"(?:^|\| )([a-z]+)", line)}
	ok(len(names) > 12, "--help names hardly any commands")
	for name in names:
		for words in ((name, "--help"), (name, "-h")):
			got = run(*words)
			ok(got.returncode == 0 and got.stdout.startswith(f"usage: ukvmm-faas {name}") and not got.stderr,
				f"{' '.join(words)}: {got}")
		ok(re.search(rf"\*(ukvmm-faas )?{name}( \w+)?\*", page), f"ukvmm-faas(1) has no {name}")


def metrics():
	text = (source / "vmm/faas/api/metrics.c").read_text()
	names = set(re.findall(r'"((?:gateway|http|provider|ukvmm)_[a-z_]+)"', text)) - {"http_requests", "provider_http_requests"}
	names |= {"http_requests_total", "provider_http_requests_total"}
	table = re.search(r"## Metrics(.*?)\n## ", operating, re.S).group(1)
	written = set()
	for row in re.findall(r"^\| (`.*?) \|", table, re.M):
		words = re.findall(r"`(\w+)`", row)
		stem = words[0].split("_")
		for word in words:  # "_kept" after "ukvmm_function_ready"
			written.add(word if word[0] != "_" else "_".join(stem[:2]) + word)
	for name in names ^ written:
		ok(False, f"{name} is {'not in doc/operating.md' if name in names else 'no metric'}")


serve_options()
deploy_settings()
commands()
metrics()
print("\n".join(bad) or "ok")
sys.exit(bool(bad))
