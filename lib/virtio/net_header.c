/* SPDX-License-Identifier: Apache-2.0 */
/* struct virtio_net_hdr (virtio 1.2 §5.1.6): what either side may say in it. */
#include "net_front.h"

#include <string.h>

enum { FLAG_NEEDS_CSUM = 1, FLAG_DATA_VALID = 2 };
enum { GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4 };

struct header {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct header) == NET_HDR, "virtio 1.2 5.1.6");

/* A tap refuses the whole frame (EINVAL) where these do not fit; what is behind it must not have to find out. */
static bool csum_fits(const struct header *h, size_t frame)
{
	return h->csum_start >= NET_ETHERNET && (size_t)h->csum_start + h->csum_offset + sizeof(uint16_t) <= frame;
}

static bool gso_fits(const struct header *h, size_t frame, uint64_t features)
{
	uint64_t needs;

	switch (h->gso_type) {
	case GSO_TCPV4:
		needs = NET_F_CSUM | NET_F_HOST_TSO4;
		break;
	case GSO_TCPV6:
		needs = NET_F_CSUM | NET_F_HOST_TSO6;
		break;
	default:
		return false;
	}
	return (features & needs) == needs && h->flags & FLAG_NEEDS_CSUM && h->gso_size &&
		h->hdr_len <= frame;
}

bool net_header_from_guest(uint8_t *hdr, size_t frame, uint64_t features)
{
	struct header h, clean = { 0 };

	memcpy(&h, hdr, sizeof h);
	if (h.flags & FLAG_NEEDS_CSUM) {
		if (!(features & NET_F_CSUM) || !csum_fits(&h, frame))
			return false;
		clean.flags = FLAG_NEEDS_CSUM;
		clean.csum_start = h.csum_start;
		clean.csum_offset = h.csum_offset;
	}
	if (h.gso_type != GSO_NONE) {
		if (!gso_fits(&h, frame, features))
			return false;
		clean.gso_type = h.gso_type;
		clean.gso_size = h.gso_size;
		clean.hdr_len = h.hdr_len;
	}
	memcpy(hdr, &clean, sizeof clean);
	return true;
}

bool net_header_to_guest(uint8_t *hdr, uint64_t features)
{
	struct header h;

	memcpy(&h, hdr, sizeof h);
	if (!(features & NET_F_GUEST_CSUM)) {
		/* The back end was told; this is what it had queued before. */
		if (h.flags & FLAG_NEEDS_CSUM || h.gso_type != GSO_NONE)
			return false;
		h.flags = 0;
	}
	if ((h.gso_type == GSO_TCPV4 && !(features & NET_F_GUEST_TSO4)) ||
		(h.gso_type == GSO_TCPV6 && !(features & NET_F_GUEST_TSO6)) ||
		(h.gso_type != GSO_NONE && h.gso_type != GSO_TCPV4 && h.gso_type != GSO_TCPV6))
		return false;
	h.flags &= FLAG_NEEDS_CSUM | FLAG_DATA_VALID;
	memcpy(hdr, &h, sizeof h);
	return true;
}
