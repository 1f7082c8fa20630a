/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console (virtio 1.2 §5.3): one port. What the guest writes is given away at once, what it did not ask for yet stays
 * with the host but for INPUT bytes. A callback copies CALL_BYTES at most: a chain of 4 GiB takes many.
 */
#include "devices.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { Q_RX, Q_TX, QUEUES };
enum { F_SIZE = 1, INPUT = 1024, PIECE = 4096, CALL_BYTES = 256 << 10, CALL_CHAINS = 64, STATE_VERSION = 1 };

struct config_space {
	uint16_t cols, rows;
	uint32_t max_nr_ports, emerg_wr; /* of features that are not offered */
};

struct virtio_console {
	const struct virtio_console_host *host;
	void *ctx;
	struct ukvmm_device *dev;
	struct ukvmm_queue *q[QUEUES];
	struct ukvmm_chain *tx; /* read as far as a callback got */
	bool tx_more;		/* the callback's bounds ended it: there may be further chains */
	pthread_mutex_t lock;	/* of the next three, which any thread may set */
	uint16_t cols, rows;
	bool resized;
	uint32_t input_at, input_len;
	uint8_t input[INPUT]; /* taken from the host, for the next buffer */
};

int virtio_console_new(struct virtio_console **out, const struct virtio_console_host *host, void *ctx,
	uint32_t cols, uint32_t rows)
{
	struct virtio_console *c;

	if (cols > UINT16_MAX || rows > UINT16_MAX)
		return -EINVAL;
	c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	c->host = host;
	c->ctx = ctx;
	c->cols = (uint16_t)cols;
	c->rows = (uint16_t)rows;
	*out = c;
	return 0;
}

static int size_tell(struct virtio_console *c)
{
	struct config_space space = { 0 };

	pthread_mutex_lock(&c->lock);
	space.cols = c->cols;
	space.rows = c->rows;
	c->resized = false;
	pthread_mutex_unlock(&c->lock);
	return ukvmm_device_config(c->dev, 0, &space, sizeof space);
}

int virtio_console_attach(struct virtio_console *c, struct ukvmm_device *dev)
{
	c->dev = dev;
	for (uint32_t i = 0; i < QUEUES; i++)
		c->q[i] = ukvmm_device_queue(dev, i);
	return size_tell(c);
}

void virtio_console_resize(struct virtio_console *c, uint32_t cols, uint32_t rows)
{
	pthread_mutex_lock(&c->lock);
	c->cols = (uint16_t)(cols < UINT16_MAX ? cols : UINT16_MAX);
	c->rows = (uint16_t)(rows < UINT16_MAX ? rows : UINT16_MAX);
	c->resized = true;
	pthread_mutex_unlock(&c->lock);
	ukvmm_device_wake(c->dev);
}

/* Up to `limit` bytes of the chain that is being read. true: it has no more. */
static bool output_some(struct virtio_console *c, uint64_t *limit)
{
	uint8_t piece[PIECE];

	while (*limit) {
		int64_t n = ukvmm_chain_read(c->tx, piece, *limit < PIECE ? (size_t)*limit : PIECE);

		if (!n)
			return true;
		c->host->output(c->ctx, piece, (size_t)n);
		*limit -= (uint64_t)n;
	}
	return !ukvmm_chain_readable(c->tx);
}

static void output(struct virtio_console *c, uint32_t budget)
{
	uint64_t limit = CALL_BYTES;

	while (budget && limit && (c->tx || (c->tx = ukvmm_queue_pop(c->q[Q_TX])))) {
		if (!output_some(c, &limit))
			break;
		ukvmm_queue_push(c->q[Q_TX], c->tx);
		c->tx = NULL;
		budget--;
	}
	ukvmm_queue_notify(c->q[Q_TX]);
	c->tx_more = !budget || !limit;
	if (c->tx_more)
		ukvmm_device_wake(c->dev);
}

