/* SPDX-License-Identifier: Apache-2.0 */
/* From a case to a sealed VM, and down again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ukvmm/device.h>

#include "harness.h"

enum { MODULES_MAX = 4, CMDLINE_MAX = 512 };

int memfd_bytes(const void *bytes, size_t len)
{
	int fd = memfd_create("harness", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, bytes, len) != (ssize_t)len) {
		close(fd);
		return -EIO;
	}
	return fd;
}

int memfd_pattern(uint32_t bytes)
{
	static uint8_t buf[1 << 16];

	if (bytes > sizeof buf)
		return -EFBIG;
	for (uint32_t i = 0; i < bytes; i++)
		buf[i] = (uint8_t)(i * 7 + 3);
	return memfd_bytes(buf, bytes);
}

static int open_at(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_initrd(const struct guest_case *c, int guests)
{
	if (c->initrd_file)
		return open_at(guests, c->initrd_file);
	return c->initrd_bytes ? memfd_pattern(c->initrd_bytes) : -1;
}

static int open_image(struct drive *d, int fd, int initrd)
{
	static const char *const texts[MODULES_MAX] = {"module0", "module1", "module2", "module3"};
	struct ukvmm_module m[MODULES_MAX];
	const struct guest_case *c = d->c;
	const struct ukvmm_image_config config = {.size = sizeof config,
		.flags = c->image_flags,
		.boot = c->boot,
		.modules_len = c->modules,
		.modules = m};
	int rc;

	for (uint32_t i = 0; i < c->modules; i++)
		m[i] = (struct ukvmm_module){sizeof *m, memfd_pattern((i + 1) * 1000), texts[i]};
	rc = ukvmm_image_open(d->host, fd, initrd, &config, &d->image, &d->err);
	for (uint32_t i = 0; i < c->modules; i++)
		close(m[i].fd);
	return rc;
}

/* The image keeps no file open, so everything is closed here. */
static int open_files(struct drive *d, int guests)
{
	const struct guest_case *c = d->c;
	int fd = c->make ? c->make(guests, c) : open_at(guests, c->image);
	int initrd = open_initrd(c, guests), rc;

	if (fd < 0 || initrd < -1) {
		snprintf(
			d->err.text, sizeof d->err.text, "no %s in the folder of guests", c->image);
		rc = -ENOENT;
	} else {
		rc = open_image(d, fd, initrd);
	}
	if (fd >= 0)
		close(fd);
	if (initrd >= 0)
		close(initrd);
	return rc;
}

static void device_queue(void *ctx, uint32_t q, uint32_t budget)
{
	(void)ctx, (void)q, (void)budget;
}

static void device_void(void *ctx)
{
	(void)ctx;
}

static int device_quiesce(void *ctx)
{
	(void)ctx;
	return 1;
}

static int add_devices(struct drive *d)
{
	static const struct ukvmm_device_ops ops = {.size = sizeof ops,
		.virtio_id = 63,
		.queues = 1,
		.queue_ready = device_queue,
		.reset = device_void,
		.quiesce = device_quiesce,
		.destroy = device_void};
	struct ukvmm_device *dev;
	char name[16];
	int rc = 0;

	for (uint32_t i = 0; !rc && i < d->c->devices; i++) {
		snprintf(name, sizeof name, "dev%u", i);
		rc = ukvmm_vm_add_device(d->vm, name, &ops, d, &dev, &d->err);
	}
	return rc;
}

/* One %u of the case's text becomes the line's number. */
static int set_cmdline(struct drive *d)
{
	const char *text = d->c->cmdline, *u = text ? strstr(text, "%u") : NULL;
	char buf[CMDLINE_MAX];

	if (!text)
		return 0;
	if (!u)
		return ukvmm_vm_set_cmdline(d->vm, text, &d->err);
	snprintf(buf, sizeof buf, "%.*s%u%s", (int)(u - text), text, ukvmm_irq_number(d->irq),
		u + 2);
	return ukvmm_vm_set_cmdline(d->vm, buf, &d->err);
}

