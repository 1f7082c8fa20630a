/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "devices.h"
#include "err.h"
#include "export.h"
#include "structs.h"
#include "vm.h"

UKVMM_API int ukvmm_vm_add_rng(struct ukvmm_vm *vm, const char *dev, const struct ukvmm_rng_config *config,
	struct ukvmm_err *err)
{
	const char *name = dev ? dev : vm->name;
	struct ukvmm_device_ops ops;
	struct ukvmm_rng_config c;
	struct ukvmm_device *d;
	struct ukvmm_rate rate;
	struct virtio_rng *rng;
	int rc = struct_take(&c, sizeof c, config);

	if (!rc)
		rc = struct_take(&rate, sizeof rate, c.rate);
	if (rc)
		return err_set(err, rc, "ukvmm_vm_add_rng", name, "bad ukvmm_rng_config or its ukvmm_rate");
	if (c.flags || rate.flags)
		return err_set(err, -EINVAL, "ukvmm_vm_add_rng", name, "unknown flag");
	rc = virtio_rng_new(&rng, c.rate ? &rate : NULL);
	if (rc)
		return err_set(err, rc, "ukvmm_vm_add_rng", name, "%s", strerror(-rc));
	virtio_rng_ops(rng, &ops);
	rc = ukvmm_vm_add_device(vm, dev, &ops, rng, &d, err);
	if (rc)
		return rc;
	d->kind = DEVICE_RNG;
	rc = virtio_rng_attach(rng, d);
	return rc ? err_set(err, rc, "ukvmm_vm_add_rng", name, "%s", strerror(-rc)) : 0;
}