static void input(struct virtio_console *c, uint32_t budget)
{
	bool given = false;

	for (; budget; budget--) {
		struct ukvmm_chain *chain;
		int64_t n;

		if (!c->input_len) {
			c->input_at = 0;
			c->input_len = (uint32_t)c->host->input(c->ctx, c->input, sizeof c->input);
		}
		if (!c->input_len || !(chain = ukvmm_queue_pop(c->q[Q_RX])))
			break;
		n = ukvmm_chain_write(chain, c->input + c->input_at, c->input_len);
		c->input_at += (uint32_t)n;
		c->input_len -= (uint32_t)n;
		ukvmm_queue_push(c->q[Q_RX], chain);
		given = true;
	}
	if (given)
		ukvmm_queue_notify(c->q[Q_RX]);
	if (!budget)
		ukvmm_device_wake(c->dev);
}

static void on_queue(void *ctx, uint32_t q, uint32_t budget)
{
	if (q == Q_TX)
		output(ctx, budget);
	else
		input(ctx, budget);
}

static void on_woken(void *ctx)
{
	struct virtio_console *c = ctx;
	bool resized;

	pthread_mutex_lock(&c->lock);
	resized = c->resized;
	pthread_mutex_unlock(&c->lock);
	if (resized)
		size_tell(c);
	if (c->tx_more)
		output(c, CALL_CHAINS);
	input(c, CALL_CHAINS);
}

static void on_reset(void *ctx)
{
	struct virtio_console *c = ctx;

	c->tx = NULL; /* input that waits is the next driver's */
	c->tx_more = false;
}

/* A chain under way cannot be saved half read. Its rest is output like what came before, up to a bound that is more
 * than any ring keeps. */
static int on_quiesce(void *ctx)
{
	struct virtio_console *c = ctx;
	uint64_t limit = 64 << 20;

	if (!c->tx)
		return 1;
	output_some(c, &limit);
	ukvmm_queue_push(c->q[Q_TX], c->tx);
	ukvmm_queue_notify(c->q[Q_TX]);
	c->tx = NULL;
	return 1;
}

static int on_save(void *ctx, struct ukvmm_state *state)
{
	struct virtio_console *c = ctx;

	memmove(c->input, c->input + c->input_at, c->input_len);
	c->input_at = 0;
	ukvmm_state_bytes(state, &c->input_len, sizeof c->input_len);
	return ukvmm_state_bytes(state, c->input, c->input_len);
}

/* The size is the config space's, and that was loaded: the one of this host is told instead. */
static int on_load(void *ctx, struct ukvmm_state *state, uint32_t version)
{
	struct virtio_console *c = ctx;
	uint8_t bytes[INPUT];
	uint32_t len;
	int rc = version == STATE_VERSION ? ukvmm_state_bytes(state, &len, sizeof len) : -ENOTSUP;

	if (rc)
		return rc;
	if (len > sizeof bytes)
		return -EINVAL;
	rc = ukvmm_state_bytes(state, bytes, len);
	if (rc)
		return rc;
	memcpy(c->input, bytes, len);
	c->input_at = 0;
	c->input_len = len;
	pthread_mutex_lock(&c->lock);
	c->resized = true;
	pthread_mutex_unlock(&c->lock);
	ukvmm_device_wake(c->dev);
	return 0;
}

static void on_destroy(void *ctx)
{
	struct virtio_console *c = ctx;

	pthread_mutex_destroy(&c->lock);
	free(c);
}

void virtio_console_ops(const struct virtio_console *c, struct ukvmm_device_ops *ops)
{
	(void)c;
	*ops = (struct ukvmm_device_ops){ .size = sizeof *ops, .virtio_id = 3, .queues = QUEUES,
		.config_bytes = sizeof(struct config_space), .features = F_SIZE, .version = STATE_VERSION,
		.flags = UKVMM_DEVICE_INLINE, .queue_ready = on_queue, .reset = on_reset, .quiesce = on_quiesce,
		.save = on_save, .load = on_load, .woken = on_woken, .destroy = on_destroy };
}
