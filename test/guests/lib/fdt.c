/* SPDX-License-Identifier: Apache-2.0 */
#include "boot_layout.h"
#include "tables.h"

enum {
	FDT_MAGIC_OFF = 0,
	FDT_TOTAL = 4,
	FDT_STRUCT = 8,
	FDT_STRINGS = 12,
	FDT_VERSION = 20,
	FDT_LAST_COMP = 24,
	FDT_STRUCT_LEN = 36,
	FDT_HEADER = 40
};
enum { FDT_BEGIN = 1, FDT_END_NODE = 2, FDT_PROP = 3, FDT_NOP = 4, FDT_END = 9 };

static const uint8_t *blob;

const uint8_t *fdt_blob(void)
{
	uint64_t p = le64(zero_page() + ZP_SETUP_DATA);

	if (blob)
		return blob;
	for (int i = 0; p && i < 32; i++, p = le64((const void *)p)) {
		const uint8_t *d = (const uint8_t *)p;

		if (le32(d + SETUP_TYPE) != SETUP_DTB)
			continue;
		blob = d + SETUP_BYTES;
		if (be32(blob) != 0xd00dfeed || be32(blob + FDT_TOTAL) > le32(d + SETUP_LEN))
			die("device tree header");
		if (be32(blob + FDT_VERSION) < 17 || be32(blob + FDT_LAST_COMP) > 17)
			die("device tree version");
		return blob;
	}
	return NULL;
}

static const uint8_t *token(uint32_t off)
{
	if (off + 4 > be32(blob + FDT_STRUCT_LEN))
		die("device tree runs out of its structure block");
	return blob + be32(blob + FDT_STRUCT) + off;
}

/* Offset just behind the token at off. */
static uint32_t skip(uint32_t off)
{
	const uint8_t *t = token(off);

	switch (be32(t)) {
	case FDT_BEGIN:
		return off + 4 + (((uint32_t)strlen((const char *)t + 4) + 4) & ~3u);
	case FDT_PROP:
		return off + 12 + ((be32(t + 4) + 3) & ~3u);
	case FDT_END_NODE:
	case FDT_NOP:
		return off + 4;
	default:
		die("device tree token");
	}
}

bool fdt_next(struct fdt_node *node, bool first)
{
	uint32_t off;

	if (!fdt_blob())
		die("no device tree");
	off = first ? 0 : skip(node->offset);
	while (be32(token(off)) != FDT_BEGIN) {
		if (be32(token(off)) == FDT_END)
			return false;
		off = skip(off);
	}
	*node = (struct fdt_node){off, (const char *)token(off) + 4};
	return true;
}

bool fdt_path(const char *name, struct fdt_node *node)
{
	struct fdt_node n;

	for (bool more = fdt_next(&n, true); more; more = fdt_next(&n, false))
		if (!strcmp(n.name, name)) {
			*node = n;
			return true;
		}
	return false;
}

bool fdt_prop(const struct fdt_node *node, const char *name, struct fdt_prop *prop)
{
	const char *strings = (const char *)blob + be32(blob + FDT_STRINGS);
	const uint8_t *t;

	for (uint32_t off = skip(node->offset);; off = skip(off)) {
		t = token(off);
		if (be32(t) == FDT_NOP)
			continue;
		if (be32(t) != FDT_PROP)
			return false;
		if (strcmp(strings + be32(t + 8), name))
			continue;
		*prop = (struct fdt_prop){t + 12, be32(t + 4)};
		return true;
	}
}

static bool lists(const struct fdt_prop *p, const char *compatible)
{
	const char *s = (const char *)p->value, *end = s + p->len;

	for (; s < end; s += strlen(s) + 1)
		if (!strcmp(s, compatible))
			return true;
	return false;
}

bool fdt_compatible(const char *compatible, struct fdt_node *node)
{
	struct fdt_node n = *node;
	struct fdt_prop p;

	for (bool more = fdt_next(&n, !n.name); more; more = fdt_next(&n, false))
		if (fdt_prop(&n, "compatible", &p) && lists(&p, compatible)) {
			*node = n;
			return true;
		}
	return false;
}
