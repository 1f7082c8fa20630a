/* SPDX-License-Identifier: Apache-2.0 */
/* A network card: its configuration checked, its back end opened. */
#include "vm.h"

#include <errno.h>
#include <string.h>

#include "devices.h"
#include "err.h"
#include "export.h"
#include "net.h"
#include "structs.h"
#include "vm_hvt.h"

enum { MTU_MIN = 68, MTU_MAX = 65521 };

static const char *wrong(const struct ukvmm_net_config *c)
{
	if (c->flags & ~UKVMM_NET_ANY_MAC || c->reserved)
		return "unknown flag or value in ukvmm_net_config";
	if (c->kind > UKVMM_NET_PACKET)
		return "unknown kind of network back end";
	if (c->mtu && (c->mtu < MTU_MIN || c->mtu > MTU_MAX))
		return "an mtu is 68 to 65521, or 0";
	if (c->mac[0] & 1 || c->mac[6] || c->mac[7])
		return "a mac is 6 bytes and the address of one station";
	if (c->tap && (c->kind != UKVMM_NET_TAP || c->fd >= 0))
		return "a tap's name goes with kind TAP and fd -1";
	if (!c->tap && c->fd < 0 && c->kind == UKVMM_NET_TAP)
		return "a tap needs a name or an fd";
	if (c->fd < 0 && (c->kind == UKVMM_NET_STREAM || c->kind == UKVMM_NET_PACKET))
		return "this kind of network back end needs an fd";
	return NULL;
}

static int backend_open(const struct ukvmm_net_config *c, const char *dev, struct net_backend **out,
	struct ukvmm_err *err)
{
	switch (c->kind) {
	case UKVMM_NET_TAP:
		return c->tap ? net_tap_open(out, c->tap, dev, err) : net_tap_fd(out, c->fd, dev, err);
	case UKVMM_NET_STREAM:
		return net_stream(out, c->fd, dev, err);
	case UKVMM_NET_PACKET:
		return net_packet(out, c->fd, dev, err);
	default:
		return net_null(out, dev, err);
	}
}

static int front_add(struct ukvmm_vm *vm, const char *dev, struct virtio_net *net, struct ukvmm_err *err)
{
	struct ukvmm_device_ops ops;
	struct ukvmm_device *device;
	int rc;

	virtio_net_ops(net, &ops);
	rc = ukvmm_vm_add_device(vm, dev, &ops, net, &device, err);
	if (rc)
		return rc;
	device->kind = DEVICE_NET;
	return virtio_net_attach(net, device);
}

/* The configuration with the structures that it points to. */
struct taken {
	struct ukvmm_net_config c;
	struct ukvmm_rate rx, tx;
};

static int take(struct taken *t, const struct ukvmm_net_config *config, const char *object, struct ukvmm_err *err)
{
	int rc = struct_take(&t->c, sizeof t->c, config);

	if (!rc)
		rc = rate_struct_take(&t->rx, t->c.rx);
	if (!rc)
		rc = rate_struct_take(&t->tx, t->c.tx);
	if (rc)
		return err_set(err, rc, "ukvmm_vm_add_net", object, "bad ukvmm_net_config or ukvmm_rate");
	if (!config)
		t->c.fd = -1;
	t->c.rx = &t->rx;
	t->c.tx = &t->tx;
	if (wrong(&t->c))
		return err_set(err, -EINVAL, "ukvmm_vm_add_net", object, "%s", wrong(&t->c));
	return 0;
}

static int hvt_add(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_net_config *c, struct ukvmm_err *err)
{
	struct net_backend *backend;
	uint32_t handle;
	int rc = vm_hvt_handle(vm, dev, BOOT_HVT_NET, "ukvmm_vm_add_net", &handle, err);

	if (!rc)
		rc = backend_open(c, dev, &backend, err);
	if (rc)
		return rc;
	rc = vm_hvt_add_net(vm, handle, backend, c);
	return rc ? err_set(err, rc, "ukvmm_vm_add_net", dev, "%s", strerror(-rc)) : 0;
}

UKVMM_API int ukvmm_vm_add_net(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_net_config *config,
	struct ukvmm_err *err)
{
	const char *object = dev ? dev : vm->name;
	struct net_backend *backend;
	struct virtio_net *net;
	struct taken t;
	int rc = vm_check_new(vm, "ukvmm_vm_add_net", err);

	if (rc)
		return rc;
	rc = take(&t, config, object, err);
	if (rc)
		return rc;
	if (vm_is_hvt(vm))
		return hvt_add(vm, dev, &t.c, err);
	rc = backend_open(&t.c, object, &backend, err);
	if (rc)
		return rc;
	rc = virtio_net_new(&net, backend, &t.c);
	if (rc)
		return err_set(err, rc, "ukvmm_vm_add_net", object, "%s", strerror(-rc));
	return front_add(vm, dev, net, err);
}
