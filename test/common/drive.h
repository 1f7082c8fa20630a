/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real VM of the library on the fake KVM, and a guest's virtio drivers played by the test: registers, rings and
 * buffers are written directly, the poller and a work thread are the real ones. For unit tests of devices, the
 * hostile suite and fuzzers.
 *
 *	drive_init(&d);
 *	ukvmm_vm_add_rng(d.vm, "rng0", &config, NULL);
 *	drive_seal(&d);
 *	drive_dev_up(&d, 0, 1, 256, FEATURES..., &dev);	// device 0, one queue of 256
 *	head = drive_put(&dev, 0, segs, n);
 *	drive_kick(&dev, 0);
 *	drive_wait_used(&dev, 0, &len);
 *	drive_fini(&d);
 */
#ifndef TEST_DRIVE_H
#define TEST_DRIVE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/ukvmm.h>

#include "virtio.h"
#include "vm.h"

struct fake_kvm;

#define DRIVE_RAM (64ull << 20)

struct drive {
	struct ukvmm_host *host;
	struct ukvmm_poller *poller;
	struct ukvmm_image *image;
	struct ukvmm_vm *vm;
	pthread_t worker;
	bool worker_runs;
	uint64_t free; /* next unused guest address, for drive_alloc */
	uint32_t broken; /* bit a device: EV_DEVICE_BROKEN was seen */
	bool paused;
	struct fake_kvm *fake;
};

struct drive_queue {
	uint32_t size, next_desc;
	uint64_t desc, avail, used;
	uint16_t avail_idx, used_idx;
};

struct drive_dev {
	struct drive *d;
	struct ukvmm_device *device;
	struct virtio_dev *virtio;
	uint64_t features;
	struct drive_queue q[VIRTIO_QUEUES];
};

struct drive_seg {
	uint64_t gpa;
	uint32_t len;
	bool write; /* device-writable */
};

/* NULL, or called by the work thread before it is lent. */
extern void (*drive_work_begins)(struct ukvmm_host *host);

/* NULL, or those that do the devices' side of it in the test's place, and return when it is done: what vCPUs do at registers,
 * and what pollers do. */
extern void (*drive_as_vcpu)(struct ukvmm_host *host, void (*body)(void *arg), void *arg);
extern void (*drive_as_io)(struct ukvmm_host *host, void (*body)(void *arg), void *arg);

/* With a small image, unsealed, a work thread inside ukvmm_host_work. Failures end the test program. */
void drive_init(struct drive *d);
/* The same with a VM config of the test's; the image is the fixture's. */
void drive_init_config(struct drive *d, const struct ukvmm_vm_config *config);
void drive_seal(struct drive *d);
void drive_fini(struct drive *d);

/* Zeroed guest memory, page-aligned; reused never. drive_at: its host address. */
uint64_t drive_alloc(struct drive *d, uint64_t len);
void *drive_at(struct drive *d, uint64_t gpa, uint64_t len);

/* Resets device `index`, negotiates `features` (VERSION_1 is added; INDIRECT, EVENT_IDX only if named), sets up
 * `queues` queues of `size` and DRIVER_OK, then polls until the device has heard of it. */
void drive_dev_up(struct drive *d, uint32_t index, uint32_t queues, uint32_t size, uint64_t features,
	struct drive_dev *dev);
uint64_t drive_reg(struct drive_dev *dev, uint64_t off, uint32_t width);
void drive_reg_set(struct drive_dev *dev, uint64_t off, uint32_t width, uint64_t value);

/* Writes descriptors for a chain of n segments (from next_desc on, wrapping) and offers it; the head. */
uint16_t drive_put(struct drive_dev *dev, uint32_t q, const struct drive_seg *seg, uint32_t n);
void drive_kick(struct drive_dev *dev, uint32_t q);
/* One turn of the poller; events are eaten, broken devices remembered. */
void drive_poll(struct drive *d);
/* Polls (blocking on the poller's fd, 20 s at most, then fails) until cond(arg). */
void drive_until(struct drive *d, bool (*cond)(void *arg), void *arg);
/* The next used element's head, or -1 without waiting. */
int drive_used(struct drive_dev *dev, uint32_t q, uint32_t *len);
/* Waits for it. */
uint16_t drive_wait_used(struct drive_dev *dev, uint32_t q, uint32_t *len);
/* Pauses the VM and waits for it. */
void drive_pause(struct drive *d);
/* Copies RAM and state of a paused VM into a second one, made alike by the caller and sealed. That one is left paused;
 * resume by ukvmm_vm_resume. */
void drive_clone(struct drive *to, struct drive *from);
/* The same driver, on the clone. */
void drive_dev_moved(struct drive_dev *dev, struct drive *to, uint32_t index);

#endif
