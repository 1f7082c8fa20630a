/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mkbzimage STUB KERNEL lz4|xz OUT: a bzImage (boot.rst) whose protected-mode part is the flat
 * binary STUB, followed by the file KERNEL packed as Linux's build packs vmlinux, with its length
 * appended.
 */
#include <lz4hc.h>
#include <lzma.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, STUB_MAX = 1 << 20, KERNEL_MAX = 1 << 22, PACKED_MAX = 1 << 23 };
enum { PREF_ADDRESS = 0x1000000, INIT_SIZE = 0x200000 };

static uint8_t stub[STUB_MAX], kernel[KERNEL_MAX], packed[PACKED_MAX];

static void fail(const char *what, const char *object)
{
	fprintf(stderr, "mkbzimage: %s: %s\n", object, what);
	exit(1);
}

static size_t read_file(const char *path, uint8_t *buf, size_t max)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		fail("cannot be opened", path);
	n = fread(buf, 1, max, f);
	if (ferror(f) || n == max)
		fail("cannot be read, or too long", path);
	fclose(f);
	return n;
}

static void put(uint8_t *p, uint64_t v, size_t bytes)
{
	for (; bytes--; v >>= 8)
		*p++ = (uint8_t)v;
}

/* LZ4 legacy frame: magic, then one block (a kernel here is shorter than the 8 MiB of a block). */
static size_t pack_lz4(size_t len)
{
	int n = LZ4_compress_HC(
		(const char *)kernel, (char *)packed + 8, (int)len, PACKED_MAX - 16, 9);

	if (n <= 0)
		fail("LZ4_compress_HC failed", "kernel");
	put(packed, 0x184c2102, 4);
	put(packed + 4, (uint64_t)n, 4);
	return (size_t)n + 8;
}

static size_t pack_xz(size_t len)
{
	lzma_options_lzma options;
	lzma_filter filters[] = {
		{LZMA_FILTER_X86, NULL}, {LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
	size_t n = 0;

	if (lzma_lzma_preset(&options, 6) ||
		lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, kernel, len, packed, &n,
			PACKED_MAX - 16) != LZMA_OK)
		fail("lzma_stream_buffer_encode failed", "kernel");
	return n;
}

static void fill_header(uint8_t *boot, size_t stub_len, size_t packed_len)
{
	put(boot + 0x1f1, 1, 1);				 /* setup_sects */
	put(boot + 0x1f4, (stub_len + packed_len + 15) / 16, 4); /* syssize */
	put(boot + 0x1fe, 0xaa55, 2);
	put(boot + 0x200, 0x6aeb, 2); /* jump over the header, which ends at 0x26c */
	memcpy(boot + 0x202, "HdrS", 4);
	put(boot + 0x206, 0x20f, 2);	  /* protocol 2.15 */
	put(boot + 0x211, 1, 1);	  /* LOADED_HIGH */
	put(boot + 0x214, 0x100000, 4);	  /* code32_start */
	put(boot + 0x22c, 0x7fffffff, 4); /* initrd_addr_max */
	put(boot + 0x230, 0x200000, 4);	  /* kernel_alignment */
	put(boot + 0x235, 21, 1);	  /* min_alignment */
	put(boot + 0x236, 1, 2);	  /* XLF_KERNEL_64 */
	put(boot + 0x238, 2047, 4);	  /* cmdline_size */
	put(boot + 0x248, stub_len, 4);	  /* payload_offset */
	put(boot + 0x24c, packed_len, 4);
	put(boot + 0x258, PREF_ADDRESS, 8);
	put(boot + 0x260, INIT_SIZE, 4);
}

int main(int argc, char **argv)
{
	static uint8_t boot[2 * SECTOR];
	size_t stub_len, len, packed_len, padded_len;
	FILE *out;

	if (argc != 5)
		fail("STUB KERNEL lz4|xz OUT", "usage");
	stub_len = (read_file(argv[1], stub, STUB_MAX - 16) + 15) & ~15ul;
	len = read_file(argv[2], kernel, KERNEL_MAX);
	packed_len = strcmp(argv[3], "xz") ? pack_lz4(len) : pack_xz(len);
	put(packed + packed_len, len, 4);
	packed_len += 4;
	/* The file ends where syssize says, in paragraphs of 16 bytes. */
	padded_len = (packed_len + 15) & ~15ul;
	fill_header(boot, stub_len, packed_len);
	out = fopen(argv[4], "wb");
	if (!out || fwrite(boot, sizeof boot, 1, out) != 1 || fwrite(stub, stub_len, 1, out) != 1 ||
		fwrite(packed, padded_len, 1, out) != 1 || fclose(out))
		fail("cannot be written", argv[4]);
	return 0;
}
