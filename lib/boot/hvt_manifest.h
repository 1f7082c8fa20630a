/* SPDX-License-Identifier: Apache-2.0 */
/* Layout of a Solo5 manifest (struct mft, struct mft_entry on a 64-bit machine), in the note and in guest memory. */
#ifndef BOOT_HVT_MANIFEST_H
#define BOOT_HVT_MANIFEST_H

enum {
	HVT_MFT_VERSION = 1,
	HVT_MFT_HEADER = 8, /* version, entries */
	HVT_MFT_ENTRY = 104,
	/* in an entry: name, type at 68, properties at 72, the tender's own at 88, attached (a byte) at 96 */
	HVT_MFT_PROPERTIES = 16,
	HVT_MFT_PRIVATE = 8,
	HVT_MFT_ATTACHED = 96,
};

#endif
