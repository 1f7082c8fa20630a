# SPDX-License-Identifier: Apache-2.0
"""Reads the public headers: functions, structures and constants, each with the comment that is its contract.

The headers are the authority for the manual pages and for the ABI tests, so this reader is strict: text that
it does not understand is an error with a file and a line, never skipped.

What belongs to what:
 - a comment on lines of its own belongs to what follows it without an empty line between;
 - a comment after the semicolon belongs to that declaration;
 - constants belong to the next structure or function of their header.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path


class HeaderError(Exception):
	pass


@dataclass
class Item:
	kind: str  # "function", "struct", "opaque" or "macro"
	name: str
	text: str  # the declaration as written, without its own trailing comment
	doc: str
	file: str  # "ukvmm.h"
	line: int
	section: str = ""
	constants: list = field(default_factory=list)  # macro items that belong to this one

	def structs(self):
		"""Names of the structures mentioned in the declaration."""
		return list(dict.fromkeys(re.findall(r"\bstruct (\w+)", strip_comments(self.text))))

	def fields(self):
		"""Field names of a structure, in order."""
		body = strip_comments(self.text)
		body = body[body.index("{") + 1 : body.rindex("}")]
		return [n for decl in body.split(";") for n in declarators(decl)]


@dataclass
class Header:
	name: str
	intro: str  # the comment that opens the file
	items: list


def strip_comments(text):
	return re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)


def declarators(decl):
	"""Names that one field declaration introduces: "uint32_t a, b[2]" gives a, b."""
	decl = decl.strip()
	if not decl:
		return []
	pointer = re.search(r"\(\s*\*\s*(\w+)\s*\)", decl)
	if pointer:
		return [pointer.group(1)]
	return [re.search(r"(\w+)\s*(\[[^]]*\]\s*)*$", part).group(1) for part in decl.split(",")]


def comment_text(raw):
	"""The words of a comment, one string, lines kept."""
	lines = raw[2:-2].split("\n")
	lines = [re.sub(r"^\s*\* ?", "", ln) if i else ln for i, ln in enumerate(lines)]
	lines = [ln.expandtabs(8).rstrip() for ln in lines]
	lines[0] = lines[0].lstrip()
	if len(lines) > 1:  # lines without a star are indented by the column of the comment
		common = [len(ln) - len(ln.lstrip()) for ln in lines[1:] if ln.strip()]
		if common and min(common) >= 2:
			lines[1:] = [ln[min(common) :] for ln in lines[1:]]
	return "\n".join(lines).strip("\n")


class Reader:
	def __init__(self, path):
		self.path = Path(path)
		self.text = self.path.read_text()
		self.pos = 0
		self.items = []
		self.pending = ""  # comment that waits for its declaration
		self.group = ""  # comment shared by the declarations of this paragraph
		self.intro = ""
		self.section = ""
		self.constants = []

	def line(self):
		return self.text.count("\n", 0, self.pos) + 1

	def fail(self, what):
		raise HeaderError(f"{self.path}:{self.line()}: {what}")

	def read(self):
		while self.skip_space():
			rest = self.text[self.pos :]
			if rest.startswith("/*"):
				self.comment()
			elif rest.startswith("#"):
				self.directive()
			elif m := re.match(r'extern "C" \{|\}\s*(?=#endif)', rest):
				self.pos += m.end()
			else:
				self.declaration()
		return Header(self.path.name, self.intro, self.items)

	def skip_space(self):
		start = self.pos
		self.pos += re.match(r"\s*", self.text[start:]).end()
		if self.text[start : self.pos].count("\n") > 1:
			self.pending = self.group = ""
		return self.pos < len(self.text)

	def take_comment(self):
		end = self.text.find("*/", self.pos)
		if end < 0:
			self.fail("comment without an end")
		raw = self.text[self.pos : end + 2]
		self.pos = end + 2
		return comment_text(raw)

	def comment(self):
		doc = self.take_comment()
		if doc.startswith("SPDX-"):
			return
		m = re.match(r"---- ([^:,]+).*---- *$", doc, re.S)
		if m:
			self.section = m.group(1).strip()
			return
		if not self.intro:
			self.intro = doc
			return
		self.pending = self.group = doc

	def directive(self):
		line = self.line()
		end = self.text.find("\n", self.pos)
		text = self.text[self.pos : end]
		m = re.match(r"#define (UKVMM_\w+) +([^/]+)", text)
		if m is None or text.rstrip().endswith("_H"):
			self.pos = end
			return
		self.pos += m.end()
		item = Item("macro", m.group(1), m.group(2).strip(), "", self.path.name, line, self.section)
		item.doc = self.trailing()
		self.constants.append(item)
		self.items.append(item)

	def trailing(self):
		"""The comment that starts on this line, if there is one."""
		m = re.match(r"[ \t]*(?=/\*)", self.text[self.pos :])
		if not m:
			return ""
		self.pos += m.end()
		return self.take_comment()

	def declaration(self):
		line, start, depth = self.line(), self.pos, 0
		for m in re.finditer(r"/\*.*?\*/|[{};]", self.text[start:], re.S):
			depth += {"{": 1, "}": -1}.get(m.group(), 0)
			if m.group() == ";" and depth == 0:
				self.pos = start + m.end()
				break
		else:
			self.fail("declaration without an end")
		text = self.text[start : self.pos]
		item = self.classify(text, line)
		own = self.trailing()
		item.doc = "\n\n".join(d for d in (self.pending or ("" if own else self.group), own) if d)
		self.pending = ""
		if item.kind != "opaque":
			item.constants, self.constants = self.constants, []
		self.items.append(item)

	def classify(self, text, line):
		bare = strip_comments(text)
		for kind, form in (
			("opaque", r"struct (\w+);$"),
			("struct", r"struct (\w+) \{.*\};$"),
			("function", r"[\w\s*]*?\b(\w+)\([^{}]*\);$"),
		):
			m = re.match(form, bare, re.S)
			if m:
				return Item(kind, m.group(1), text, "", self.path.name, line, self.section)
		raise HeaderError(f"{self.path}:{line}: not a function, structure or constant: {bare.split(chr(10))[0]}")


def read_headers(folder):
	paths = sorted(Path(folder).glob("*.h"))
	if not paths:
		raise HeaderError(f"{folder}: no headers")
	return [Reader(p).read() for p in paths]


def functions(headers):
	return [i for h in headers for i in h.items if i.kind == "function"]
