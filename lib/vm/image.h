/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VM_IMAGE_H
#define VM_IMAGE_H

#include <stdatomic.h>

#include <ukvmm/ukvmm.h>

#include "boot.h"

struct image_file {
	uint8_t *bytes;
	uint64_t len;
	char *text;
};

struct ukvmm_image {
	atomic_uint refs;
	struct ukvmm_host *host;
	struct image_file kernel;
	struct image_file file[BOOT_MODULES]; /* initrd first */
	struct boot_module module[BOOT_MODULES];
	uint32_t modules;
	struct boot_image boot;
};

void image_ref(struct ukvmm_image *image);

#endif
