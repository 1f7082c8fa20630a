/* SPDX-License-Identifier: Apache-2.0 */
#include "console_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "export.h"
#include "structs.h"
#include "vm.h"

static void port_output(void *ctx, const void *bytes, size_t len)
{
	struct console_port *p = ctx;

	if (!atomic_load_explicit(&p->vm->first_output_at, memory_order_relaxed))
		atomic_store(&p->vm->first_output_at, ukvmm_now());
	console_put(&p->out, bytes, len);
	poller_post(p->vm->poller, p->vm, UKVMM_EV_CONSOLE, 0);
}

static size_t port_input(void *ctx, void *bytes, size_t len)
{
	struct console_port *p = ctx;
	uint8_t *dst = bytes;
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = len < p->in_len ? len : p->in_len;
	for (size_t i = 0; i < n; i++)
		dst[i] = p->in[(p->in_head + i) % CONSOLE_PORT_INPUT];
	p->in_head = (p->in_head + (uint32_t)n) % CONSOLE_PORT_INPUT;
	p->in_len -= (uint32_t)n;
	pthread_mutex_unlock(&p->lock);
	return n;
}

size_t console_port_write(struct console_port *p, const uint8_t *bytes, size_t len)
{
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = len < CONSOLE_PORT_INPUT - p->in_len ? len : CONSOLE_PORT_INPUT - p->in_len;
	for (size_t i = 0; i < n; i++)
		p->in[(p->in_head + p->in_len + i) % CONSOLE_PORT_INPUT] = bytes[i];
	p->in_len += (uint32_t)n;
	pthread_mutex_unlock(&p->lock);
	if (n)
		ukvmm_device_wake(p->dev);
	return n;
}

void console_port_free(struct console_port *p)
{
	if (!p)
		return;
	console_fini(&p->out);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static const struct virtio_console_host port_host = { .output = port_output, .input = port_input };

static int config_take(struct ukvmm_console_config *c, const struct ukvmm_console_config *config, const char *name,
	struct ukvmm_err *err)
{
	int rc = struct_take(c, sizeof *c, config);

	if (rc)
		return err_set(err, rc, "ukvmm_vm_add_console", name, "bad ukvmm_console_config");
	if (c->flags || c->reserved || c->cols > UINT16_MAX || c->rows > UINT16_MAX)
		return err_set(err, -EINVAL, "ukvmm_vm_add_console", name,
			"unknown flag, or a size over 65535, in ukvmm_console_config");
	return 0;
}

static int port_new(struct console_port **out, struct ukvmm_vm *vm, const struct ukvmm_console_config *c)
{
	struct console_port *p = calloc(1, sizeof *p);
	int rc;

	if (!p)
		return -ENOMEM;
	p->vm = vm;
	pthread_mutex_init(&p->lock, NULL);
	rc = console_init(&p->out, c->ring_bytes);
	if (!rc)
		rc = virtio_console_new(&p->front, &port_host, p, c->cols, c->rows);
	if (rc) {
		console_port_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

UKVMM_API int ukvmm_vm_add_console(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_console_config *config,
	struct ukvmm_err *err)
{
	const char *name = dev ? dev : vm->name;
	struct ukvmm_console_config c;
	struct ukvmm_device_ops ops;
	struct console_port *p;
	int rc = config_take(&c, config, name, err);

	if (rc)
		return rc;
	if (vm->port1)
		return err_set(err, -EEXIST, "ukvmm_vm_add_console", name, "the VM has a virtio console");
	rc = port_new(&p, vm, &c);
	if (rc)
		return err_set(err, rc, "ukvmm_vm_add_console", name, "%s", strerror(-rc));
	virtio_console_ops(p->front, &ops);
	rc = ukvmm_vm_add_device(vm, dev, &ops, p->front, &p->dev, err);
	if (rc) { /* which has freed p->front */
		console_port_free(p);
		return rc;
	}
	p->dev->kind = DEVICE_CONSOLE;
	vm->port1 = p;
	rc = virtio_console_attach(p->front, p->dev);
	return rc ? err_set(err, rc, "ukvmm_vm_add_console", name, "%s", strerror(-rc)) : 0;
}

UKVMM_API int ukvmm_vm_console_resize(struct ukvmm_vm *vm, uint32_t cols, uint32_t rows)
{
	if (!vm->port1)
		return -ENODEV;
	if (cols > UINT16_MAX || rows > UINT16_MAX)
		return -EINVAL;
	virtio_console_resize(vm->port1->front, cols, rows);
	return 0;
}
