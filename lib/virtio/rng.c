/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entropy device (virtio 1.2 §5.4): bytes from getrandom(2). However much a request asks for and however its buffers
 * overlap, it gets REQUEST_BYTES at most, and a callback gives CALL_BYTES at most, so that nobody else waits for long.
 */
#include "devices.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bucket.h"

enum { REQUEST_BYTES = 64 << 10, CALL_BYTES = 256 << 10, PIECE = 4096, STATE_VERSION = 1 };
#define RETRY_NS 10000000u /* the host has no entropy itself yet */

struct virtio_rng {
	struct ukvmm_device *dev;
	struct ukvmm_queue *queue;
	struct ukvmm_chain *held; /* waits for the rate, or for entropy: the timer is set */
	pthread_mutex_t lock;	  /* of rate, which any thread may replace */
	struct rate rate;
};

int virtio_rng_new(struct virtio_rng **out, const struct ukvmm_rate *rate)
{
	struct virtio_rng *r = calloc(1, sizeof *r);

	if (!r)
		return -ENOMEM;
	pthread_mutex_init(&r->lock, NULL);
	rate_init(&r->rate, rate, ukvmm_now());
	*out = r;
	return 0;
}

int virtio_rng_attach(struct virtio_rng *r, struct ukvmm_device *dev)
{
	r->dev = dev;
	r->queue = ukvmm_device_queue(dev, 0);
	return r->queue ? 0 : -EINVAL;
}

int virtio_rng_rate(struct virtio_rng *r, const struct ukvmm_rate *rate)
{
	pthread_mutex_lock(&r->lock);
	rate_init(&r->rate, rate, ukvmm_now());
	pthread_mutex_unlock(&r->lock);
	ukvmm_device_wake(r->dev);
	return 0;
}

static uint64_t wanted(const struct ukvmm_chain *chain)
{
	uint64_t len = ukvmm_chain_writable(chain);

	return len < REQUEST_BYTES ? len : REQUEST_BYTES;
}

/* Bytes given, or -EAGAIN: the host cannot give any yet. */
static int64_t fill(struct ukvmm_chain *chain)
{
	uint64_t len = wanted(chain), done = 0;
	uint8_t piece[PIECE];
	ssize_t n = 0;

	while (done < len) {
		uint64_t want = len - done < PIECE ? len - done : PIECE;

		n = getrandom(piece, want, GRND_NONBLOCK);
		if (n < 0 && errno == EINTR)
			continue;
		/* short only if the driver reset the device: nobody reads what is left */
		if (n <= 0 || ukvmm_chain_write(chain, piece, (size_t)n) != n)
			break;
		done += (uint64_t)n;
	}
	explicit_bzero(piece, sizeof piece);
	return n < 0 && !done ? -EAGAIN : (int64_t)done;
}

/* 0: passes, else when to try again. */
static uint64_t rate_wait(struct virtio_rng *r, uint64_t bytes)
{
	uint64_t at;

	pthread_mutex_lock(&r->lock);
	at = rate_take(&r->rate, bytes, ukvmm_now());
	pthread_mutex_unlock(&r->lock);
	return at;
}

static void hold(struct virtio_rng *r, struct ukvmm_chain *chain, uint64_t until)
{
	if (chain || r->held)
		ukvmm_device_timer(r->dev, until);
	r->held = chain;
}

/* The next request; NULL: none that may be served now. */
static struct ukvmm_chain *next(struct virtio_rng *r)
{
	struct ukvmm_chain *chain = r->held ? r->held : ukvmm_queue_pop(r->queue);
	uint64_t at;

	if (!chain)
		return NULL;
	at = rate_wait(r, wanted(chain));
	hold(r, at ? chain : NULL, at);
	return at ? NULL : chain;
}

static void serve(struct virtio_rng *r, uint32_t budget)
{
	uint64_t given = 0;

	while (budget && given < CALL_BYTES) {
		struct ukvmm_chain *chain = next(r);
		int64_t n = chain ? fill(chain) : 0;

		if (!chain)
			break;
		if (n < 0) {
			hold(r, chain, ukvmm_now() + RETRY_NS);
			break;
		}
		ukvmm_queue_push(r->queue, chain);
		given += (uint64_t)n;
		budget--;
	}
	ukvmm_queue_notify(r->queue);
	if (!budget || given >= CALL_BYTES)
		ukvmm_device_wake(r->dev);
}

static void on_queue(void *ctx, uint32_t q, uint32_t budget)
{
	(void)q;
	serve(ctx, budget);
}

static void on_again(void *ctx)
{
	enum { BUDGET = 64 };

	serve(ctx, BUDGET);
}

static void on_reset(void *ctx)
{
	struct virtio_rng *r = ctx;

	hold(r, NULL, 0);
}

/* A request that waits for the rate gets its bytes early: one per pause, and the guest makes no pauses. */
static int on_quiesce(void *ctx)
{
	struct virtio_rng *r = ctx;

	if (!r->held)
		return 1;
	fill(r->held);
	ukvmm_queue_push(r->queue, r->held);
	ukvmm_queue_notify(r->queue);
	hold(r, NULL, 0);
	return 1;
}

/* It has none: between two requests there is nothing to remember. */
static int on_save(void *ctx, struct ukvmm_state *state)
{
	(void)ctx;
	(void)state;
	return 0;
}

static int on_load(void *ctx, struct ukvmm_state *state, uint32_t version)
{
	(void)ctx;
	(void)state;
	return version == STATE_VERSION ? 0 : -ENOTSUP;
}

static void on_destroy(void *ctx)
{
	struct virtio_rng *r = ctx;

	pthread_mutex_destroy(&r->lock);
	free(r);
}

void virtio_rng_ops(const struct virtio_rng *r, struct ukvmm_device_ops *ops)
{
	(void)r;
	*ops = (struct ukvmm_device_ops){ .size = sizeof *ops, .virtio_id = 4, .queues = 1, .version = STATE_VERSION,
		.flags = UKVMM_DEVICE_INLINE, .queue_ready = on_queue, .reset = on_reset, .quiesce = on_quiesce,
		.save = on_save, .load = on_load, .woken = on_again, .timer = on_again, .destroy = on_destroy };
}
