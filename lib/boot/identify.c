/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <stdio.h>
#include <string.h>

/* Strings are looked for in the first part of a file only: Linux's banner is some 20 MiB in. */
enum { SEARCH_LINUX = 64 << 20, SEARCH_SMALL = 16 << 20, COMMIT_DIGITS = 40, RELEASE_LOOKS = 64 };

/* A printable word at most `room` long, as far as the file goes. */
static void copy_word(char *dst, size_t room, const uint8_t *src, const uint8_t *end)
{
	while (room-- > 1 && src<end && * src> ' ' && *src <= '~')
		*dst++ = (char)*src++;
	*dst = 0;
}

static const uint8_t *find(const struct boot_file *file, uint64_t limit, const char *text)
{
	return memmem(file->data, file->len < limit ? file->len : limit, text, strlen(text));
}

/* `name`, and the version that follows `text` in the file: it must begin with a digit, as talk
 * about other systems' versions does not. */
static bool named_with_version(const struct boot_file *file, struct boot_image *image,
	uint64_t limit, const char *text, const char *name)
{
	const uint8_t *at = find(file, limit, text);
	char version[40];

	if (!at || at + strlen(text) >= file->data + file->len || at[strlen(text)] < '0' ||
		at[strlen(text)] > '9')
		return false;
	copy_word(version, sizeof version, at + strlen(text), file->data + file->len);
	snprintf(image->guest, sizeof image->guest, "%s %s", name, version);
	return true;
}

/* The first 40 hexadecimal digits in a row with none before or behind; NULL: there are none. */
static const uint8_t *find_commit(const struct boot_file *file, uint64_t limit)
{
	uint64_t len = file->len < limit ? file->len : limit, run = 0;

	for (uint64_t i = 0; i < len; i++) {
		uint8_t c = file->data[i];

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
			run++;
		else if (run == COMMIT_DIGITS)
			return file->data + i - run;
		else
			run = 0;
	}
	return run == COMMIT_DIGITS ? file->data + len - run : NULL;
}

/* Nanos says when it starts which commit it was built from; its name is in no string of it. */
static bool named_nanos(const struct boot_file *file, struct boot_image *image)
{
	const uint8_t *commit;

	if (!find(file, SEARCH_SMALL, "gitversion: %s"))
		return false;
	commit = find_commit(file, SEARCH_SMALL);
	snprintf(image->guest, sizeof image->guest, "Nanos%s%.12s", commit ? " " : "",
		commit ? (const char *)commit : "");
	return true;
}

/* "Unikraft Telesto 0.16.3~e453b74": a release's name, then its version. The name of a build without a banner is
 * in its sections only. */
static void unikraft_release(const struct boot_file *file, struct boot_image *image)
{
	static const char own[] = "Unikraft ";
	const uint8_t *end = file->data + file->len, *at = file->data;
	char name[16], version[32];

	for (int i = 0; i < RELEASE_LOOKS; i++) {
		at = memmem(at, (size_t)(end - at), own, sizeof own - 1);
		if (!at)
			return;
		at += sizeof own - 1;
		copy_word(name, sizeof name, at, end);
		if (at + strlen(name) + 1 < end)
			copy_word(version, sizeof version, at + strlen(name) + 1, end);
		else
			version[0] = 0;
		if (name[0] < 'A' || name[0] > 'Z' || version[0] < '0' || version[0] > '9')
			continue;
		snprintf(image->guest, sizeof image->guest, "Unikraft %s %s", name, version);
		return;
	}
}

void boot_identify(const struct boot_file *file, struct boot_image *image)
{
	/* strings that the guests' sources put into every build: OSv loader.cc prints its version,
	 * Nanos answers uname with its maker's name, Unikraft's linker script makes .uk_ sections
	 */
	static const struct {
		const char *text, *name;
		bool pci; /* knows no other bus */
	} marks[] = {{"hermit_loader", "Hermit loader", false}, {".uk_ctortab", "Unikraft", false},
		{".uk_libparam", "Unikraft", false}, {".uk_inittab", "Unikraft", false},
		{"nanovms", "Nanos", false}, {"IncludeOS", "IncludeOS", true}, {"rumprun", "rumprun", true}};

	if (image->guest[0])
		return;
	if (named_with_version(file, image, SEARCH_SMALL, "OSv v", "OSv"))
		return;
	if (named_with_version(file, image, SEARCH_LINUX, "Linux version ", "Linux"))
		return;
	if (named_nanos(file, image))
		return;
	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		if (!find(file, SEARCH_SMALL, marks[i].text))
			continue;
		snprintf(image->guest, sizeof image->guest, "%s", marks[i].name);
		image->unikraft = !strcmp(marks[i].name, "Unikraft");
		image->pci_guest = marks[i].pci ? "its drivers know no other" : NULL;
		if (image->unikraft)
			unikraft_release(file, image);
		return;
	}
}
