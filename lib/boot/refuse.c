/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int boot_refuse(const struct boot_file *file, const char *fmt, ...)
{
	char text[sizeof file->err->text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(file->err, -ENOEXEC, "boot_parse", file->name, "%s", text);
}

int boot_refuse_unknown(const struct boot_file *file)
{
	static const struct {
		uint64_t at;
		const char *magic, *what;
	} known[] = {
		{0, "\x1f\x8b", "a gzip file: unpack it first"},
		{0, "\3757zXZ", "an XZ file: unpack it first"},
		{0, "\x28\xb5\x2f\xfd", "a zstd file: unpack it first"},
		{56, "ARM\x64", "an arm64 kernel image"},
		{0, "#!", "a script, not a kernel"},
		{0, "070701", "a cpio archive: an initrd, not a kernel"},
		{0, "QFI\xfb", "a qcow2 disk, not a kernel"},
		{0, "MZ", "an EFI program without a Linux boot header"},
	};

	if (!file->len)
		return boot_refuse(file, "the file is empty");
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		size_t len = strlen(known[i].magic);

		if (file->len >= known[i].at + len &&
			!memcmp(file->data + known[i].at, known[i].magic, len))
			return boot_refuse(file, "this is %s", known[i].what);
	}
	return boot_refuse(
		file, "neither an ELF file nor a bzImage, and without a multiboot header");
}
