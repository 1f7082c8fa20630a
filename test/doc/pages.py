# SPDX-License-Identifier: Apache-2.0
"""The pages hang together: links lead somewhere, files and names of the library that they mention are there, tests that
they say hold a promise exist, and lines of prose fit a screen. usage: pages.py SOURCE BUILD"""

import re
import subprocess
import sys
from pathlib import Path

WIDTH = 120
source, build = Path(sys.argv[1]), sys.argv[2]
pages = [source / "README.md", source / "CHANGELOG.md", *sorted((source / "doc").glob("*.md"))]
bad = []


def slug(title):
	"""As GitHub makes it."""
	title = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).strip().lower()
	return re.sub(r"[^\w\- ]", "", title).replace(" ", "-")


def anchors(path):
	return {slug(m) for m in re.findall(r"^#+ (.*)$", path.read_text(), re.M)}


def without_code(text):
	"""Blocks of code and what is generated, with their lines left empty."""
	return re.sub(r"^```.*?^```|<!--.*?-->.*?<!-- end.*?-->", lambda m: "\n" * m.group().count("\n"), text, flags=re.S | re.M)


def links(page, text):
	for target in re.findall(r"\]\(([^)\s]+)\)", text):
		path, _, anchor = target.partition("#")
		if re.match(r"[a-z]+:", target):
			continue
		to = (page.parent / path).resolve() if path else page
		if not to.exists():
			yield f"a link to {target}, which is not there"
		elif anchor and anchor not in anchors(to):
			yield f"a link to {target}, which has no such heading"


def files(text):
	for word in re.findall(r"`((?:doc|lib|vmm|test|examples|include|scripts)/[\w./*-]*)[^`]*`", text):
		if not list(source.glob(word.rstrip("/"))):
			yield f"{word}, which is no file here"


def declared():
	text = "".join(p.read_text() for p in source.glob("include/ukvmm/*.h"))
	text += "".join(p.read_text() for p in source.glob("examples/guest/include/*.h"))
	for name in ("examples/guest/ukvmm-functions.cmake", "vmm/faas/api/metrics.c", "vmm/faas/cli/options.c",
			"test/fuzz/CMakeLists.txt"):
		text += (source / name).read_text()
	return set(re.findall(r"\b\w*ukvmm_\w+|\bUKVMM_\w+|\bfn_\w+", text))


def tests():
	out = subprocess.run(["ctest", "--test-dir", build, "-N"], capture_output=True, text=True, check=True, timeout=100)
	fuzz = re.findall(r"\bukvmm_fuzz\((\w+)", (source / "test/fuzz/CMakeLists.txt").read_text())
	return set(re.findall(r"#\d+: (\S+)", out.stdout)) | {f"fuzz-{name}" for name in fuzz} | {"faas-cli", "sandbox-gen"}  # programs


def names(text, known):
	for word in sorted(set(re.findall(r"\b(?:ukvmm_[a-z]\w+|UKVMM_[A-Z]\w+|fn_[a-z]\w+)\b\*?", text))):
		if not any(k == word or (word[-1] in "*_" and k.startswith(word.rstrip("*"))) for k in known):
			yield f"{word}, which is declared nowhere"


def held_by(text, known):
	labels = "abi|unit|kvm|hostile|worker|sandbox|faas|cli|functions|fuzz|doc"
	for word in sorted(set(re.findall(rf"`((?:{labels})-[a-z0-9*-]+)`", text))):
		form = re.compile(word.replace("*", ".*") + "(-.*)?$") # a test, or several of one program
		if not any(form.match(k) for k in known):
			yield f"{word}, which is no test"


def wide(text):
	for n, line in enumerate(without_code(text).split("\n"), 1):
		if len(line) > WIDTH and not line.startswith("|"):
			yield f"line {n} has {len(line)} columns"


def main():
	public, known = declared(), tests()
	if not public or not known:
		sys.exit("no headers, or no tests")
	for page in pages:
		text = page.read_text()
		plain = without_code(text)
		for what in [*links(page, plain), *files(plain), *names(text, public), *held_by(plain, known), *wide(text)]:
			bad.append(f"{page.relative_to(source)}: {what}")
	listed = (source / "doc/README.md").read_text()
	bad.extend(f"doc/README.md: {p.name} is not listed" for p in pages if p.parent.name == "doc" and p.name not in listed + "README.md")
	print("\n".join(bad) or f"ok: {len(pages)} pages")
	sys.exit(bool(bad))


main()
