/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TOKEN_BYTES = 64, EXTRA_BYTES = 16 /* a first word, " --", blanks, NUL */ };

/* Where a lone "--" and the words after it begin: they are the application's. The end of the text without
 * one. */
static size_t own_part(const char *text)
{
	size_t at = 0;

	while (text[at]) {
		size_t word = strcspn(text + at, " ");

		if (word == 2 && !memcmp(text + at, "--", 2))
			return at;
		at += word;
		at += strspn(text + at, " ");
	}
	return at;
}

uint64_t boot_cmdline_bytes(const char *text, uint32_t devices)
{
	return strlen(text) + (uint64_t)devices * TOKEN_BYTES + EXTRA_BYTES;
}

bool boot_cmdline_begins_with_arguments(const char *text)
{
	return !own_part(text + strspn(text, " "));
}

void boot_cmdline_build(struct writer *w, const char *text, const struct boot_device *device, uint32_t devices,
	bool closed)
{
	size_t own = own_part(text), start = w->len;

	writer_bytes(w, text, own);
	for (uint32_t i = 0; i < devices; i++) {
		char token[TOKEN_BYTES];
		/* this very form is what the strictest parsers (Hermit, Nanos) take */
		int len = snprintf(token, sizeof token, "virtio_mmio.device=4K@0x%" PRIx64 ":%u",
			device[i].gpa, device[i].gsi);

		if (w->len > start && !w->bad && w->data[w->len - 1] != ' ')
			writer_u8(w, ' ');
		writer_bytes(w, token, (size_t)len);
	}
	if (devices && (text[own] || closed))
		writer_u8(w, ' ');
	if (devices && closed && !text[own])
		writer_bytes(w, "--", 2);
	writer_bytes(w, text + own, strlen(text + own));
	writer_u8(w, 0);
}
