/* SPDX-License-Identifier: Apache-2.0 */
/* Archives, whole and broken at random: a disk gives what an initrd of the same bytes gives, and nothing outside of either
 * is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cpio.h"
#include "ukvmm_fn.h"
#include "ukvmm_rt.h"

enum { ARCHIVE = 256 << 10, FILES = 40, ROUNDS = 20000, SECTOR = 512 };

static uint8_t whole[ARCHIVE], now[ARCHIVE];
static size_t whole_len, now_len;
static bool as_initrd, disk_fails;
static uint64_t state = 88172645463325252u;

static uint32_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

/* ---- the platform: the archive is either of both ---- */

bool rt_initrd(const uint8_t **bytes, size_t *len)
{
	*bytes = now;
	*len = as_initrd ? now_len : 0;
	return *len;
}

uint64_t rt_disk_bytes(void)
{
	return as_initrd ? 0 : now_len / SECTOR * SECTOR;
}

int rt_disk_read(uint64_t off, void *to, size_t len)
{
	assert_true(off % SECTOR == 0 && len % SECTOR == 0 && len);
	assert_true(off <= rt_disk_bytes() && len <= rt_disk_bytes() - off);
	memcpy(to, now + off, len);
	return disk_fails ? -1 : 0;
}

/* ---- archives ---- */

static void put(const void *bytes, size_t len)
{
	assert_true(whole_len + len + 4 <= ARCHIVE);
	memcpy(whole + whole_len, bytes, len);
	whole_len += len;
	while (whole_len % 4)
		whole[whole_len++] = 0;
}

static void put_file(const char *name, uint32_t mode, const void *bytes, size_t len)
{
	char head[256];
	int n = snprintf(head, sizeof head, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x%s", 1, mode, 0, 0, 1, 0,
		len, 0, 0, 0, 0, strlen(name) + 1, 0, name);

	put(head, (size_t)n + 1);
	put(bytes, len);
}

static int make(void **unused)
{
	static uint8_t content[8192];
	char name[32];

	(void)unused;
	whole_len = 0;
	for (size_t i = 0; i < sizeof content; i++)
		content[i] = (uint8_t)next();
	put_file(".", 040755, "", 0);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, i % 2 ? "./dir/file%d" : "file%d", i);
		put_file(name, 0100644, content + i, i ? next() % 8000 : 0);
	}
	put_file("TRAILER!!!", 0, "", 0);
	while (whole_len % SECTOR)
		whole[whole_len++] = 0;
	memcpy(now, whole, sizeof now);
	now_len = whole_len;
	disk_fails = as_initrd = false;
	return 0;
}

static void path_of(int i, char *path, size_t room)
{
	snprintf(path, room, i % 2 ? "/dir/file%d" : "file%d", i);
}

/* Both ways to the same file: found or not, and what of it. */
static void same(const char *path)
{
	static uint8_t a[ARCHIVE], b[ARCHIVE];
	struct fn_file disk, initrd;
	uint64_t off;
	size_t len;
	bool found;

	as_initrd = true;
	found = fn_open(path, &initrd);
	as_initrd = false;
	assert_int_equal(fn_open(path, &disk), found);
	if (!found)
		return;
	assert_int_equal(disk.len, initrd.len);
	assert_true(initrd.bytes && !disk.bytes && disk.at + disk.len <= now_len);
	off = next() % (initrd.len + 2);
	len = next() % 3 ? next() % 2000 : ARCHIVE;
	assert_int_equal(fn_read(&disk, off, b, len), fn_read(&initrd, off, a, len));
	if (off < initrd.len)
		assert_memory_equal(a, b, len < initrd.len - off ? len : initrd.len - off);
}

static void both_agree(void **unused)
{
	struct fn_file file;
	char path[32];

	(void)unused;
	for (int i = 0; i < FILES; i++) {
		path_of(i, path, sizeof path);
		assert_true(fn_open(path, &file));
		for (int k = 0; k < 50; k++)
			same(path);
	}
	assert_false(fn_open("dir", &file));
	assert_false(fn_open("TRAILER!!!", &file));
	assert_false(fn_open("", &file));
}

static void broken_at_random(void **unused)
{
	char path[32];

	(void)unused;
	for (int round = 0; round < ROUNDS; round++) {
		path_of((int)(next() % FILES), path, sizeof path);
		for (uint32_t n = next() % 4; n; n--)
			now[next() % now_len] = next() % 2 ? (uint8_t)next() : (uint8_t)"0123456789abcdefABCDEF07"[next() % 24];
		if (next() % 16 == 0)
			now_len = (1 + next() % (whole_len / SECTOR)) * SECTOR;
		same(path);
		if (next() % 8)
			continue;
		memcpy(now, whole, sizeof now);
		now_len = whole_len;
	}
}

static void all_of_a_file(void **unused)
{
	const void *bytes, *again;
	struct fn_file file;
	size_t len;

	(void)unused;
	assert_true(fn_open("file8", &file));
	assert_true(fn_file("file8", &bytes, &len));
	assert_int_equal(len, file.len);
	assert_memory_equal(bytes, now + file.at, len);
	assert_true(fn_file("file8", &again, &len));
	assert_ptr_equal(bytes, again);
	assert_false(fn_file("file9", &again, &len));
}

static void a_disk_that_fails(void **unused)
{
	struct fn_file file;
	const void *bytes;
	uint8_t to[16];
	size_t len;

	(void)unused;
	assert_true(fn_open("file4", &file));
	disk_fails = true;
	assert_int_equal(fn_read(&file, 0, to, sizeof to), -1);
	assert_int_equal(fn_read(&file, file.len, to, sizeof to), 0);
	assert_false(fn_open("file4", &file));
	assert_false(fn_file("file10", &bytes, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_agree, make),
		cmocka_unit_test_setup(broken_at_random, make),
		cmocka_unit_test_setup(all_of_a_file, make),
		cmocka_unit_test_setup(a_disk_that_fails, make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
