/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "devices.h"
#include "err.h"
#include "export.h"
#include "fd.h"
#include "structs.h"
#include "vm.h"

UKVMM_API int ukvmm_vm_add_vsock(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_vsock_config *config,
	struct ukvmm_err *err)
{
	const char *name = dev ? dev : vm->name;
	struct ukvmm_device_ops ops;
	struct ukvmm_vsock_config c;
	struct virtio_vsock *vsock;
	struct ukvmm_device *d;
	int rc = struct_take(&c, sizeof c, config);

	if (rc)
		return err_set(err, rc, "ukvmm_vm_add_vsock", name, "bad ukvmm_vsock_config");
	rc = vm_check_new(vm, "ukvmm_vm_add_vsock", err); /* before a socket is bound */
	if (rc)
		return rc;
	if (device_of_kind(vm, DEVICE_VSOCK))
		return err_set(err, -EEXIST, "ukvmm_vm_add_vsock", name, "the VM has a vsock device");
	rc = virtio_vsock_new(&vsock, &c, name, err);
	if (rc)
		return rc;
	virtio_vsock_ops(vsock, &ops);
	rc = ukvmm_vm_add_device(vm, dev, &ops, vsock, &d, err);
	if (rc)
		return rc;
	d->kind = DEVICE_VSOCK;
	rc = virtio_vsock_attach(vsock, d);
	return rc ? err_set(err, rc, "ukvmm_vm_add_vsock", name, "%s", strerror(-rc)) : 0;
}

UKVMM_API int ukvmm_vm_connect(struct ukvmm_vm *vm, uint32_t port, struct ukvmm_err *err)
{
	struct ukvmm_device *d = device_of_kind(vm, DEVICE_VSOCK);
	int fd[2], rc;

	if (!d)
		return err_set(err, -ENODEV, "ukvmm_vm_connect", vm->name, "the VM has no vsock device");
	if (port == UINT32_MAX)
		return err_set(err, -EINVAL, "ukvmm_vm_connect", vm->name, "2^32 - 1 is no port");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd))
		return err_set(err, -errno, "socketpair", vm->name, "%s", strerror(errno));
	rc = virtio_vsock_connect(d->ctx, port, fd[1]);
	if (rc) {
		fd_close(fd[0]);
		return err_set(err, rc, "ukvmm_vm_connect", d->name, "64 streams are open or waiting");
	}
	return fd[0];
}
