/* SPDX-License-Identifier: Apache-2.0 */
/* The vsock device: making it, its callbacks, its state. */
#include "vsock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "fd.h"

enum { STATE_VERSION = 1, PORT_DIGITS = 11 /* "_4294967295" */ };

static int config_check(const struct ukvmm_vsock_config *c, const char *object, struct ukvmm_err *err)
{
	size_t path_bytes = sizeof((struct virtio_vsock *)0)->path;

	if (c->flags & ~UKVMM_VSOCK_LISTENER || c->listen > 1 || (c->flags && c->listen))
		return err_set(err, -EINVAL, "ukvmm_vm_add_vsock", object, "unknown flag or value in ukvmm_vsock_config");
	if (c->cid && (c->cid < VSOCK_CID_DEFAULT || c->cid > VSOCK_CID_LAST))
		return err_set(err, -EINVAL, "ukvmm_vm_add_vsock", object, "cid is not in 3 to 2^32 - 2");
	if (c->listen && (!c->path || !*c->path))
		return err_set(err, -EINVAL, "ukvmm_vm_add_vsock", object, "listen needs a path");
	if (c->path && strlen(c->path) + PORT_DIGITS >= path_bytes)
		return err_set(err, -ENAMETOOLONG, "ukvmm_vm_add_vsock", object, "path is longer than %zu bytes",
			path_bytes - PORT_DIGITS - 1);
	return 0;
}

static void vsock_free(struct virtio_vsock *v)
{
	vsock_unlisten(v);
	for (uint64_t left = v->used; left; left &= left - 1)
		vsock_stream_free(v, &v->stream[__builtin_ctzll(left)]);
	for (uint32_t i = 0; i < VSOCK_CLIENTS; i++)
		vsock_fd_close(v, &v->client[i].fd);
	for (uint32_t i = 0; i < v->incoming_len; i++)
		fd_close(v->incoming[i].fd);
	pthread_mutex_destroy(&v->lock);
	free(v->buf);
	free(v);
}

int virtio_vsock_new(struct virtio_vsock **out, const struct ukvmm_vsock_config *config, const char *object,
	struct ukvmm_err *err)
{
	int rc = config_check(config, object, err);
	struct virtio_vsock *v;

	if (rc)
		return rc;
	v = calloc(1, sizeof *v);
	if (!v)
		return err_set(err, -ENOMEM, "calloc", object, "out of memory");
	pthread_mutex_init(&v->lock, NULL);
	v->cid = config->cid ? config->cid : VSOCK_CID_DEFAULT;
	v->listener = -1;
	for (uint32_t i = 0; i < VSOCK_CLIENTS; i++)
		v->client[i].fd = -1;
	if (config->path)
		memcpy(v->path, config->path, strlen(config->path) + 1);
	v->connect = config->connect;
	v->connect_cookie = config->cookie;
	v->buf = malloc(VSOCK_BUF_BYTES);
	if (!v->buf)
		rc = err_set(err, -ENOMEM, "malloc", object, "out of memory");
	else if (config->listen)
		rc = vsock_listen(v, object, err);
	else if (config->flags & UKVMM_VSOCK_LISTENER)
		rc = vsock_listen_given(v, config->listener, object, err);
	if (rc) {
		vsock_free(v);
		return rc;
	}
	*out = v;
	return 0;
}

int virtio_vsock_attach(struct virtio_vsock *v, struct ukvmm_device *dev)
{
	int rc = ukvmm_device_config(dev, 0, &v->cid, sizeof v->cid);

	v->dev = dev;
	for (uint32_t i = 0; i < VSOCK_QUEUES; i++)
		v->q[i] = ukvmm_device_queue(dev, i);
	if (!rc && v->listener >= 0)
		rc = vsock_listener_watch(v);
	return rc;
}

int virtio_vsock_connect(struct virtio_vsock *v, uint32_t port, int fd)
{
	if (!vsock_reserve(v)) {
		fd_close(fd);
		return -EAGAIN;
	}
	pthread_mutex_lock(&v->lock);
	/* there is room, since no more can be reserved */
	v->incoming[v->incoming_len++] = (struct vsock_incoming){ fd, port };
	pthread_mutex_unlock(&v->lock);
	ukvmm_device_wake(v->dev);
	return 0;
}

