/* SPDX-License-Identifier: Apache-2.0 */
/* A link with nobody at the other end. */
#include "backend.h"

#include <errno.h>
#include <stdlib.h>

#include "err.h"

static int null_send(struct net_backend *b, const uint8_t *buf, size_t len)
{
	(void)b;
	(void)buf;
	(void)len;
	return 0;
}

static int null_sendv(struct net_backend *b, const struct iovec *iov, uint32_t pieces, size_t len)
{
	(void)b;
	(void)iov;
	(void)pieces;
	(void)len;
	return 0;
}

static int null_flush(struct net_backend *b)
{
	(void)b;
	return 0;
}

static int64_t null_recv(struct net_backend *b, uint8_t *buf)
{
	(void)b;
	(void)buf;
	return -EAGAIN;
}

static int null_offload(struct net_backend *b, uint32_t which)
{
	(void)b;
	return which ? -ENOTSUP : 0;
}

static int null_rebind(struct net_backend *b, int fd)
{
	(void)b;
	(void)fd;
	return -EINVAL;
}

static void null_close(struct net_backend *b)
{
	free(b);
}

static const struct net_ops null_ops = { null_send, null_sendv, null_flush, null_recv, null_offload, null_rebind,
	null_close };

int net_null(struct net_backend **out, const char *object, struct ukvmm_err *err)
{
	struct net_backend *b = calloc(1, sizeof *b);

	*out = b;
	if (!b)
		return err_set(err, -ENOMEM, "calloc", object, "out of memory");
	b->ops = &null_ops;
	b->fd = -1;
	return 0;
}
