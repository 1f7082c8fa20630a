/* SPDX-License-Identifier: Apache-2.0 */
#include "drive.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "tiny.h"
#include "virtio_reg.h"

enum { LOW_MEMORY = 0x200000, PAGE = 4096, WAIT_MS = 100000 };

TINY_CODE(nothing, "hlt");

#define CHECK(what)                                                                          \
	do {                                                                                 \
		if (!(what)) {                                                               \
			fprintf(stderr, "drive: %s:%d: %s\n", __func__, __LINE__, #what);    \
			abort();                                                             \
		}                                                                            \
	} while (0)

void (*drive_work_begins)(struct ukvmm_host *host);
void (*drive_as_vcpu)(struct ukvmm_host *host, void (*body)(void *arg), void *arg);
void (*drive_as_io)(struct ukvmm_host *host, void (*body)(void *arg), void *arg);

static void *work(void *arg)
{
	struct drive *d = arg;

	if (drive_work_begins)
		drive_work_begins(d->host);
	ukvmm_host_work(d->host, 0);
	return NULL;
}

void drive_init_config(struct drive *d, const struct ukvmm_vm_config *config)
{
	int image = tiny_image(&tiny_code_nothing);

	memset(d, 0, sizeof *d);
	d->fake = calloc(1, sizeof *d->fake);
	CHECK(d->fake && image >= 0);
	fake_init(d->fake);
	CHECK(!host_open_on(&d->host, &d->fake->sys, -1, NULL, NULL));
	CHECK(!ukvmm_poller_new(d->host, &d->poller, NULL));
	CHECK(!ukvmm_image_open(d->host, image, -1, NULL, &d->image, NULL));
	CHECK(!ukvmm_vm_new(d->poller, "driven", d->image, config, &d->vm, NULL));
	close(image);
	CHECK(!pthread_create(&d->worker, NULL, work, d));
	d->worker_runs = true;
	d->free = LOW_MEMORY;
}

void drive_init(struct drive *d)
{
	drive_init_config(d, &(struct ukvmm_vm_config){ .size = sizeof(struct ukvmm_vm_config), .memory = DRIVE_RAM });
}

void drive_seal(struct drive *d)
{
	struct ukvmm_err err = { .size = sizeof err };

	if (ukvmm_vm_seal(d->vm, &err)) {
		fprintf(stderr, "drive: %s(%s): %s\n", err.call, err.object, err.text);
		abort();
	}
}

void drive_fini(struct drive *d)
{
	CHECK(!ukvmm_vm_destroy(d->vm));
	ukvmm_host_stop(d->host);
	CHECK(!pthread_join(d->worker, NULL));
	ukvmm_image_unref(d->image);
	CHECK(!ukvmm_poller_free(d->poller));
	CHECK(!ukvmm_host_close(d->host));
	fake_fini(d->fake);
	free(d->fake);
}

uint64_t drive_alloc(struct drive *d, uint64_t len)
{
	uint64_t gpa = d->free;

	d->free += (len + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	CHECK(mem_ptr(&d->vm->ram, gpa, len ? len : 1));
	return gpa;
}

void *drive_at(struct drive *d, uint64_t gpa, uint64_t len)
{
	void *p = mem_ptr(&d->vm->ram, gpa, len);

	CHECK(p);
	return p;
}

struct reg_access {
	struct drive_dev *dev;
	uint64_t off, value;
	uint32_t width;
};

static void do_read(void *arg)
{
	struct reg_access *a = arg;

	a->value = virtio_mmio_read(a->dev->virtio, a->off, a->width);
}

static void do_write(void *arg)
{
	struct reg_access *a = arg;

	virtio_mmio_write(a->dev->virtio, a->off, a->width, a->value);
	device_written(a->dev->device);
}

static void as(void (*who)(struct ukvmm_host *host, void (*body)(void *arg), void *arg), struct drive *d,
	void (*body)(void *arg), void *arg)
{
	if (who)
		who(d->host, body, arg);
	else
		body(arg);
}

uint64_t drive_reg(struct drive_dev *dev, uint64_t off, uint32_t width)
{
	struct reg_access a = { .dev = dev, .off = off, .width = width };

	as(drive_as_vcpu, dev->d, do_read, &a);
	return a.value;
}

/* As a vCPU does it. */
void drive_reg_set(struct drive_dev *dev, uint64_t off, uint32_t width, uint64_t value)
{
	struct reg_access a = { dev, off, value, width };

	as(drive_as_vcpu, dev->d, do_write, &a);
}

static void set(struct drive_dev *dev, uint64_t off, uint64_t value)
{
	drive_reg_set(dev, off, 4, (uint32_t)value);
}

static void set_address(struct drive_dev *dev, uint64_t off, uint64_t gpa)
{
	set(dev, off, gpa);
	set(dev, off + 4, gpa >> 32);
}

static void queue_up(struct drive_dev *dev, uint32_t q, uint32_t size)
{
	struct drive *d = dev->d;

	dev->q[q] = (struct drive_queue){ .size = size, .desc = drive_alloc(d, 16ull * size),
		.avail = drive_alloc(d, 6 + 2ull * size), .used = drive_alloc(d, 6 + 8ull * size) };
	set(dev, REG_QUEUE_SEL, q);
	set(dev, REG_QUEUE_NUM, size);
	set_address(dev, REG_QUEUE_DESC_LOW, dev->q[q].desc);
	set_address(dev, REG_QUEUE_DRIVER_LOW, dev->q[q].avail);
	set_address(dev, REG_QUEUE_DEVICE_LOW, dev->q[q].used);
	set(dev, REG_QUEUE_READY, 1);
	CHECK(drive_reg(dev, REG_QUEUE_READY, 4) == 1);
}

static bool told(void *arg)
{
	struct drive_dev *dev = arg;

	return !atomic_load(&dev->device->tell);
}

void drive_dev_up(struct drive *d, uint32_t index, uint32_t queues, uint32_t size, uint64_t features,
	struct drive_dev *dev)
{
	uint32_t status = STATUS_ACKNOWLEDGE | STATUS_DRIVER;

	memset(dev, 0, sizeof *dev);
	drive_dev_moved(dev, d, index);
	dev->features = features | FEATURE_VERSION_1;
	set(dev, REG_STATUS, 0);
	set(dev, REG_STATUS, STATUS_ACKNOWLEDGE);
	set(dev, REG_STATUS, status);
	for (uint32_t i = 0; i < 2; i++) {
		set(dev, REG_DRIVER_FEATURES_SEL, i);
		set(dev, REG_DRIVER_FEATURES, dev->features >> 32 * i);
	}
	status |= STATUS_FEATURES_OK;
	set(dev, REG_STATUS, status);
	CHECK(drive_reg(dev, REG_STATUS, 4) == status);
	for (uint32_t q = 0; q < queues; q++)
		queue_up(dev, q, size);
	set(dev, REG_STATUS, status | STATUS_DRIVER_OK);
	drive_until(d, told, dev);
}

void drive_dev_moved(struct drive_dev *dev, struct drive *to, uint32_t index)
{
	dev->d = to;
	dev->device = to->vm->device[index];
	dev->virtio = dev->device->virtio;
}

uint16_t drive_put(struct drive_dev *dev, uint32_t q, const struct drive_seg *seg, uint32_t n)
{
	struct drive_queue *dq = &dev->q[q];
	struct ring_desc *desc = drive_at(dev->d, dq->desc, 16ull * dq->size);
	struct ring_avail *avail = drive_at(dev->d, dq->avail, 6 + 2ull * dq->size);
	uint16_t head = (uint16_t)(dq->next_desc % dq->size);

	for (uint32_t i = 0; i < n; i++, dq->next_desc++) {
		bool last = i + 1 == n;

		desc[dq->next_desc % dq->size] = (struct ring_desc){ .addr = seg[i].gpa, .len = seg[i].len,
			.flags = (uint16_t)((seg[i].write ? (unsigned)DESC_WRITE : 0u) | (last ? 0u : (unsigned)DESC_NEXT)),
			.next = last ? 0 : (uint16_t)((dq->next_desc + 1) % dq->size) };
	}
	atomic_store_explicit(&avail->ring[dq->avail_idx % dq->size], head, memory_order_relaxed);
	atomic_store_explicit(&avail->idx, ++dq->avail_idx, memory_order_release);
	return head;
}

void drive_kick(struct drive_dev *dev, uint32_t q)
{
	set(dev, REG_QUEUE_NOTIFY, q);
}

static void do_poll(void *arg)
{
	struct drive *d = arg;
	struct ukvmm_event ev[16];
	int n = ukvmm_poller_run(d->poller, ev, 16, 0);

	CHECK(n >= 0);
	for (int i = 0; i < n; i++) {
		if (ev[i].type == UKVMM_EV_DEVICE_BROKEN)
			d->broken |= 1u << ev[i].value;
		if (ev[i].type == UKVMM_EV_PAUSED)
			d->paused = true;
	}
}

void drive_poll(struct drive *d)
{
	as(drive_as_io, d, do_poll, d);
}

void drive_until(struct drive *d, bool (*cond)(void *arg), void *arg)
{
	struct pollfd fd = { .fd = ukvmm_poller_fd(d->poller), .events = POLLIN };

	for (drive_poll(d); !cond(arg); drive_poll(d))
		if (poll(&fd, 1, WAIT_MS) == 0) {
			fprintf(stderr, "drive: nothing happened for %d ms\n", WAIT_MS);
			abort();
		}
}

int drive_used(struct drive_dev *dev, uint32_t q, uint32_t *len)
{
	struct drive_queue *dq = &dev->q[q];
	struct ring_used *used = drive_at(dev->d, dq->used, 6 + 8ull * dq->size);
	struct ring_used_elem *elem = &used->ring[dq->used_idx % dq->size];

	if (atomic_load_explicit(&used->idx, memory_order_acquire) == dq->used_idx)
		return -1;
	dq->used_idx++;
	if (len)
		*len = atomic_load_explicit(&elem->len, memory_order_relaxed);
	return (int)atomic_load_explicit(&elem->id, memory_order_relaxed);
}

struct used_wait {
	struct drive_dev *dev;
	uint32_t q, len;
	int head;
};

static bool used_came(void *arg)
{
	struct used_wait *w = arg;

	w->head = drive_used(w->dev, w->q, &w->len);
	return w->head >= 0;
}

uint16_t drive_wait_used(struct drive_dev *dev, uint32_t q, uint32_t *len)
{
	struct used_wait w = { .dev = dev, .q = q };

	drive_until(dev->d, used_came, &w);
	if (len)
		*len = w.len;
	return (uint16_t)w.head;
}

static bool paused(void *arg)
{
	return ((struct drive *)arg)->paused;
}

void drive_pause(struct drive *d)
{
	d->paused = false;
	CHECK(!ukvmm_vm_pause(d->vm));
	drive_until(d, paused, d);
}

void drive_clone(struct drive *to, struct drive *from)
{
	struct ukvmm_state s;
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_state in;

	drive_pause(to);
	state_save_init(&s);
	CHECK(!vm_walk(from->vm, &s, &err));
	for (uint32_t i = 0; i < from->vm->ram.regions; i++)
		memcpy(to->vm->ram.region[i].host, from->vm->ram.region[i].host, from->vm->ram.region[i].len);
	state_load_init(&in, s.buf, s.len);
	if (vm_walk(to->vm, &in, &err)) {
		fprintf(stderr, "drive: load: %s(%s): %s\n", err.call, err.object, err.text);
		abort();
	}
	state_fini(&s);
	to->free = from->free;
}