uint32_t virtio_vsock_fds(const struct virtio_vsock *v)
{
	return atomic_load(&v->fds);
}

static void on_driver_ok(void *ctx, uint64_t negotiated)
{
	struct virtio_vsock *v = ctx;

	(void)negotiated; /* streams are implied (§5.10.3) */
	v->live = true;
}

static void on_queue(void *ctx, uint32_t q, uint32_t budget)
{
	struct virtio_vsock *v = ctx;

	if (q == VSOCK_Q_EVENT) {
		vsock_event(v);
		return;
	}
	if (q == VSOCK_Q_TX)
		vsock_tx(v, budget);
	vsock_rx(v);
}

static void on_fd(void *ctx, uint64_t tag, uint32_t events)
{
	struct virtio_vsock *v = ctx;

	if (tag == VSOCK_TAG_LISTENER)
		vsock_listener_event(v, events);
	else if (tag >= VSOCK_TAG_CLIENT)
		vsock_client_event(v, &v->client[tag - VSOCK_TAG_CLIENT]);
	else
		vsock_stream_event(v, &v->stream[tag], events);
	vsock_rx(v);
}

static void on_woken(void *ctx)
{
	struct virtio_vsock *v = ctx;
	struct vsock_incoming incoming[VSOCK_STREAMS];
	uint32_t n;

	pthread_mutex_lock(&v->lock);
	n = v->incoming_len;
	memcpy(incoming, v->incoming, n * sizeof incoming[0]);
	v->incoming_len = 0;
	pthread_mutex_unlock(&v->lock);
	for (uint32_t i = 0; i < n; i++)
		vsock_host_request(v, incoming[i].fd, incoming[i].port, false);
	if (v->tx_waits && vsock_tx(v, VSOCK_BUDGET))
		ukvmm_device_wake(v->dev);
	vsock_rx(v);
}

static void on_timer(void *ctx)
{
	vsock_listener_timer(ctx);
}

static void on_reset(void *ctx)
{
	struct virtio_vsock *v = ctx;

	vsock_forget(v);
	v->live = v->event_due = false;
}

struct saved {
	uint64_t cid;
	uint32_t next_port, live;
};

/* Nothing of a stream can be saved, since its other end is a socket of this host: a driver that is loaded hears of it
 * and resets its own (§5.10.6.7). */
static int on_save(void *ctx, struct ukvmm_state *state)
{
	struct virtio_vsock *v = ctx;
	struct saved s = { .cid = v->cid, .next_port = v->next_port, .live = v->live };

	return ukvmm_state_bytes(state, &s, sizeof s);
}

static int on_load(void *ctx, struct ukvmm_state *state, uint32_t version)
{
	struct virtio_vsock *v = ctx;
	struct saved s;
	uint64_t told;
	int rc = version == STATE_VERSION ? ukvmm_state_bytes(state, &s, sizeof s) : -ENOTSUP;

	if (rc)
		return rc;
	/* the config space was loaded before */
	if (ukvmm_device_config_get(v->dev, 0, &told, sizeof told) || told != s.cid)
		return -EINVAL;
	if (s.cid < VSOCK_CID_DEFAULT || s.cid > VSOCK_CID_LAST || s.live > 1)
		return -EINVAL;
	vsock_forget(v);
	v->cid = s.cid;
	v->next_port = s.next_port;
	v->live = s.live;
	v->event_due = s.live;
	return 0;
}

static void on_destroy(void *ctx)
{
	vsock_free(ctx);
}

void virtio_vsock_ops(const struct virtio_vsock *v, struct ukvmm_device_ops *ops)
{
	(void)v;
	*ops = (struct ukvmm_device_ops){ .size = sizeof *ops, .virtio_id = 19, .queues = VSOCK_QUEUES,
		.config_bytes = sizeof(uint64_t), .features = VSOCK_F_STREAM, .version = STATE_VERSION,
		.flags = UKVMM_DEVICE_INLINE, .driver_ok = on_driver_ok, .queue_ready = on_queue, .fd_ready = on_fd,
		.reset = on_reset, .save = on_save, .load = on_load, .woken = on_woken, .timer = on_timer,
		.destroy = on_destroy };
}
