/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest hvt-io and who runs it agree on: a disk of this size and content; each frame is sent back. */
#ifndef GUEST_HVT_IO_H
#define GUEST_HVT_IO_H

enum { HVT_DISK = 64 << 10 };

#define HVT_PATTERN(offset) ((uint8_t)((offset) * 7 + 3)) /* memfd_pattern */

#endif
