/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

#include <stdatomic.h>
#include <string.h>

enum { NEAR_RING = 64, ALONE_RAM = 4 << 20 };

static void other_vm(struct hostile *h)
{
	struct ukvmm_vm_config config = { .size = sizeof config, .memory = DRIVE_RAM };

	h->other = (struct drive){ .host = h->d.host, .poller = h->d.poller, .image = h->d.image,
		.fake = h->d.fake, .free = h->d.free };
	CHECK(!ukvmm_vm_new(h->d.poller, "other", h->d.image, &config, &h->other.vm, NULL));
	echo_add(h->other.vm, "far", 0);
	drive_seal(&h->other);
	drive_dev_up(&h->other, 0, 1, NEAR_RING, FEATURE_EVENT_IDX, &h->far);
	h->far_buf = drive_alloc(&h->other, PAGE);
}

static void near_up(struct hostile *h)
{
	memset(drive_at(&h->d, h->near_mark, 8 * PAGE), 0, 8 * PAGE);
	h->d.free = h->near_mark;
	drive_dev_up(&h->d, 1, 1, NEAR_RING, FEATURE_EVENT_IDX, &h->near);
	h->d.free = h->near_mark + 8 * PAGE;
}

void hostile_loaded(struct hostile *h)
{
	uint64_t mark = h->d.free;

	near_up(h);
	h->d.free = mark;
}

static void start(struct hostile *h, const struct subject *subject, uint64_t memory)
{
	struct ukvmm_vm_config config = { .size = sizeof config, .memory = memory,
		.kicks = subject->kicks };

	memset(h, 0, sizeof *h);
	h->subject = subject;
	h->fd = -1;
	drive_init_config(&h->d, &config);
	subject->add(h);
}

static void start_driver(struct hostile *h)
{
	h->buf = drive_alloc(&h->d, BUF_BYTES);
	h->mark = h->d.free;
	hostile_up(h);
}

void hostile_init(struct hostile *h, const struct subject *subject)
{
	hostile_init_ram(h, subject, DRIVE_RAM);
}

void hostile_init_ram(struct hostile *h, const struct subject *subject, uint64_t bytes)
{
	start(h, subject, bytes);
	echo_add(h->d.vm, "near", 0);
	drive_seal(&h->d);
	other_vm(h);
	h->near_mark = h->d.free;
	near_up(h);
	h->near_buf = drive_alloc(&h->d, PAGE);
	start_driver(h);
}

void hostile_init_alone(struct hostile *h, const struct subject *subject)
{
	start(h, subject, ALONE_RAM);
	drive_seal(&h->d);
	start_driver(h);
}

void hostile_fini(struct hostile *h)
{
	CHECK(!ukvmm_vm_destroy(h->other.vm)); /* NULL where it is alone */
	drive_fini(&h->d);
	if (h->subject->close)
		h->subject->close(h);
}

uint64_t hostile_offered(struct hostile *h)
{
	uint64_t word[2];

	for (uint32_t i = 0; i < 2; i++) {
		drive_reg_set(&h->dev, REG_DEVICE_FEATURES_SEL, 4, i);
		word[i] = drive_reg(&h->dev, REG_DEVICE_FEATURES, 4);
	}
	return word[0] | word[1] << 32;
}

void hostile_up_with(struct hostile *h, uint64_t features, uint32_t ring)
{
	/* the same rings each time: a driver that resets without end needs no more memory */
	memset(drive_at(&h->d, h->mark, 64 * PAGE), 0, 64 * PAGE);
	h->d.free = h->mark;
	drive_dev_up(&h->d, 0, h->subject->queues, ring, features, &h->dev);
	h->d.broken &= ~1u;
	h->other.broken &= ~1u;
}

void hostile_up(struct hostile *h)
{
	drive_dev_moved(&h->dev, &h->d, 0);
	hostile_up_with(h, hostile_offered(h), RING);
}

void assert_neighbours_work(struct hostile *h)
{
	echo_ping(&h->near, h->near_buf, ++h->pings);
	echo_ping(&h->far, h->far_buf, ++h->pings);
}

void assert_recovers(struct hostile *h)
{
	hostile_up(h);
	CHECK(!is_broken(h));
	h->subject->works(h);
	CHECK(!is_broken(h));
	hostile_up(h);
}

uint64_t violations_of(const struct hostile *h, enum virtio_violation why)
{
	return virtio_dev_violations_of(h->dev.virtio, why);
}

uint64_t violations_in_stats(const struct hostile *h)
{
	struct ukvmm_vm_stats stats = { .size = sizeof stats };

	CHECK(!ukvmm_vm_stats(h->d.vm, &stats));
	return stats.violations;
}

bool is_broken(struct hostile *h)
{
	return drive_reg(&h->dev, REG_STATUS, 4) & STATUS_NEEDS_RESET;
}

static bool broken(void *arg)
{
	return is_broken(arg);
}