static int open_vm(struct drive *d, uint32_t irqchip)
{
	const struct guest_case *c = d->c;
	const struct ukvmm_x86_config x86 = {.size = sizeof x86, .irqchip = irqchip};
	const struct ukvmm_vm_config config = {.size = sizeof config,
		.flags = c->vm_flags,
		.cookie = (uintptr_t)d,
		.memory = (uint64_t)c->memory_mib << 20,
		.vcpus = c->vcpus,
		.kicks = d->sealed == SEALED_STRICT && irqchip == UKVMM_X86_IRQCHIP_FULL ? UKVMM_KICKS_EVENTFD : 0,
		.x86 = &x86};
	int rc = ukvmm_vm_new(d->poller, c->name, d->image, &config, &d->vm, &d->err);

	if (!rc)
		rc = add_devices(d);
	if (!rc && c->script && c->script->prepare)
		rc = c->script->prepare(d);
	if (!rc)
		rc = set_cmdline(d);
	if (!rc)
		rc = ukvmm_vm_seal(d->vm, &d->err);
	return rc;
}

int drive_open(struct drive *d, int guests, uint32_t irqchip)
{
	int rc;

	d->err.size = sizeof d->err;
	d->stop.size = sizeof d->stop;
	rc = ukvmm_poller_new(d->host, &d->poller, &d->err);
	if (!rc)
		rc = open_files(d, guests);
	if (!rc)
		rc = open_vm(d, irqchip);
	return rc;
}

static bool is_hvt(const struct drive *d)
{
	struct ukvmm_image_info info = {.size = sizeof info};

	return !ukvmm_image_info(d->image, &info) && info.boot == UKVMM_BOOT_HVT;
}

void drive_enter(const struct drive *d, uint32_t role)
{
	struct ukvmm_sandbox_config config = {.size = sizeof config, .role = role};
	struct ukvmm_err err = {.size = sizeof err};

	if (d->sealed == SEALED_NOT || (d->sealed == SEALED_THREADS && role != UKVMM_ROLE_IO))
		return;
	if (role == UKVMM_ROLE_IO && d->sealed == SEALED_THREADS)
		config.may = UKVMM_MAY_THREADS;
	if (role == UKVMM_ROLE_VCPU && (d->sealed == SEALED_SERVE || is_hvt(d)))
		config.may = UKVMM_MAY_SERVE;
	if (role == UKVMM_ROLE_IO && is_hvt(d)) /* a case's judge shuts its socket down */
		config.may |= UKVMM_MAY_CONNECT;
	if (ukvmm_sandbox_enter(d->host, &config, &err)) {
		fprintf(stderr, "%s(%s): %s\n", err.call, err.object, err.text);
		_exit(1);
	}
}

int drive_run(struct drive *d)
{
	const struct script *s = d->c->script;
	struct ukvmm_capture cap = {
		.size = sizeof cap, .buf = d->output, .len = sizeof d->output - 1};
	int rc;

	if (d->sealed == SEALED_STRICT || d->sealed == SEALED_SERVE ||
		(s && (s->output || s->notify || s->paused || s->trap)))
		return drive_script(d);
	drive_enter(d, UKVMM_ROLE_IO);
	rc = ukvmm_vm_run(d->vm, ukvmm_now() + DEADLINE_S * 1000000000ull, &cap, &d->stop, &d->err);
	d->used = cap.used;
	d->lost = cap.lost;
	return rc;
}

const char *drive_close(struct drive *d)
{
	if (ukvmm_vm_destroy(d->vm))
		return "ukvmm_vm_destroy failed";
	ukvmm_image_unref(d->image);
	if (ukvmm_poller_free(d->poller))
		return "ukvmm_poller_free failed";
	return NULL;
}
