# SPDX-License-Identifier: Apache-2.0
"""Makes the manual pages from the public headers: man3/<function>.3 for each function, and man7/ukvmm.7.

usage: man.py HEADERS OUTPUT VERSION

The words are those of the headers; a function without a contract comment is an error.
"""

import re
import sys
from pathlib import Path

import contract

RULES = """A negative result is a negative
.IR errno .
See
.BR ukvmm (7)
for the rules that hold for every call."""


def escape(text):
	text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("'", "\\(aq")
	return re.sub(r"^\.", "\\\\&.", text, flags=re.M)


def bold_names(text):
	"""Names of ours stand out; a function gets its section number."""
	text = re.sub(r"`([^`]+)`", r"\\fI\1\\fP", text)
	return re.sub(r"\b(ukvmm_\w+|UKVMM_\w+\*?)", r"\\fB\1\\fP", text)


def prose(doc):
	"""A comment as man source: paragraphs, "- " bullets, and lists of the form "name  meaning"."""
	out, in_list = [], False
	for line in doc.split("\n"):
		bullet = re.match(r" ?- (.*)", line)
		term = re.match(r"(\w[\w, ]*?)  +(\S.*)", line)
		if not line.strip() or (in_list and not bullet and not term and not line.startswith(" ")):
			out.append(".PP")
			in_list = False
		in_list = in_list or bullet or term
		if not line.strip():
			continue
		if bullet:
			out += [".IP \\(bu 2", bold_names(escape(bullet.group(1)))]
		elif term:
			out += [".TP", f".I {escape(term.group(1))}", bold_names(escape(term.group(2)))]
		else:
			out.append(bold_names(escape(line.strip())))
	return "\n".join(out)


def verbatim(text):
	return f".RS 2\n.nf\n{escape(text.expandtabs(8))}\n.fi\n.RE"


def first_sentence(doc):
	flat = re.sub(r"\s+", " ", doc.split("\n\n")[0]).replace("`", "")
	cut = re.split(r"(?<=[^.])[.;:](?: |$)| \(", flat, maxsplit=1)[0]
	return cut[:1].lower() + cut[1:] if not re.match(r"[A-Z_]{2}|-E", cut) else cut


def declarations(function, structs):
	"""The structures that a function takes, those inside them too, in the order in which they are met."""
	todo, seen = function.structs(), []
	for name in todo:
		if name in structs and name not in seen:
			seen.append(name)
			todo += structs[name].structs()
	return [structs[n] for n in seen]


def constant_table(item):
	lines = []
	for c in item.constants:
		note = re.sub(r"\s+", " ", c.doc)
		lines += [".TP", f".B {escape(c.name)}", f"({escape(c.text)}) {bold_names(escape(note))}".rstrip()]
	return lines


def page(function, structs, neighbours, version):
	if not function.doc:
		raise contract.HeaderError(f"{function.file}:{function.line}: {function.name} has no contract comment")
	out = [
		f'.TH {function.name} 3 "" "libukvmm {version}" "libukvmm"',
		".SH NAME",
		f"{function.name} \\- {escape(first_sentence(function.doc))}",
		".SH SYNOPSIS",
		".nf",
		f".B #include <ukvmm/{function.file}>",
		".PP",
		escape(function.text.expandtabs(8)),
		".fi",
		".SH DESCRIPTION",
		prose(function.doc),
	]
	out += constant_table(function)
	for s in declarations(function, structs):
		out += [f".SS struct {s.name}"]
		if s.doc:
			out += [prose(s.doc), ".PP"]
		out += [verbatim(s.text)]
		out += constant_table(s)
	anywhere = re.search(r"any thread", function.doc, re.I)
	out += [".SH RETURN VALUE", RULES]
	out += [".SH THREADS"]
	out += ["Any thread." if anywhere else "One thread at a time per object, unless said otherwise above."]
	out += [".SH SEE ALSO"]
	out += [f".BR {n} (3)," for n in neighbours if n != function.name]
	out += [".BR ukvmm (7)"]
	return "\n".join(out) + "\n"


def overview(headers, version):
	out = [f'.TH ukvmm 7 "" "libukvmm {version}" "libukvmm"', ".SH NAME"]
	out += ["ukvmm \\- microVMs and unikernels on KVM as objects inside your own process"]
	out += [".SH SYNOPSIS", ".nf", "cc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs ukvmm)", ".fi"]
	main = next(h for h in headers if h.name == "ukvmm.h")
	out += [".SH DESCRIPTION", prose(main.intro)]
	for h in [main] + [h for h in headers if h is not main]:
		funcs = contract.functions([h])
		if not funcs:
			continue
		out += [f".SH <ukvmm/{h.name}>"]
		out += [prose(h.intro), ".PP"] if h is not main else []
		for f in funcs:
			out += [".TP", f".BR {f.name} (3)", escape(first_sentence(f.doc))]
	return "\n".join(out) + "\n"


def write_pages(headers, output, version):
	structs = {i.name: i for h in headers for i in h.items if i.kind == "struct"}
	man3, man7 = Path(output, "man3"), Path(output, "man7")
	man3.mkdir(parents=True, exist_ok=True)
	man7.mkdir(parents=True, exist_ok=True)
	for old in man3.glob("*.3"):
		old.unlink()
	funcs = contract.functions(headers)
	for f in funcs:
		near = [g.name for g in funcs if (g.file, g.section) == (f.file, f.section)]
		(man3 / f"{f.name}.3").write_text(page(f, structs, near, version))
	(man7 / "ukvmm.7").write_text(overview(headers, version))


def main():
	if len(sys.argv) != 4:
		sys.exit(__doc__)
	try:
		write_pages(contract.read_headers(sys.argv[1]), sys.argv[2], sys.argv[3])
	except contract.HeaderError as e:
		sys.exit(str(e))


main()
