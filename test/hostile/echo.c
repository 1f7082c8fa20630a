/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest device, an embedder's: what a neighbour is, and what the transport's rows are tried on. */
#include "hostile.h"

#include <string.h>

#include <ukvmm/device.h>

#include "subjects.h"

struct echo {
	struct ukvmm_device *dev;
};

static void echo_answer(struct ukvmm_chain *chain)
{
	uint8_t bytes[ECHO_BYTES];
	int64_t n = ukvmm_chain_read(chain, bytes, sizeof bytes);

	CHECK(n >= 0 && n <= ECHO_BYTES);
	for (int64_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)~bytes[i];
	ukvmm_chain_write(chain, bytes, (size_t)n);
}

static void echo_ready(void *ctx, uint32_t q, uint32_t budget)
{
	struct echo *e = ctx;
	struct ukvmm_queue *queue = ukvmm_device_queue(e->dev, q);
	struct ukvmm_chain *chain;

	while (budget-- && (chain = ukvmm_queue_pop(queue))) {
		echo_answer(chain);
		ukvmm_queue_push(queue, chain);
	}
	ukvmm_queue_notify(queue);
}

static int echo_walk(void *ctx, struct ukvmm_state *state)
{
	uint32_t nothing = 0;

	(void)ctx;
	return ukvmm_state_bytes(state, &nothing, sizeof nothing);
}

static int echo_load(void *ctx, struct ukvmm_state *state, uint32_t version)
{
	(void)version;
	return echo_walk(ctx, state);
}

void echo_add(struct ukvmm_vm *vm, const char *name, uint32_t flags)
{
	struct ukvmm_device_ops ops = { .size = sizeof ops, .virtio_id = 42, .queues = 1, .config_bytes = 8,
		.flags = flags, .queue_ready = echo_ready, .save = echo_walk, .load = echo_load, .destroy = free };
	struct echo *e = calloc(1, sizeof *e);

	CHECK(e);
	CHECK(!ukvmm_vm_add_device(vm, name, &ops, e, &e->dev, NULL));
}

void echo_ping(struct drive_dev *dev, uint64_t buf, uint32_t value)
{
	uint32_t *word = drive_at(dev->d, buf, 8), inverted = ~value, len = 0;

	word[0] = value;
	word[1] = 0;
	drive_put(dev, 0, (struct drive_seg[]){ { buf, 4, false }, { buf + 4, 4, true } }, 2);
	drive_kick(dev, 0);
	drive_wait_used(dev, 0, &len);
	CHECK(len == 4);
	CHECK(!memcmp(&word[1], &inverted, 4));
}

static void add(struct hostile *h)
{
	echo_add(h->d.vm, "echo", 0);
}

static void add_inline(struct hostile *h)
{
	echo_add(h->d.vm, "echo", UKVMM_DEVICE_INLINE);
}

static void works(struct hostile *h)
{
	for (uint32_t i = 0; i < 3; i++)
		echo_ping(&h->dev, h->buf, 0x1000 + i);
}

static uint32_t request(struct hostile *h, struct drive_seg *seg)
{
	seg[0] = (struct drive_seg){ h->buf + 0x10000, 64, false };
	seg[1] = (struct drive_seg){ h->buf + 0x12000, 3000, false };
	seg[2] = (struct drive_seg){ h->buf + 0x14000, 3064, true };
	return 3;
}

const struct subject subject_echo = { .name = "echo", .queues = 1, .add = add, .works = works, .request = request };
const struct subject subject_inline = { .name = "inline", .queues = 1, .add = add_inline, .works = works,
	.request = request };
const struct subject subject_eventfd = { .name = "eventfd", .queues = 1, .add = add, .works = works,
	.request = request, .kicks = UKVMM_KICKS_EVENTFD };
