# SPDX-License-Identifier: Apache-2.0
"""Each check of this folder finds what it is there to find: small breaches, each of which must be reported
with its file and line, beside a clean sample that must pass.

usage: selftest.py CC CXX
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
CC, CXX = "cc", "c++"
GOOD_HEADER = """/* SPDX-License-Identifier: Apache-2.0 */
/* A header. */
#ifndef UKVMM_X_H
#define UKVMM_X_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
/* What it is about. */
struct ukvmm_x {
	uint32_t size, flags;
	uint64_t value;
};
/* Does it. */
int ukvmm_do(struct ukvmm_x *x);
/*LINE*/
#ifdef __cplusplus
}
#endif
#endif
"""
LINE = 1 + GOOD_HEADER.split("\n").index("/*LINE*/")


class Case(unittest.TestCase):
	def setUp(self):
		tmp = tempfile.TemporaryDirectory()
		self.addCleanup(tmp.cleanup)
		self.dir = Path(tmp.name)

	def write(self, path, text):
		path = self.dir / path
		path.parent.mkdir(parents=True, exist_ok=True)
		path.write_text(text)
		return path

	def run_check(self, script, *args):
		tool = [sys.executable, "-B"] if script.endswith(".py") else ["sh"]
		done = subprocess.run([*tool, HERE / script, *map(str, args)], capture_output=True, text=True)
		return done.returncode, done.stdout + done.stderr

	def passes(self, script, *args):
		status, out = self.run_check(script, *args)
		self.assertEqual(status, 0, out)

	def finds(self, what, script, *args):
		status, out = self.run_check(script, *args)
		self.assertNotEqual(status, 0, f"{script} did not notice: {what}")
		self.assertIn(what, out)

	def compile(self, path, code, *flags):
		path = self.dir / path
		path.parent.mkdir(parents=True, exist_ok=True)
		cmd = [CC, "-x", "c", "-fPIC", "-fvisibility=hidden", *flags, "-", "-o", path]
		subprocess.run(cmd, input=code, text=True, check=True)
		return path


class Rules(Case):
	BREACHES = {
		"static inline int ukvmm_f(void) { return 0; }": "inline function",
		"int ukvmm_f(const char *format, ...);": "variable arguments",
		"struct ukvmm_b { uint32_t size; uint32_t a : 3; };": "bit-field",
		"bool ukvmm_f(void);": "bool",
		"enum ukvmm_e { UKVMM_A };": "enum",
		"union ukvmm_u { uint32_t size; };": "union",
		"typedef struct ukvmm_x ukvmm_x_t;": "typedef",
		"extern int ukvmm_v;": "extern object",
		"#include <stdio.h>": "includes more than",
		"struct ukvmm_b { uint64_t first; };": "does not start with its size",
		"struct ukvmm_b { uint32_t size; int count; };": "field without a fixed size",
		"/* Its contract. */\nint other_f(void);": "name space",
		"\nint ukvmm_f(void);": "no contract",
	}

	def check(self, line, *listed):
		self.write("ukvmm/x.h", GOOD_HEADER.replace("/*LINE*/", line))
		return ("rules.py", self.dir / "ukvmm", *listed)

	def test_clean_header(self):
		self.passes(*self.check("", "x.h"))

	def test_breaches(self):
		for line, what in self.BREACHES.items():
			with self.subTest(line):
				at = LINE + line.count("\n")
				self.finds(what, *self.check(line, "x.h"))
				self.finds(f"x.h:{at}:", *self.check(line, "x.h"))

	def test_unlisted_header(self):
		self.finds("not installed", *self.check(""))


class Compile(Case):
	def check(self, line):
		self.write("ukvmm/x.h", GOOD_HEADER.replace("/*LINE*/", line))
		return ("compile.sh", self.dir, CC, CXX)

	def test_clean_header(self):
		self.passes(*self.check(""))

	def test_padding(self):
		self.finds("not C99", *self.check("struct ukvmm_p { uint32_t size; uint64_t value; };"))

	def test_cplusplus_keyword(self):
		self.finds("not C++17", *self.check("int ukvmm_f(int new);"))

	def test_newer_c(self):
		self.finds("not C99", *self.check("struct ukvmm_p { struct { uint32_t size; }; };"))

	def test_missing_include(self):
		self.finds("not C99", *self.check("size_t ukvmm_f(void);"))

	def test_no_headers(self):
		self.finds("no headers", "compile.sh", self.dir, CC, CXX)


class Rooms(Case):
	def tree(self, **files):
		self.write("lib/base/CMakeLists.txt", "ukvmm_room(base SOURCES a.c)\n")
		self.write("lib/base/a.h", "")
		self.write("lib/base/a.c", '#include <ukvmm/ukvmm.h>\n\n#include "a.h"\n')
		self.write("lib/kvm/CMakeLists.txt", "ukvmm_room(kvm SOURCES x86/k.c SEES base)\n")
		self.write("lib/kvm/kvm.h", '#include "a.h"\n')
		self.write("lib/kvm/x86/k.c", '#include <linux/kvm.h>\n#include "kvm.h"\n')
		self.write("vmm/cli/main.c", '#include <ukvmm/ukvmm.h>\n#include "main.h"\n')
		self.write("vmm/cli/main.h", "")
		for path, text in files.items():
			self.write(path, text)
		return ("rooms.py", self.dir)

	def test_clean_tree(self):
		self.passes(*self.tree())

	def test_breaches(self):
		for path, text, what in (
			("lib/base/a.c", '\n#include "kvm.h"\n', 'lib/base/a.c:2: "kvm.h" is in lib/kvm'),
			("lib/base/a.c", '\n#include "../kvm/kvm.h"\n', "lib/base/a.c:2:"),
			("lib/base/a.c", "#include <linux/kvm.h>\n", "belongs to lib/kvm"),
			("lib/base/a.c", "#include <ukvmm/run.h>\n", "belongs to lib/vm"),
			("lib/base/b.c", "", "b.c is not built"),
			("lib/base/CMakeLists.txt", "ukvmm_room(base SOURCES a.c\n\tSEES kvm)\n", "SEES kvm"),
			("lib/attic/a.c", "", "not a room"),
			("vmm/cli/main.c", '#include "mem.h"\n', 'vmm/cli/main.c:1: "mem.h"'),
			("vmm/cli/main.c", '#include "../../lib/kvm/kvm.h"\n', "vmm/cli/main.c:1:"),
			("examples/embed/a.c", '\n#include "kvm.h"\n', "examples/embed/a.c:2:"),
		):
			with self.subTest(what):
				self.setUp()
				self.finds(what, *self.tree(**{path: text}))


class Symbols(Case):
	def check(self, code, source="lib/vm/a.c", program=None):
		room = source.replace("lib/vm/", "lib/vm/CMakeFiles/room_vm.dir/")
		obj = self.compile(f"{room}.o", code, "-O1", "-c")
		if program:
			self.compile("vmm/cli/CMakeFiles/cli.dir/main.c.o", program, "-c")
		return ("symbols.py", self.dir, self.write("a.map", "\tglobal:\n\t\tukvmm_f;\n"), obj)

	CLEAN = "static int f(void) { return 1; } struct ops { int (*f)(void); };\n"

	def test_constant_ops_table(self):
		self.passes(*self.check(self.CLEAN + "const struct ops table = { f };"))

	def test_breaches(self):
		for code, what in (
			("void exit(int); void f(void) { exit(1); }", "exit ends the process"),
			("void abort(void); void f(void) { abort(); }", "abort ends the process"),
			("int puts(const char *); void f(void) { puts(\"a\"); }", "puts prints"),
			("extern void *stderr; void *f(void) { return stderr; }", "stderr prints"),
			("int pthread_create(void); int f(void) { return pthread_create(); }", "starts a thread"),
			("int sigaction(void); int f(void) { return sigaction(); }", "changes signal handling"),
			("int setenv(void); int f(void) { return setenv(); }", "changes the whole process"),
			("int counter = 1;", "counter is a writable global (.data)"),
			("static int counter; int f(void) { return counter++; }", "counter is a writable global (.bss)"),
			("int f(void) { static int n; return n++; }", "n is a writable global (.bss)"),
			("_Thread_local int n;", "n is a writable global (.tbss)"),
			(self.CLEAN + "struct ops table = { f };", "table is a writable global"),
			("void g(void); __attribute__((constructor)) static void f(void) { g(); }", "runs code when it is loaded"),
		):
			with self.subTest(what):
				self.finds(what, *self.check(code))

	def test_fortified_name(self):
		code = "int __fprintf_chk(); int f(void) { return __fprintf_chk(); }"
		self.finds("fprintf prints", *self.check(code))

	def test_threads_in_run_only(self):
		code = "int pthread_create(void); int f(void) { return pthread_create(); }"
		self.passes(*self.check(code, "lib/vm/run.c"))

	def test_program_uses_internals(self):
		code = "int ukvmm_f(void); int mem_f(void); int ukvmm_f(void) { return 0; } int mem_f(void) { return 0; }"
		self.passes(*self.check(code, program="int ukvmm_f(void); int f(void) { return ukvmm_f(); }"))
		use = "int mem_f(void); int f(void) { return mem_f(); }"
		self.finds("main.c:1: mem_f is the library's own", *self.check(code, program=use))

	def test_no_objects(self):
		self.finds("no library objects", "symbols.py", self.dir, self.write("a.map", ""))


class Exports(Case):
	CODE = '__attribute__((visibility("default"))) int ukvmm_do(void) { return 0; }\n'

	def check(self, mapped=("ukvmm_do",), code=CODE, pages=("ukvmm_do",)):
		self.write("ukvmm/x.h", GOOD_HEADER)
		names = "".join(f"\t\t{n};\n" for n in mapped)
		public = f"\tglobal:\n{names}" if names else ""
		version = self.write("a.map", f"UKVMM_0.1 {{\n{public}\tlocal:\n\t\t*;\n}};\n")
		shared = self.compile("a.so", code, "-shared", f"-Wl,--version-script={version}")
		obj = self.compile("a.o", code, "-c")
		for page in pages:
			self.write(f"man/man3/{page}.3", "")
		return ("exports.py", self.dir / "ukvmm", version, shared, obj, self.dir / "man")

	def test_clean(self):
		self.passes(*self.check())

	def test_breaches(self):
		more = self.CODE.replace("ukvmm_do", "ukvmm_more")
		for change, what in (
			({"mapped": ()}, "x.h:15: ukvmm_do is declared but not in"),
			({"code": "int unused;"}, "a.so"),
			({"mapped": ("ukvmm_do", "ukvmm_more"), "code": self.CODE + more}, "a.map:4: ukvmm_more is not declared"),
			({"code": self.CODE + "int mem_read(void) { return 0; }"}, "mem_read is not declared"),
			({"pages": ()}, "man3"),
			({"pages": ("ukvmm_do", "ukvmm_old")}, "ukvmm_old is not declared"),
		):
			with self.subTest(what):
				self.setUp()
				self.finds(what, *self.check(**change))


class Layout(Case):
	def test_program_and_comparison(self):
		self.write("ukvmm/x.h", GOOD_HEADER)
		self.passes_layout = self.dir / "layout.c"
		subprocess.run([sys.executable, "-B", HERE / "layout.py", self.dir / "ukvmm", self.passes_layout], check=True)
		program = self.compile("layout", self.passes_layout.read_text(), f"-I{self.dir}")
		golden = "struct ukvmm_x size 16 align 8\n\tsize 0 4\n\tflags 4 4\n\tvalue 8 8\n"
		self.passes("layout.sh", program, self.write("good.txt", golden))
		moved = self.write("moved.txt", golden.replace("value 8", "value 16"))
		self.finds("layout changed", "layout.sh", program, moved)


if __name__ == "__main__":
	CC, CXX = sys.argv[1:3]
	unittest.main(argv=sys.argv[:1])
