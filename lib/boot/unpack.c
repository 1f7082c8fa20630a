/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads as the Linux build makes them (scripts/Makefile.lib): `lz4 -l` or `xz`, then the
 * unpacked size as a little-endian u32. That size is the file's own claim: it bounds the output,
 * and must come out exactly. */
#include "parse.h"

#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"

enum {
	LZ4_LEGACY_MAGIC = 0x184c2102,
	LZ4_LEGACY_BLOCK = 8 << 20, /* uncompressed bytes of a full block */
	UNPACKED_MAX = 256 << 20,   /* kernels are 30-100 MiB */
	XZ_MEMORY_MAX = 256 << 20,  /* dictionaries of kernels are 32 MiB or less */
};

enum compression { PACKED_UNKNOWN, PACKED_LZ4, PACKED_XZ, PACKED_OTHER };

static const struct {
	enum compression kind;
	const char *name;
	uint8_t magic_len;
	char magic[6];
} known[] = {
	{PACKED_LZ4, "LZ4", 4, "\x02\x21\x4c\x18"},
	{PACKED_XZ, "XZ", 6, "\3757zXZ"},
	{PACKED_OTHER, "gzip", 2, "\x1f\x8b"},
	{PACKED_OTHER, "zstd", 4, "\x28\xb5\x2f\xfd"},
	{PACKED_OTHER, "bzip2", 3, "BZh"},
	{PACKED_OTHER, "LZMA", 3, "\x5d\x00\x00"},
	{PACKED_OTHER, "LZO", 4, "\x89LZO"},
};

static enum compression recognise(const uint8_t *data, uint64_t len, const char **name)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (len < known[i].magic_len || memcmp(data, known[i].magic, known[i].magic_len))
			continue;
		*name = known[i].name;
		return known[i].kind;
	}
	return PACKED_UNKNOWN;
}

static bool unpack_lz4(const uint8_t *data, uint64_t len, uint8_t *out, uint64_t out_len)
{
	uint64_t done = 0;
	struct reader r;

	reader_init(&r, data, len);
	while (r.pos < r.len && done < out_len) {
		uint32_t bytes = reader_u32(&r);
		uint64_t room =
			out_len - done < LZ4_LEGACY_BLOCK ? out_len - done : LZ4_LEGACY_BLOCK;
		const void *block;
		int n;

		if (bytes == LZ4_LEGACY_MAGIC) /* files may be strung together */
			continue;
		if (bytes > (uint32_t)LZ4_compressBound(LZ4_LEGACY_BLOCK))
			return false;
		block = reader_take(&r, bytes);
		n = block ? LZ4_decompress_safe(block, (char *)out + done, (int)bytes, (int)room)
			  : -1;
		if (n <= 0)
			return false;
		done += (uint64_t)n;
	}
	return !r.bad && done == out_len;
}

static bool unpack_xz(const uint8_t *data, uint64_t len, uint8_t *out, uint64_t out_len)
{
	uint64_t memory = XZ_MEMORY_MAX;
	size_t in = 0, done = 0;

	return lzma_stream_buffer_decode(&memory, 0, NULL, data, &in, len, out, &done, out_len) ==
		       LZMA_OK &&
	       done == out_len;
}

int boot_unpack(
	const struct boot_file *file, uint64_t off, uint64_t len, uint8_t **out, uint64_t *out_len)
{
	const uint8_t *data = file->data + off;
	const char *name = "an unknown method";
	enum compression kind = recognise(data, len - 4, &name);
	struct reader r;
	uint8_t *buf;
	bool ok;

	reader_init(&r, data, len);
	reader_seek(&r, len - 4);
	*out_len = reader_u32(&r);
	if (kind != PACKED_LZ4 && kind != PACKED_XZ)
		return boot_refuse(file,
			"its kernel is compressed by %s: only LZ4 and XZ are unpacked here; the "
			"kernel can do it itself",
			name);
	if (!*out_len || *out_len > UNPACKED_MAX)
		return boot_refuse(file,
			"%s payload claims to unpack to %llu bytes: 1 to %d are accepted", name,
			(unsigned long long)*out_len, UNPACKED_MAX);
	buf = malloc(*out_len);
	if (!buf)
		return err_set(file->err, -ENOMEM, "malloc", file->name,
			"no memory for the unpacked kernel");
	ok = kind == PACKED_LZ4 ? unpack_lz4(data + 4, len - 8, buf, *out_len)
				: unpack_xz(data, len - 4, buf, *out_len);
	if (!ok) {
		free(buf);
		return boot_refuse(file, "%s payload is corrupt or not %llu bytes unpacked", name,
			(unsigned long long)*out_len);
	}
	*out = buf;
	return 0;
}