static bool told_of_broken(void *arg)
{
	struct hostile *h = arg;

	/* whichever of the two VMs polled for it */
	return (h->d.broken | h->other.broken) & 1;
}

void assert_broken_by(struct hostile *h, enum virtio_violation why, uint64_t before)
{
	CHECK(is_broken(h));
	if (violations_of(h, why) != before + 1)
		for (uint32_t i = 0; i < VIRTIO_VIOLATIONS; i++)
			if (violations_of(h, i))
				fprintf(stderr, "%s: %llu\n", virtio_violation_name(i),
					(unsigned long long)violations_of(h, i));
	CHECK(violations_of(h, why) == before + 1);
	CHECK(violations_in_stats(h) == virtio_dev_violations(h->dev.virtio));
	CHECK(violations_in_stats(h) > 0);
	drive_until(&h->d, told_of_broken, h);
	assert_neighbours_work(h);
	assert_recovers(h);
}

void assert_breaks(struct hostile *h, enum virtio_violation why)
{
	uint64_t before = violations_of(h, why);

	drive_kick(&h->dev, h->subject->pull);
	drive_until(&h->d, broken, h);
	assert_broken_by(h, why, before);
}

void hostile_desc_at(struct hostile *h, uint64_t table, uint32_t i, uint64_t gpa, uint32_t len, uint32_t flags,
	uint32_t next)
{
	union {
		struct ring_desc desc;
		uint64_t word[2];
	} d = { { gpa, len, (uint16_t)flags, (uint16_t)next } };
	_Atomic uint64_t *to = drive_at(&h->d, table + 16ull * i, 16);

	atomic_store_explicit(&to[0], d.word[0], memory_order_relaxed);
	atomic_store_explicit(&to[1], d.word[1], memory_order_relaxed);
}

void hostile_desc(struct hostile *h, uint32_t q, uint32_t i, uint64_t gpa, uint32_t len, uint32_t flags,
	uint32_t next)
{
	hostile_desc_at(h, h->dev.q[q].desc, i, gpa, len, flags, next);
}

static struct ring_avail *avail_of(struct hostile *h, uint32_t q)
{
	return drive_at(&h->d, h->dev.q[q].avail, 6 + 2ull * h->dev.q[q].size);
}

void hostile_avail_idx(struct hostile *h, uint32_t q, uint16_t idx)
{
	h->dev.q[q].avail_idx = idx;
	atomic_store_explicit(&avail_of(h, q)->idx, idx, memory_order_release);
}

void hostile_offer(struct hostile *h, uint32_t q, uint16_t head)
{
	struct drive_queue *dq = &h->dev.q[q];

	atomic_store_explicit(&avail_of(h, q)->ring[dq->avail_idx % dq->size], head, memory_order_relaxed);
	hostile_avail_idx(h, q, (uint16_t)(dq->avail_idx + 1));
}

uint16_t hostile_used_idx(struct hostile *h, uint32_t q)
{
	struct ring_used *used = drive_at(&h->d, h->dev.q[q].used, 6 + 8ull * h->dev.q[q].size);

	return atomic_load_explicit(&used->idx, memory_order_acquire);
}

void hostile_store(struct hostile *h, uint64_t gpa, const void *bytes, size_t len)
{
	_Atomic uint8_t *to = drive_at(&h->d, gpa, len);

	for (size_t i = 0; i < len; i++)
		atomic_store_explicit(&to[i], ((const uint8_t *)bytes)[i], memory_order_relaxed);
}

void hostile_drain(struct hostile *h)
{
	if (h->subject->drain)
		h->subject->drain(h);
}

void hostile_turns(struct hostile *h, uint32_t turns)
{
	while (turns--)
		drive_poll(&h->d);
}

static uint64_t serve(struct hostile *h, uint32_t space, uint64_t addr, uint32_t width, bool write, uint64_t value)
{
	struct ukvmm_vcpu *vcpu = &h->d.vm->vcpu[0];
	struct ukvmm_stop stop = { .size = sizeof stop };
	uint64_t data = value;

	vcpu->access = (struct access){ .open = true, .space = space,
		.exit = { .addr = addr, .width = width, .count = 1, .write = write, .data = (uint8_t *)&data } };
	h->ended = access_serve(vcpu, &stop);
	return width < 8 ? data & ((1ull << 8 * width) - 1) : data;
}

uint64_t hostile_mmio(struct hostile *h, uint64_t gpa, uint32_t width, bool write, uint64_t value)
{
	return serve(h, UKVMM_SPACE_MEMORY, gpa, width, write, value);
}

uint64_t hostile_port(struct hostile *h, uint32_t port, uint32_t width, bool write, uint64_t value)
{
	return serve(h, UKVMM_SPACE_X86_PORT, port, width, write, value);
}

const struct subject *subject_named(const char *name)
{
	for (uint32_t i = 0; i < subjects_len; i++)
		if (!strcmp(subjects[i]->name, name))
			return subjects[i];
	return NULL;
}
