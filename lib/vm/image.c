/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "export.h"
#include "fd.h"
#include "host.h"
#include "structs.h"

enum { FILE_MAX = 1 << 30 };

/* pread into private memory and never mmap: a file truncated later must not be a SIGBUS in the embedder. */
static int file_read(struct image_file *file, int fd, const char *what, struct ukvmm_err *err)
{
	struct stat st;
	int rc;

	if (fd_stat(fd, &st))
		return err_set(err, -errno, "fstat", what, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -ENOEXEC, "ukvmm_image_open", what, "not a regular file");
	if (!st.st_size)
		return err_set(err, -ENOEXEC, "ukvmm_image_open", what, "the file is empty");
	if (st.st_size > FILE_MAX)
		return err_set(err, -EFBIG, "ukvmm_image_open", what, "larger than 1 GiB");
	file->bytes = malloc((size_t)st.st_size);
	if (!file->bytes)
		return err_set(err, -ENOMEM, "malloc", what, "no memory for %lld bytes", (long long)st.st_size);
	file->len = (uint64_t)st.st_size;
	rc = fd_pread_full(fd, file->bytes, file->len, 0);
	return rc ? err_set(err, rc, "pread", what, "%s", strerror(-rc)) : 0;
}

static int module_add(struct ukvmm_image *image, int fd, const char *text, struct ukvmm_err *err)
{
	struct image_file *file = &image->file[image->modules];
	char what[16];
	int rc;

	snprintf(what, sizeof what, "module %u", image->modules);
	if (text && !(file->text = strdup(text)))
		return err_set(err, -ENOMEM, "strdup", what, "out of memory");
	rc = file_read(file, fd, what, err);
	if (rc)
		return rc;
	image->module[image->modules] = (struct boot_module){ file->bytes, file->len, file->text };
	image->modules++;
	return 0;
}

static int image_fill(struct ukvmm_image *image, int fd, int initrd_fd, const struct ukvmm_image_config *c,
	struct ukvmm_err *err)
{
	int rc = file_read(&image->kernel, fd, "image", err);

	if (!rc)
		rc = boot_parse(&image->boot, image->kernel.bytes, image->kernel.len, (enum boot_protocol)c->boot,
			c->flags & UKVMM_IMAGE_DECOMPRESS, "image", err);
	if (!rc && image->boot.unpacked) {
		free(image->kernel.bytes); /* the image now is what came out of it */
		image->kernel.bytes = NULL;
	}
	if (!rc && initrd_fd >= 0)
		rc = module_add(image, initrd_fd, NULL, err);
	for (uint32_t i = 0; !rc && i < c->modules_len; i++) {
		struct ukvmm_module m;

		rc = struct_take(&m, sizeof m, &c->modules[i]);
		if (rc)
			return err_set(err, rc, "ukvmm_image_open", "module", "bad ukvmm_module");
		rc = module_add(image, m.fd, m.text, err);
	}
	return rc;
}

static void image_free(struct ukvmm_image *image)
{
	boot_image_fini(&image->boot);
	free(image->kernel.bytes);
	for (uint32_t i = 0; i < BOOT_MODULES; i++) {
		free(image->file[i].bytes);
		free(image->file[i].text);
	}
	free(image);
}

static void images_add(struct ukvmm_host *host, int by)
{
	if (!host)
		return;
	pthread_mutex_lock(&host->lock);
	host->images += (uint32_t)by;
	pthread_mutex_unlock(&host->lock);
}

UKVMM_API int ukvmm_image_open(struct ukvmm_host *host, int fd, int initrd_fd,
	const struct ukvmm_image_config *config, struct ukvmm_image **out, struct ukvmm_err *err)
{
	struct ukvmm_image_config c;
	struct ukvmm_image *image;
	int rc = struct_take(&c, sizeof c, config);

	*out = NULL;
	if (!rc && (c.flags & ~UKVMM_IMAGE_DECOMPRESS || c.boot > UKVMM_BOOT_HVT ||
			   c.modules_len > BOOT_MODULES - 1))
		rc = -EINVAL;
	if (rc)
		return err_set(err, rc, "ukvmm_image_open", "image", "bad ukvmm_image_config");
	image = calloc(1, sizeof *image);
	if (!image)
		return err_set(err, -ENOMEM, "calloc", "image", "out of memory");
	atomic_init(&image->refs, 1);
	image->host = host;
	rc = image_fill(image, fd, initrd_fd, &c, err);
	if (rc) {
		image_free(image);
		return rc;
	}
	images_add(host, 1);
	*out = image;
	return 0;
}

void image_ref(struct ukvmm_image *image)
{
	atomic_fetch_add(&image->refs, 1);
}

UKVMM_API void ukvmm_image_unref(struct ukvmm_image *image)
{
	if (!image || atomic_fetch_sub(&image->refs, 1) != 1)
		return;
	images_add(image->host, -1);
	image_free(image);
}

static const char *format_name(const struct boot_image *b)
{
	switch (b->format) {
	case BOOT_BZIMAGE:
		return "bzImage";
	case BOOT_ELF32:
		return "ELF32";
	case BOOT_AOUT:
		return "multiboot a.out";
	case BOOT_ELF64:
		break;
	}
	return b->has_hvt ? "ELF64 (Solo5)" : "ELF64";
}

UKVMM_API int ukvmm_image_info(const struct ukvmm_image *image, struct ukvmm_image_info *info)
{
	const struct boot_image *b = &image->boot;
	struct ukvmm_image_info i = { .boot = b->protocol, .segments = b->segments, .entry = b->entry };

	i.low = b->low;
	i.high = b->high;
	i.has_pvh = b->has_pvh;
	i.has_multiboot = b->has_multiboot;
	snprintf(i.format, sizeof i.format, "%s", format_name(b));
	snprintf(i.guest, sizeof i.guest, "%s", b->guest);
	return struct_give(info, &i, sizeof i);
}

UKVMM_API int ukvmm_image_segment(const struct ukvmm_image *image, uint32_t index,
	struct ukvmm_image_segment *seg)
{
	const struct boot_segment *b = &image->boot.segment[index];

	if (index >= image->boot.segments)
		return -ERANGE;
	return struct_give(seg,
		&(struct ukvmm_image_segment){ .flags = b->flags, .offset = b->offset,
			.file_bytes = b->file_bytes, .gpa = b->gpa, .mem_bytes = b->mem_bytes },
		sizeof *seg);
}
