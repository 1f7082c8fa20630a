/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices there are, by the device tree, else by virtio_mmio.device= words. */
#ifndef RT_DEVICES_H
#define RT_DEVICES_H

#include "../arch/arch.h"

struct rt_device {
	uint64_t base;
	uint32_t line, id; /* id: what kind, as virtio 1.2 §5 numbers them; read when first asked for */
};

/* Reads the device tree or the command line; once, first. */
void rt_devices_find(void);
/* The first virtio device of that kind, or NULL. */
const struct rt_device *rt_device_of(uint32_t id);
uint64_t rt_devices_tsc_hz(void); /* 0: not said */
/* The boot protocol's random bytes, or NULL. */
const uint8_t *rt_devices_seed(int *len);
/* The log goes to the serial line from here on, whatever was asked for. */
void rt_log_plainly(void);

#endif
